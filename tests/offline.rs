//! Mistakes in the files end before anything outside is touched.

use crate::harness::Project;
use std::io::ErrorKind;
use std::net::TcpListener;

const BROKEN: &str =
    "stack: broken\nstages: {dev: {region: eu-west-1}}\nfunctions:\n  work: {crate: work, memry: 128}\n";

#[test]
fn a_mistake_ends_before_the_first_call_and_before_the_sandbox_starts() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback takes listeners");
    listener.set_nonblocking(true).expect("a listener that does not wait");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let mut project = Project::new("mistake");
    project.write("stacks/broken.yaml", BROKEN);
    let home = project.root.join("sandbox");
    project.environment("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}"));
    project.environment("AWS_ACCESS_KEY_ID", "key").environment("AWS_SECRET_ACCESS_KEY", "secret");
    project.environment("DEPLOYER_SANDBOX_PORT", &port.to_string());
    project.environment("DEPLOYER_SANDBOX_HOME", home.to_str().expect("a path that is text"));
    for command in [
        &["plan"][..],
        &["deploy", "--yes"],
        &["rollback", "--yes"],
        &["destroy", "broken", "--yes"],
        &["status"],
        &["releases"],
        &["secret", "list"],
        &["build"],
    ] {
        for sandbox in [&[][..], &["--sandbox"]] {
            let run = project.run(&[sandbox, command].concat());
            assert_eq!(run.code, 2, "{command:?}: {}", run.text());
            assert!(run.stderr.contains("stacks/broken.yaml:4:"), "{command:?}: {}", run.text());
            assert!(run.stderr.contains("now: nothing was touched"), "{command:?}: {}", run.text());
        }
    }
    assert_eq!(listener.accept().expect_err("nobody called").kind(), ErrorKind::WouldBlock);
    assert!(!home.exists(), "the sandbox was not even prepared");
}

#[test]
fn without_credentials_a_plan_says_what_to_do() {
    let mut project = Project::new("nobody");
    project.write("stacks/idle.yaml", "stack: idle\nstages: {dev: {region: eu-west-1}}\nqueues: {jobs: {}}\n");
    project.environment("AWS_EC2_METADATA_DISABLED", "true").environment("HOME", "/nonexistent");
    let run = project.run(&["plan"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("cannot tell who calls AWS"), "{}", run.text());
    assert!(run.stderr.contains("--sandbox"), "{}", run.text());
}
