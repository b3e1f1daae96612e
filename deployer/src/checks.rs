//! Smoke checks: what a new version is called with, and whether its answer is what was expected. Pure; `apply` calls.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A call and what it has to answer, as the plan holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Check {
    /// The file that the event comes from, or `the event in the stack file`.
    pub(crate) asks: String,
    pub(crate) event: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) contains: Vec<String>,
    /// Values by their path.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) json: Map<String, Value>,
}

/// What a version answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) payload: String,
    /// `Unhandled` and the like, when the function failed.
    pub(crate) error: Option<String>,
    /// The last 4 KB of its log.
    pub(crate) log: String,
    /// Which version it was.
    pub(crate) version: String,
}

/// Characters of an answer that are told.
const SHOWN: usize = 400;

impl Check {
    /// `expected …, got …` for everything that is not as it has to be.
    pub(crate) fn misses(&self, answer: &Answer) -> Vec<String> {
        if let Some(error) = &answer.error {
            return vec![format!("expected an answer, got an error ({error}): {}", shortened(&answer.payload))];
        }
        let value: Value = serde_json::from_str(&answer.payload).unwrap_or(Value::Null);
        let mut misses = Vec::new();
        if let Some(status) = self.status
            && value.get("statusCode").and_then(Value::as_u64) != Some(status.into())
        {
            let got = value.get("statusCode").map_or_else(
                || format!("an answer without one: {}", shortened(&answer.payload)),
                |got| format!("{got}: {}", shortened(&answer.payload)),
            );
            misses.push(format!("expected the status {status}, got {got}"));
        }
        for text in &self.contains {
            // What stands in a text within the answer is looked for as it reads, not as JSON escapes it.
            if !answer.payload.contains(text) && !texts(&value).iter().any(|found| found.contains(text)) {
                misses.push(format!("expected `{text}` in the answer, got {}", shortened(&answer.payload)));
            }
        }
        for (path, expected) in &self.json {
            let got = at(&value, path);
            if got.as_ref() != Some(expected) {
                let got = got.map_or_else(|| "nothing there".to_owned(), |got| shortened(&got.to_string()));
                misses.push(format!("expected {expected} at `{path}`, got {got}"));
            }
        }
        misses
    }
}

/// Every text within a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The value at `body.items[0].id`; a text that holds JSON is looked into.
fn at(value: &Value, path: &str) -> Option<Value> {
    let mut current = value.clone();
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        if let Value::String(text) = &current {
            current = serde_json::from_str(text).ok()?;
        }
        current = match part.strip_suffix(']') {
            Some(index) => current.get(index.parse::<usize>().ok()?)?.clone(),
            None => current.get(part)?.clone(),
        };
    }
    Some(current)
}

/// So much of an answer as a line can take.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(status: Option<u16>, contains: &[&str], json: Value) -> Check {
        Check {
            asks: "events/order.json".to_owned(),
            event: json!({}),
            status,
            contains: contains.iter().map(|text| (*text).to_owned()).collect(),
            json: json.as_object().cloned().unwrap_or_default(),
        }
    }

    fn answer(payload: &str) -> Answer {
        Answer { payload: payload.to_owned(), ..Answer::default() }
    }

    #[test]
    fn an_answer_is_looked_into() {
        let good = answer(r#"{"statusCode": 200, "body": "{\"items\": [{\"id\": 7}], \"say\": \"\"}"}"#);
        let check = check(Some(200), &["\"id\": 7"], json!({ "body.items[0].id": 7, "statusCode": 200 }));
        assert_eq!(check.misses(&good), [""; 0]);
    }

    #[test]
    fn everything_that_is_missed_is_told() {
        let check = check(Some(200), &["ok"], json!({ "count": 2, "name.first": "Ann" }));
        let told = check.misses(&answer(r#"{"statusCode": 500, "count": 3}"#));
        let expected = [
            r#"expected the status 200, got 500: {"statusCode": 500, "count": 3}"#,
            r#"expected `ok` in the answer, got {"statusCode": 500, "count": 3}"#,
            "expected 2 at `count`, got 3",
            r#"expected "Ann" at `name.first`, got nothing there"#,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_function_that_fails_misses_whatever_was_expected() {
        let failed = Answer { payload: "boom".to_owned(), error: Some("Unhandled".to_owned()), ..Answer::default() };
        let told = check(None, &[], json!({})).misses(&failed);
        assert_eq!(told, ["expected an answer, got an error (Unhandled): boom"]);
    }
}
