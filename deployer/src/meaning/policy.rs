//! Policies: whether they broaden or narrow, and the exact statements.

use super::{Item, Meaning};
use crate::diff::PropertyChange;
use crate::iam::algebra::{self, Clause, Pattern, Relation, Scope, Statement};
use crate::iam::policy::Effect;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Values that hold a whole policy, or a list of statements; what lies deeper has no meaning of its own.
pub(super) fn meaning(property: &PropertyChange) -> Option<Meaning> {
    let is_list = property.path.rsplit('.').next() == Some("Statement");
    let whole = |value: &Option<Value>| match value {
        Some(statements) if is_list => Some(json!({ "Version": "2012-10-17", "Statement": statements })),
        other => other.clone(),
    };
    let (before, after) = (whole(&property.before), whole(&property.after));
    if !is_list && ![&before, &after].into_iter().flatten().all(is_policy) {
        return None;
    }
    let (before, after) = (before.as_ref(), after.as_ref());
    let (new, gone) = (algebra::added(before, after), algebra::removed(before, after));
    let has = |statements: &[Statement], wanted: Effect| {
        statements.iter().any(|statement| match statement {
            Statement::Known { effect, .. } => *effect == wanted,
            Statement::Unknown(_) => true,
        })
    };
    let gains = has(&new, Effect::Allow) || has(&gone, Effect::Deny);
    let loses = has(&gone, Effect::Allow) || has(&new, Effect::Deny);
    let summary = match algebra::relation(before, after) {
        Relation::Equal => "same meaning, written differently",
        Relation::Wider => "broadens",
        Relation::Narrower => "narrows",
        Relation::Incomparable if gains && loses => "broadens in part, narrows in part",
        Relation::Incomparable => "may broaden",
    };
    let new = new.iter().map(|statement| Item::added(words(statement)));
    let gone = gone.iter().map(|statement| Item::removed(words(statement)));
    Some(Meaning { summary: summary.to_owned(), items: new.chain(gone).collect() })
}

fn is_policy(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            ["Statement", "PolicyDocument", "Effect"].iter().any(|key| object.contains_key(*key))
                || crate::resolve::intrinsic(object).is_some()
                || (!object.is_empty() && object.values().all(is_policy))
        }
        Value::Array(items) => items.iter().all(is_policy),
        Value::String(text) => text.starts_with("arn:") || text.trim_start().starts_with('{'),
        _ => false,
    }
}

/// `allow sqs:SendMessage on arn:… when aws:SourceArn ArnEquals …`
fn words(statement: &Statement) -> String {
    let Statement::Known { effect, principals, actions, resources, clauses } = statement else {
        let Statement::Unknown(value) = statement else { return String::new() };
        return format!("something that is known only once it is deployed: {}", super::brief(value));
    };
    if let Some(attached) = actions.of.iter().find(|action| action.is_managed_policy()) {
        let more = actions.of.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return format!("everything in {}{more}", attached.shown);
    }
    let mut text =
        format!("{} {}", if *effect == Effect::Allow { "allow" } else { "deny" }, listed(actions, "everything"));
    if !is_absent(resources) {
        text.push_str(&format!(" on {}", listed(resources, "everything")));
    }
    if !is_absent(principals) {
        text.push_str(&format!(" to {}", listed(principals, "anybody")));
    }
    let conditions: Vec<String> = clauses.iter().map(clause).collect();
    if !conditions.is_empty() {
        text.push_str(&format!(" when {}", conditions.join(" and ")));
    }
    text
}

fn is_absent(scope: &Scope) -> bool {
    !scope.except && scope.of.iter().all(Pattern::is_absent)
}

fn listed(scope: &Scope, all: &str) -> String {
    let names: Vec<&str> =
        scope.of.iter().map(|pattern| if pattern.is_everything() { all } else { pattern.shown.as_str() }).collect();
    if scope.except { format!("{all} but {}", names.join(", ")) } else { names.join(", ") }
}

fn clause(clause: &Clause) -> String {
    let (operator, key) = &clause.shown;
    format!("{key} {operator} {}", values(&clause.values))
}

fn values(patterns: &BTreeSet<Pattern>) -> String {
    let shown: Vec<&str> = patterns.iter().map(|pattern| pattern.shown.as_str()).collect();
    shown.join(" or ")
}
