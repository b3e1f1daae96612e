//! What the deployer's role and the boundary may do, against what is needed.

use super::needs::{COVERED, ROWS, WITHHELD};
use super::{Github, Site, bootstrap, length, packed};
use crate::iam::actions;
use crate::iam::evaluator::{Request, Verdict, decide};
use crate::iam::policy::Statement;
use crate::synth::tests::stack;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The policies of the deploy role and the boundary, pseudo parameters and references put in.
fn made(sections: Value) -> (Value, Value) {
    let stack = stack(sections);
    let github = Github { repository: "acme/shop".to_owned(), branches: vec!["main".to_owned()], ..Github::default() };
    let site = Site { region: "eu-west-1", stacks: vec![&stack], github: Some(github) };
    let made = bootstrap(&site).expect("it fits").template;
    let text = serde_json::to_string(&made).expect("a template is JSON");
    let text = text
        .replace(r#"{"Ref":"Boundary"}"#, "\"arn:aws:iam::1:policy/limit\"")
        .replace("${AWS::Partition}", "aws")
        .replace("${AWS::AccountId}", "1");
    let mut template: Value = serde_json::from_str(&text).expect("JSON");
    plain(&mut template);
    let resources = template["Resources"].as_object().expect("a map");
    let deploy = resources.iter().filter(|(id, _)| id.starts_with("DeployPolicy"));
    let statements: Vec<Value> = deploy
        .flat_map(|(_, policy)| policy["Properties"]["PolicyDocument"]["Statement"].as_array().expect("a list").clone())
        .collect();
    (json!({ "Statement": statements }), resources["Boundary"]["Properties"]["PolicyDocument"].clone())
}

/// `{"Fn::Sub": text}` → text.
fn plain(value: &mut Value) {
    match value {
        Value::Object(map) => match map.get("Fn::Sub").and_then(Value::as_str) {
            Some(text) => *value = json!(text),
            None => map.values_mut().for_each(plain),
        },
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

fn everything() -> Value {
    json!({
        "functions": { "f": { "crate": "f", "triggers": [{ "queue": "jobs" }, { "http": "GET /f" }] } },
        "queues": { "jobs": {} }, "buckets": { "files": {} }, "secrets": { "key": {} },
    })
}

fn asks<'a>(action: &'a str, resource: &'a str, context: &'a [(&'a str, &'a str)]) -> Request<'a> {
    Request { principal: "arn:role", action, resource, context }
}

#[test]
fn the_deploy_role_may_work_on_its_stacks_and_on_nothing_else() {
    let (deploy, _) = made(everything());
    let bounded: &[(&str, &str)] = &[("iam:PermissionsBoundary", "arn:aws:iam::1:policy/limit")];
    let other: &[(&str, &str)] = &[("iam:PermissionsBoundary", "arn:aws:iam::1:policy/none")];
    let lambda: &[(&str, &str)] = &[("iam:PassedToService", "lambda.amazonaws.com")];
    let ec2: &[(&str, &str)] = &[("iam:PassedToService", "ec2.amazonaws.com")];
    let role = "arn:aws:iam::1:role/shop-dev-FRole-1";
    let allowed = [
        ("cloudformation:CreateChangeSet", "arn:aws:cloudformation:eu-west-1:1:stack/shop-dev/1", &[][..]),
        ("lambda:UpdateAlias", "arn:aws:lambda:eu-west-1:1:function:shop-dev-f", &[]),
        ("sqs:CreateQueue", "arn:aws:sqs:eu-west-1:1:shop-dev-jobs", &[]),
        ("s3:PutObject", "arn:aws:s3:::deployer-1-eu-west-1/releases/shop-dev/1.json", &[]),
        ("secretsmanager:CreateSecret", "arn:aws:secretsmanager:eu-west-1:1:secret:shop/dev/key-abcdef", &[]),
        ("iam:CreateRole", role, bounded),
        ("iam:PutRolePolicy", role, bounded),
        ("iam:PassRole", role, lambda),
    ];
    for (action, resource, context) in allowed {
        assert_eq!(decide(&deploy, asks(action, resource, context)), Verdict::Allowed, "{action} on {resource}");
    }
    let refused = [
        ("cloudformation:CreateChangeSet", "arn:aws:cloudformation:eu-west-1:1:stack/other-dev/1", &[][..]),
        ("cloudformation:CreateChangeSet", "arn:aws:cloudformation:eu-west-1:1:stack/deployer-bootstrap/1", &[]),
        ("lambda:UpdateAlias", "arn:aws:lambda:eu-west-1:1:function:shop-prod-f", &[]),
        ("lambda:UpdateAlias", "arn:aws:lambda:us-east-1:1:function:shop-dev-f", &[]),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:shop-dev-jobs", &[]),
        ("s3:GetObject", "arn:aws:s3:::shop-dev-files-1/a", &[]),
        ("s3:PutObject", "arn:aws:s3:::deployer-1-eu-west-1/releases/other-dev/1.json", &[]),
        ("s3:DeleteObject", "arn:aws:s3:::deployer-1-eu-west-1/releases/shop-dev/1.json", &[]),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:1:secret:shop/dev/key-abcdef", &[]),
        ("iam:CreateRole", role, &[]),
        ("iam:CreateRole", role, other),
        ("iam:CreateRole", "arn:aws:iam::1:role/admin", bounded),
        ("iam:PutRolePolicy", role, &[]),
        ("iam:PutRolePolicy", "arn:aws:iam::1:role/deployer/deployer-eu-west-1", bounded),
        ("iam:PassRole", role, ec2),
        ("iam:PassRole", role, &[]),
        ("iam:DeleteRolePermissionsBoundary", role, bounded),
        ("iam:CreatePolicyVersion", "arn:aws:iam::1:policy/limit", &[]),
        // Nothing here is a topic.
        ("sns:CreateTopic", "arn:aws:sns:eu-west-1:1:shop-dev-news", &[]),
    ];
    for (action, resource, context) in refused {
        assert_ne!(decide(&deploy, asks(action, resource, context)), Verdict::Allowed, "{action} on {resource}");
    }
}

#[test]
fn the_boundary_lets_verbs_and_exact_statements_through_and_no_escalation() {
    let exact = json!([{ "allow": "states:StartExecution", "on": "arn:aws:states:eu-west-1:1:stateMachine:m" }]);
    let (_, boundary) = made(json!({ "functions": { "f": { "crate": "f", "access": exact } } }));
    for action in ["sqs:SendMessage", "logs:PutLogEvents", "kms:Decrypt", "states:StartExecution"] {
        assert_eq!(decide(&boundary, asks(action, "arn:x", &[])), Verdict::Allowed, "{action}");
    }
    assert_eq!(decide(&boundary, asks("states:StopExecution", "arn:x", &[])), Verdict::Nothing);
    for action in ["iam:CreateRole", "iam:PassRole", "lambda:UpdateFunctionCode", "cloudformation:CreateStack"] {
        assert_eq!(decide(&boundary, asks(action, "arn:x", &[])), Verdict::Denied, "{action}");
    }
    let ledger = asks("s3:PutObject", "arn:aws:s3:::deployer-1-eu-west-1/artifacts/x.zip", &[]);
    assert_eq!(decide(&boundary, ledger), Verdict::Denied);
}

#[test]
fn every_action_exists_and_takes_what_it_is_granted_on() {
    for row in ROWS {
        for action in row.direct.iter().chain(row.handlers) {
            let (prefix, name) = action.split_once(':').expect("service:Action");
            let service = actions::service(prefix).unwrap_or_else(|| panic!("{action} is of no service"));
            let known = service.action(name).unwrap_or_else(|| panic!("{action} does not exist"));
            assert_eq!(known.name, name, "its name as AWS writes it");
            let is_star = row.on == ["*"];
            // HTTP APIs are another service under the same prefix, which the table does not tell apart.
            assert!(
                is_star || prefix == "apigateway" || !known.kinds.is_empty(),
                "{action} knows no resource: {}",
                row.name
            );
        }
    }
    let withheld: BTreeSet<&str> = WITHHELD.iter().map(|(action, _)| *action).collect();
    let granted = ROWS.iter().flat_map(|row| row.direct.iter().chain(row.handlers));
    let both: Vec<&&str> = granted.filter(|action| withheld.contains(**action) && !action.starts_with("s3:")).collect();
    assert_eq!(both, Vec::<&&str>::new(), "withheld and granted");
}

#[test]
fn every_type_that_the_language_makes_is_covered() {
    let made: BTreeSet<String> = crate::repair::kinds().map(str::to_owned).collect();
    let known = |kind: &str| COVERED.contains(&kind) || ROWS.iter().any(|row| row.kinds.contains(&kind));
    let left: Vec<&String> = made.iter().filter(|kind| !known(kind)).collect();
    assert_eq!(left, Vec::<&String>::new());
}

#[test]
fn statements_fill_as_few_policies_as_take_them() {
    let statement = |length: usize| Statement::allow(["s3:GetObject"], vec![json!("x".repeat(length))]);
    let lengths =
        |statements: &[Statement]| packed(statements).map(|policies| policies.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(lengths(&[statement(1000), statement(2000), statement(4000), statement(10)]), Ok(vec![2, 2]));
    assert!(lengths(&[statement(7000)]).is_err(), "IAM takes no such policy");
    assert!(lengths(&vec![statement(6000); 11]).is_err(), "nor so many of them");
    let sub = json!({ "Fn::Sub": "arn:${AWS::Partition}:x:${AWS::AccountId}" });
    assert!(length(&json!([sub])) >= r#"["arn:aws-us-gov:x:000000000000"]"#.len());
}
