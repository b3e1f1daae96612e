//! `deployer build`: real cargo, tiny workspaces without dependencies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A project in a folder of its own, removed with the test.
struct Project {
    root: PathBuf,
}

impl Project {
    /// A workspace with the crate `hello`, and a stack with one function of it.
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("deployer-build-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let project = Self { root };
        project.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"hello\"]\n");
        project.write("hello/Cargo.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        project.write("hello/src/main.rs", "fn main() {\n    println!(\"hello\");\n}\n");
        project.stack("crate: hello, architecture: x86_64");
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("inside the project")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn stack(&self, function: &str) {
        let head = "stack: greetings\nstages: {dev: {region: eu-west-1}}\n";
        self.write("stacks/greetings.yaml", &format!("{head}functions:\n  greet: {{{function}}}\n"));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        command.args(arguments).current_dir(&self.root).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        // Each project builds in its own folder, whatever this test was built in.
        command.env("CARGO_TARGET_DIR", self.root.join("target")).output().expect("the deployer runs")
    }

    /// The one artifact: digest and place.
    fn build(&self, more: &[&str]) -> (String, PathBuf) {
        let output = self.run(&[&["--format", "json", "build"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let page: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
        let artifact = &page["artifacts"][0];
        let text = |name: &str| artifact[name].as_str().expect("a text").to_owned();
        (text("sha256"), PathBuf::from(text("path")))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).expect("the artifact is there")
}

#[test]
fn two_builds_of_one_tree_give_the_same_bytes() {
    let project = Project::new("twice");
    let (first, path) = project.build(&["--sandbox"]);
    let before = bytes(&path);
    fs::remove_dir_all(project.root.join("target")).expect("a clean tree");
    let (second, path) = project.build(&["--sandbox"]);
    assert_eq!(first, second);
    assert_eq!(before, bytes(&path));
    assert!(path.ends_with(format!("deployer/artifacts/{second}.zip")), "{}", path.display());
}

#[test]
fn changed_code_is_another_artifact() {
    let project = Project::new("changed");
    let (first, _) = project.build(&["--sandbox"]);
    project.write("hello/src/main.rs", "fn main() {\n    println!(\"goodbye\");\n}\n");
    let (second, _) = project.build(&["--sandbox"]);
    assert_ne!(first, second);
}

#[test]
fn a_crate_that_does_not_compile_ends_with_cargos_own_message() {
    let project = Project::new("broken");
    project.write("hello/src/main.rs", "fn main() {\n    let number: u8 = \"text\";\n}\n");
    let output = project.run(&["--sandbox", "build"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("error[E0308]: mismatched types"), "{said}");
    assert!(said.contains("hello/src/main.rs:2:22"), "{said}");
    assert!(said.contains("cargo could not build the functions"), "{said}");
    assert!(said.contains("nothing was uploaded, and AWS was not called"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_crate_that_is_not_there_is_shown_in_the_stack_file() {
    let project = Project::new("missing");
    project.stack("crate: helo");
    let output = project.run(&["--sandbox", "build"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("D0701"), "{said}");
    assert!(said.contains("stacks/greetings.yaml:4"), "{said}");
    assert!(said.contains("the nearest crate is \"hello\""), "{said}");
}

#[test]
fn a_folder_is_packed_without_cargo() {
    let project = Project::new("folder");
    fs::remove_file(project.root.join("Cargo.toml")).expect("no workspace");
    project.write("code/main.py", "def handler(event, context): return event\n");
    project.stack("code: {dir: code, runtime: python3.13, handler: main.handler}");
    let (first, path) = project.build(&[]);
    assert!(path.starts_with(project.root.canonicalize().expect("the project").join(".deployer/artifacts")));
    let (second, _) = project.build(&[]);
    assert_eq!(first, second);
}

/// Compiles with zig as the linker, which is installed on first use: half a minute when it is there.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn what_goes_to_aws_is_the_same_from_two_folders() {
    let one = Project::new("aws-one");
    let other = Project::new("aws-other");
    let (first, path) = one.build(&[]);
    let (second, _) = other.build(&[]);
    assert_eq!(first, second);
    let zip = bytes(&path);
    assert!(zip.windows(9).any(|name| name == b"bootstrap"));
}
