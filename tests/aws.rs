//! The local AWS that the tests deploy into, and what anybody but `deployer` does there: requests of their own.
//!
//! Each server has a watchdog: a shell that waits for the end of its input, which comes when this process ends, however
//! it ends, and then stops the server and removes what it kept. So no server outlives the tests, also not one that a
//! `deployer` started again whose test was killed.

use crate::harness::{Project, Run};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

/// The account of everything in the sandbox; as an access key id it is that account's root.
pub(crate) const ACCOUNT: &str = "000000000000";
/// Where stacks go that name no region.
pub(crate) const REGION: &str = "us-east-1";

/// A running sandbox of the tests' own.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    /// Lives until the input is closed.
    watchdog: Child,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers, as they came.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The server that all tests share; started by the first that asks.
pub(crate) fn shared() -> &'static Server {
    static SHARED: LazyLock<Server> = LazyLock::new(Server::start);
    &SHARED
}

impl Server {
    /// Starts a sandbox on a free port, in the cache that other clones use too, so that it is installed once.
    pub(crate) fn start() -> Self {
        let mut last = String::new();
        // Between asking for a free port and listening on it, somebody else may have taken it.
        for _ in 0..3 {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback takes listeners");
            let port = listener.local_addr().expect("a bound socket has an address").port();
            drop(listener);
            let mut project = Project::new("server");
            project.environment("DEPLOYER_SANDBOX_PORT", &port.to_string());
            let run = project.run(&["sandbox", "start"]);
            if run.code == 0 {
                return Self { port, watchdog: watchdog(port, &kept(&project)) };
            }
            last = run.text();
        }
        panic!("the sandbox does not start:\n{last}");
    }

    /// A request as the root of the account, signed for `service` in `region` as far as the sandbox looks.
    pub(crate) fn request(
        &self,
        region: &str,
        service: &str,
        head: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let scope = format!("{ACCOUNT}/20260101/{region}/{service}/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let headers: Vec<_> = headers.iter().copied().chain([("Authorization", signature.as_str())]).collect();
        exchange(self.port, head, &headers, body)
    }

    /// A request of whoever has these temporary credentials (key id, secret, token), signed as AWS wants it.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html> (read 2026-11).
    pub(crate) fn request_as(&self, who: &[&str; 3], region: &str, service: &str, head: &str, body: &str) -> Answer {
        let digest = |text: &str| hex::encode(Sha256::digest(text));
        let mac = |key: &[u8], text: &str| -> Vec<u8> {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let (method, target) = head.split_once(' ').expect("a method and a path");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let host = format!("127.0.0.1:{}", self.port);
        let (names, hash) = ("host;x-amz-content-sha256;x-amz-date;x-amz-security-token", digest(body));
        let request = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{now}\n\
             x-amz-security-token:{}\n\n{names}\n{hash}",
            who[2]
        );
        let scope = format!("{}/{region}/{service}/aws4_request", &now[..8]);
        let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", digest(&request));
        let key = scope.split('/').fold(format!("AWS4{}", who[1]).into_bytes(), |key, part| mac(&key, part));
        let signature = hex::encode(mac(&key, &text));
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", who[0]);
        let headers = [
            ("Authorization", authorization.as_str()),
            ("X-Amz-Date", &now),
            ("X-Amz-Content-Sha256", &hash),
            ("X-Amz-Security-Token", who[2]),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        exchange(self.port, head, &headers, body)
    }

    /// A call of an API that takes JSON and names its operation in a header, such as `AmazonSQS.SendMessage`; the answer
    /// has to be a good one.
    pub(crate) fn json(&self, region: &str, service: &str, target: &str, body: &Value) -> Value {
        let headers = [("X-Amz-Target", target), ("Content-Type", "application/x-amz-json-1.1")];
        let answer = self.request(region, service, "POST /", &headers, &body.to_string());
        assert!(answer.status < 300, "{target} {body}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// The value of a secret, by its name in AWS.
    pub(crate) fn secret(&self, region: &str, name: &str) -> String {
        let answer = self.json(region, "secretsmanager", "secretsmanager.GetSecretValue", &json!({ "SecretId": name }));
        answer["SecretString"].as_str().unwrap_or_default().to_owned()
    }

    /// The bytes of an object, where it is there.
    pub(crate) fn object(&self, region: &str, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let scope = format!("Credential={ACCOUNT}/20260101/{region}/s3/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let head = format!("GET /{bucket}/{key}");
        let (_, status, bytes) = exchange_bytes(self.port, &head, &[("Authorization", &signature)], "");
        assert!(status == 200 || status == 404, "{head}: {status} {}", String::from_utf8_lossy(&bytes));
        (status == 200).then_some(bytes)
    }

    /// A call of Lambda's API; the answer has to be a good one.
    pub(crate) fn lambda(&self, region: &str, head: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.request(region, "lambda", head, &[("Content-Type", "application/json")], &body);
        assert!(answer.status < 300, "{head}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// A call of CloudFormation's API: parameters in, XML out, whatever the status is.
    pub(crate) fn cloudformation(&self, region: &str, action: &str, stack: &str, more: &str) -> String {
        let body = format!("Action={action}&Version=2010-05-15&StackName={stack}{more}");
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        self.request(region, "cloudformation", "POST /", &kind, &body).body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.watchdog.stdin.take() {
            let _ = stdin.write_all(b"done\n");
        }
        let _ = self.watchdog.wait();
    }
}

/// The folder in which the server on the project's port keeps everything.
fn kept(project: &Project) -> PathBuf {
    let status = project.run(&["sandbox", "status", "--format", "json"]);
    let status: Value = serde_json::from_str(&status.stdout).expect("a status in JSON");
    let log = status["log"].as_str().expect("a running sandbox has a log");
    Path::new(log).parent().expect("the log lies in a folder").to_path_buf()
}

fn watchdog(port: u16, kept: &Path) -> Child {
    let mut command = Command::new("sh");
    let script = "read -r word; \"$0\" sandbox stop; \
                  test \"$word\" || { sleep 2; \"$0\" sandbox stop; } && rm -rf \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_deployer")]).arg(kept);
    command.env_clear().env("DEPLOYER_SANDBOX_PORT", port.to_string()).current_dir("/");
    for name in ["PATH", "HOME", "XDG_CACHE_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // Ctrl-C is for the tests; the watchdog comes after them.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a shell can be started")
}

/// `GET` of an address on loopback, as `deployer` prints them.
pub(crate) fn get(url: &str) -> Answer {
    send("GET", url, &[], "")
}

/// `POST` of JSON to such an address.
pub(crate) fn post(url: &str, body: &str) -> Answer {
    send("POST", url, &[("Content-Type", "application/json")], body)
}

/// A request to such an address.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let rest = url.strip_prefix("http://127.0.0.1:").unwrap_or_else(|| panic!("{url} is not on loopback"));
    let (port, path) = rest.split_once('/').expect("an address has a path");
    exchange(port.parse().expect("a port is a number"), &format!("{method} /{path}"), headers, body)
}

/// One request, one answer of text. `head` is method and path.
fn exchange(port: u16, head: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let (head, status, body) = exchange_bytes(port, head, headers, body);
    Answer { status, head, body: String::from_utf8_lossy(&body).into_owned() }
}

fn exchange_bytes(port: u16, head: &str, headers: &[(&str, &str)], body: &str) -> (String, u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the sandbox listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout that is not zero");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let text = format!("{head} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).expect("the request can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer comes");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no HTTP: {head}"));
    (head, status, answer.get(end + 4..).unwrap_or_default().to_vec())
}

/// A stack of its own in the shared sandbox, with functions in Python, and the project that declares it.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) project: Project,
    /// As its file says; the stack in AWS has `-dev` after it.
    pub(crate) stack: &'static str,
    pub(crate) region: &'static str,
    server: &'static Server,
}

/// Answers with the first word of its code, a variable and its version.
pub(crate) const CODE: &str = "import os\n\n\ndef handler(event, context):\n    \
    return {'statusCode': 200, 'body': ' '.join(['WORD', os.environ.get('GREETING', '-'), context.function_version])}\n";

impl Shop {
    /// A project whose `stacks/<stack>.yaml` is `text` below its first lines, and whose folder `fn` holds [`CODE`] with
    /// the word `first`.
    pub(crate) fn new(stack: &'static str, text: &str) -> Self {
        Self::in_region(stack, REGION, text)
    }

    /// The same in a region of its own: state and artifact bucket are shared with nobody.
    pub(crate) fn in_region(stack: &'static str, region: &'static str, text: &str) -> Self {
        let mut project = Project::new(stack);
        let server = shared();
        project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
        let shop = Self { project, stack, region, server };
        shop.declare(text).code("first");
        shop
    }

    /// A function `hello` behind `GET /hello`, greeting with `greeting`.
    pub(crate) fn hello(greeting: &str) -> String {
        format!(
            "functions:\n  hello:\n    code: {PYTHON}\n    triggers: [{{http: GET /hello}}]\n    env: {{GREETING: {greeting}}}\n"
        )
    }

    /// Writes the stack file anew.
    pub(crate) fn declare(&self, text: &str) -> &Self {
        let (stack, region) = (self.stack, self.region);
        let text = format!("stack: {stack}\nstages: {{dev: {{region: {region}}}}}\n{text}");
        self.project.write(&format!("stacks/{stack}.yaml"), text);
        self
    }

    /// Writes the functions' code anew.
    pub(crate) fn code(&self, word: &str) -> &Self {
        self.project.write("fn/main.py", CODE.replace("WORD", word));
        self
    }

    /// `deployer --sandbox` with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.project.run(&[&["--sandbox"], arguments].concat())
    }

    /// The same, which has to end with `code`.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, code, "deployer {}\n{}", arguments.join(" "), run.text());
        run
    }

    /// A deployment that has to succeed.
    pub(crate) fn deploy(&self) -> Run {
        self.ends(0, &["deploy", "--yes"])
    }

    /// Fails unless a plan says that there is nothing to do.
    pub(crate) fn is_settled(&self) {
        let run = self.ends(0, &["plan", "--exit-code"]);
        assert!(run.stdout.contains("No changes."), "{}", run.text());
    }

    /// Name of the stack in AWS.
    pub(crate) fn name(&self) -> String {
        format!("{}-dev", self.stack)
    }

    /// A call of Lambda's API; `head` ends in what follows the function's name.
    pub(crate) fn lambda(&self, method: &str, function: &str, rest: &str, body: &Value) -> Value {
        let head = format!("{method} /2015-03-31/functions/{}-{function}/{rest}", self.name());
        self.server.lambda(self.region, head.trim_end_matches('/'), body)
    }

    /// Executions that are kept warm for a version.
    pub(crate) fn provisioned(&self, function: &str, version: &str) -> Option<u64> {
        let head = format!("GET {}", self.provisioning(function, version));
        let answer = self.server.request(self.region, "lambda", &head, &[], "");
        let answer: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        answer["RequestedProvisionedConcurrentExecutions"].as_u64()
    }

    /// Keeps executions of a version warm.
    pub(crate) fn provision(&self, function: &str, version: &str, executions: u32) {
        let head = format!("PUT {}", self.provisioning(function, version));
        self.server.lambda(self.region, &head, &json!({ "ProvisionedConcurrentExecutions": executions }));
    }

    fn provisioning(&self, function: &str, version: &str) -> String {
        let name = self.name();
        format!("/2019-09-30/functions/{name}-{function}/provisioned-concurrency?Qualifier={version}")
    }

    /// The version that the alias of a function points at.
    pub(crate) fn alias(&self, function: &str) -> String {
        let alias = self.lambda("GET", function, "aliases/live", &Value::Null);
        alias["FunctionVersion"].as_str().expect("an alias has a version").to_owned()
    }

    /// What the published version of a function answers when it is called.
    pub(crate) fn invoke(&self, function: &str) -> Value {
        self.lambda("POST", function, "invocations?Qualifier=live", &Value::Object(serde_json::Map::new()))
    }

    /// The status of the stack; empty when there is none.
    pub(crate) fn status(&self) -> String {
        let text = self.server.cloudformation(self.region, "DescribeStacks", &self.name(), "");
        let (_, rest) = text.split_once("<StackStatus>").unwrap_or_default();
        rest.split('<').next().unwrap_or_default().to_owned()
    }

    /// The template of the stack as CloudFormation has it.
    pub(crate) fn template(&self) -> String {
        let text = self.server.cloudformation(self.region, "GetTemplate", &self.name(), "");
        let (_, rest) = text.split_once("<TemplateBody>").unwrap_or_default();
        rest.split("</TemplateBody>").next().unwrap_or_default().to_owned()
    }

    /// The names of the change sets that wait to be executed.
    pub(crate) fn open_change_sets(&self) -> usize {
        let text = self.server.cloudformation(self.region, "ListChangeSets", &self.name(), "");
        text.matches("<ExecutionStatus>AVAILABLE<").count()
    }

    /// A change set that would make the stack, and that nobody executes.
    pub(crate) fn propose(&self, name: &str, template: &str) {
        self.proposed("CREATE", name, template);
    }

    /// One that would change the stack.
    pub(crate) fn propose_update(&self, name: &str, template: &str) {
        self.proposed("UPDATE", name, template);
    }

    fn proposed(&self, kind: &str, name: &str, template: &str) {
        let template: String = template.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let more = format!("&ChangeSetType={kind}&ChangeSetName={name}&TemplateBody={template}");
        let answer = self.server.cloudformation(self.region, "CreateChangeSet", &self.name(), &more);
        assert!(answer.contains("<CreateChangeSetResult>"), "{answer}");
    }

    /// A request to S3; `head` is method and path.
    pub(crate) fn s3(&self, head: &str, body: &str) -> Answer {
        self.server.request(self.region, "s3", head, &[], body)
    }

    /// The value of a secret, by its name in AWS.
    pub(crate) fn secret(&self, name: &str) -> String {
        self.server.secret(self.region, name)
    }

    /// A call in AWS's query protocol, of IAM and the like; the answer has to be a good one.
    pub(crate) fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> String {
        let version = match service {
            "iam" => "2010-05-08",
            "sns" => "2010-03-31",
            _ => "2010-08-01",
        };
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let more: String = parameters.iter().map(|(name, value)| format!("&{name}={}", encoded(value))).collect();
        let body = format!("Action={action}&Version={version}{more}");
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.server.request(self.region, service, "POST /", &kind, &body);
        assert!(answer.status < 300, "{service} {action}: {answer:?}");
        answer.body
    }

    /// A call in AWS's JSON protocol, of SQS, EventBridge and the like; `target` is `AmazonSQS.SetQueueAttributes`.
    pub(crate) fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        let headers = [("X-Amz-Target", target), ("Content-Type", "application/x-amz-json-1.1")];
        let answer = self.server.request(self.region, service, "POST /", &headers, &body.to_string());
        assert!(answer.status < 300, "{target}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// A call in AWS's REST protocol with JSON; `head` is method and path. The answer has to be a good one.
    pub(crate) fn call(&self, service: &str, head: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.server.request(self.region, service, head, &[("Content-Type", "application/json")], &body);
        assert!(answer.status < 300, "{head}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// The physical id of a resource of the stack.
    pub(crate) fn physical_id(&self, logical_id: &str) -> String {
        let more = format!("&LogicalResourceId={logical_id}");
        let text = self.server.cloudformation(self.region, "DescribeStackResource", &self.name(), &more);
        let (_, rest) = text.split_once("<PhysicalResourceId>").unwrap_or_else(|| panic!("{text}"));
        rest.split('<').next().unwrap_or_default().to_owned()
    }

    /// The releases of the stack, oldest first, as `deployer releases` knows them.
    pub(crate) fn releases(&self) -> Vec<Value> {
        let run = self.ends(0, &["releases", self.stack, "--format", "json"]);
        serde_json::from_str(&run.stdout).expect("releases in JSON")
    }
}

/// `code:` of a function in Python.
pub(crate) const PYTHON: &str = "{dir: fn, runtime: python3.12, handler: main.handler}";

/// The address that a deployment printed, with `path` behind it.
pub(crate) fn address(run: &Run, path: &str) -> String {
    let line = run.stderr.lines().find_map(|line| line.split_once(": http://127.0.0.1:"));
    let (_, rest) = line.unwrap_or_else(|| panic!("no address in {}", run.text()));
    format!("http://127.0.0.1:{rest}{path}")
}

/// Operations and how often each was called, from a run with `-vv`.
pub(crate) fn calls(run: &Run) -> Vec<(String, usize)> {
    let lines = run.stderr.lines().skip_while(|line| !line.ends_with(" AWS requests")).skip(1);
    let calls: Vec<_> = lines
        .filter_map(|line| {
            let (count, operation) = line.trim().split_once(' ')?;
            Some((operation.to_owned(), count.parse().ok()?))
        })
        .collect();
    assert!(!calls.is_empty(), "no calls in {}", run.text());
    calls
}

/// The operations of a run with `-vv` that change something.
pub(crate) fn writes(run: &Run) -> Vec<String> {
    let reads = ["Describe", "Detect", "Get", "List", "Head"];
    let is_read = |name: &str| reads.iter().any(|read| name.split('.').next_back().unwrap_or(name).starts_with(read));
    calls(run).into_iter().map(|(name, _)| name).filter(|name| !is_read(name)).collect()
}
