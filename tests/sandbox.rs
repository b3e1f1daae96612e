//! `deployer sandbox`: a real MiniStack on a port and in a folder of this test's own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};

/// A sandbox that ends with the test. The Python environment is the one that all sandboxes of this user share.
struct Sandbox {
    project: PathBuf,
    port: u16,
}

impl Sandbox {
    fn new() -> Self {
        // Free a moment ago, and the kernel gives it to nobody who does not name it.
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        drop(listener);
        let project = std::env::temp_dir().join(format!("deployer-sandbox-{}-{port}", std::process::id()));
        std::fs::create_dir_all(project.join("stacks")).expect("a project");
        Self { project, port }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        command.args(arguments).current_dir(&self.project).env("DEPLOYER_SANDBOX_PORT", self.port.to_string());
        command.env("DEPLOYER_SECRET_OF_THE_USER", "must not be seen");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the deployer runs")
    }

    fn status(&self) -> serde_json::Value {
        let output = self.run(&["sandbox", "status", "--format", "json"]);
        serde_json::from_slice(&output.stdout).expect("JSON on stdout")
    }

    /// One request to the server, signed for nobody: enough for S3 as root of the account.
    fn request(&self, method: &str, path: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let scope = "Credential=000000000000/20260101/eu-west-1/s3/aws4_request";
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
        let log = self.status()["log"].as_str().map(PathBuf::from);
        let _ = self.run(&["sandbox", "stop"]);
        if let Some(folder) = log.as_deref().and_then(std::path::Path::parent) {
            let _ = std::fs::remove_dir_all(folder);
        }
        let _ = std::fs::remove_dir_all(&self.project);
    }
}

#[test]
fn what_was_made_outlives_a_stop_and_not_a_reset() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.status()["state"], "stopped");
    assert!(sandbox.run(&["sandbox", "start"]).status.success());
    assert_eq!(sandbox.request("PUT", "/a-bucket-of-the-test"), 200);
    assert!(sandbox.run(&["sandbox", "stop"]).status.success());
    assert_eq!(sandbox.status()["state"], "stopped");
    assert!(sandbox.run(&["sandbox", "start"]).status.success());
    assert_eq!(sandbox.request("HEAD", "/a-bucket-of-the-test"), 200);
    assert!(sandbox.run(&["sandbox", "reset"]).status.success());
    assert_eq!(sandbox.status()["state"], "running");
    assert_eq!(sandbox.request("HEAD", "/a-bucket-of-the-test"), 404);
}

#[test]
fn all_who_start_it_at_once_get_the_same_one() {
    let sandbox = Sandbox::new();
    let starting: Vec<_> = (0..4).map(|_| sandbox.command(&["sandbox", "start"]).spawn().expect("starts")).collect();
    for mut child in starting {
        assert!(child.wait().expect("ends").success());
    }
    let first = sandbox.status();
    assert_eq!(first["state"], "running");
    assert!(sandbox.run(&["sandbox", "start"]).status.success());
    assert_eq!(sandbox.status()["pid"], first["pid"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_sees_nothing_of_the_users_environment() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(&["sandbox", "start"]).status.success());
    let pid = sandbox.status()["pid"].as_u64().expect("a process");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("it runs");
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains("BIND_HOST=127.0.0.1"));
    assert!(environment.contains("AUTH=true"));
    assert!(!environment.contains("DEPLOYER_SECRET_OF_THE_USER"));
}

#[test]
fn another_program_on_the_port_is_left_alone() {
    let sandbox = Sandbox::new();
    let other = TcpListener::bind(("127.0.0.1", sandbox.port)).expect("the port is free");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().expect("the deployer looks");
        stream.write_all(b"SSH-2.0-x\r\n").expect("it is no HTTP server");
    });
    let output = sandbox.run(&["sandbox", "start"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is taken by a program that is no MiniStack"), "{said}");
    assert!(said.contains("DEPLOYER_SANDBOX_PORT"), "{said}");
    answering.join().expect("the other program was left alone");
}
