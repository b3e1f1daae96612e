//! The sandbox as users meet it: it keeps what was deployed, denies what was not granted, and holds secrets.

use crate::aws::{PYTHON, Server, Shop};
use crate::harness::Project;
use serde_json::Value;

/// Sends a message to the queue that `QUEUE` names, and says what came of it.
const SENDER: &str = r#"
import datetime, hashlib, hmac, os, urllib.error, urllib.parse, urllib.request

def handler(event, context):
    region, address = os.environ["AWS_REGION"], os.environ["AWS_ENDPOINT_URL"]
    body = {"Action": "SendMessage", "Version": "2012-11-05", "QueueUrl": os.environ["QUEUE"], "MessageBody": "x"}
    body = urllib.parse.urlencode(body).encode()
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": urllib.parse.urlparse(address).netloc, "x-amz-date": now}
    headers["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    signed, scope = ";".join(headers), "/".join([now[:8], region, "sqs", "aws4_request"])
    lines = ["POST", "/", "", *(f"{name}:{value}" for name, value in headers.items()), "", signed]
    digest = lambda data: hashlib.sha256(data).hexdigest()
    request = digest("\n".join([*lines, digest(body)]).encode())
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in [*scope.split("/"), "\n".join(["AWS4-HMAC-SHA256", now, scope, request])]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    credential = os.environ["AWS_ACCESS_KEY_ID"] + "/" + scope
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={key.hex()}"
    try:
        return urllib.request.urlopen(urllib.request.Request(address, body, headers)).status
    except urllib.error.HTTPError as error:
        return error.read().decode()
"#;

#[test]
fn a_function_may_do_what_its_access_says_and_nothing_else() {
    let text = |access: &str| {
        format!(
            "queues: {{jobs: {{}}}}\nfunctions:\n  send: {{code: {PYTHON}, env: {{QUEUE: {{queue: jobs}}}}, access: [{access}]}}\n"
        )
    };
    let shop = Shop::new("access", &text(""));
    shop.project.write("fn/main.py", SENDER);
    shop.deploy();
    let denied = shop.invoke("send").to_string();
    assert!(denied.contains("AccessDenied") && denied.contains("sqs:SendMessage"), "{denied}");

    shop.declare(&text("{queue: jobs, can: send}"));
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("broadens access"), "{}", plan.text());
    shop.deploy();
    assert_eq!(shop.invoke("send"), 200);
    shop.is_settled();
}

#[test]
fn a_secret_is_set_from_standard_input_and_never_shown() {
    let shop = Shop::new("vault", "secrets: {database: {}}\n");
    let early = shop.project.run_with(&["--sandbox", "secret", "set", "vault", "database"], "hush-hush\n");
    assert_eq!(early.code, 1, "{}", early.text());
    assert!(early.stderr.contains("next: deployer deploy vault --stage dev --sandbox"), "{}", early.text());
    shop.deploy();
    let set = shop.project.run_with(&["--sandbox", "secret", "set", "vault", "database"], "hush-hush\n");
    assert_eq!(set.code, 0, "{}", set.text());
    let list = shop.ends(0, &["secret", "list"]);
    assert!(list.stdout.contains("vault/dev/database"), "{}", list.text());
    assert_eq!(shop.secret("vault/dev/database"), "hush-hush");

    let empty = shop.project.run_with(&["--sandbox", "secret", "set", "vault", "database"], "");
    assert_eq!(empty.code, 2, "{}", empty.text());
    let unknown = shop.ends(2, &["secret", "set", "vault", "other"]);
    assert!(unknown.stderr.contains("it declares: database"), "{}", unknown.text());
    // A deployment leaves the value alone.
    shop.declare("secrets: {database: {description: new}}\n").deploy();
    assert_eq!(shop.secret("vault/dev/database"), "hush-hush");
    shop.is_settled();
    for run in [&early, &set, &list, &shop.ends(0, &["plan", "--format", "json"])] {
        assert!(!run.text().contains("hush"), "{}", run.text());
    }
}

#[test]
fn the_status_tells_version_release_and_address() {
    let shop = Shop::new("told", &Shop::hello("hi"));
    let before = shop.ends(0, &["status"]);
    assert_eq!(before.stdout, "told-dev: not deployed\n\n");
    shop.deploy();
    shop.code("second").deploy();
    let run = shop.ends(0, &["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&run.stdout).expect("a status in JSON");
    assert_eq!(status[0]["stack"], "told-dev");
    assert_eq!(status[0]["release"]["number"], 2);
    let text = shop.ends(0, &["status"]).stdout;
    let row = text.lines().find(|line| line.starts_with("told-dev-hello")).expect("a row for the function");
    let cells: Vec<_> = row.split_whitespace().take(6).collect();
    assert_eq!(cells, ["told-dev-hello", "2", "Active", "no", "calls", "2"]);
    assert!(text.contains("ApiEndpoint: http://127.0.0.1:"), "{text}");
}

#[test]
fn what_was_deployed_outlives_the_sandbox() {
    let server = Server::start();
    let mut project = Project::new("again");
    project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
    let stack = format!("stack: again\nstages: {{dev: {{}}}}\n{}", Shop::hello("hi"));
    project.write("stacks/again.yaml", stack).write("fn/main.py", crate::aws::CODE);
    let run = |arguments: &[&str]| {
        let run = project.run(arguments);
        assert_eq!(run.code, 0, "{}", run.text());
        run
    };
    let deployed = run(&["--sandbox", "deploy", "--yes"]);
    run(&["sandbox", "stop"]);
    let stopped = run(&["sandbox", "status"]);
    assert!(stopped.stdout.contains("what was deployed is kept"), "{}", stopped.text());
    let plan = run(&["--sandbox", "plan", "--exit-code"]);
    assert!(plan.stdout.contains("No changes"), "{}", plan.text());
    assert_eq!(crate::aws::get(&crate::aws::address(&deployed, "hello")).body, "WORD hi 1");
    run(&["sandbox", "reset"]);
    let status = run(&["--sandbox", "status"]);
    assert!(status.stdout.contains("again-dev: not deployed"), "{}", status.text());
}
