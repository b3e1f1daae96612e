//! `deployer build`: real cargo, tiny workspaces without dependencies.

use crate::harness::Project;
use std::fs;
use std::path::{Path, PathBuf};

/// A workspace with the crate `hello`, and a stack with one function of it.
fn project(name: &str) -> Project {
    let mut project = Project::new(name);
    project.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"hello\"]\n");
    project.write("hello/Cargo.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    project.write("hello/src/main.rs", "fn main() {\n    println!(\"hello\");\n}\n");
    stack(&project, "crate: hello, architecture: x86_64");
    // Each project builds in its own folder, whatever this test was built in.
    let target = project.root.join("target").display().to_string();
    project.environment("CARGO_TARGET_DIR", &target);
    project
}

fn stack(project: &Project, function: &str) {
    let head = "stack: greetings\nstages: {dev: {region: eu-west-1}}\n";
    project.write("stacks/greetings.yaml", format!("{head}functions:\n  greet: {{{function}}}\n"));
}

/// Builds, and returns the one artifact: its digest and its path below the project.
fn build(project: &Project, more: &[&str]) -> (String, PathBuf) {
    let run = project.run(&[&["--format", "json", "build"], more].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let page: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON on stdout");
    let artifact = &page["artifacts"][0];
    let text = |name: &str| artifact[name].as_str().expect("a text").to_owned();
    (text("sha256"), project.root.join(text("path").trim_start_matches("[root]/")))
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).expect("the artifact is there")
}

#[test]
fn two_builds_of_one_tree_give_the_same_bytes() {
    let project = project("twice");
    let (first, path) = build(&project, &["--sandbox"]);
    let before = bytes(&path);
    fs::remove_dir_all(project.root.join("target")).expect("a clean tree");
    let (second, path) = build(&project, &["--sandbox"]);
    assert_eq!(first, second);
    assert_eq!(before, bytes(&path));
    assert!(path.ends_with(format!("deployer/artifacts/{second}.zip")), "{}", path.display());
}

#[test]
fn changed_code_is_another_artifact() {
    let project = project("changed");
    let (first, _) = build(&project, &["--sandbox"]);
    project.write("hello/src/main.rs", "fn main() {\n    println!(\"goodbye\");\n}\n");
    let (second, _) = build(&project, &["--sandbox"]);
    assert_ne!(first, second);
}

#[test]
fn a_crate_that_does_not_compile_ends_with_cargos_own_message() {
    let project = project("broken");
    project.write("hello/src/main.rs", "fn main() {\n    let number: u8 = \"text\";\n}\n");
    let run = project.run(&["--sandbox", "build"]);
    let said = &run.stderr;
    assert_eq!(run.code, 1, "{said}");
    assert!(said.contains("error[E0308]: mismatched types"), "{said}");
    assert!(said.contains("hello/src/main.rs:2:22"), "{said}");
    assert!(said.contains("cargo could not build the functions"), "{said}");
    assert!(said.contains("nothing was uploaded, and AWS was not called"), "{said}");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_crate_that_is_not_there_is_shown_in_the_stack_file() {
    let project = project("missing");
    stack(&project, "crate: helo");
    let run = project.run(&["--sandbox", "build"]);
    let said = &run.stderr;
    assert_eq!(run.code, 2, "{said}");
    assert!(said.contains("D0801"), "{said}");
    assert!(said.contains("stacks/greetings.yaml:4"), "{said}");
    assert!(said.contains("the nearest crate is \"hello\""), "{said}");
}

#[test]
fn a_folder_that_is_not_there_is_shown_in_the_stack_file() {
    let project = project("no-folder");
    stack(&project, "code: {dir: cod, runtime: python3.13, handler: main.handler}");
    let run = project.run(&["build"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("D0803"), "{}", run.stderr);
    assert!(run.stderr.contains("stacks/greetings.yaml:4"), "{}", run.stderr);
}

#[test]
fn a_folder_is_packed_without_cargo() {
    let project = project("folder");
    fs::remove_file(project.root.join("Cargo.toml")).expect("no workspace");
    project.write("code/main.py", "def handler(event, context): return event\n");
    stack(&project, "code: {dir: code, runtime: python3.13, handler: main.handler}");
    let (first, path) = build(&project, &[]);
    assert!(path.starts_with(project.root.join(".deployer/artifacts")), "{}", path.display());
    let (second, _) = build(&project, &[]);
    assert_eq!(first, second);
}

/// Compiles with zig as the linker, which is installed on first use: half a minute when it is there.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn what_goes_to_aws_is_the_same_from_two_folders() {
    let one = project("aws-one");
    let other = project("aws-other");
    let (first, path) = build(&one, &[]);
    let (second, _) = build(&other, &[]);
    assert_eq!(first, second);
    let zip = bytes(&path);
    assert!(zip.windows(9).any(|name| name == b"bootstrap"));
}
