//! Rows of the three-way table that need an AWS with a history: what is there already, what is gone already, what was
//! removed here and changed there, and what the caller may not read.

use crate::aws::{PYTHON, REGION, Shop, shared};
use crate::harness::Run;
use serde_json::json;

/// Whether a line of the output has all of these words in it.
fn has(run: &Run, words: &[&str]) -> bool {
    run.stdout.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn what_exists_already_under_a_new_name_is_said_and_blocks() {
    let raw = |id: &str, kind: &str, key: &str, name: &str| {
        format!(
            "  {id}:\n    Type: AWS::{kind}\n    Properties: {{ {key}: {name}{} }}\n",
            match kind {
                "IAM::Role" => ", AssumeRolePolicyDocument: { Version: \"2012-10-17\", Statement: [] }",
                _ => "",
            }
        )
    };
    let text = format!(
        "resources:\n{}{}{}",
        raw("Group", "Logs::LogGroup", "LogGroupName", "/taken/group"),
        raw("Bucket", "S3::Bucket", "BucketName", "taken-dev-bucket"),
        raw("Role", "IAM::Role", "RoleName", "taken-dev-role"),
    );
    let shop = Shop::new("taken", &text);
    shop.json("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": "/taken/group" }));
    shop.s3("PUT /taken-dev-bucket", "");
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    shop.query("iam", "CreateRole", &[("RoleName", "taken-dev-role"), ("AssumeRolePolicyDocument", trust)]);

    let plan = shop.ends(3, &["plan", "--exit-code"]);
    for (kind, name) in
        [("Logs LogGroup", "/taken/group"), ("S3 Bucket", "taken-dev-bucket"), ("IAM Role", "taken-dev-role")]
    {
        assert!(has(&plan, &["< take over", kind, name]), "{kind}\n{}", plan.text());
        assert!(has(&plan, &[name, "exists already and belongs to no stack of this name"]), "{kind}\n{}", plan.text());
    }
    let refused = shop.ends(6, &["deploy", "--yes"]);
    assert!(refused.stderr.contains("deploy --import-existing"), "{}", refused.text());
    assert_eq!(shop.status(), "");
    assert_eq!(shop.s3("HEAD /taken-dev-bucket", "").status, 200);
}

#[test]
fn what_was_removed_here_and_by_hand_is_forgotten() {
    let shop = Shop::new("forgotten", "queues: { jobs: {}, old: {} }\n");
    shop.deploy();
    let url = shop.physical_id("OldQueue");
    shop.json("sqs", "AmazonSQS.DeleteQueue", &json!({ "QueueUrl": url }));
    shop.declare("queues: { jobs: {} }\n");
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(has(&plan, &["- delete SQS Queue", "forgotten-dev-old", "[done by hand already]"]), "{}", plan.text());
    assert!(plan.stdout.contains("safe: gone already"), "{}", plan.text());
    // Nothing is lost, so nothing has to be allowed for it.
    assert!(!has(&plan, &["forgotten-dev-old would lose"]), "{}", plan.text());
    shop.deploy();
    shop.is_settled();
}

#[test]
fn what_was_removed_here_goes_whatever_somebody_made_of_it() {
    let shop = Shop::new("dropped", "queues: { jobs: {}, old: {} }\n");
    shop.deploy();
    let url = shop.physical_id("OldQueue");
    let body = json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": "5" } });
    shop.json("sqs", "AmazonSQS.SetQueueAttributes", &body);
    shop.declare("queues: { jobs: {} }\n");
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(has(&plan, &["- delete SQS Queue", "dropped-dev-old"]), "{}", plan.text());
    let refused = shop.ends(6, &["deploy", "--yes"]);
    assert!(refused.stderr.contains("--allow delete-data"), "{}", refused.text());
    shop.ends(0, &["deploy", "--yes", "--allow", "delete-data"]);
    shop.is_settled();
}

/// `plan` as somebody else than the account's root, who may do anything but `denied`.
fn plan_as(shop: &Shop, user: &str, denied: &[&str], arguments: &[&str]) -> Run {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": denied, "Resource": "*" },
    ] });
    shop.query("iam", "CreateUser", &[("UserName", user)]);
    let document = policy.to_string();
    let parameters = [("UserName", user), ("PolicyName", "all-but"), ("PolicyDocument", document.as_str())];
    shop.query("iam", "PutUserPolicy", &parameters);
    let key = shop.query("iam", "CreateAccessKey", &[("UserName", user)]);
    let part = |tag: &str| {
        let (_, rest) = key.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("{key}"));
        rest.split('<').next().unwrap_or_default().to_owned()
    };
    // The sandbox by its address alone: with `--sandbox` the caller would be root.
    let mut command = shop.project.command(&[&["plan"], arguments].concat());
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", shared().port)).env("AWS_REGION", REGION);
    command.env("AWS_ACCESS_KEY_ID", part("AccessKeyId")).env("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey"));
    shop.project.ended(&command.output().expect("the built binary runs"))
}

#[test]
fn what_the_caller_may_not_read_is_told_and_the_rest_is_planned() {
    let text = |greeting: &str| format!("functions:\n  hello: {{ code: {PYTHON}, env: {{ GREETING: {greeting} }} }}\n");
    let shop = Shop::new("unread", &text("hi"));
    shop.deploy();
    let denied = ["iam:GetRole", "iam:GetRolePolicy", "lambda:GetPolicy", "logs:DescribeLogGroups"];
    shop.declare(&text("hello"));
    let plan = plan_as(&shop, "reader", &denied, &[]);
    assert_eq!(plan.code, 0, "{}", plan.text());
    assert!(has(&plan, &["Environment.Variables.GREETING: hi → hello"]), "{}", plan.text());
    for line in [
        "note: not verified against AWS: HelloRole: the caller may not iam:GetRole",
        "note: not verified against AWS: /aws/lambda/unread-dev-hello: the caller may not logs:DescribeLogGroups",
        "note: not verified against AWS: what others attached: the caller may not lambda:GetPolicy",
    ] {
        assert!(plan.stdout.lines().any(|found| found == line), "{line}\n{}", plan.text());
    }
    assert!(has(&plan, &["to update", "; 3 not verified."]), "{}", plan.text());
}
