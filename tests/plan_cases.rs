//! `deployer plan --state`: whole plans of `cases/plan`, in every format that is text, without AWS.
//!
//! A case is a folder: `state.json` names the state of `cases/plan-states` that it starts from and what is different in it;
//! `stack.yaml` is what is desired, and the state's own where there is none. Beside them stands what `deployer` said.

use crate::aws::{CODE, Server};
use crate::harness::{Project, compare, folders, repository};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Cases that are planned at the same time.
const SIDE_BY_SIDE: usize = 4;

fn cases() -> Vec<PathBuf> {
    folders(&repository().join("tests/cases/plan"))
}

fn states() -> PathBuf {
    repository().join("tests/cases/plan-states")
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A case's state: the one that it starts from, with what it sets and removes. Paths are below `state`.
fn state(case: &Path) -> (PathBuf, Value) {
    let change = json(&case.join("state.json"));
    let base = states().join(change["of"].as_str().expect("a case names the state that it starts from"));
    let mut pulled = json(&base.join("state.json"));
    let nothing = Map::new();
    for (path, value) in change["set"].as_object().unwrap_or(&nothing) {
        let (parent, key) = path.rsplit_once('/').unwrap_or(("", path));
        match at(&mut pulled, parent, case) {
            Value::Array(items) => items.push(value.clone()),
            Value::Object(object) => drop(object.insert(key.to_owned(), value.clone())),
            other => panic!("{}: {path} is below {other}", case.display()),
        }
    }
    for path in change["remove"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let (parent, key) = path.rsplit_once('/').expect("a path below the state");
        let parent = at(&mut pulled, parent, case).as_object_mut().expect("an object");
        assert!(parent.shift_remove(key).is_some(), "{}: no {path}", case.display());
    }
    (base, pulled)
}

fn at<'a>(pulled: &'a mut Value, path: &str, case: &Path) -> &'a mut Value {
    let pointer = if path.is_empty() { "/state".to_owned() } else { format!("/state/{path}") };
    pulled.pointer_mut(&pointer).unwrap_or_else(|| panic!("{}: no {path}", case.display()))
}

fn project(name: &str, stack: &str) -> Project {
    let project = Project::new(name);
    project.write("stacks/case.yaml", stack).write("fn/main.py", CODE.replace("WORD", "first"));
    project
}

/// A plan in JSON without what says nothing about it, or is another one each time.
fn told(text: &str) -> String {
    let mut plans: Value = serde_json::from_str(text).expect("plans in JSON");
    let plan = plans[0].as_object_mut().expect("a plan");
    for key in ["base", "picture", "place", "record", "format_version"] {
        assert!(plan.shift_remove(key).is_some(), "{key}");
    }
    for step in plan.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(template) = step.get_mut("template") {
            *template = json!("…");
        }
    }
    serde_json::to_string_pretty(&plans[0]).expect("it is JSON") + "\n"
}

/// What `deployer` says about a case that is not as it stands beside it.
fn differences(case: &Path) -> Vec<String> {
    let (base, state) = state(case);
    let own = case.join("stack.yaml");
    let stack = if own.exists() { own } else { base.join("stack.yaml") };
    let project = project("case", &fs::read_to_string(stack).expect("a stack file"));
    project.write("state.json", state.to_string());
    let options = json(&case.join("state.json"));
    let options: Vec<&str> = options["options"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let plan = |format: &str| {
        let run = project.run(&[&["plan", "--state", "state.json", "--format", format], &options[..]].concat());
        assert_eq!(run.code, 0, "{}: {}", case.display(), run.text());
        run.stdout
    };
    [("plan.txt", plan("terminal")), ("plan.md", plan("markdown")), ("plan.json", told(&plan("json")))]
        .iter()
        .filter_map(|(file, text)| compare(&case.join(file), text))
        .collect()
}

#[test]
fn every_case_gives_its_plan() {
    let cases = cases();
    assert!(!cases.is_empty());
    let chunk = cases.len().div_ceil(SIDE_BY_SIDE);
    let differences: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = cases
            .chunks(chunk)
            .map(|part| scope.spawn(|| part.iter().flat_map(|case| differences(case)).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("its panic is told")).collect()
    });
    assert!(differences.is_empty(), "BLESS=1 rewrites, after reading:\n{}", differences.join("\n"));
}

#[test]
fn what_could_not_be_read_stands_on_the_page_as_well() {
    let case = repository().join("tests/cases/plan/several-unknown");
    let project = project("page", &fs::read_to_string(case.join("stack.yaml")).expect("a stack file"));
    project.write("state.json", state(&case).1.to_string());
    let run = project.run(&["plan", "--state", "state.json", "--format", "html"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("not verified against AWS: HelloRole: the caller may not iam:GetRole"));
    assert!(run.stdout.contains("5 not verified"));
}

#[test]
fn every_type_that_a_service_tells_about_has_a_case_of_drift() {
    let table = fs::read_to_string(repository().join("deployer/src/repair.rs")).expect("the table of types");
    let by_service = table.split("const BY_SERVICE").nth(1).and_then(|rest| rest.split("];").next()).expect("a table");
    let kinds: BTreeSet<&str> = by_service.split('"').filter(|part| part.starts_with("AWS::")).collect();
    assert!(kinds.len() > 20, "{kinds:?}");
    let plans: Vec<Value> = cases().iter().map(|case| json(&case.join("plan.json"))).collect();
    let lines = plans.iter().flat_map(|plan| plan["lines"].as_array().into_iter().flatten());
    let drifted: BTreeSet<&str> =
        lines.filter(|line| line["cause"] == "drift").filter_map(|line| line["type"].as_str()).collect();
    let missing: Vec<&&str> = kinds.difference(&drifted).collect();
    assert!(missing.is_empty(), "no case of drift for {missing:?}");
}

#[test]
fn no_state_of_the_cases_has_changes_of_its_own() {
    for base in folders(&states()) {
        let project = project("state", &fs::read_to_string(base.join("stack.yaml")).expect("a stack file"));
        project.write("state.json", fs::read(base.join("state.json")).expect("a state"));
        let run = project.run(&["plan", "--state", "state.json", "--exit-code"]);
        assert_eq!(run.code, 0, "{}: {}", base.display(), run.text());
    }
}

/// Deploys the stacks of `cases/plan-states` and keeps what is live then. Cases may have to be blessed after it.
#[test]
#[ignore = "a tool, no test: it writes the states of the cases into the repository"]
fn states_of_the_cases_are_pulled_again() {
    let server = Server::start();
    for base in folders(&states()).into_iter().filter(|base| !base.ends_with("alone")) {
        let mut project = project("pull", &fs::read_to_string(base.join("stack.yaml")).expect("a stack file"));
        project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
        for arguments in [&["deploy", "--yes"][..], &["state", "pull", "-o", "state.json"]] {
            let run = project.run(&[&["--sandbox"], arguments].concat());
            assert_eq!(run.code, 0, "{}: {}", base.display(), run.text());
        }
        let text = fs::read_to_string(project.root.join("state.json")).expect("it was pulled");
        let text = text.replace(&format!("localhost:{}", server.port), "localhost:4566");
        fs::write(base.join("state.json"), text).expect("the state can be written");
    }
}
