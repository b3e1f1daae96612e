//! Decides single requests as AWS's documentation says, slowly and plainly: the oracle of the tests. It shares nothing with
//! [`algebra`](super::algebra) and nothing with MiniStack.

use serde_json::Value;

/// One request: who, what, on what, in which context.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) principal: &'a str,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    /// Keys with the values that the request has; a key that is not here is not in the context.
    pub(crate) context: &'a [(&'a str, &'a str)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Denied,
    Nothing,
}

/// The rules as the documentation tells them: a request is denied when one Deny applies, else allowed when one Allow does.
pub(crate) fn decide(document: &Value, request: Request<'_>) -> Verdict {
    let statements = match &document["Statement"] {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let applying: Vec<_> = statements.iter().filter(|statement| applies(statement, request)).collect();
    if applying.iter().any(|statement| statement["Effect"] == "Deny") {
        return Verdict::Denied;
    }
    if applying.is_empty() { Verdict::Nothing } else { Verdict::Allowed }
}

pub(crate) fn applies(statement: &Value, request: Request<'_>) -> bool {
    let any = |value: &Value, text: &str, fold: bool| {
        texts(value).iter().any(|pattern| match fold {
            true => matches(&pattern.to_lowercase(), &text.to_lowercase()),
            false => matches(pattern, text),
        })
    };
    let element = |key: &str, text: &str, fold: bool| match (statement.get(key), statement.get(format!("Not{key}"))) {
        (Some(value), _) => any(value, text, fold),
        (None, Some(value)) => !any(value, text, fold),
        (None, None) => true,
    };
    let who = match statement.get("Principal") {
        None => true,
        Some(Value::String(star)) => star == "*",
        Some(kinds) => texts(&kinds["AWS"]).iter().any(|name| name == "*" || name == request.principal),
    };
    let conditions = statement.get("Condition").and_then(Value::as_object).cloned().unwrap_or_default();
    let holds = conditions.iter().all(|(operator, keys)| {
        let keys = keys.as_object().expect("keys");
        keys.iter().all(|(key, values)| {
            let found =
                request.context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| *value);
            let values = texts(values);
            match operator.to_lowercase().as_str() {
                "stringequals" => found.is_some_and(|found| values.iter().any(|value| value == found)),
                "stringequalsifexists" => found.is_none_or(|found| values.iter().any(|value| value == found)),
                "stringlike" | "arnlike" | "arnequals" => {
                    found.is_some_and(|found| values.iter().any(|value| matches(value, found)))
                }
                "stringnotequals" => found.is_none_or(|found| !values.iter().any(|value| value == found)),
                "stringnotlike" => found.is_none_or(|found| !values.iter().any(|value| matches(value, found))),
                other => panic!("an operator that the tests do not make: {other}"),
            }
        })
    });
    who && element("Action", request.action, true) && element("Resource", request.resource, false) && holds
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// Recursive, and slow: it cannot have the mistakes of the quick one.
fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), None) => matches(&pattern[1..], text),
        (Some('*'), Some(_)) => matches(&pattern[1..], text) || matches(pattern, &text[1..]),
        (Some('?'), Some(_)) => matches(&pattern[1..], &text[1..]),
        (Some(one), Some(two)) if one == two => matches(&pattern[1..], &text[1..]),
        _ => false,
    }
}
