//! A CloudFormation template as data, and the intrinsic functions as constructors.
//!
//! Maps keep their order, so a template prints the same bytes every time. Knows no resource type.

use crate::ids::LogicalId;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A template. Sections that are empty are not printed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Template {
    #[serde(rename = "AWSTemplateFormatVersion", skip_serializing_if = "Option::is_none")]
    pub(crate) format_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) parameters: IndexMap<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) mappings: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) conditions: Map<String, Value>,
    pub(crate) resources: IndexMap<LogicalId, Resource>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) outputs: Map<String, Value>,
}

/// One resource. Attributes that the tool does not know stay in `other`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Resource {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) depends_on: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) update_replace_policy: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) properties: Map<String, Value>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

impl Resource {
    /// A resource of type `kind`. Top-level properties that are null are left out.
    pub(crate) fn new(kind: &str, properties: Value) -> Self {
        let properties = match without_nulls(properties) {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self { kind: kind.to_owned(), properties, ..Self::default() }
    }

    /// Made after `ids`, beyond what its references say.
    pub(crate) fn after(mut self, ids: &[LogicalId]) -> Self {
        self.depends_on = (!ids.is_empty()).then(|| json!(ids));
        self
    }

    /// Kept when it leaves the template or is replaced, unless its own creation is rolled back.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html>
    /// (read 2026-11).
    pub(crate) fn kept(mut self, keep: bool) -> Self {
        let (deletion, replacement) = if keep { ("RetainExceptOnCreate", "Retain") } else { ("Delete", "Delete") };
        self.deletion_policy = Some(deletion.to_owned());
        self.update_replace_policy = Some(replacement.to_owned());
        self
    }

    /// Records why a check of checkov does not apply, where checkov and reviewers read it.
    pub(crate) fn skip(self, check: &str, comment: &str) -> Self {
        self.excuse("checkov", check, comment)
    }

    /// Records why a finding of `judge` is meant so.
    pub(crate) fn excuse(mut self, judge: &str, finding: &str, comment: &str) -> Self {
        let own = self.metadata.entry(judge.to_owned()).or_insert_with(|| json!({ "skip": [] }));
        if let Some(Value::Array(skips)) = own.get_mut("skip") {
            skips.push(json!({ "id": finding, "comment": comment }));
        }
        self
    }
}

/// `object` without its entries that are null; one level only, since nulls further down may be the user's.
pub(crate) fn without_nulls(object: Value) -> Value {
    match object {
        Value::Object(map) => Value::Object(map.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        other => other,
    }
}

/// `id` is a logical id or the name of a parameter.
pub(crate) fn reference(id: impl Serialize) -> Value {
    json!({ "Ref": id })
}

pub(crate) fn get_att(id: impl Serialize, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [id, attribute] })
}

pub(crate) fn sub(text: impl Into<String>) -> Value {
    json!({ "Fn::Sub": text.into() })
}

pub(crate) fn import_value(export: &str) -> Value {
    json!({ "Fn::ImportValue": export })
}

/// An ARN in the stack's own partition, region and account: `arn("sqs", "emails")`.
pub(crate) fn arn(service: &str, resource: &str) -> Value {
    sub(format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"))
}

/// `value` followed by `suffix`, in the simplest form that CloudFormation has for it.
pub(crate) fn append(value: &Value, suffix: &str) -> Value {
    match value {
        Value::String(text) => Value::String(format!("{text}{suffix}")),
        Value::Object(map) => match map.get("Fn::Sub") {
            Some(Value::String(text)) => sub(format!("{text}{}", suffix.replace("${", "${!"))),
            _ => json!({ "Fn::Join": ["", [value, suffix]] }),
        },
        other => json!({ "Fn::Join": ["", [other, suffix]] }),
    }
}

/// Columns within which a list or a map is written on one line.
const WIDTH: usize = 120;

/// JSON with two spaces and a final newline, small values on one line: the bytes that are uploaded, hashed, compared
/// and read by people.
pub(crate) fn to_text(template: &Template) -> String {
    let value = serde_json::to_value(template).expect("a template holds only JSON values");
    let mut text = String::new();
    write(&value, 0, 0, &mut text);
    text.push('\n');
    text
}

/// Writes `value`, which begins at column `column` of a line that is indented by `indent`.
fn write(value: &Value, indent: usize, column: usize, text: &mut String) {
    let (open, close, items): (_, _, Vec<(Option<&String>, &Value)>) = match value {
        Value::Array(items) if !items.is_empty() => ('[', ']', items.iter().map(|item| (None, item)).collect()),
        Value::Object(map) if !map.is_empty() => {
            ('{', '}', map.iter().map(|(key, value)| (Some(key), value)).collect())
        }
        scalar => return text.push_str(&scalar.to_string()),
    };
    let line = one_line(value);
    // One more column for the comma.
    if column + line.chars().count() < WIDTH {
        return text.push_str(&line);
    }
    let inner = indent + 2;
    text.push(open);
    for (position, (key, item)) in items.into_iter().enumerate() {
        text.push_str(if position == 0 { "\n" } else { ",\n" });
        text.extend(std::iter::repeat_n(' ', inner));
        let key = key.map(|key| format!("{}: ", Value::from(key.as_str()))).unwrap_or_default();
        text.push_str(&key);
        write(item, inner, inner + key.chars().count(), text);
    }
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
    text.push(close);
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if !map.is_empty() => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), one_line(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_stand_on_one_line_and_the_text_is_the_same_json() {
        let mut template = Template::default();
        let long = "x".repeat(100);
        let properties = json!({ "A": { "Ref": "B" }, "C": [], "D": { "E": [long, { "F": "\"quoted\"\n" }] } });
        template.resources.insert(LogicalId::new("Q"), Resource::new("T", properties));
        let text = to_text(&template);
        assert_eq!(serde_json::from_str::<Template>(&text).expect("it is JSON"), template);
        insta::assert_snapshot!(text, @r#"
        {
          "Resources": {
            "Q": {
              "Type": "T",
              "Properties": {
                "A": { "Ref": "B" },
                "C": [],
                "D": {
                  "E": [
                    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                    { "F": "\"quoted\"\n" }
                  ]
                }
              }
            }
          }
        }
        "#);
    }

    #[test]
    fn a_suffix_is_appended_in_the_simplest_form() {
        assert_eq!(append(&json!("a"), "/*"), json!("a/*"));
        assert_eq!(append(&sub("${X}"), "/${y}"), sub("${X}/${!y}"));
        let import = import_value("x");
        assert_eq!(append(&import, "/*"), json!({ "Fn::Join": ["", [{ "Fn::ImportValue": "x" }, "/*"]] }));
    }
}
