//! `deployer check`: every diagnostic in its wording, and the flags of the command.
//!
//! `tests/cases/diagnostics/<name>/` holds `stack.yaml`, perhaps more stacks, `alarms/` and `dashboards/`, `arguments` instead of `check`,
//! `environment` with NAME=value lines, and `expected.txt`. `BLESS=1` writes the latter.

use crate::harness::{Project, compare, files, folders, repository};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn cases() -> PathBuf {
    repository().join("tests/cases/diagnostics")
}

#[test]
fn diagnostics_read_as_recorded() {
    let mut differences = Vec::new();
    for case in folders(&cases()) {
        let mut project = Project::new("diagnostics");
        for file in files(&case, "yaml") {
            let name = file.strip_prefix(&case).expect("a file of the case").display().to_string();
            let name = if name.contains('/') { name } else { format!("stacks/{name}") };
            project.write(&name, fs::read(&file).expect("the case can be read"));
        }
        let environment = fs::read_to_string(case.join("environment")).unwrap_or_default();
        for (name, value) in environment.lines().filter_map(|line| line.split_once('=')) {
            project.environment(name, value);
        }
        let arguments = fs::read_to_string(case.join("arguments")).unwrap_or_else(|_| "check".to_owned());
        let run = project.run(&arguments.split_whitespace().collect::<Vec<_>>());
        assert!(run.code == 2 || run.code == 0, "{}: {run:?}", case.display());
        differences.extend(compare(&case.join("expected.txt"), &run.text()));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Codes that no folder can show, and the test that does.
const ELSEWHERE: [&str; 5] = [
    "D0111", // a_file_that_is_too_large_is_refused
    "D0302", // model::load::tests::a_stage_has_to_be_chosen_outside_of_the_sandbox: `check` takes all stages
    "D0801", // build::a_crate_that_is_not_there_is_shown_in_the_stack_file
    "D0802", // artifact::cargo::tests::what_leads_nowhere_says_why_and_what_to_do
    "D0803", // build::a_folder_that_is_not_there_is_shown_in_the_stack_file
];

#[test]
fn every_code_has_a_case() {
    let mut known = BTreeSet::new();
    for file in files(&repository().join("deployer/src"), "rs") {
        let text = fs::read_to_string(file).expect("sources can be read");
        known.extend(text.match_indices("\"D0").filter_map(|(at, _)| text.get(at + 1..at + 6)).map(str::to_owned));
    }
    assert!(known.len() > 50, "{known:?}");
    let shown: String =
        folders(&cases()).iter().filter_map(|case| fs::read_to_string(case.join("expected.txt")).ok()).collect();
    let missing: Vec<&String> =
        known.iter().filter(|code| !shown.contains(*code) && !ELSEWHERE.contains(&code.as_str())).collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

#[test]
fn every_code_stands_in_one_of_the_two_tables() {
    let source = repository().join("deployer/src");
    let codes = |text: &str| -> Vec<String> {
        text.match_indices("\"D0").filter_map(|(at, _)| text.get(at + 1..at + 6)).map(str::to_owned).collect()
    };
    let read = |path: PathBuf| fs::read_to_string(path).expect("sources can be read");
    let table = |path: &str, start: &str| {
        let text = read(source.join(path));
        let from = text.find(start).expect("the table is there");
        let to = text[from..].find("\n];").expect("the table ends");
        codes(&text[from..from + to])
    };
    let mut known = table("diag.rs", "const CODES");
    known.extend(table("rules/mod.rs", "static RULES"));
    let distinct: BTreeSet<&String> = known.iter().collect();
    assert_eq!(distinct.len(), known.len(), "a code stands there twice");
    for file in files(&source, "rs") {
        for code in codes(&read(file.clone())) {
            assert!(distinct.contains(&code), "{code} in {} stands in no table", file.display());
        }
    }
}

const SOUND: &str = "stack: orders\nstages: {dev: {}, prod: {}}\nfunctions: {create: {crate: orders}}\n";

#[test]
fn a_sound_project_is_summed_up() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", SOUND);
    insta::assert_snapshot!(project.run(&["check"]).text(), @r#"
    exit 0
    --- stdout
    ok: 1 stack, 2 stages (dev, prod), 1 function
    "#);
}

#[test]
fn a_path_is_checked_wherever_it_lies() {
    let project = Project::new("check");
    project.write("elsewhere/orders.yaml", SOUND);
    let run = project.run(&["check", "elsewhere/orders.yaml"]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_stack_that_does_not_exist_names_the_nearest() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", SOUND);
    insta::assert_snapshot!(project.run(&["check", "odrers"]).text(), @r#"
    exit 2
    --- stderr
    error: there is no stack called `odrers`
    help: did you mean `orders`?
    "#);
}

#[test]
fn a_path_that_does_not_exist_is_a_usage_error() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", SOUND);
    insta::assert_snapshot!(project.run(&["check", "stacks/bills.yaml"]).text(), @r#"
    exit 2
    --- stderr
    error: stacks/bills.yaml cannot be read: No such file or directory (os error 2)
    help: check the path and its permissions
    "#);
}

#[test]
fn without_stacks_it_says_where_to_begin() {
    let project = Project::new("check");
    insta::assert_snapshot!(project.run(&["check"]).text(), @r#"
    exit 2
    --- stderr
    error: there is no stack file in [root]/stacks
    help: create stacks/NAME.yaml beginning with `stack: NAME` and `stages: {dev: {region: …}}`
    "#);
    fs::remove_dir(project.root.join("stacks")).expect("the empty folder can go");
    insta::assert_snapshot!(project.run(&["check", "--root", "nowhere"]).text(), @r#"
    exit 2
    --- stderr
    error: nowhere holds no folder `stacks`
    help: give --root the folder that holds `stacks/`
    "#);
}

#[test]
fn json_holds_places_in_lines_and_columns() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", "stack: orders\nstages: {dev: {}}\nfunctoins: {}\n");
    let run = project.run(&["check", "--format", "json"]);
    insta::assert_snapshot!(run.text(), @r#"
    exit 2
    --- stdout
    {
      "format_version": 1,
      "ok": false,
      "diagnostics": [
        {
          "severity": "error",
          "code": "D0102",
          "summary": "unknown key",
          "labels": [
            {
              "file": "stacks/orders.yaml",
              "start": {
                "line": 3,
                "column": 1
              },
              "end": {
                "line": 3,
                "column": 10
              },
              "text": "not a key of a stack"
            }
          ],
          "help": "did you mean `functions`?"
        }
      ]
    }
    "#);
}

#[test]
fn a_mistake_in_a_stack_that_was_not_asked_for_is_not_shown() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", SOUND);
    project.write("stacks/broken.yaml", "stack: broken\nstages: {dev: {}}\nwrong: 1\n");
    assert_eq!(project.run(&["check", "orders"]).code, 0);
    assert_eq!(project.run(&["check"]).code, 2);
}

#[test]
fn a_stack_without_the_stage_is_left_out_when_all_are_asked_for() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", SOUND);
    project.write("stacks/tools.yaml", "stack: tools\nstages: {shared: {}}\n");
    let run = project.run(&["check", "--stage", "dev"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("warning[D0303]"), "{run:?}");
    assert_eq!(project.run(&["check", "--stage", "dev", "tools"]).code, 2);
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", format!("{SOUND}# {}\n", "x".repeat(1 << 20)));
    let run = project.run(&["check"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("error[D0111]"), "{run:?}");
}

#[test]
fn colours_come_only_when_asked_for() {
    let project = Project::new("check");
    project.write("stacks/orders.yaml", "stack: orders\n");
    assert!(!project.run(&["check"]).stderr.contains('\u{1b}'));
    assert!(project.run(&["check", "--color", "always"]).stderr.contains('\u{1b}'));
}

#[test]
fn schema_and_completions_need_no_project() {
    let project = Project::new("schema");
    fs::remove_dir(project.root.join("stacks")).expect("the empty folder can go");
    let schema = project.run(&["schema"]);
    assert_eq!(schema.code, 0);
    assert!(schema.stdout.contains("https://json-schema.org/draft/2020-12/schema"));
    assert!(project.run(&["completions", "bash"]).stdout.contains("_deployer"));
}
