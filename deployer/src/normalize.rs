//! Same meaning, same value: defaults that AWS fills in, and lists whose order says nothing.
//!
//! Copies, never changes its input; idempotent. Functions here; every other type in [`kinds`].

mod bucket;
pub(crate) mod kinds;
mod tables;

use crate::ids::StackName;
use crate::state::digest;
use serde_json::{Map, Value, json};

/// Properties of `AWS::Lambda::Function` that Lambda reports back, and that are compared with what is live.
pub(crate) const LIVE_FUNCTION_PROPERTIES: [&str; 18] = [
    "FunctionName",
    "Description",
    "Runtime",
    "Handler",
    "Role",
    "MemorySize",
    "Timeout",
    "EphemeralStorage",
    "TracingConfig",
    "Architectures",
    "Layers",
    "Environment",
    "VpcConfig",
    "LoggingConfig",
    "FileSystemConfigs",
    "DeadLetterConfig",
    "KmsKeyArn",
    "ReservedConcurrentExecutions",
];

/// The comparable form of template values that were evaluated.
pub(crate) fn resource(kind: &str, properties: &Map<String, Value>, stack: &StackName) -> Map<String, Value> {
    match kind {
        crate::diff::FUNCTION => function(&with_digests(properties, stack)),
        _ => live(kind, properties),
    }
}

/// The comparable form of what a service reports; a function's environment holds digests already.
pub(crate) fn live(kind: &str, properties: &Map<String, Value>) -> Map<String, Value> {
    match kind {
        crate::diff::FUNCTION => function(properties),
        _ => kinds::kind(kind, properties),
    }
}

/// The comparable properties of a function, with Lambda's defaults filled in.
///
/// Sources: the "Default" of each property in
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html> and
/// <https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html> (read 2026-11).
pub(crate) fn function(properties: &Map<String, Value>) -> Map<String, Value> {
    let mut normal = Map::new();
    for key in LIVE_FUNCTION_PROPERTIES {
        let given = properties.get(key).filter(|value| !is_empty(value));
        let value = match (key, given) {
            ("Description", None) => json!(""),
            ("MemorySize", None) => json!(128),
            ("Timeout", None) => json!(3),
            ("EphemeralStorage", None) => json!({ "Size": 512 }),
            ("TracingConfig", None) => json!({ "Mode": "PassThrough" }),
            ("Architectures", None) => json!(["x86_64"]),
            ("MemorySize" | "Timeout" | "ReservedConcurrentExecutions", Some(Value::String(text))) => {
                text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
            }
            ("VpcConfig", Some(value)) => {
                json!({ "SubnetIds": sorted(value.get("SubnetIds")), "SecurityGroupIds": sorted(value.get("SecurityGroupIds")) })
            }
            ("LoggingConfig", given) => logging(given, properties.get("FunctionName")),
            (_, Some(value)) => value.clone(),
            (_, None) => continue,
        };
        normal.insert(key.to_owned(), value);
    }
    normal
}

/// The value that takes a property away again, for what the template does not declare.
pub(crate) fn neutral(property: &str) -> Option<Value> {
    match property {
        "Environment" => Some(json!({ "Variables": {} })),
        "VpcConfig" => Some(json!({ "SubnetIds": [], "SecurityGroupIds": [] })),
        "Layers" | "FileSystemConfigs" => Some(json!([])),
        "DeadLetterConfig" => Some(json!({ "TargetArn": "" })),
        "KmsKeyArn" => Some(json!("")),
        "ReservedConcurrentExecutions" => Some(Value::Null),
        other => function(&Map::new()).remove(other),
    }
}

/// With JSON logs both levels default to INFO; the group to `/aws/lambda/<name>`.
fn logging(given: Option<&Value>, name: Option<&Value>) -> Value {
    let get = |key: &str| given.and_then(|config| config.get(key)).cloned();
    let format = get("LogFormat").unwrap_or_else(|| json!("Text"));
    let mut config = Map::new();
    if format == "JSON" {
        config.insert("ApplicationLogLevel".to_owned(), get("ApplicationLogLevel").unwrap_or_else(|| json!("INFO")));
        config.insert("SystemLogLevel".to_owned(), get("SystemLogLevel").unwrap_or_else(|| json!("INFO")));
    }
    let group = get("LogGroup").or_else(|| Some(json!(format!("/aws/lambda/{}", name?.as_str()?))));
    config.insert("LogFormat".to_owned(), format);
    config.extend(group.map(|group| ("LogGroup".to_owned(), group)));
    Value::Object(config)
}

fn sorted(list: Option<&Value>) -> Value {
    let mut items = list.and_then(Value::as_array).cloned().unwrap_or_default();
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty() || object.get("Variables").is_some_and(is_empty),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Environment values as digests, as the rim reports the live ones. Values that are not text yet stay as they are.
pub(crate) fn with_digests(properties: &Map<String, Value>, stack: &StackName) -> Map<String, Value> {
    let mut copy = properties.clone();
    let variables = copy.get_mut("Environment").and_then(|value| value.get_mut("Variables"));
    for (key, value) in variables.and_then(Value::as_object_mut).into_iter().flatten() {
        if let Some(text) = scalar_text(value) {
            *value = Value::String(digest(stack, key, &text));
        }
    }
    copy
}

/// CloudFormation stores numbers and booleans in text places as text.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn what_lambda_fills_in_is_no_difference() {
        let declared = object(json!({
            "FunctionName": "f", "MemorySize": 256, "LoggingConfig": { "LogFormat": "JSON" }, "Layers": [],
            "VpcConfig": { "SubnetIds": ["b", "a"], "SecurityGroupIds": ["s"] },
        }));
        let live = object(json!({
            "FunctionName": "f", "MemorySize": 256, "Timeout": 3, "EphemeralStorage": { "Size": 512 },
            "LoggingConfig": { "LogFormat": "JSON", "LogGroup": "/aws/lambda/f", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO" },
            "TracingConfig": { "Mode": "PassThrough" }, "Architectures": ["x86_64"],
            "VpcConfig": { "SubnetIds": ["a", "b"], "SecurityGroupIds": ["s"] }, "Environment": { "Variables": {} },
        }));
        assert_eq!(function(&declared), function(&live));
        let smaller = object(json!({ "FunctionName": "f", "MemorySize": 128 }));
        assert_ne!(function(&declared), function(&smaller));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(
            memory in proptest::option::of(128..10_240i64),
            json in proptest::option::of(proptest::bool::ANY),
            subnets in proptest::collection::vec("[a-z]{1,4}", 0..4),
            text in "[a-z]{0,5}",
        ) {
            let properties = object(json!({
                "FunctionName": "f", "Description": text, "MemorySize": memory,
                "LoggingConfig": json.map(|json| json!({ "LogFormat": if json { "JSON" } else { "Text" } })),
                "VpcConfig": { "SubnetIds": subnets, "SecurityGroupIds": ["x"] },
            }));
            let once = function(&properties);
            prop_assert_eq!(function(&once), once);
        }
    }
}
