//! Structured values by path, also those that are stored as text.

use super::{Item, Meaning, brief, count};
use crate::resolve;
use serde_json::Value;
use std::borrow::Cow;

/// Keys by which the entries of a list are told apart.
const IDENTITIES: [&str; 8] = ["Id", "id", "Sid", "Key", "Name", "name", "PolicyName", "title"];

pub(super) fn meaning(before: &Value, after: &Value) -> Option<Meaning> {
    let (one, two) = (parsed(before)?, parsed(after)?);
    let is_text = |value: &Value| value.is_string();
    // A value that became another kind of thing is better seen whole.
    if std::mem::discriminant(&*one) != std::mem::discriminant(&*two) {
        return None;
    }
    let items = items(&one, &two);
    let written = is_text(before) && is_text(after);
    if items.is_empty() {
        let summary = "the same JSON, written differently".to_owned();
        return written.then_some(Meaning { summary, items: Vec::new() });
    }
    Some(Meaning { summary: count(items.len(), "difference"), items })
}

/// A list or a map; of JSON as text what it says, also inside of `Fn::Sub`. `None` for plain values.
pub(super) fn parsed(value: &Value) -> Option<Cow<'_, Value>> {
    let of_text = |text: &str| {
        let parsed: Value = serde_json::from_str(text).ok()?;
        (parsed.is_object() || parsed.is_array()).then_some(Cow::Owned(parsed))
    };
    match value {
        Value::Array(_) => Some(Cow::Borrowed(value)),
        Value::Object(object) => match resolve::intrinsic(object) {
            None => Some(Cow::Borrowed(value)),
            Some(("Fn::Sub", Value::String(text))) => of_text(text),
            Some(("Fn::Sub", Value::Array(items))) => of_text(items.first()?.as_str()?),
            Some(_) => None,
        },
        Value::String(text) => of_text(text),
        _ => None,
    }
}

/// Every difference of two values with its path.
pub(super) fn items(before: &Value, after: &Value) -> Vec<Item> {
    let mut items = Vec::new();
    walk("", before, after, &mut items);
    items
}

fn walk(path: &str, before: &Value, after: &Value, items: &mut Vec<Item>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(one), Value::Object(two))
            if resolve::intrinsic(one).is_none() && resolve::intrinsic(two).is_none() =>
        {
            let keys = two.keys().chain(one.keys().filter(|key| !two.contains_key(*key)));
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                entry(&below, one.get(key), two.get(key), items);
            }
        }
        (Value::Array(one), Value::Array(two)) => list(path, one, two, items),
        _ => {
            let lead = if path.is_empty() { String::new() } else { format!("{path}: ") };
            items.push(Item::changed(format!("{lead}{} → {}", brief(before), brief(after))));
        }
    }
}

fn entry(path: &str, before: Option<&Value>, after: Option<&Value>, items: &mut Vec<Item>) {
    match (before, after) {
        (Some(before), Some(after)) => walk(path, before, after, items),
        (None, Some(after)) => items.push(Item::added(format!("{path}: {}", brief(after)))),
        (Some(before), None) => items.push(Item::removed(format!("{path}: {}", brief(before)))),
        (None, None) => {}
    }
}

/// Lists whose entries have names are compared by name; of others what is new and what is gone is said.
fn list(path: &str, before: &[Value], after: &[Value], items: &mut Vec<Item>) {
    if let Some(key) = identity(before, after) {
        let name = |value: &Value| value.get(key).map(brief).unwrap_or_default();
        let find = |list: &[Value], wanted: &str| list.iter().find(|value| name(value) == wanted).cloned();
        let gone = before.iter().filter(|value| find(after, &name(value)).is_none());
        for value in after.iter().chain(gone) {
            let name = name(value);
            let below = format!("{path}[{name}]");
            entry(&below, find(before, &name).as_ref(), find(after, &name).as_ref(), items);
        }
        return;
    }
    let mut open: Vec<&Value> = after.iter().collect();
    let gone: Vec<&Value> = before
        .iter()
        .filter(|value| match open.iter().position(|other| other == value) {
            Some(position) => {
                open.remove(position);
                false
            }
            None => true,
        })
        .collect();
    let lead = if path.is_empty() { String::new() } else { format!("{path}: ") };
    match (open.as_slice(), gone.as_slice()) {
        ([], []) => items.push(Item::changed(format!("{lead}another order"))),
        // One entry that is different inside.
        ([one], [two]) if one.is_object() && two.is_object() => {
            let position = after.iter().position(|value| value == *one).unwrap_or_default();
            walk(&format!("{path}[{position}]"), two, one, items);
        }
        _ => {
            items.extend(open.iter().map(|value| Item::added(format!("{lead}{}", brief(value)))));
            items.extend(gone.iter().map(|value| Item::removed(format!("{lead}{}", brief(value)))));
        }
    }
}

/// The key that every entry of both lists has, each with another value.
fn identity(before: &[Value], after: &[Value]) -> Option<&'static str> {
    let is_unique = |list: &[Value], key: &str| {
        let names: Option<Vec<&Value>> = list.iter().map(|value| value.get(key)).collect();
        names.is_some_and(|names| names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)))
    };
    IDENTITIES.into_iter().find(|key| is_unique(before, key) && is_unique(after, key))
}
