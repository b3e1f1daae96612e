//! Rules for `access`: verbs that exist, statements that are exact or say why not.

use super::Rule;
use crate::diag::{Diagnostics, nearest};
use crate::iam::{actions, verbs};
use crate::model::Stack;
use crate::model::access::{Access, Grant, Statement, Subject};
use crate::model::reference::{EnvValue, Noun, Target};

pub(super) fn grants(stack: &Stack) -> impl Iterator<Item = &Grant> {
    stack.file.functions.values().flat_map(|function| &function.access).filter_map(|access| match &access.value {
        Access::Grant(grant) => Some(grant),
        _ => None,
    })
}

fn statements(stack: &Stack) -> impl Iterator<Item = &Statement> {
    stack.file.functions.values().flat_map(|function| &function.access).filter_map(|access| match &access.value {
        Access::Statement(statement) => Some(statement),
        _ => None,
    })
}

pub(super) fn known_verbs(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for grant in grants(stack) {
        let subjects = grant.subjects();
        let [subject] = subjects.as_slice() else { continue };
        let known = verbs::of(subject.word());
        for verb in grant.can.iter().filter(|verb| !known.contains(&verb.as_str())) {
            let help = match nearest(verb, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "a {} takes: {}; anything else is {{allow: [service:Action], on: …}}",
                    subject.word(),
                    known.join(", ")
                ),
            };
            diagnostics.push(
                rule.error().at(verb.span, format!("nothing that can be done with a {}", subject.word())).help(help),
            );
        }
    }
}

pub(super) fn wildcards(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for subject in grants(stack).flat_map(Grant::subjects) {
        let Subject::Elsewhere(noun, Target::Name(name)) = subject else { continue };
        // `shop-*` is a family; `*` is all that there is.
        if name.trim_start_matches('/').starts_with(['*', '?']) {
            diagnostics.push(
                rule.error()
                    .at(name.span, format!("every {noun} that matches"))
                    .help("begin with what the names have in common, or write `{allow: […], on: …, because: …}`"),
            );
        }
    }
    for statement in statements(stack) {
        if statement.because.as_ref().is_some_and(|reason| !reason.trim().is_empty()) {
            continue;
        }
        let actions =
            statement.allow.iter().filter(|action| action.contains('*')).map(|action| (action.span, "action"));
        let everything = |on: &EnvValue| matches!(on, EnvValue::Text(text) if text == "*");
        let places = statement.on.iter().filter(|on| everything(&on.value)).map(|on| (on.span, "resource"));
        for (span, what) in actions.chain(places) {
            diagnostics.push(
                rule.error().at(span, format!("every {what} that matches")).help(
                    "name what is needed, or say why not: `because: the action has no resource-level permission`",
                ),
            );
        }
    }
}

pub(super) fn empty(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for grant in grants(stack).filter(|grant| grant.can.is_empty()) {
        let help = match grant.subjects().as_slice() {
            [subject] => format!("add `can: {}`", verbs::of(subject.word()).first().unwrap_or(&"read")),
            _ => "add `can: …`".to_owned(),
        };
        diagnostics.push(rule.error().at(grant.span, "nothing stands under `can`").help(help));
    }
    for statement in statements(stack) {
        if statement.allow.is_empty() {
            diagnostics.push(
                rule.error().at(statement.span, "no action stands under `allow`").help("add `allow: [service:Action]`"),
            );
        }
        if statement.on.is_empty() {
            diagnostics.push(
                rule.error()
                    .at(statement.span, "nothing says what the actions are allowed on")
                    .help("add `on:` with ARNs or references such as {bucket: name}"),
            );
        }
    }
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html> (read 2026-11).
pub(super) fn actions(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let is_action = |text: &str| {
        text == "*"
            || text.split_once(':').is_some_and(|(service, action)| {
                let is_service = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                !service.is_empty()
                    && service.chars().all(is_service)
                    && !action.is_empty()
                    && action.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '?'))
            })
    };
    for action in statements(stack).flat_map(|statement| &statement.allow).filter(|action| !is_action(action)) {
        diagnostics.push(
            rule.error()
                .at(action.span, "an action is a service in lower case, a colon and a name")
                .help("write it as IAM does: `dynamodb:GetItem`"),
        );
    }
}

/// Actions that AWS does not have. Wildcards have to match something.
pub(super) fn known_actions(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for action in statements(stack).flat_map(|statement| &statement.allow) {
        // What is no action at all has been reported.
        let Some((prefix, name)) = action.split_once(':').filter(|(prefix, _)| *prefix == prefix.to_lowercase()) else {
            continue;
        };
        let Some(service) = actions::service(prefix) else {
            let help = match nearest(prefix, actions::services()) {
                Some(near) => format!("did you mean `{near}:{name}`?"),
                None => format!("services are those of {}", actions::source()),
            };
            diagnostics.push(rule.error().at(action.span, format!("`{prefix}` is no service")).help(help));
            continue;
        };
        if service.matching(name).next().is_some() {
            continue;
        }
        let help = match nearest(name, service.names()) {
            Some(near) => format!("did you mean `{prefix}:{near}`?"),
            None => format!("actions are those of {}", actions::source()),
        };
        diagnostics.push(rule.error().at(action.span, format!("{prefix} has no action `{name}`")).help(help));
    }
}

/// Actions that can never apply to what they are allowed on.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html> (read 2026-11).
pub(super) fn resource_types(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for statement in statements(stack) {
        for action in statement.allow.iter().filter(|action| !action.contains(['*', '?'])) {
            let found = action.split_once(':').and_then(|(prefix, name)| {
                let service = actions::service(prefix)?;
                Some((service, service.action(name)?))
            });
            let Some((service, known)) = found else { continue };
            for on in &statement.on {
                let Some(arn) = shape(&on.value).filter(|arn| arn != "*") else { continue };
                if service.takes(known, &arn) {
                    continue;
                }
                let (what, help) = match known.kinds.is_empty() {
                    true => (
                        format!("`{}` knows no resources: this would allow nothing", action.value),
                        "write `on: \"*\"` with `because: no resource-level permission`".to_owned(),
                    ),
                    false => (
                        format!("`{}` never applies to this", action.value),
                        format!("it takes {}", service.arns(known).join(", ")),
                    ),
                };
                diagnostics.push(rule.error().at(on.span, what).at(action.span, "this action").help(help));
            }
        }
    }
}

/// The ARN of a value as far as it is written or follows from its kind.
fn shape(on: &EnvValue) -> Option<String> {
    let arn = |arn: &str| Some(arn.to_owned());
    match on {
        EnvValue::Text(text) => (text == "*" || text.starts_with("arn:")).then(|| text.clone()),
        EnvValue::Declared(Noun::Queue, _) => arn("arn:aws:sqs:region:account:x"),
        EnvValue::Declared(Noun::Topic, _) => arn("arn:aws:sns:region:account:x"),
        EnvValue::Declared(Noun::Bucket, _) => arn("arn:aws:s3:::x"),
        EnvValue::Declared(Noun::Table, _) => arn("arn:aws:dynamodb:region:account:table/x"),
        EnvValue::Declared(Noun::Secret, _) => arn("arn:aws:secretsmanager:region:account:secret:x"),
        EnvValue::Declared(Noun::Function, _) => arn("arn:aws:lambda:region:account:function:x:live"),
        EnvValue::Outside(_) | EnvValue::Raw(_) => None,
    }
}

pub(super) fn beside_role(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for function in stack.file.functions.values() {
        if let (Some(role), Some(access)) = (&function.role, function.access.first()) {
            diagnostics.push(
                rule.error()
                    .at(stack.places.key(access.span), "this would change nothing …")
                    .at(role.span, "… because the role is not made here")
                    .help("remove `role`, or grant the access where the role is made"),
            );
        }
    }
}

pub(super) fn prefixes(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for grant in grants(stack).filter(|grant| grant.prefix.is_some() && grant.bucket.is_none()) {
        diagnostics.push(
            rule.error().at(grant.span, "`prefix` narrows access to a bucket; this is none").help("remove `prefix`"),
        );
    }
}
