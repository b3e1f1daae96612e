//! What Taly talks to that is not AWS: Stripe (localstripe, from PyPI) and PayPal; and an SES that throttles at first.

use crate::aws;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use testkit::{HttpRequest, HttpServer};

/// The pinned stand-in for Stripe.
const REQUIREMENTS: &str = include_str!("localstripe.txt");

/// Stripe's API on loopback. It ends when this is dropped, or the tests end.
#[derive(Debug)]
pub(crate) struct Stripe {
    child: Child,
    pub(crate) port: u16,
}

impl Stripe {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/taly/stripe_on_loopback.py");
        let mut command = Command::new(environment().join("bin/python"));
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("localstripe starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints its port");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("localstripe printed {line:?}"));
        Self { child, port }
    }

    /// A request with the secret key.
    pub(crate) fn call(&self, head: &str, form: &str) -> Value {
        let headers = [("Authorization", "Bearer sk_test_taly"), ("Content-Type", "application/x-www-form-urlencoded")];
        let answer = aws::exchange(self.port, head, &headers, form);
        assert!(answer.status < 300, "{head}: {answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// How many charges succeeded.
    pub(crate) fn charges(&self) -> usize {
        let all = self.call("GET /v1/charges?limit=100", "");
        all["data"].as_array().expect("a list").iter().filter(|charge| charge["status"] == "succeeded").count()
    }

    /// Sends what happens to `url`, signed with `secret`.
    pub(crate) fn tell(&self, url: &str, secret: &str) {
        let body = json!({ "url": url, "secret": secret }).to_string();
        let kind = [("Content-Type", "application/json")];
        let answer = aws::exchange(self.port, "POST /_config/webhooks/taly", &kind, &body);
        assert!(answer.status < 300, "{answer:?}");
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The folder with localstripe, in the user's cache; made once.
fn environment() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let folder = cache.join("deployer/localstripe");
    let done = folder.join("installed.txt");
    if std::fs::read_to_string(&done).ok().as_deref() == Some(REQUIREMENTS) {
        return folder;
    }
    let _ = std::fs::remove_dir_all(&folder);
    let run = |command: &mut Command| {
        let output = command.output().expect("Python 3.10 or newer is there");
        assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    let list = folder.join("requirements.txt");
    std::fs::write(&list, REQUIREMENTS).expect("the folder was made");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(folder.join("bin/python")).args(pip).arg(&list));
    std::fs::write(&done, REQUIREMENTS).expect("the folder was made");
    folder
}

/// SES as send-email meets it: the sandbox's, but the first mail to each address that begins with `slow` is throttled.
pub(crate) fn throttling_ses(sandbox: u16) -> HttpServer {
    let throttled: Arc<Mutex<Vec<String>>> = Arc::default();
    HttpServer::start(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let to = body["Destination"]["ToAddresses"][0].as_str().unwrap_or_default().to_owned();
        let mut throttled = throttled.lock().expect("no test panics here");
        if to.starts_with("slow") && !throttled.contains(&to) {
            throttled.push(to);
            return (429, json!({ "__type": "TooManyRequestsException", "message": "Rate exceeded" }).to_string());
        }
        drop(throttled);
        forward(sandbox, request)
    })
}

/// The same request to the sandbox, with its signature.
fn forward(port: u16, request: &HttpRequest) -> (u16, String) {
    let headers: String = request
        .headers
        .iter()
        .filter(|(name, _)| !["connection", "content-length"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let (method, path, length) = (&request.method, &request.path, request.body.len());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the sandbox listens");
    let head = format!("{method} {path} HTTP/1.0\r\n{headers}Content-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the request can be sent");
    stream.write_all(&request.body).expect("the request can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer comes");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}
