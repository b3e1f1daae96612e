//! Least privilege: what the roles of this repository grant is what their code can reach, no more and no less.

use crate::harness::{Project, repository};

/// The stacks of this repository, in a project that builds its crates.
fn project(name: &str) -> Project {
    let project = Project::of_this_workspace(name);
    for stack in ["foundation", "taly", "ticketbottle"] {
        let text = std::fs::read(repository().join(format!("stacks/{stack}.yaml"))).expect("the stack is there");
        project.write(&format!("stacks/{stack}.yaml"), text);
    }
    project
}

#[test]
fn every_function_is_granted_what_it_reaches_and_nothing_else() {
    let project = project("iam");
    let run = project.run(&["--sandbox", "iam", "check", "--strict"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let said = run.stdout.matches(", granted what they need").count();
    assert_eq!((said, run.stdout.lines().count()), (10, 10), "{}", run.text());
}

#[test]
fn what_is_missing_and_what_is_too_much_is_named_with_its_line() {
    let project = project("iam-wrong");
    let file = project.root.join("stacks/ticketbottle.yaml");
    let text = std::fs::read_to_string(&file).expect("the stack is there");
    let wrong = text.replace("- { queue: emails-dead, can: send }", "- { queue: emails-dead, can: purge }");
    assert_ne!(wrong, text);
    project.write("stacks/ticketbottle.yaml", wrong);
    let run = project.run(&["--sandbox", "iam", "check", "ticketbottle"]);
    assert_eq!(run.code, 1, "{}", run.text());
    for line in [
        "missing sqs:SendMessage: sqs.send_message, called at functions/shared/src/queue.rs:",
        "add to `access:` of email-sender: `{queue: NAME, can: send}`",
        "excess sqs:PurgeQueue: nothing in the code reaches it",
        "granted at stacks/ticketbottle.yaml:",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.text());
    }
}

#[test]
fn a_role_is_told_in_words_with_its_line_and_its_use() {
    let project = project("iam-explain");
    let run = project.run(&["--sandbox", "iam", "explain", "pdf-generator"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("ticketbottle-dev-pdf-generator may:\n"), "{}", run.text());
    assert!(
        run.stdout.contains("used by s3.put_object at functions/ticketbottle/pdf-generator/src/"),
        "{}",
        run.text()
    );
    assert!(!run.stdout.contains("used by nothing"), "{}", run.text());
    assert_eq!(project.run(&["--sandbox", "iam", "explain", "nobody"]).code, 2);
}
