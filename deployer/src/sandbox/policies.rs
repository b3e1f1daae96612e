//! Policies for MiniStack: what it would judge otherwise than AWS does.
//!
//! Pure. Measured on 1.5.33, with `AUTH=true`:
//!
//! | statement | what happens |
//! | --- | --- |
//! | refuses plain HTTP | goes: MiniStack speaks nothing else, and holds functions to it |
//! | allows under a condition about permissions boundaries, passed roles or a mapping's function | the condition goes: MiniStack does not know these keys, so that the statement would allow nothing. `iam:CreateRole` keeps its condition, and with it nobody makes a role but through CloudFormation, which MiniStack does not hold to anybody's rights |
//! | allows to send mail | allows it as any sender: MiniStack judges `SendEmail` of SES v2 without a resource and without `ses:FromAddress`, so a statement that names them would allow nothing |

use crate::cfn::{Resource, Template};
use serde_json::{Value, json};

/// Rewrites the policies of a template; what is lost, a line each.
pub(super) fn adapt(template: &mut Template) -> Vec<String> {
    let mut notes = Vec::new();
    let mut lost = |adapt: fn(&mut Resource) -> bool, note: &str| {
        if template.resources.values_mut().map(adapt).filter(|is_changed| *is_changed).count() > 0 {
            notes.push(format!("without effect: {note}"));
        }
    };
    lost(let_plain_http_in, "statements that refuse plain HTTP (it speaks nothing else)");
    lost(let_mail_out, "the sender that mail is limited to (it looks at the action only)");
    lost(let_unknown_keys_go, "conditions on boundaries, passed roles and mappings (it knows no such keys)");
    notes
}

/// Takes conditions out that would never hold here; says whether there were any.
fn let_unknown_keys_go(resource: &mut Resource) -> bool {
    let documents = resource.properties.get_mut("PolicyDocument").into_iter();
    let mut is_changed = false;
    for statement in documents.filter_map(|document| document["Statement"].as_array_mut()).flatten() {
        let makes_roles =
            statement["Action"].as_array().is_some_and(|actions| actions.contains(&json!("iam:CreateRole")));
        if statement["Effect"] != "Allow" || makes_roles {
            continue;
        }
        if let Some(operators) = statement.get_mut("Condition").and_then(Value::as_object_mut) {
            for keys in operators.values_mut().filter_map(Value::as_object_mut) {
                let before = keys.len();
                keys.retain(|key, _| !UNKNOWN_KEYS.contains(&key.as_str()));
                is_changed |= keys.len() < before;
            }
            operators.retain(|_, keys| keys.as_object().is_none_or(|keys| !keys.is_empty()));
        }
    }
    is_changed
}

/// Condition keys that MiniStack never gives a request.
const UNKNOWN_KEYS: [&str; 3] = ["iam:PassedToService", "iam:PermissionsBoundary", "lambda:FunctionArn"];

/// Takes the statements out of a resource's policy that deny whatever comes without TLS; says whether there were any.
fn let_plain_http_in(resource: &mut Resource) -> bool {
    let policy = resource.properties.get_mut("PolicyDocument");
    let Some(statements) = policy.and_then(|policy| policy.get_mut("Statement")).and_then(Value::as_array_mut) else {
        return false;
    };
    let before = statements.len();
    statements.retain(|statement| {
        statement["Effect"] != "Deny" || statement["Condition"]["Bool"]["aws:SecureTransport"] != "false"
    });
    statements.len() < before
}

/// Lets a role's statements about mail hold for any identity and any sender; says whether there were any.
fn let_mail_out(resource: &mut Resource) -> bool {
    let own = resource.properties.get_mut("PolicyDocument").into_iter().collect::<Vec<_>>();
    if !own.is_empty() {
        return own.into_iter().map(let_mail_out_of).filter(|is_changed| *is_changed).count() > 0;
    }
    let policies = resource.properties.get_mut("Policies").and_then(Value::as_array_mut).into_iter().flatten();
    policies
        .filter_map(|policy| policy.get_mut("PolicyDocument"))
        .map(let_mail_out_of)
        .filter(|changed| *changed)
        .count()
        > 0
}

fn let_mail_out_of(document: &mut Value) -> bool {
    let mut is_changed = false;
    for statement in document["Statement"].as_array_mut().into_iter().flatten() {
        let actions = &statement["Action"];
        let mut actions = actions.as_array().map_or(std::slice::from_ref(actions), Vec::as_slice).iter();
        let is_mail = actions.all(|action| action.as_str().is_some_and(|action| action.starts_with("ses:Send")));
        if !is_mail || statement["Effect"] != "Allow" {
            continue;
        }
        statement["Resource"] = json!("*");
        if let Some(operators) = statement.get_mut("Condition").and_then(Value::as_object_mut) {
            for keys in operators.values_mut().filter_map(Value::as_object_mut) {
                keys.retain(|key, _| !key.starts_with("ses:"));
            }
            operators.retain(|_, keys| keys.as_object().is_none_or(|keys| !keys.is_empty()));
        }
        is_changed = true;
    }
    is_changed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rewrites a template with one resource; its properties afterwards, and what is said.
    fn adapted(kind: &str, properties: Value) -> (Value, Vec<String>) {
        let template = json!({ "Resources": { "It": { "Type": kind, "Properties": properties } } });
        let mut template: Template = serde_json::from_value(template).expect("a template");
        let notes = adapt(&mut template);
        let after = serde_json::to_value(template).expect("JSON");
        (after["Resources"]["It"]["Properties"].clone(), notes)
    }

    #[test]
    fn statements_that_refuse_plain_http_go_and_are_named() {
        let deny = |condition: Value| json!({ "Effect": "Deny", "Action": "s3:*", "Condition": condition });
        let (insecure, elsewhere) = (
            deny(json!({ "Bool": { "aws:SecureTransport": "false" } })),
            deny(json!({ "StringNotEquals": { "aws:RequestedRegion": "eu-west-1" } })),
        );
        let policy = |statements: Value| json!({ "PolicyDocument": { "Statement": statements } });
        let (after, notes) = adapted("AWS::S3::BucketPolicy", policy(json!([insecure, elsewhere])));
        assert_eq!(notes, ["without effect: statements that refuse plain HTTP (it speaks nothing else)"]);
        assert_eq!(after, policy(json!([elsewhere])));
        assert!(adapted("AWS::S3::BucketPolicy", policy(json!([elsewhere]))).1.is_empty());
    }

    #[test]
    fn conditions_that_never_hold_here_go_but_for_making_roles() {
        let statement = |action: &str, condition: Value| json!({ "Effect": "Allow", "Action": [action], "Resource": "*", "Condition": condition });
        let policy = |one: Value, two: Value| json!({ "PolicyDocument": { "Statement": [one, two] } });
        let bounded = json!({ "ArnEquals": { "iam:PermissionsBoundary": "arn:b" } });
        let both = json!({ "ArnLike": { "lambda:FunctionArn": "arn:f" }, "Bool": { "aws:ViaAWSService": "true" } });
        let (after, notes) = adapted(
            "AWS::IAM::ManagedPolicy",
            policy(statement("iam:CreateRole", bounded.clone()), statement("lambda:GetEventSourceMapping", both)),
        );
        assert_eq!(
            notes,
            ["without effect: conditions on boundaries, passed roles and mappings (it knows no such keys)"]
        );
        let rest = json!({ "Bool": { "aws:ViaAWSService": "true" } });
        assert_eq!(
            after,
            policy(statement("iam:CreateRole", bounded), statement("lambda:GetEventSourceMapping", rest))
        );
    }

    #[test]
    fn mail_is_allowed_as_any_sender_and_nothing_else_becomes_wider() {
        let statement = |action: &str, resource: &str, condition: Value| json!({ "Effect": "Allow", "Action": [action], "Resource": resource, "Condition": condition });
        let queue = statement("sqs:SendMessage", "arn:q", json!({ "StringEquals": { "ses:FromAddress": "a@b.c" } }));
        let identities = statement("ses:CreateEmailIdentity", "arn:i", json!({}));
        let policies =
            |mail: Value| json!({ "Policies": [{ "PolicyDocument": { "Statement": [queue, mail, identities] } }] });
        let both = json!({ "StringEquals": { "ses:FromAddress": "a@b.c", "aws:PrincipalTag/x": "y" }, "StringLike": { "ses:FromAddress": "*@b.c" } });
        let (after, notes) = adapted("AWS::IAM::Role", policies(statement("ses:SendEmail", "arn:i", both)));
        assert_eq!(notes, ["without effect: the sender that mail is limited to (it looks at the action only)"]);
        let rest = json!({ "StringEquals": { "aws:PrincipalTag/x": "y" } });
        assert_eq!(after, policies(statement("ses:SendEmail", "*", rest)));

        let one = |resource: &str| json!({ "PolicyDocument": { "Statement": [{ "Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": resource }] } });
        assert_eq!(adapted("AWS::IAM::Policy", one("arn:i")).0, one("*"));
        let deny = json!({ "PolicyDocument": { "Statement": [{ "Effect": "Deny", "Action": "ses:SendEmail", "Resource": "arn:i" }] } });
        assert_eq!(adapted("AWS::IAM::Policy", deny.clone()), (deny, vec![]));
    }
}
