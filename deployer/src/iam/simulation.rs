//! Questions whose answers show that a policy is what it says: what it allows, and its nearest neighbours, which it must
//! not. Pure; takes policy documents as IAM keeps them, without intrinsic functions.

use super::actions;
use serde_json::Value;
use std::collections::BTreeSet;

/// May the role do this?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(crate) action: String,
    /// An ARN without wildcards, or `*`.
    pub(crate) resource: String,
    /// Keys with values, as they stand in the request.
    pub(crate) context: Vec<(String, String)>,
    /// Whether it has to be allowed.
    pub(crate) allowed: bool,
}

/// Neighbours of an action that are asked about.
const NEIGHBOURS: usize = 3;

/// The questions about the policies of one role. What two of its statements allow together is no neighbour of either.
pub(crate) fn questions(documents: &[Value]) -> Vec<Question> {
    let all: Vec<&Value> = documents.iter().flat_map(|document| list(&document["Statement"])).collect();
    let allows: Vec<&Value> = all.iter().copied().filter(|statement| statement["Effect"] == "Allow").collect();
    let mut found = BTreeSet::new();
    for statement in &allows {
        let context = context(&statement["Condition"]);
        for action in texts(&statement["Action"]) {
            for resource in texts(&statement["Resource"]) {
                let example = resource.replace('*', "example").replace('?', "x");
                let example = if resource == "*" { resource.to_owned() } else { example };
                let ask = |action: &str, resource: String, context: &[(String, String)], allowed: bool| Question {
                    action: action.to_owned(),
                    resource,
                    context: context.to_vec(),
                    allowed,
                };
                if !is_denied(&all, action) {
                    found.insert(ask(action, example.clone(), &context, true));
                }
                for other in neighbours(action).filter(|other| !is_named(&allows, other)) {
                    found.insert(ask(&other, example.clone(), &context, false));
                }
                let elsewhere = elsewhere(&example);
                if resource != "*" && !is_covered(&allows, action, &elsewhere) {
                    found.insert(ask(action, elsewhere, &context, false));
                }
                // The same without what the condition asks for.
                if !context.is_empty() && !is_allowed_plainly(&allows, action, &example) {
                    found.insert(ask(action, example, &[], false));
                }
            }
        }
    }
    found.into_iter().collect()
}

/// Actions of the same service beside this one, that take the same types.
fn neighbours(action: &str) -> impl Iterator<Item = String> + use<> {
    let (prefix, name) = action.split_once(':').unwrap_or((action, ""));
    let service = actions::service(prefix);
    let own = service.and_then(|service| service.action(name));
    let kinds = own.map(|own| own.kinds.clone()).unwrap_or_default();
    let names: Vec<&'static str> = service.into_iter().flat_map(actions::Service::names).collect();
    let at = names.iter().position(|known| known.eq_ignore_ascii_case(name)).unwrap_or_default();
    let prefix = prefix.to_owned();
    let near = (1..names.len()).map(move |step| names[(at + step) % names.len()]);
    let alike = near.filter(move |name| {
        service.and_then(|service| service.action(name)).is_some_and(|action| action.kinds == kinds)
    });
    alike.take(NEIGHBOURS).map(move |name| format!("{prefix}:{name}"))
}

/// Another resource of the same kind: its name goes on.
fn elsewhere(arn: &str) -> String {
    match arn.split_once(":::").filter(|_| arn.contains(":s3:")) {
        // Another bucket, with the same key.
        Some((head, rest)) => match rest.split_once('/') {
            Some((bucket, key)) => format!("{head}:::{bucket}-other/{key}"),
            None => format!("{head}:::{rest}-other"),
        },
        None => {
            let mut parts: Vec<String> = arn.splitn(6, ':').map(str::to_owned).collect();
            if let Some(own) = parts.last_mut() {
                *own = match own.split_once([':', '/']) {
                    Some((kind, rest)) => {
                        let mark = &own[kind.len()..=kind.len()];
                        format!("{kind}{mark}other-{rest}")
                    }
                    None => format!("other-{own}"),
                };
            }
            parts.join(":")
        }
    }
}

/// The keys of the conditions that ask for a value, with their first one.
fn context(condition: &Value) -> Vec<(String, String)> {
    let positive = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"];
    let operators = condition.as_object().into_iter().flatten();
    let keys = operators.filter(|(operator, _)| positive.contains(&operator.as_str()));
    let keys = keys.filter_map(|(_, keys)| keys.as_object()).flatten();
    keys.filter_map(|(key, value)| Some((key.clone(), texts(value).first()?.replace('*', "example")))).collect()
}

fn is_named(statements: &[&Value], action: &str) -> bool {
    statements.iter().any(|statement| {
        texts(&statement["Action"]).iter().any(|pattern| actions::fits(&pattern.to_lowercase(), &action.to_lowercase()))
    })
}

fn is_denied(statements: &[&Value], action: &str) -> bool {
    let denies: Vec<&Value> = statements.iter().copied().filter(|statement| statement["Effect"] == "Deny").collect();
    // A denial under a condition is about other requests.
    let plain: Vec<&Value> = denies.into_iter().filter(|statement| statement["Condition"].is_null()).collect();
    is_named(&plain, action)
}

fn is_covered(statements: &[&Value], action: &str, resource: &str) -> bool {
    statements.iter().any(|statement| {
        is_named(&[statement], action)
            && texts(&statement["Resource"]).iter().any(|pattern| actions::fits(pattern, resource))
    })
}

fn is_allowed_plainly(statements: &[&Value], action: &str, resource: &str) -> bool {
    let plain: Vec<&Value> =
        statements.iter().copied().filter(|statement| context(&statement["Condition"]).is_empty()).collect();
    is_covered(&plain, action, resource)
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::evaluator::{Request, Verdict, decide};
    use serde_json::json;

    fn role() -> Value {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": "arn:aws:sqs:eu-west-1:1:jobs" },
            { "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::files/in/*"] },
            { "Effect": "Allow", "Action": "ses:SendEmail", "Resource": "arn:aws:ses:eu-west-1:1:identity/a@b.c",
              "Condition": { "StringEquals": { "ses:FromAddress": "a@b.c" } } },
            { "Effect": "Allow", "Action": "ec2:CreateNetworkInterface", "Resource": "*" },
            { "Effect": "Deny", "Action": "ec2:CreateNetworkInterface", "Resource": "*",
              "Condition": { "ArnEquals": { "lambda:SourceFunctionArn": "arn:f" } } },
        ] })
    }

    /// The independent evaluator's answers that are not what was expected.
    fn wrong(documents: &[Value], policy: &Value) -> Vec<String> {
        let asked = questions(documents);
        let answer = |question: &Question| {
            let context: Vec<(&str, &str)> =
                question.context.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let request = Request {
                principal: "arn:r",
                action: &question.action,
                resource: &question.resource,
                context: &context,
            };
            decide(policy, request) == Verdict::Allowed
        };
        let wrong = asked.iter().filter(|question| answer(question) != question.allowed);
        wrong.map(|question| format!("{} on {}", question.action, question.resource)).collect()
    }

    #[test]
    fn a_policy_answers_its_own_questions_as_expected() {
        assert_eq!(wrong(&[role()], &role()), Vec::<String>::new());
        let asked = questions(&[role()]);
        let told = |allowed: bool, action: &str| -> Vec<&str> {
            let own = asked.iter().filter(|question| question.allowed == allowed && question.action == action);
            own.map(|question| question.resource.as_str()).collect()
        };
        assert_eq!(told(true, "sqs:DeleteMessage"), ["arn:aws:sqs:eu-west-1:1:jobs"]);
        assert_eq!(told(false, "sqs:DeleteMessage"), ["arn:aws:sqs:eu-west-1:1:other-jobs"]);
        assert_eq!(told(true, "s3:GetObject"), ["arn:aws:s3:::files/in/example"]);
        assert_eq!(told(false, "s3:GetObject"), ["arn:aws:s3:::files-other/in/example"]);
        assert_eq!(told(false, "sqs:ReceiveMessage").len(), 1, "a statement's other action is no neighbour");
        // Without its sender, and to another identity.
        assert_eq!(told(false, "ses:SendEmail").len(), 2);
    }

    #[test]
    fn a_policy_that_is_wider_or_narrower_is_found_out() {
        let mut wider = role();
        wider["Statement"][0]["Action"] = json!("sqs:*");
        assert!(
            wrong(&[role()], &wider).iter().any(|found| found.ends_with("eu-west-1:1:jobs")),
            "{:?}",
            wrong(&[role()], &wider)
        );
        let mut elsewhere = role();
        elsewhere["Statement"][1]["Resource"] = json!("*");
        assert_eq!(wrong(&[role()], &elsewhere), ["s3:GetObject on arn:aws:s3:::files-other/in/example"]);
        let mut any_sender = role();
        any_sender["Statement"][2].as_object_mut().expect("a statement").remove("Condition");
        assert_eq!(wrong(&[role()], &any_sender), ["ses:SendEmail on arn:aws:ses:eu-west-1:1:identity/a@b.c"]);
        let mut narrower = role();
        narrower["Statement"].as_array_mut().expect("a list").remove(1);
        assert_eq!(wrong(&[role()], &narrower), ["s3:GetObject on arn:aws:s3:::files/in/example"]);
    }

    #[test]
    fn another_resource_is_of_the_same_kind() {
        assert_eq!(elsewhere("arn:aws:sqs:r:1:q"), "arn:aws:sqs:r:1:other-q");
        assert_eq!(elsewhere("arn:aws:lambda:r:1:function:f"), "arn:aws:lambda:r:1:function:other-f");
        assert_eq!(
            elsewhere("arn:aws:logs:r:1:log-group:/aws/x:example"),
            "arn:aws:logs:r:1:log-group:other-/aws/x:example"
        );
        assert_eq!(elsewhere("arn:aws:s3:::b"), "arn:aws:s3:::b-other");
        assert_eq!(elsewhere("arn:aws:dynamodb:r:1:table/t"), "arn:aws:dynamodb:r:1:table/other-t");
    }
}
