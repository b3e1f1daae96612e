//! `deployer sandbox`: a real MiniStack on a port and in a folder of this test's own.

use crate::harness::{Project, Run};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

/// A sandbox that ends with the test. The Python environment is the one that all sandboxes of this user share.
struct Sandbox {
    project: Project,
    port: u16,
}

impl Sandbox {
    fn new(name: &str) -> Self {
        // Free a moment ago, and the kernel gives it to nobody who does not name it.
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        drop(listener);
        let mut project = Project::new(name);
        project.environment("DEPLOYER_SANDBOX_PORT", &port.to_string());
        project.environment("DEPLOYER_SECRET_OF_THE_USER", "must not be seen");
        Self { project, port }
    }

    fn run(&self, action: &str) -> Run {
        self.project.run(&["sandbox", action])
    }

    /// An action that has to work.
    fn must(&self, action: &str) {
        let run = self.run(action);
        assert_eq!(run.code, 0, "{action}: {}", run.stderr);
    }

    fn status(&self) -> serde_json::Value {
        let run = self.project.run(&["sandbox", "status", "--format", "json"]);
        serde_json::from_str(&run.stdout).expect("JSON on stdout")
    }

    /// One request to the server, signed for nobody: enough for S3 as root of the account.
    fn request(&self, method: &str, path: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let scope = "Credential=000000000000/20260101/us-east-1/s3/aws4_request";
        let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let head = format!("Host: 127.0.0.1\r\nAuthorization: {signature}\r\nContent-Length: 0");
        write!(stream, "{method} {path} HTTP/1.0\r\n{head}\r\n\r\n").expect("it takes a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.run("stop");
        // A server that never came up has left its lock.
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let versions = cache.and_then(|cache| std::fs::read_dir(cache.join("deployer/sandbox")).ok());
        for version in versions.into_iter().flatten().filter_map(Result::ok) {
            let _ = std::fs::remove_dir_all(version.path().join(self.port.to_string()));
        }
    }
}

#[test]
fn what_was_made_outlives_a_stop_and_not_a_reset() {
    let sandbox = Sandbox::new("outlives");
    assert_eq!(sandbox.status()["state"], "stopped");
    sandbox.must("start");
    assert_eq!(sandbox.request("PUT", "/a-bucket-of-the-test"), 200);
    sandbox.must("stop");
    assert_eq!(sandbox.status()["state"], "stopped");
    sandbox.must("start");
    assert_eq!(sandbox.request("HEAD", "/a-bucket-of-the-test"), 200);
    sandbox.must("reset");
    assert_eq!(sandbox.status()["state"], "running");
    assert_eq!(sandbox.request("HEAD", "/a-bucket-of-the-test"), 404);
}

#[test]
fn all_who_start_it_at_once_get_the_same_one() {
    let sandbox = Sandbox::new("at-once");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| sandbox.must("start"));
        }
    });
    let first = sandbox.status();
    assert_eq!(first["state"], "running");
    sandbox.must("start");
    assert_eq!(sandbox.status()["pid"], first["pid"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_sees_nothing_of_the_users_environment() {
    let sandbox = Sandbox::new("environment");
    sandbox.must("start");
    let pid = sandbox.status()["pid"].as_u64().expect("a process");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("it runs");
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains("BIND_HOST=127.0.0.1"));
    assert!(environment.contains("AUTH=true"));
    assert!(!environment.contains("DEPLOYER_SECRET_OF_THE_USER"));
}

#[test]
fn another_program_on_the_port_is_left_alone() {
    let sandbox = Sandbox::new("taken");
    let other = TcpListener::bind(("127.0.0.1", sandbox.port)).expect("the port is free");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().expect("the deployer looks");
        stream.write_all(b"SSH-2.0-x\r\n").expect("it is no HTTP server");
    });
    let run = sandbox.run("start");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("is taken by a program that is no MiniStack"), "{}", run.stderr);
    assert!(run.stderr.contains("DEPLOYER_SANDBOX_PORT"), "{}", run.stderr);
    answering.join().expect("the other program was left alone");
}
