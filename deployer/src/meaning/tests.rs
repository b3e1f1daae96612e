//! What differences mean, by kind: one line for the summary, one per item.

use super::*;
use crate::diff::{Action, Cause};
use crate::ids::LogicalId;
use proptest::prelude::*;
use serde_json::json;

#[track_caller]
fn told(kind: &str, path: &str, before: Value, after: Value, around: Value) -> String {
    let some = |value: Value| (!value.is_null()).then_some(value);
    let property =
        PropertyChange { path: path.to_owned(), before: some(before), after: some(after), cause: Cause::Yours };
    let change = Change {
        id: LogicalId::new("X"),
        kind: kind.to_owned(),
        name: "x".to_owned(),
        action: Action::Update,
        cause: Cause::Yours,
        properties: vec![property],
        unverified: None,
    };
    let resource = Resource::new(kind, around);
    let found = of(&change, Some(&resource));
    let Some(meaning) = found.get(path) else { return "(plain)".to_owned() };
    let items = meaning.items.iter().map(|item| format!("\n{} {}", item.sign.mark(), item.text));
    format!("{}{}", meaning.summary, items.collect::<String>())
}

fn policy(statements: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[test]
fn a_policy_says_which_statements_are_new_and_which_are_gone() {
    let arn = json!({ "Fn::GetAtt": ["EmailsQueue", "Arn"] });
    let consume = json!({ "Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": arn });
    let send = json!({
        "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": [arn, "arn:aws:sqs:eu-west-1:1:other"],
        "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
    });
    insta::assert_snapshot!(told("AWS::IAM::Role", "Policies.access", policy(json!([consume])), policy(json!([send, consume])), json!({})), @r"
    broadens
    + allow sqs:SendMessage on arn:aws:sqs:eu-west-1:1:other, ${EmailsQueue.Arn} when aws:SourceAccount StringEquals ${AWS::AccountId}
    ");
    insta::assert_snapshot!(told("AWS::IAM::Role", "Policies.access", policy(json!([consume])), policy(json!([send])), json!({})), @r"
    broadens in part, narrows in part
    + allow sqs:SendMessage on arn:aws:sqs:eu-west-1:1:other, ${EmailsQueue.Arn} when aws:SourceAccount StringEquals ${AWS::AccountId}
    - allow sqs:DeleteMessage, sqs:ReceiveMessage on ${EmailsQueue.Arn}
    ");
    insta::assert_snapshot!(told("AWS::IAM::Role", "Policies.by-hand", policy(json!([send])), json!(null), json!({})), @r"
    narrows
    - allow sqs:SendMessage on arn:aws:sqs:eu-west-1:1:other, ${EmailsQueue.Arn} when aws:SourceAccount StringEquals ${AWS::AccountId}
    ");
    let list = json!([{ "PolicyName": "a", "PolicyDocument": policy(json!(consume)) }]);
    let split = json!([{ "PolicyName": "a", "PolicyDocument": policy(json!([
        { "Effect": "Allow", "Action": "SQS:deletemessage", "Resource": [arn] },
        { "Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": arn, "Sid": "Own" },
    ])) }]);
    insta::assert_snapshot!(told("AWS::IAM::Role", "Policies", list, split, json!({})), @"same meaning, written differently");
}

#[test]
fn trust_and_attached_policies_name_who_and_what() {
    let trust = |service: &str| {
        policy(json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }))
    };
    insta::assert_snapshot!(told("AWS::IAM::Role", "AssumeRolePolicyDocument", trust("lambda.amazonaws.com"), trust("ec2.amazonaws.com"), json!({})), @r"
    broadens in part, narrows in part
    + allow sts:AssumeRole to ec2.amazonaws.com
    - allow sts:AssumeRole to lambda.amazonaws.com
    ");
    let attached = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
    insta::assert_snapshot!(told("AWS::IAM::Role", "ManagedPolicyArns", attached, json!([]), json!({})), @r"
    narrows
    - everything in arn:aws:iam::aws:policy/AdministratorAccess
    ");
    let all = policy(json!({ "Effect": "Deny", "NotAction": "sts:*", "Resource": "*", "Principal": "*" }));
    insta::assert_snapshot!(told("AWS::SQS::QueuePolicy", "PolicyDocument.Statement", all["Statement"].clone(), json!([]), json!({})), @r"
    broadens
    - deny everything but sts:* on everything to anybody
    ");
}

#[test]
fn an_alarm_is_told_with_its_metric_and_its_units() {
    let alarm = json!({
        "MetricName": "Duration", "Statistic": "Maximum", "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 5000, "Period": 60, "EvaluationPeriods": 3,
    });
    let told =
        |path: &str, before: Value, after: Value| told("AWS::CloudWatch::Alarm", path, before, after, alarm.clone());
    insta::assert_snapshot!(told("Threshold", json!(3000), json!(5000)), @"Duration (maximum) >= 3000 ms (3 s) → >= 5000 ms (5 s)");
    insta::assert_snapshot!(told("ComparisonOperator", json!("GreaterThanThreshold"), json!("GreaterThanOrEqualToThreshold")), @"Duration (maximum) > 5000 ms (5 s) → >= 5000 ms (5 s)");
    insta::assert_snapshot!(told("Period", json!(60), json!("300")), @"60 s (1 min) → 300 s (5 min)");
    insta::assert_snapshot!(told("EvaluationPeriods", json!(1), json!(3)), @"1 period of 60 s = 60 s (1 min) → 3 periods of 60 s = 180 s (3 min)");
    insta::assert_snapshot!(told("TreatMissingData", json!(null), json!("notBreaching")), @"(none) → notBreaching (no data is fine)");
    insta::assert_snapshot!(told("AlarmActions", json!(["arn:a"]), json!(["arn:a", "arn:b"])), @r"
    1 difference
    + arn:b
    ");
}

fn widget(title: &str, y: i64, period: i64) -> Value {
    json!({ "type": "metric", "x": 0, "y": y, "width": 12, "height": 6, "properties": { "title": title, "period": period } })
}

#[test]
fn a_dashboard_is_compared_widget_by_widget() {
    let before = json!({ "widgets": [widget("Errors", 0, 60), widget("Latency", 6, 60), { "type": "text", "x": 0, "y": 12, "width": 24, "height": 2, "properties": { "markdown": "\n# Runbook\nold" } }] });
    let after = json!({ "widgets": [widget("Latency", 0, 300), widget("Throttles", 6, 60), { "type": "text", "x": 0, "y": 12, "width": 24, "height": 2, "properties": { "markdown": "\n# Runbook\nnew" } }] });
    let expected = told("AWS::CloudWatch::Dashboard", "DashboardBody", before.clone(), after.clone(), json!({}));
    insta::assert_snapshot!(expected, @r"
    1 widget added, 1 widget removed, 2 widgets changed
    + “Throttles” (12×6 at 0,6)
    - “Errors” (12×6 at 0,0)
    ~ “Latency” moves from 12×6 at 0,6 to 12×6 at 0,0
    ~ “Latency”: period: 60 → 300
    ~ “Runbook”: markdown: ⏎# Runbook⏎old → ⏎# Runbook⏎new
    ");
    let text = |body: &Value| json!({ "Fn::Sub": body.to_string() });
    assert_eq!(
        told("AWS::CloudWatch::Dashboard", "DashboardBody", text(&before), json!(after.to_string()), json!({})),
        expected
    );
    assert_eq!(
        told(
            "AWS::CloudWatch::Dashboard",
            "DashboardBody.widgets",
            before["widgets"].clone(),
            after["widgets"].clone(),
            json!({})
        ),
        expected,
    );
}

#[test]
fn json_in_a_text_is_compared_by_path() {
    let before = r#"{"detail":{"status":["paid"]},"source":["shop"]}"#;
    let after = r#"{ "source": ["shop", "web"], "detail": { "status": ["failed"] }, "x": 1 }"#;
    insta::assert_snapshot!(told("AWS::Events::Rule", "Input", json!(before), json!(after), json!({})), @r#"
    4 differences
    + source: web
    + detail.status: failed
    - detail.status: paid
    + x: 1
    "#);
    insta::assert_snapshot!(told("AWS::Events::Rule", "Input", json!("{\"a\":1}"), json!("{ \"a\": 1 }"), json!({})), @"the same JSON, written differently");
    let targets = |input: &str| json!([{ "Id": "a", "Arn": "x" }, { "Id": "live", "Arn": "y", "Input": input }]);
    insta::assert_snapshot!(told("AWS::Events::Rule", "Targets", targets("1"), targets("2"), json!({})), @r"
    1 difference
    ~ [live].Input: 1 → 2
    ");
}

#[test]
fn numbers_have_their_units_and_long_texts_are_compared_by_line() {
    insta::assert_snapshot!(told("AWS::Lambda::Function", "MemorySize", json!(128), json!(256), json!({})), @"128 → 256 MB");
    insta::assert_snapshot!(told("AWS::SQS::Queue", "MessageRetentionPeriod", json!(345_600), json!(null), json!({})), @"345600 s (4 days) → (none)");
    insta::assert_snapshot!(told("AWS::Lambda::Function", "Code.ZipFile", json!("import os\ndef f():\n  return 1\n"), json!("import os\ndef f():\n  return 2\n"), json!({})), @r"
    1 line in, 1 out
      def f():
    -   return 1
    +   return 2
    ");
    assert_eq!(told("AWS::Lambda::Function", "Description", json!("a"), json!("b"), json!({})), "(plain)");
    assert_eq!(
        told("AWS::Lambda::Function", "Environment.Variables.X", json!("digest:00"), json!("digest:11"), json!({})),
        "(plain)"
    );
}

#[test]
fn very_many_differences_are_counted() {
    let many: Vec<Value> = (0..500).map(|number| json!(number)).collect();
    let told = told("AWS::X::Y", "List", json!([]), json!(many), json!({}));
    assert_eq!(told.lines().count(), 102, "{told}");
    assert!(told.ends_with("  … 400 more"), "{told}");
}

fn json_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        proptest::sample::select(
            &["Allow", "*", "s3:*", "{\"widgets\":[{}]}", "[1]", "digest:00", "60", "-1e999", "é\n日", ""][..]
        )
        .prop_map(|word| json!(word)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|flag| json!(flag)),
        Just(Value::Null),
    ];
    let keys = &[
        "Statement",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "Principal",
        "Condition",
        "AWS",
        "Fn::Sub",
        "Ref",
        "widgets",
        "properties",
        "title",
        "Id",
        "PolicyDocument",
    ][..];
    word.prop_recursive(4, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((proptest::sample::select(keys), inner), 0..4).prop_map(|entries| Value::Object(
                entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Templates hold anything, also where a policy or a dashboard should stand.
    #[test]
    fn no_value_is_too_odd_to_be_told(before in json_value(), after in json_value()) {
        let paths = [
            ("AWS::IAM::Role", "Policies.x"), ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
            ("AWS::SQS::QueuePolicy", "PolicyDocument.Statement"), ("AWS::CloudWatch::Dashboard", "DashboardBody"),
            ("AWS::CloudWatch::Alarm", "Threshold"), ("AWS::CloudWatch::Alarm", "Period"),
            ("AWS::Lambda::Function", "Timeout"), ("AWS::X::Y", "Z"),
        ];
        for (kind, path) in paths {
            let told = told(kind, path, before.clone(), after.clone(), json!({ "Threshold": before, "Period": after }));
            prop_assert!(!told.is_empty());
        }
        let one = Some(&before);
        prop_assert_eq!(crate::iam::algebra::relation(one, one), crate::iam::algebra::Relation::Equal);
        prop_assert!(json::items(&before, &before).is_empty());
    }
}
