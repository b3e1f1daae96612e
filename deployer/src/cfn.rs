//! A CloudFormation template as data, and the intrinsic functions as constructors.
//!
//! Maps keep their order, so a template prints the same bytes every time.

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

pub(crate) fn reference(id: &str) -> Value {
    json!({ "Ref": id })
}

pub(crate) fn get_att(id: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [id, attribute] })
}

pub(crate) fn sub(text: impl Into<String>) -> Value {
    json!({ "Fn::Sub": text.into() })
}

pub(crate) fn import_value(export: &str) -> Value {
    json!({ "Fn::ImportValue": export })
}

/// JSON with two spaces and a final newline: the bytes that are uploaded, hashed and compared.
pub(crate) fn to_text(template: &Template) -> String {
    let mut text = serde_json::to_string_pretty(template).expect("a template holds only JSON values");
    text.push('\n');
    text
}
