//! A proxy between `deployer` and the sandbox that does what networks and services do on a bad day: it counts requests, and
//! at chosen ones it answers with an error of the service's own shape, cuts the connection, hangs, or kills the tool.
//!
//! One request a connection, so nothing has to be known about keeping one alive.

use crate::aws::{Shop, shared};
use crate::harness::Run;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered with the service's word for "too many requests", once.
    Throttle,
    /// Answered with a 500, once.
    Broken,
    /// The same for the rest of the run.
    BrokenForGood,
    /// The service does what it is asked; the answer never arrives.
    Reset,
    /// The connection is closed before the service hears of it.
    Refuse,
    /// The service does what it is asked; the answer never begins, and the connection stays open.
    Hang,
    /// The service does what it is asked, and the tool gets SIGKILL before it hears of it.
    Kill,
    /// The service does what it is asked, and the tool gets SIGINT.
    Interrupt,
}

/// A request by what it asks for, and the how many-th of its kind it is, from 1: requests that are made side by side arrive in
/// any order.
pub(crate) type Call = (String, usize);

/// What to do, and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) at: Option<(Call, Fault)>,
    /// Added to every request.
    pub(crate) latency: Duration,
    /// Requests of Lambda's control plane, without reads of a function or its policy, that are let through in a second; above
    /// it they are throttled.
    pub(crate) lambda_per_second: Option<f64>,
    /// Answers that the sandbox never gives: of these requests, this text by that one.
    pub(crate) instead: Option<(String, &'static str, &'static str)>,
}

#[derive(Debug, Default)]
struct Log {
    calls: Vec<Call>,
    /// Whether the fault has happened.
    struck: bool,
    /// Requests that are under way, and how often one began while no other was.
    open: usize,
    rounds: usize,
    throttled: usize,
    /// Whom to kill.
    pid: Option<u32>,
    bucket: Option<(Instant, f64)>,
}

#[derive(Debug)]
struct Shared {
    upstream: u16,
    script: Script,
    log: Mutex<Log>,
    known: Condvar,
}

/// A proxy on a port of its own. Its thread ends with the process.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

/// A request as far as it has to be understood.
struct Request {
    bytes: Vec<u8>,
    name: String,
    service: String,
}

impl Proxy {
    pub(crate) fn start(upstream: u16, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback takes listeners");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Shared { upstream, script, log: Mutex::default(), known: Condvar::new() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The process that a fault may end.
    pub(crate) fn watch(&self, pid: u32) {
        self.shared.log.lock().expect("no thread panics while it logs").pid = Some(pid);
        self.shared.known.notify_all();
    }

    /// Every request in the order of arrival, such as `cloudformation CreateChangeSet` or `s3 PUT /bucket/key`.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.log.lock().expect("no thread panics while it logs").calls.clone()
    }

    /// Whether the request that the fault is for was made.
    pub(crate) fn has_struck(&self) -> bool {
        self.shared.log.lock().expect("no thread panics while it logs").struck
    }

    /// Requests that were answered with "too many requests".
    pub(crate) fn throttled(&self) -> usize {
        self.shared.log.lock().expect("no thread panics while it logs").throttled
    }

    /// How often a request began while no other was under way: a lower bound of the round trips that follow one another.
    pub(crate) fn depth(&self) -> usize {
        self.shared.log.lock().expect("no thread panics while it logs").rounds
    }

    /// How often each was asked for.
    pub(crate) fn by_name(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (name, _) in self.calls() {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }
}

impl Shop {
    /// `deployer --sandbox` with these arguments and variables, through a proxy.
    pub(crate) fn through(&self, arguments: &[&str], script: Script, variables: &[(&str, &str)]) -> (Run, Proxy) {
        let (child, proxy) = self.start_through(arguments, script, variables);
        (self.project.ended(&child.wait_with_output().expect("it ends")), proxy)
    }

    /// The same, while it runs.
    pub(crate) fn start_through(
        &self,
        arguments: &[&str],
        script: Script,
        variables: &[(&str, &str)],
    ) -> (Child, Proxy) {
        let proxy = Proxy::start(shared().port, script);
        let mut command = self.project.command(&[&["--sandbox"], arguments].concat());
        command.env("DEPLOYER_SANDBOX_ENDPOINT", proxy.url()).envs(variables.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the built binary runs");
        proxy.watch(child.id());
        (child, proxy)
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = Request::read(&mut stream) else { return };
        let (number, fault) = {
            let mut log = self.log.lock().expect("no thread panics while it logs");
            let name = format!("{} {}", request.service, request.name);
            let call = (name.clone(), log.calls.iter().filter(|(other, _)| *other == name).count() + 1);
            log.calls.push(call.clone());
            let is_it = self.script.at.as_ref().is_some_and(|(at, _)| *at == call);
            let for_good = self.script.at.as_ref().is_some_and(|(_, fault)| *fault == Fault::BrokenForGood);
            log.struck |= is_it;
            log.rounds += usize::from(log.open == 0);
            log.open += 1;
            let number = log.calls.len();
            let fault = match &self.script.at {
                Some((_, fault)) if is_it || (for_good && log.struck) => Some(*fault),
                _ if self.is_too_much(&mut log, &request) => Some(Fault::Throttle),
                _ => None,
            };
            log.throttled += usize::from(fault == Some(Fault::Throttle));
            (number, fault)
        };
        if !self.script.latency.is_zero() {
            std::thread::sleep(self.script.latency);
        }
        if matches!(fault, Some(Fault::Throttle | Fault::Broken | Fault::BrokenForGood | Fault::Refuse)) {
            self.log.lock().expect("no thread panics while it logs").open -= 1;
        }
        match fault {
            Some(Fault::Throttle) => return request.refuse(&mut stream, 429, "ThrottlingException", "Rate exceeded"),
            Some(Fault::Broken | Fault::BrokenForGood) => {
                return request.refuse(&mut stream, 500, "InternalError", "We encountered an internal error");
            }
            Some(Fault::Refuse) => {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Some(Fault::Reset | Fault::Hang | Fault::Kill | Fault::Interrupt) | None => {}
        }
        let answer = forward(self.upstream, &request.bytes);
        self.log.lock().expect("no thread panics while it logs").open -= 1;
        match fault {
            Some(Fault::Kill) => return self.signal("KILL", number),
            Some(Fault::Reset) => {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Some(Fault::Hang) => {
                // Until the tool has had enough.
                let _ = stream.read(&mut [0]);
                return;
            }
            Some(Fault::Interrupt) => self.signal("INT", number),
            _ => {}
        }
        let answer = match &self.script.instead {
            Some((name, from, to)) if request.is(name) => replaced(&answer, from, to),
            _ => answer,
        };
        let _ = stream.write_all(&answer);
        let _ = stream.shutdown(Shutdown::Write);
    }

    /// A token bucket, as AWS keeps one for an account.
    fn is_too_much(&self, log: &mut Log, request: &Request) -> bool {
        let Some(rate) = self.script.lambda_per_second.filter(|_| request.is_lambda_control()) else { return false };
        let now = Instant::now();
        let (last, tokens) = log.bucket.unwrap_or((now, rate));
        let tokens = (tokens + now.duration_since(last).as_secs_f64() * rate).min(rate);
        let is_too_much = tokens < 1.0;
        log.bucket = Some((now, if is_too_much { tokens } else { tokens - 1.0 }));
        is_too_much
    }

    fn signal(&self, signal: &str, number: usize) {
        let mut log = self.log.lock().expect("no thread panics while it logs");
        while log.pid.is_none() {
            log = self.known.wait(log).expect("no thread panics while it logs");
        }
        let pid = log.pid.expect("just waited for").to_string();
        let done = std::process::Command::new("kill").args([&format!("-{signal}"), &pid]).status();
        assert!(done.is_ok_and(|status| status.success()), "call {number}: {pid} cannot be sent SIG{signal}");
    }
}

impl Request {
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut part = [0; 16_384];
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(read) => bytes.extend_from_slice(&part[..read]),
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        if header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let is_chunked = header("transfer-encoding").is_some();
        while if is_chunked { !bytes.ends_with(b"0\r\n\r\n") } else { bytes.len() < end + length } {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(read) => bytes.extend_from_slice(&part[..read]),
            }
        }
        let dropped = ["connection", "expect"];
        let is_kept = |line: &&str| {
            line.split_once(':').is_none_or(|(key, _)| !dropped.contains(&key.to_ascii_lowercase().as_str()))
        };
        let kept: Vec<&str> = head.trim_end().split("\r\n").filter(is_kept).collect();
        let mut all = (kept.join("\r\n") + "\r\nConnection: close\r\n\r\n").into_bytes();
        all.extend_from_slice(&bytes[end..]);
        // `Credential=AKID/20260101/region/lambda/aws4_request`
        let scope = header("authorization").unwrap_or_default();
        let service = scope.split('/').nth(3).unwrap_or("?").to_owned();
        let target = header("x-amz-target").and_then(|target| target.split('.').next_back().map(str::to_owned));
        let body = String::from_utf8_lossy(&bytes[end..]).into_owned();
        let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()).map(str::to_owned);
        let line: Vec<&str> = head.split(' ').take(2).collect();
        let plain = line.join(" ").split('?').next().unwrap_or_default().to_owned();
        Some(Self { bytes: all, name: target.or(action).unwrap_or_else(|| general(&plain)), service })
    }

    /// Whether it goes by that name, as [`Proxy::calls`] tells it.
    fn is(&self, name: &str) -> bool {
        name.split_once(' ') == Some((&self.service, &self.name))
    }

    fn is_lambda_control(&self) -> bool {
        let parts = self.name.split('/').count();
        let is_read = self.name.starts_with("GET ") && (parts == 4 || self.name.ends_with("/policy"));
        self.service == "lambda" && !is_read
    }

    /// An error as the service writes it: XML for S3 and the query protocol, JSON elsewhere.
    fn refuse(&self, stream: &mut TcpStream, status: u16, code: &str, message: &str) {
        let xml = |code: &str| match self.service.as_str() {
            "s3" => format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
            _ => format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            ),
        };
        let (status, body) = match self.service.as_str() {
            "s3" if status == 429 => (503, xml("SlowDown")),
            "cloudformation" | "iam" | "sts" | "sns" if status == 429 => (400, xml("Throttling")),
            "s3" | "cloudformation" | "iam" | "sts" | "sns" => (status, xml(code)),
            "lambda" if status == 429 => (429, format!("{{\"Type\":\"User\",\"message\":\"{message}\"}}")),
            _ => (status, format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}")),
        };
        let code = if self.service == "lambda" && status == 429 { "TooManyRequestsException" } else { code };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Refused\r\nx-amzn-errortype: {code}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let _ = stream.write_all((head + &body).as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
    }
}

/// Method and path without what is made up anew each time: ids and digests.
fn general(line: &str) -> String {
    let is_made_up = |part: &&str| {
        let digits = part.split('.').next().unwrap_or_default();
        digits.len() >= 8 && digits.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-')
    };
    let parts: Vec<&str> = line.split('/').collect();
    // A release's number, such as 00000007.json, is not made up.
    let is_number = |part: &str| part.starts_with("0000");
    let part = |part: &&str| if is_made_up(part) && !is_number(part) { "*".to_owned() } else { (*part).to_owned() };
    parts.iter().map(part).collect::<Vec<_>>().join("/")
}

/// An answer with other words in its body, and their length in its head.
fn replaced(answer: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return answer.to_vec() };
    let body = body.replace(from, to);
    let is_kept = |line: &&str| !line.to_ascii_lowercase().starts_with("content-length:");
    let head: Vec<&str> = head.split("\r\n").filter(is_kept).collect();
    format!("{}\r\nContent-Length: {}\r\n\r\n{body}", head.join("\r\n"), body.len()).into_bytes()
}

/// The answer as it came.
fn forward(port: u16, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return answer };
    if stream.write_all(request).is_ok() {
        let _ = stream.read_to_end(&mut answer);
    }
    answer
}
