//! Least privilege: what the roles of this repository grant is what their code can reach, no more and no less.

use crate::aws::{self, PYTHON, Shop};
use crate::harness::{Project, repository};
use serde_json::{Value, json};

/// The stacks of this repository, in a project that builds its crates.
fn project(name: &str) -> Project {
    let project = Project::of_this_workspace(name);
    for stack in ["foundation", "ticketbottle", "comfrt", "streams"] {
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
    assert_eq!((said, run.stdout.lines().count()), (9, 9), "{}", run.text());
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
        "missing sqs:SendMessage: sqs.send_message at functions/shared/src/queue.rs:",
        "add to `access:` of email-sender: `- { queue: emails-dead, can: send }`",
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

#[test]
fn a_live_role_is_simulated_and_what_the_sandbox_does_not_tell_is_said() {
    let text = format!(
        "queues: {{jobs: {{}}}}\nbuckets: {{files: {{retain: false}}}}\nfunctions:\n  work:\n    code: {PYTHON}\n    \
         access: [{{queue: jobs, can: send}}, {{bucket: files, can: get, prefix: in/}}]\n"
    );
    let shop = Shop::in_region("simulated", "eu-sim-1", &text);
    let early = shop.ends(1, &["iam", "simulate"]);
    assert!(early.stderr.contains("simulated-dev is not deployed"), "{}", early.text());
    shop.deploy();
    let told = shop.ends(0, &["iam", "simulate"]);
    assert!(told.stdout.contains("work of simulated-dev: ") && told.stdout.contains(", as it says"), "{}", told.text());

    // Somebody attaches a policy: the role is more than its own statements say.
    let role = shop.physical_id("WorkRole");
    let attach = format!(
        "Action=AttachRolePolicy&Version=2010-05-08&RoleName={role}&PolicyArn=arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    );
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = crate::aws::shared().request("eu-sim-1", "iam", "POST /", &kind, &attach);
    assert_eq!(answer.status, 200, "{answer:?}");
    let wider = shop.ends(1, &["iam", "simulate"]);
    assert!(wider.stdout.contains("  allowed: sqs:"), "{}", wider.text());

    let untold = shop.ends(1, &["iam", "unused"]);
    assert!(untold.stderr.contains("the sandbox has no last-accessed data"), "{}", untold.text());
    assert!(untold.stderr.contains("`make prove`"), "{}", untold.text());
}

/// A stack of one of this repository's crates, and a state in which nothing is deployed.
fn mail(access: &str, more: &str) -> Project {
    let mut project = Project::of_this_workspace("iam-plan");
    project.environment("DEPLOYER_SANDBOX_PORT", &aws::shared().port.to_string());
    project.write(
        "stacks/tickets.yaml",
        format!(
            "stack: tickets\nstages: {{ dev: {{ region: eu-west-1 }} }}\n{more}queues: {{ dead: {{}} }}\nbuckets: {{ files: {{}} }}\nfunctions:\n  pdfs:\n    crate: ticketbottle-pdf-generator\n    env: {{ S3_BUCKET_TICKETS: {{ bucket: files }}, DEAD_LETTER_QUEUE_URL: {{ queue: dead }} }}\n    access:\n{access}"
        ),
    );
    let place = json!({
        "stack": "tickets-dev", "stage": "dev", "region": "eu-west-1", "account": "000000000000", "partition": "aws",
        "bucket": "b", "caller": "arn:aws:iam::000000000000:user/ada", "sandbox": true,
    });
    let state = json!({
        "place": place, "deployed": "absent", "functions": {}, "resources": {}, "strangers": [], "unsearched": [],
        "releases": "absent", "exports": {},
    });
    project.write("state.json", json!({ "format_version": 1, "state": state }).to_string());
    project
}

const NEEDED: &str = "      - { bucket: files, can: put }\n      - { queue: dead, can: send }\n";

#[test]
fn a_plan_says_in_every_format_what_is_missing_and_what_is_too_much() {
    let project = mail("      - { bucket: files, can: [put, get] }\n", "");
    let plan = |format: &str| {
        let run = project.run(&["plan", "--state", "state.json", "--format", format]);
        assert_eq!(run.code, 0, "{}", run.text());
        run.stdout
    };
    let missing =
        "pdfs may not sqs:SendMessage, which its code needs: sqs.send_message at functions/shared/src/queue.rs:";
    let add = "- { queue: dead, can: send }";
    let excess = "pdfs may s3:GetObject, which nothing in its code reaches; granted at stacks/tickets.yaml:";
    let plain = |text: String| text.replace("<code>", "").replace("</code>", "").replace(['`', '\\'], "");
    for format in ["terminal", "markdown", "html"] {
        let text = plain(plan(format));
        for line in [missing, add, excess] {
            assert!(text.contains(line), "{format}: {line}\n{text}");
        }
    }
    let json: Value = serde_json::from_str(&plan("json")).expect("plans in JSON");
    let access = &json[0]["access"][0];
    assert_eq!(access["missing"][0]["add"], add, "{access}");
    assert_eq!(access["excess"][0]["action"], "s3:GetObject", "{access}");
    assert_eq!(access["reached"], json!(["s3.put_object", "sqs.send_message"]), "{access}");
    assert!(json[0]["blocked"][0]["what"].as_str().is_some_and(|what| what.starts_with(missing)));
}

#[test]
fn nothing_is_deployed_whose_role_lacks_what_the_code_needs() {
    let project = mail("      - { bucket: files, can: put }\n", "");
    let run = project.run(&["--sandbox", "deploy", "--yes"]);
    assert_eq!(run.code, 6, "{}", run.text());
    assert!(run.stderr.contains("pdfs may not sqs:SendMessage"), "{}", run.text());
    assert!(run.stderr.contains("add to `access:` of pdfs: `- { queue: dead, can: send }`"), "{}", run.text());
}

#[test]
fn a_strict_stack_grants_nothing_too_much_unless_it_says_why() {
    let wide = format!("{NEEDED}      - {{ bucket: files, can: get }}\n");
    let blocked = |access: &str, more: &str| {
        let project = mail(access, more);
        let run = project.run(&["plan", "--state", "state.json", "--format", "json"]);
        let plans: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.text()));
        let count = |key: &str| plans[0][key].as_array().map_or(0, Vec::len);
        (count("blocked"), count("notes"))
    };
    assert_eq!(blocked(NEEDED, "iam: strict\n"), (0, 0));
    assert_eq!(blocked(&wide, ""), (0, 1));
    assert_eq!(blocked(&wide, "iam: strict\n"), (1, 0));
    let said = format!("{wide}    suppress: [{{ excess: s3:GetObject, because: somebody asked for it }}]\n");
    assert_eq!(blocked(&said, "iam: strict\n"), (0, 0));
    let idle = format!("{NEEDED}    suppress: [{{ never: sns.publish, because: it was once }}]\n");
    assert_eq!(blocked(&idle, "iam: strict\n"), (0, 1));
}

#[test]
fn a_fix_writes_the_entries_and_keeps_the_comments() {
    let project =
        mail("      # the tickets\n      - { bucket: files, can: [get, put], prefix: tickets/ } # both\n", "");
    let file = || std::fs::read_to_string(project.root.join("stacks/tickets.yaml")).expect("the stack is there");
    let before = file();
    let run = project.run(&["--sandbox", "iam", "check", "--fix"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let after = before.replace("can: [get, put]", "can: [put]") + "      - { queue: dead, can: send }\n";
    assert_eq!(file(), after, "{}", run.text());
    for line in
        ["-      - { bucket: files, can: [get, put], prefix: tickets/ } # both", "+      - { queue: dead, can: send }"]
    {
        assert!(run.stdout.lines().any(|found| found == line), "{line}\n{}", run.text());
    }
    assert!(
        run.stderr.contains("fixed: pdfs may send: sqs.send_message at functions/shared/src/queue.rs:"),
        "{}",
        run.text()
    );
    assert_eq!(project.run(&["--sandbox", "iam", "check", "--strict"]).code, 0);
    let again = project.run(&["--sandbox", "iam", "check", "--fix"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{}", again.text());
    assert_eq!(file(), after);
}

#[test]
fn a_fix_that_does_not_reach_or_that_another_stage_would_miss_is_not_written() {
    let stages = "stages: { dev: { region: eu-west-1 } }";
    let in_stages = |text: &str, dev: &str, prod: &str| {
        let stage = |access: &str| format!("{{ region: eu-west-1, override: {{ functions: {{ pdfs: {access} }} }} }}");
        text.replace(stages, &format!("stages: {{ dev: {}, prod: {} }}", stage(dev), stage(prod)))
    };
    let refused = |access: &str, dev: &str, prod: &str, code: i32, why: &str| {
        let project = mail(access, "");
        let path = project.root.join("stacks/tickets.yaml");
        let text = in_stages(&std::fs::read_to_string(&path).expect("the stack is there"), dev, prod);
        project.write("stacks/tickets.yaml", &text);
        let run = project.run(&["--sandbox", "--stage", "dev", "iam", "check", "--fix"]);
        assert_eq!(run.code, code, "{}", run.text());
        assert!(run.stderr.contains(why), "{why}\n{}", run.text());
        assert_eq!(std::fs::read_to_string(&path).expect("the stack is there"), text);
    };
    refused(NEEDED, "{ access: [] }", "{}", 1, "the edit would not reach what stage dev is made of");
    // What is too much in one stage is suppressed in the other, where the suppression would then be of nothing.
    let wide = format!("{NEEDED}      - {{ bucket: files, can: get }}\n");
    refused(&wide, "{}", "{ suppress: [{ excess: s3:GetObject, because: prod reads }] }", 2, "D0511");
}
