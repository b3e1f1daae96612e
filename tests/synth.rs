//! `deployer synth`: whole templates of `cases/synth`, and where they are written.

use crate::harness::{Project, Run, compare, folders, repository};
use std::fs;

const ORDERS: &str = "stack: orders\nstages: {dev: {}}\nqueues: {jobs: {}}\n";
const BILLS: &str = "stack: bills\nstages: {dev: {}}\n";

fn project(stacks: &[(&str, &str)]) -> Project {
    let project = Project::new("synth");
    for (name, text) in stacks {
        project.write(&format!("stacks/{name}.yaml"), text);
    }
    project
}

fn sound(run: Run) -> String {
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(run.stderr, "");
    run.stdout
}

#[test]
fn every_case_gives_its_template() {
    let cases = folders(&repository().join("tests/cases/synth"));
    assert!(!cases.is_empty());
    let differences: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let text = fs::read_to_string(case.join("stack.yaml")).expect("a case has a stack.yaml");
            compare(&case.join("template.json"), &sound(project(&[("case", &text)]).run(&["synth"])))
        })
        .collect();
    assert!(differences.is_empty(), "BLESS=1 rewrites, after reading:\n{}", differences.join("\n"));
}

#[test]
fn every_stack_of_the_repository_has_a_template_in_every_stage() {
    let repository = repository();
    let root = repository.to_str().expect("a path that is text");
    for stage in ["dev", "prod"] {
        for stack in ["foundation", "taly", "ticketbottle"] {
            let run = || sound(project(&[]).run(&["--root", root, "--stage", stage, "synth", stack]));
            let text = run();
            assert!(text.starts_with("{\n  \"AWSTemplateFormatVersion\""), "{stack} {stage}");
            assert_eq!(text, run(), "the same input gives the same bytes");
        }
    }
}

#[test]
fn a_template_goes_to_a_file() {
    let project = project(&[("orders", ORDERS), ("bills", BILLS)]);
    let printed = sound(project.run(&["synth", "orders"]));
    let run = project.run(&["synth", "orders", "-o", "made/orders.json"]);
    assert_eq!(run.text(), "exit 0\n--- stderr\nwrote [root]/made/orders.json\n");
    assert_eq!(fs::read_to_string(project.root.join("made/orders.json")).expect("it was written"), printed);
}

#[test]
fn several_templates_go_to_a_folder() {
    let project = project(&[("orders", ORDERS), ("bills", BILLS)]);
    let run = project.run(&["synth"]);
    assert_eq!(
        run.text(),
        "exit 2\n--- stderr\nerror: 2 stacks do not fit into one template\n\
         help: name one of them (bills, orders), or write all into a folder: -o templates/\n"
    );
    let run = project.run(&["synth", "-o", "made/"]);
    assert_eq!(run.text(), "exit 0\n--- stderr\nwrote [root]/made/bills-dev.json\nwrote [root]/made/orders-dev.json\n");
}

#[test]
fn a_raw_resource_that_clashes_is_underlined() {
    let text = format!("{ORDERS}resources:\n  JobsQueue: {{Type: \"AWS::SQS::Queue\"}}\n");
    let run = project(&[("orders", &text)]).run(&["synth"]);
    assert_eq!(run.code, 2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("error[D0701]"), "{}", run.stderr);
    assert!(run.stderr.contains("stacks/orders.yaml:5:3"), "{}", run.stderr);
}
