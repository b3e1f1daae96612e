//! The repository's own habits: what the compiler and clippy cannot see.

use crate::harness::{files, repository};
use std::fs;

/// Files under "the outside" in `lib.rs`, with what speaks to the user: these may wait, and talk to AWS.
const OUTSIDE: [&str; 16] = [
    "apply/",
    "artifact",
    "aws/",
    "git.rs",
    "hold.rs",
    "live",
    "pipeline.rs",
    "project.rs",
    "python.rs",
    "sandbox",
    "reapply.rs",
    "session.rs",
    "cmd/",
    "ctx.rs",
    "lib.rs",
    "main.rs",
];

const FOLDERS: [&str; 2] = ["deployer/src", "tests"];

#[test]
fn every_file_says_what_it_gives() {
    for folder in FOLDERS {
        for file in files(&repository().join(folder), "rs") {
            let text = fs::read_to_string(&file).expect("sources can be read");
            assert!(text.starts_with("//!"), "{} does not begin with `//!`", file.display());
        }
    }
}

#[test]
fn no_file_grows_past_800_lines() {
    for folder in FOLDERS {
        for file in files(&repository().join(folder), "rs") {
            let lines = fs::read_to_string(&file).expect("sources can be read").lines().count();
            assert!(lines <= 800, "{} has {lines} lines: split it by noun", file.display());
        }
    }
}

#[test]
fn the_pure_half_neither_waits_nor_talks_to_aws() {
    let source = repository().join("deployer/src");
    for file in files(&source, "rs") {
        let name = file.strip_prefix(&source).expect("it was found below").display().to_string();
        if OUTSIDE.iter().any(|outside| name.starts_with(outside)) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("sources can be read");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for word in ["async fn", "async move", ".await", "aws_sdk_", "aws_config"] {
                assert!(!line.contains(word), "{name}:{}: `{word}` in a pure file", number + 1);
            }
        }
    }
}
