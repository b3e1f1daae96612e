//! Properties in the shape of a CloudFormation type: put together from what a service answers, and read for what it is told.
//!
//! Reading is lenient where CloudFormation is: a number or a flag may be given as text.

use super::AwsError;
use crate::normalize::kinds::without_nulls;
use crate::normalize::scalar_text;
use crate::state::Properties;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::operation::BuildError;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Reads properties.
pub(super) trait Shape {
    fn text(&self, key: &str) -> Option<String>;
    fn long(&self, key: &str) -> Option<i64>;
    fn real(&self, key: &str) -> Option<f64>;
    fn flag(&self, key: &str) -> Option<bool>;
    /// The texts of a list; none where there is no list.
    fn texts(&self, key: &str) -> Vec<String>;
    fn inner(&self, key: &str) -> Option<&Properties>;
    /// The objects of a list; none where there is no list.
    fn items(&self, key: &str) -> Vec<&Properties>;
    /// A map from text to text.
    fn pairs(&self, key: &str) -> Option<HashMap<String, String>>;
    /// A JSON document as text.
    fn json(&self, key: &str) -> Option<String>;

    fn int(&self, key: &str) -> Option<i32> {
        self.long(key).and_then(|number| i32::try_from(number).ok())
    }

    /// Texts of a list that a service wants left out where it is empty.
    fn some_texts(&self, key: &str) -> Option<Vec<String>> {
        Some(self.texts(key)).filter(|list| !list.is_empty())
    }
}

impl Shape for Properties {
    fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(scalar_text)
    }

    fn long(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn real(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.text(key).map(|text| text == "true")
    }

    fn texts(&self, key: &str) -> Vec<String> {
        self.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(scalar_text).collect()
    }

    fn inner(&self, key: &str) -> Option<&Properties> {
        self.get(key).and_then(Value::as_object)
    }

    fn items(&self, key: &str) -> Vec<&Properties> {
        self.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).collect()
    }

    fn pairs(&self, key: &str) -> Option<HashMap<String, String>> {
        let map = self.inner(key)?;
        Some(map.iter().filter_map(|(key, value)| Some((key.clone(), scalar_text(value)?))).collect())
    }

    fn json(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            document => Some(document.to_string()),
        }
    }
}

/// What a reader covers: `null` stays at the top, where it says "not there", and goes everywhere below.
pub(super) fn covered(value: Value) -> Properties {
    match value {
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, without_nulls(value))).collect(),
        _ => Map::new(),
    }
}

/// A document that a service gives as text. What is no JSON stays text.
pub(super) fn document(text: impl Into<String>) -> Value {
    let text = text.into();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Text that is not empty.
pub(super) fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A time as CloudFormation writes it: `2026-11-20T16:00:00Z`.
pub(super) fn time(time: &DateTime) -> Option<String> {
    time.fmt(Format::DateTime).ok()
}

pub(super) fn parsed_time(text: &str) -> Option<DateTime> {
    DateTime::from_str(text, Format::DateTimeWithOffset).ok()
}

/// A request that lacks a part, which the caller's properties lack.
pub(super) fn built<T>(result: Result<T, BuildError>) -> Result<T, AwsError> {
    result.map_err(|error| AwsError::unable(format!("the properties are not complete: {error}")))
}

/// A property that names where to look: a bus, an API, a log group.
///
/// # Errors
/// When it is not there, or not evaluated.
pub(super) fn place(declared: &Properties, key: &str) -> Result<String, AwsError> {
    match declared.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(AwsError::unable(format!("it is not known what {key} stands for"))),
        None => Err(AwsError::unable(format!("it is not known which {key} it belongs to"))),
    }
}

/// [`place`], for a property that has a default.
pub(super) fn place_or(declared: &Properties, key: &str, default: &str) -> Result<String, AwsError> {
    match declared.get(key) {
        None | Some(Value::Null) => Ok(default.to_owned()),
        Some(_) => place(declared, key),
    }
}

/// Something that is gone and whose identifier its service chooses: only CloudFormation can make it again.
pub(super) fn gone(kind: &str, id: &str) -> AwsError {
    AwsError::unable(format!("{id} is gone, and a new {kind} would have another id: only the stack can make it again"))
}
