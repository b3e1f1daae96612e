//! Policy documents taken apart into units, and written again in canonical form.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html> (read 2026-11).

use super::condition::{self, Clause};
use super::pattern::{MANAGED, Pattern, Reading};
use super::statement::{Element, Unit};
use crate::iam::policy::Effect;
use crate::resolve;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that policies say.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) units: BTreeSet<Unit>,
    /// Statements that are not known before they are deployed, by their text.
    pub(super) unknown: BTreeMap<String, Value>,
}

/// Units that one statement may become; a larger one counts as unknown.
const MOST: usize = 4_000;

/// The version of the policy language where none is given.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html> (read 2026-11).
pub(super) const OLD: &str = "2008-10-17";

impl Document {
    pub(super) fn of(value: Option<&Value>) -> Self {
        let mut document = Self::default();
        if let Some(value) = value {
            document.add(&without_no_value(value), OLD);
        }
        // A permission that the same document denies is none.
        let denied: Vec<Unit> = document.units.iter().filter(|unit| unit.effect == Effect::Deny).cloned().collect();
        if !denied.is_empty() {
            document.units.retain(|unit| unit.effect == Effect::Deny || !denied.iter().any(|deny| deny.covers(unit)));
        }
        document
    }

    /// Whether some unit says at least what `unit` says.
    pub(super) fn holds(&self, unit: &Unit) -> bool {
        self.units.contains(unit) || self.units.iter().any(|own| own.effect == unit.effect && own.covers(unit))
    }

    /// A document, a statement, a policy, or lists and maps of them.
    fn add(&mut self, value: &Value, version: &str) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.add(item, version)),
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(document) if document.is_object() => self.add(&document, version),
                _ => self.attach(value),
            },
            Value::Object(object) => match () {
                () if resolve::intrinsic(object).is_some() => self.attach(value),
                () if object.contains_key("PolicyDocument") => self.add(&object["PolicyDocument"], version),
                () if object.contains_key("Statement") => {
                    let version = object.get("Version").and_then(Value::as_str).unwrap_or(OLD);
                    self.add(&object["Statement"], version);
                }
                () if object.contains_key("Effect") => match statement(object, version) {
                    Some(units) => self.units.extend(units),
                    None => self.put_unknown(value),
                },
                () => object.values().for_each(|inner| self.add(inner, version)),
            },
            Value::Null => {}
            other => self.put_unknown(other),
        }
    }

    /// The ARN of a managed policy, or something that will be known later.
    fn attach(&mut self, value: &Value) {
        let policy = Pattern::new(MANAGED, value, Reading::Literal, "");
        let is_granting = policy.shown.contains(":iam::aws:policy/")
            && !["Deny", "Quarantine"].iter().any(|word| policy.shown.contains(word));
        if !is_granting {
            return self.put_unknown(value);
        }
        self.units.insert(Unit {
            effect: Effect::Allow,
            principal: Element::One(Pattern::absent(CALLER)),
            action: Element::One(policy),
            resource: Element::One(Pattern::absent(ITSELF)),
            clauses: BTreeSet::new(),
        });
    }

    fn put_unknown(&mut self, value: &Value) {
        self.unknown.insert(value.to_string(), value.clone());
    }
}

/// Whoever has the policy, where a statement names nobody.
const CALLER: &str = "whoever has the policy";
/// What the policy hangs on, where a statement names nothing.
const ITSELF: &str = "what has the policy";

const KEYS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// Every unit of a statement; `None` when something in it has no known meaning.
fn statement(object: &Map<String, Value>, version: &str) -> Option<Vec<Unit>> {
    if !object.keys().all(|key| KEYS.contains(&key.as_str())) {
        return None;
    }
    let effect = match object.get("Effect")?.as_str()? {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        _ => return None,
    };
    let actions = elements(object, "Action", |value| vec![Pattern::new("", value, Reading::WildAnyCase, version)])?;
    let resources = elements(object, "Resource", |value| vec![Pattern::new("", value, Reading::Wild, version)]);
    let resources = resources.unwrap_or_else(|| vec![Element::One(Pattern::absent(ITSELF))]);
    let principals = elements(object, "Principal", principals);
    let principals = principals.unwrap_or_else(|| vec![Element::One(Pattern::absent(CALLER))]);
    let both = |one: &str, two: &str| object.contains_key(one) && object.contains_key(two);
    let is_odd = both("Action", "NotAction") || both("Resource", "NotResource") || both("Principal", "NotPrincipal");
    if is_odd || actions.len().saturating_mul(resources.len()).saturating_mul(principals.len()) > MOST {
        return None;
    }
    let clauses: BTreeSet<Clause> =
        object.get("Condition").map(|value| condition::clauses(value, version)).unwrap_or_default();
    let mut units = Vec::new();
    for principal in &principals {
        for action in &actions {
            for resource in &resources {
                units.push(Unit {
                    effect,
                    principal: principal.clone(),
                    action: action.clone(),
                    resource: resource.clone(),
                    clauses: clauses.clone(),
                });
            }
        }
    }
    Some(units)
}

/// The elements under `key` or `Not…key`; `None` when the statement has neither.
fn elements(object: &Map<String, Value>, key: &str, patterns: impl Fn(&Value) -> Vec<Pattern>) -> Option<Vec<Element>> {
    let of = |value: &Value| -> BTreeSet<Pattern> {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        items.iter().flat_map(&patterns).collect()
    };
    if let Some(value) = object.get(key) {
        return Some(of(value).into_iter().map(Element::One).collect());
    }
    let except = of(object.get(&format!("Not{key}"))?);
    Some(vec![if except.is_empty() { Element::One(Pattern::everything()) } else { Element::Except(except) }])
}

/// `*`, `{AWS: […], Service: […]}`. Principals know no wildcards but `*` alone.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html> (read 2026-11).
fn principals(value: &Value) -> Vec<Pattern> {
    let Some(kinds) = value.as_object().filter(|object| resolve::intrinsic(object).is_none()) else {
        return match value.as_str() {
            Some("*") => vec![Pattern::everything()],
            _ => vec![Pattern::new("? ", value, Reading::Literal, "")],
        };
    };
    let of_kind = |(kind, value): (&String, &Value)| {
        let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let one = |value: &Value| match (kind.as_str(), value.as_str()) {
            ("AWS", Some("*")) => Pattern::everything(),
            ("AWS", Some(text)) => Pattern::new("AWS ", &json!(account(text)), Reading::Literal, ""),
            _ => Pattern::new(&format!("{kind} "), value, Reading::Literal, ""),
        };
        items.iter().map(one).collect::<Vec<_>>()
    };
    kinds.iter().flat_map(of_kind).collect()
}

/// An account's root is the account.
fn account(arn: &str) -> &str {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, "root"] if account.len() == 12 => account,
        _ => arn,
    }
}

/// Without `{Ref: AWS::NoValue}`, which CloudFormation takes out.
fn without_no_value(value: &Value) -> Value {
    let is_none = |value: &Value| *value == json!({ "Ref": "AWS::NoValue" });
    match value {
        Value::Array(items) => items.iter().filter(|item| !is_none(item)).map(without_no_value).collect(),
        Value::Object(object) => {
            let kept = object.iter().filter(|(_, value)| !is_none(value));
            Value::Object(kept.map(|(key, value)| (key.clone(), without_no_value(value))).collect())
        }
        other => other.clone(),
    }
}
