//! What `iam reach` reads from executables, against programs of which it is known what they send (`tests/scan/`).

use crate::harness::{Project, repository};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cargo(folder: &Path, target: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target);
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The operations of an executable, as `deployer` tells them.
fn reached(executable: &Path) -> Vec<String> {
    let project = Project::of_this_workspace("scan");
    let run = project.run(&["iam", "reach", &executable.display().to_string()]);
    assert_eq!(run.code, 0, "{}", run.text());
    run.stdout.lines().map(str::to_owned).collect()
}

/// Where the executables of this workspace lie: beside the one under test.
fn built() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_deployer")).parent().expect("it lies in a folder").to_path_buf();
    let names = ["scan-reached", "scan-dynamic", "scan-never"];
    let bins: Vec<&str> = names.iter().flat_map(|name| ["--bin", *name]).collect();
    let target = folder.parent().expect("target/debug").to_path_buf();
    cargo(&repository(), &target, &[&["build", "--workspace", "--features", "scan/cases"], &bins[..]].concat());
    folder
}

#[test]
fn operations_are_seen_however_they_are_sent_and_no_others() {
    let folder = built();
    // By the function of `tests/scan/src/bin/reached.rs`: presigned, paginator, generic, waiter …
    let expected = [
        "s3.get_object",
        "s3.head_object",
        "s3.list_objects_v2",
        "s3.put_object",
        "sqs.get_queue_url",
        "sqs.receive_message",
        "sqs.send_message",
    ];
    assert_eq!(reached(&folder.join("scan-reached")), expected);
    // The two cases in which more is seen than is sent; `suppress: [{never: sqs.purge_queue, …}]` is for them.
    for name in ["scan-dynamic", "scan-never"] {
        assert_eq!(reached(&folder.join(name)), ["sqs.purge_queue", "sqs.send_message"], "{name}");
    }
}

/// A workspace of its own, as it is shipped: sources vendored, fat LTO, smallest code, no unwinding, no symbols.
#[test]
#[ignore = "compiles an SDK with fat LTO: `make scan`"]
fn a_stripped_release_of_vendored_sources_is_read_as_well() {
    let project = Project::new("scan-release");
    let lock = fs::read(repository().join("Cargo.lock")).expect("the lock file is there");
    let manifest = "[package]\nname = \"shipped\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                    [dependencies]\naws-sdk-sqs = { version = \"1\", default-features = false, features = [\"rt-tokio\"] }\n\
                    tokio = { version = \"1\", default-features = false, features = [\"rt\", \"macros\"] }\n\n\
                    [profile.release]\nopt-level = \"z\"\nlto = \"fat\"\ncodegen-units = 1\npanic = \"abort\"\nstrip = true\n";
    let program = fs::read(repository().join("tests/scan/src/bin/never.rs")).expect("the case is there");
    let program = String::from_utf8(program).expect("it is text").replace("PURGES && ", "PURGES || ");
    project.write("Cargo.toml", manifest).write("Cargo.lock", lock).write("src/main.rs", program);
    let target = project.root.join("target");
    cargo(&project.root, &target, &["vendor", "--offline", "--quiet", "vendor"]);
    let vendored =
        "[source.crates-io]\nreplace-with = \"vendored-sources\"\n[source.vendored-sources]\ndirectory = \"vendor\"\n";
    project.write(".cargo/config.toml", vendored);
    assert!(project.root.join("vendor/aws-sdk-sqs/src/operation").is_dir(), "no version stands in the path");
    cargo(&project.root, &target, &["build", "--release", "--offline", "--quiet"]);
    assert_eq!(reached(&target.join("release/shipped")), ["sqs.purge_queue", "sqs.send_message"]);
}
