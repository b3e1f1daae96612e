//! What a difference means, in words: policies by what they allow, dashboards by widget, alarms with their units, JSON
//! by path, texts by line.
//!
//! Takes a change and the resource as it is wanted; plain values need no words and get none. Knows no format: signs are
//! values, and whoever shows them chooses how many fit.

mod alarm;
mod dashboard;
mod json;
mod policy;
mod quantity;
mod text;

use crate::cfn::Resource;
use crate::diff::{CODE, Change, PropertyChange, TRAFFIC};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A difference in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Meaning {
    /// In one line: `broadens`, `30 s → 60 s (1 min)`, `1 widget added, 2 changed`.
    pub(crate) summary: String,
    /// The single differences, the most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Item {
    pub(crate) sign: Sign,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sign {
    Added,
    Removed,
    Changed,
    /// Around a difference, itself the same.
    Context,
}

impl Sign {
    /// `+`, `-`, `~`, or a space.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Added => "+",
            Self::Removed => "-",
            Self::Changed => "~",
            Self::Context => " ",
        }
    }
}

impl Item {
    fn added(text: impl Into<String>) -> Self {
        Self { sign: Sign::Added, text: text.into() }
    }

    fn removed(text: impl Into<String>) -> Self {
        Self { sign: Sign::Removed, text: text.into() }
    }

    fn changed(text: impl Into<String>) -> Self {
        Self { sign: Sign::Changed, text: text.into() }
    }
}

/// Items of one difference that are kept; the rest is counted.
const MOST: usize = 100;

/// Characters of a value that fit on the line of its property.
pub(crate) const ONE_LINE: usize = 100;

/// The meaning of every property of `change` that needs words, by path. `resource` is the resource as it will be, or as
/// it was where it goes.
pub(crate) fn of(change: &Change, resource: Option<&Resource>) -> IndexMap<String, Meaning> {
    let nothing = Map::new();
    let around = resource.map_or(&nothing, |resource| &resource.properties);
    let found = change.properties.iter().filter_map(|property| {
        let mut meaning = property_meaning(&change.kind, property, around)?;
        let more = meaning.items.len().saturating_sub(MOST);
        if more > 0 {
            meaning.items.truncate(MOST);
            meaning.items.push(Item { sign: Sign::Context, text: format!("… {more} more") });
        }
        Some((property.path.clone(), meaning))
    });
    found.collect()
}

fn property_meaning(kind: &str, property: &PropertyChange, around: &Map<String, Value>) -> Option<Meaning> {
    let (before, after) = (property.before.as_ref(), property.after.as_ref());
    let pseudo = [CODE, TRAFFIC].contains(&property.path.as_str());
    if pseudo || before.is_some_and(is_hidden) || after.is_some_and(is_hidden) {
        return None;
    }
    if crate::risk::is_policy(property.property()) {
        return policy::meaning(property);
    }
    match kind {
        "AWS::CloudWatch::Dashboard" if property.property() == "DashboardBody" => dashboard::meaning(property),
        "AWS::CloudWatch::Alarm" => alarm::meaning(property, around),
        _ => None,
    }
    .or_else(|| quantity::meaning(kind, property))
    .or_else(|| json::meaning(before?, after?))
    .or_else(|| text::meaning(before?, after?))
}

/// Whether the value is only a digest of a value that must not be shown.
pub(crate) fn is_hidden(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("digest:"))
}

/// A value on one line, shortened; text without quotes.
pub(crate) fn brief(value: &Value) -> String {
    let text = match value {
        value if is_hidden(value) => "(hidden)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.replace('\n', "⏎");
    match text.char_indices().nth(ONE_LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `1 widget`, `3 widgets`.
fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests;
