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

    /// Records why a scanner's check does not apply: what checkov reads, and what a reviewer reads.
    pub(crate) fn skip(mut self, check: &str, comment: &str) -> Self {
        let checkov = self.metadata.entry("checkov").or_insert_with(|| json!({ "skip": [] }));
        if let Some(Value::Array(skips)) = checkov.get_mut("skip") {
            skips.push(json!({ "id": check, "comment": comment }));
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

/// JSON with two spaces and a final newline: the bytes that are uploaded, hashed and compared.
pub(crate) fn to_text(template: &Template) -> String {
    let mut text = serde_json::to_string_pretty(template).expect("a template holds only JSON values");
    text.push('\n');
    text
}
