//! Deployments that do not go through: refused by CloudFormation, raced by another, killed. What is true afterwards is
//! what the text says, and the next run completes the work.

use crate::aws::{PYTHON, Shop, address, get};
use crate::harness::Run;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

/// A topic that CloudFormation accepts in a template and cannot make.
const BROKEN: &str =
    "resources:\n  Alert: {Type: \"AWS::SNS::Topic\", Properties: {TopicName: \"{{resolve:ssm:/nope}}\"}}\n";

#[test]
fn a_stack_change_that_fails_is_taken_back_and_named() {
    let shop = Shop::new("failing", &Shop::hello("hi"));
    let first = shop.deploy();
    shop.code("second").declare(&(Shop::hello("hello") + BROKEN));
    let failed = shop.ends(1, &["deploy", "--yes"]);
    let lines: Vec<&str> = failed.stderr.lines().rev().take(3).collect();
    assert_eq!(
        lines,
        [
            "next: deployer --sandbox deploy --yes",
            "now: CloudFormation put stack failing-dev back to where it was",
            "error: release 2 of failing-dev failed: Alert (AWS::SNS::Topic) failed: Dynamic reference \
             {{resolve:ssm:/nope}} could not be resolved: parameter /nope not found",
        ],
        "{}",
        failed.text()
    );
    assert_eq!(shop.status(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(get(&address(&first, "hello")).body, "first hi 1");
    let releases = shop.releases();
    assert_eq!(releases[1]["outcome"]["result"], "failed");
    assert!(releases[1]["outcome"]["reason"].as_str().expect("a reason").contains("Alert"), "{releases:?}");

    shop.declare(&Shop::hello("hello")).deploy();
    assert_eq!(get(&address(&first, "hello")).body, "second hello 2");
    assert_eq!(shop.releases()[2]["outcome"]["result"], "succeeded");
    shop.is_settled();
}

#[test]
fn a_creation_that_fails_is_blocked_until_it_is_destroyed() {
    let shop = Shop::new("stillborn", &(Shop::hello("hi") + BROKEN));
    let failed = shop.ends(1, &["deploy", "--yes"]);
    assert!(failed.stderr.contains("stack stillborn-dev stands empty in ROLLBACK_COMPLETE"), "{}", failed.text());
    assert!(failed.stderr.contains("next: deployer destroy stillborn --stage dev --sandbox"), "{}", failed.text());

    shop.declare(&Shop::hello("hi"));
    let blocked = shop.ends(6, &["deploy", "--yes"]);
    assert!(blocked.stderr.contains("stack stillborn-dev is in ROLLBACK_COMPLETE"), "{}", blocked.text());
    assert!(
        blocked.stderr.contains("next: its creation failed; delete it with `deployer destroy stillborn"),
        "{blocked:?}"
    );
    assert!(!blocked.stdout.contains("deployer deploy"), "no command is offered that would be refused: {blocked:?}");

    shop.ends(0, &["destroy", "stillborn", "--yes"]);
    let run = shop.deploy();
    assert_eq!(get(&address(&run, "hello")).body, "first hi 1");
    shop.is_settled();
}

#[test]
fn two_deployments_at_once_leave_one_state() {
    let shop = Shop::in_region("race", "eu-west-1", &Shop::hello("hi"));
    for round in ["create", "update"] {
        let start = || {
            let mut command = shop.project.command(&["--sandbox", "deploy", "--yes"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the built binary runs")
        };
        let both = [start(), start()].map(|child| shop.project.ended(&child.wait_with_output().expect("it ends")));
        assert!(both.iter().any(|run| run.code == 0), "{round}: nobody won\n{}{}", both[0].text(), both[1].text());
        for run in &both {
            // Whoever comes second sees the other's release number, its stack in progress, or nothing left to do.
            let told = match run.code {
                0 => run.stderr.contains("is live") || run.stdout.contains("No changes"),
                1 => {
                    run.stderr.contains("is being changed by")
                        || run.stderr.contains("was claimed by another deployment")
                        || run.stderr.contains("another deployment changed stack race-dev")
                        || run.stderr.contains("another deployment changed the stack while this one was planned")
                        || run.stderr.contains("somebody else moved the alias of race-dev-hello")
                }
                6 => run.stderr.contains("_IN_PROGRESS"),
                _ => false,
            };
            assert!(told, "{round}: {}", run.text());
        }
        let numbers = both.each_ref().map(|run| claimed(run));
        assert!(numbers[0].is_none() || numbers[0] != numbers[1], "{round}\n{}{}", both[0].text(), both[1].text());
        shop.deploy();
        shop.is_settled();
        shop.code("second").declare(&Shop::hello("hello"));
    }
    let numbers: Vec<_> = shop.releases().iter().map(|release| release["number"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).map(Some).collect::<Vec<_>>());
}

/// The number in the last line of a deployment that got one for itself: `release 2 of race-dev is live`, or `failed`.
fn claimed(run: &Run) -> Option<&str> {
    let refused = ["was claimed by another", "is being changed by"].iter().any(|words| run.stderr.contains(words));
    let began = run.stderr.contains("claiming the release number") && !refused;
    let numbers =
        run.stderr.split("release ").filter_map(|rest| rest.split_once(" of race-dev ")).map(|(number, _)| number);
    numbers.last().filter(|_| began)
}

#[test]
fn a_stack_that_was_left_in_review_is_made() {
    let shop = Shop::new("review", &Shop::hello("hi"));
    // What remains of a deployment that was killed before it executed its first change set.
    let template = r#"{"Resources": {"Other": {"Type": "AWS::SQS::Queue"}}}"#;
    shop.propose("left-behind", template);
    assert_eq!(shop.status(), "REVIEW_IN_PROGRESS");
    let run = shop.deploy();
    assert_eq!(get(&address(&run, "hello")).body, "first hi 1");
    assert_eq!(shop.status(), "CREATE_COMPLETE");
    shop.is_settled();
}

#[test]
fn two_stacks_deployed_at_once_share_the_making_of_the_bucket() {
    let text = format!("functions:\n  work: {{code: {PYTHON}}}\n");
    let shops = [Shop::in_region("one", "eu-west-2", &text), Shop::in_region("two", "eu-west-2", &text)];
    let children = shops.each_ref().map(|shop| {
        let mut command = shop.project.command(&["--sandbox", "deploy", "--yes"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the built binary runs")
    });
    for (shop, child) in shops.iter().zip(children) {
        let run = shop.project.ended(&child.wait_with_output().expect("it ends"));
        assert_eq!(run.code, 0, "{}", run.text());
    }
}

#[test]
fn a_deployment_that_was_killed_is_completed_by_the_next() {
    let shop = Shop::in_region("killed", "eu-west-3", &Shop::hello("g0"));
    let phases = [
        "uploading artifacts",
        "claiming the release number",
        "changing the stack",
        "publishing versions",
        "moving aliases",
        "recording the release",
    ];
    let mut release = 0;
    let mut address_of_hello = String::new();
    for (round, phase) in ["changing the stack"].iter().chain(&phases).enumerate() {
        shop.code(&format!("c{round}")).declare(&Shop::hello(&format!("g{round}")));
        kill_at(&shop, phase);
        let run = shop.ends(0, &["deploy", "--yes"]);
        if address_of_hello.is_empty() {
            address_of_hello = address(&run, "hello");
        }
        let body = get(&address_of_hello).body;
        assert!(body.starts_with(&format!("c{round} g{round} ")), "killed at {phase}: {body}\n{}", run.text());
        shop.is_settled();
        let last = shop.releases().last().expect("there is a release")["number"].as_u64().expect("a number");
        assert!(last > release, "killed at {phase}: release {last} after {release}");
        release = last;
    }
}

/// Starts a deployment and kills it as soon as it says that it is at `phase`.
fn kill_at(shop: &Shop, phase: &str) {
    let mut command = shop.project.command(&["--sandbox", "deploy", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the built binary runs");
    let said = BufReader::new(child.stderr.take().expect("it was piped")).lines().map_while(Result::ok);
    let reached = said.into_iter().any(|line| line.ends_with(phase) || line.contains(&format!("{phase} (")));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(reached, "the deployment never came to {phase}");
}
