//! Policy documents written again in canonical form: what an evaluator of requests is asked to decide the same.

use super::condition::Clause;
use super::parse::{Document, OLD};
use super::pattern::Pattern;
use super::statement::{Scope, Statement, grouped, reduced};
use crate::iam::policy::Effect;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The document in the one form that all documents of the same meaning have, as far as that can be told: actions in
/// lower case, lists sorted, statements merged, nothing said twice.
pub(super) fn canonical(document: &Value) -> Value {
    let Document { units, unknown } = Document::of(Some(document));
    let known = grouped(reduced(units)).into_iter().filter_map(statement);
    let statements: Vec<Value> = known.chain(unknown.into_values()).collect();
    let version = document.get("Version").cloned().unwrap_or_else(|| json!(OLD));
    json!({ "Version": version, "Statement": statements })
}

/// A statement as JSON; `None` for one that is not known yet.
pub(super) fn statement(statement: Statement) -> Option<Value> {
    let Statement::Known { effect, principals, actions, resources, clauses } = statement else { return None };
    let mut object = Map::new();
    let effect = if effect == Effect::Allow { "Allow" } else { "Deny" };
    object.insert("Effect".to_owned(), json!(effect));
    object.extend(scope("Principal", &principals, principal_element));
    object.extend(scope("Action", &actions, list));
    object.extend(scope("Resource", &resources, list));
    object.extend(condition(&clauses).map(|value| ("Condition".to_owned(), value)));
    Some(Value::Object(object))
}

fn scope(key: &str, scope: &Scope, write: impl Fn(&BTreeSet<Pattern>) -> Value) -> Option<(String, Value)> {
    if !scope.except && scope.of.iter().all(Pattern::is_absent) {
        return None;
    }
    let key = if scope.except { format!("Not{key}") } else { key.to_owned() };
    Some((key, write(&scope.of)))
}

fn list(patterns: &BTreeSet<Pattern>) -> Value {
    patterns.iter().map(Pattern::canonical).collect()
}

fn principal_element(patterns: &BTreeSet<Pattern>) -> Value {
    if patterns.iter().any(Pattern::is_everything) {
        return json!("*");
    }
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pattern in patterns {
        match pattern.kind() {
            "?" => return pattern.value.clone(),
            kind => kinds.entry(kind.to_owned()).or_default().push(pattern.value.clone()),
        }
    }
    json!(kinds)
}

/// The clauses as a `Condition` element; `None` when there are none, or one is not known.
fn condition(clauses: &BTreeSet<Clause>) -> Option<Value> {
    let mut operators: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for clause in clauses {
        let values: Vec<Value> =
            clause.values.iter().filter(|value| !value.is_absent()).map(Pattern::canonical).collect();
        // Two clauses of one operator on one key must both hold; JSON has room for them in other spellings.
        let spellings = [&clause.operator, &clause.operator.to_uppercase()]
            .map(|operator| [(operator.clone(), clause.key.clone()), (operator.clone(), clause.key.to_uppercase())]);
        let is_free =
            |(operator, key): &&(String, String)| operators.get(operator).is_none_or(|keys| !keys.contains_key(key));
        if let Some((operator, key)) = spellings.iter().flatten().find(is_free).cloned() {
            operators.entry(operator).or_default().insert(key, Value::Array(values));
        }
    }
    let object: Map<String, Value> =
        operators.into_iter().map(|(operator, keys)| (operator, Value::Object(keys))).collect();
    (!object.is_empty()).then_some(Value::Object(object))
}
