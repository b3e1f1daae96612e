//! Rules for `suppress`: a reason, and something that can be found. Whether it was found is known when the code is built.

use super::Rule;
use crate::diag::{Diagnostics, nearest};
use crate::iam::{actions, grants, operations, reach::Operation};
use crate::model::Stack;
use crate::model::access::Access;
use crate::model::function::Function;

pub(super) fn reasons(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let all = stack.file.functions.values().flat_map(|function| &function.suppress);
    for suppression in all.filter(|suppression| suppression.because.trim().is_empty()) {
        diagnostics.push(
            rule.error()
                .at(suppression.because.span, "nothing stands here")
                .help("say why, for whoever reads it in a year: `because: the nightly export writes there`"),
        );
    }
}

pub(super) fn targets(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for function in stack.file.functions.values() {
        if let (Some(role), Some(first)) = (&function.role, function.suppress.first()) {
            diagnostics.push(
                rule.error()
                    .at(first.span, "nothing is compared here …")
                    .at(role.span, "… because the role is not made here")
                    .help("remove `suppress`"),
            );
            continue;
        }
        for suppression in &function.suppress {
            let listed = suppression.listed();
            if listed.is_empty() {
                diagnostics.push(
                    rule.error()
                        .at(suppression.span, "it does not say what")
                        .help("add `excess: service:Action`, `missing: service:Action` or `never: sdk.operation`"),
                );
            }
            for (key, entry) in listed {
                let problem = match key {
                    "never" => no_operation(entry),
                    "excess" => no_action(entry).or_else(|| not_granted(function, entry)),
                    _ => no_action(entry),
                };
                if let Some((what, help)) = problem {
                    diagnostics.push(rule.error().at(entry.span, what).help(help));
                }
            }
        }
    }
}

type Problem = Option<(String, String)>;

fn no_operation(text: &str) -> Problem {
    let is_known = Operation::parse(text).is_some_and(|operation| operations::needs(&operation).is_some());
    let help = "write the SDK's crate and the client's method: `sqs.purge_queue`; `deployer iam check` names them so";
    (!is_known).then(|| ("no operation of an SDK".to_owned(), help.to_owned()))
}

fn no_action(text: &str) -> Problem {
    let known = text.split_once(':').and_then(|(service, name)| Some((service, name, actions::service(service)?)));
    let Some((prefix, name, service)) = known else {
        return Some(("no action of AWS".to_owned(), "write it as IAM does: `s3:PutObject`".to_owned()));
    };
    let help = match nearest(name, service.names()) {
        Some(near) => format!("did you mean `{prefix}:{near}`?"),
        None => format!("actions are those of {}", actions::source()),
    };
    service.matching(name).next().is_none().then(|| (format!("{prefix} has no action `{name}`"), help))
}

/// Only what `access:` grants can be too much.
fn not_granted(function: &Function, action: &str) -> Problem {
    let granted: Vec<&str> = function.access.iter().flat_map(|access| actions_of(&access.value)).collect();
    let help = match nearest(action, granted.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "remove it".to_owned(),
    };
    let is_there = granted.iter().any(|known| known.eq_ignore_ascii_case(action));
    (!is_there).then(|| ("nothing under `access` of this function grants it".to_owned(), help))
}

fn actions_of(access: &Access) -> Vec<&str> {
    match access {
        Access::Grant(grant) => {
            let verbs = grant
                .subjects()
                .into_iter()
                .flat_map(|subject| grant.can.iter().filter_map(move |verb| grants::find(subject.word(), verb)));
            verbs.flat_map(|verb| verb.actions.iter().copied()).collect()
        }
        Access::Statement(statement) => statement.allow.iter().map(|action| action.value.as_str()).collect(),
        Access::Managed(_) => Vec::new(),
    }
}
