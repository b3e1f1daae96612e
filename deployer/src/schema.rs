//! JSON Schemas. Of stack files, as editors want it: the types' own schema, and what is allowed before types are read:
//! templates, `for_each` and `{env: NAME}`. Of plans, as programs read them: made from the types that are written.

use crate::decode::Decode;
use crate::plan::Plan;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// JSON Schema 2020-12 of one file that is a `T`: a stack file, or an alarm set.
pub(crate) fn of<T: Decode>(title: &str) -> Value {
    let mut definitions = Map::new();
    let root = T::schema(&mut definitions);
    for definition in definitions.values_mut() {
        *definition = before_types(definition.take());
    }
    definitions.insert(
        "Template".to_owned(),
        json!({ "type": "string", "pattern": "\\{\\{", "description": "A template: \"{{ expression }}\"." }),
    );
    definitions.insert(
        "Environment".to_owned(),
        json!({
            "type": "object", "required": ["env"], "additionalProperties": false,
            "properties": { "env": { "type": "string" } },
            "description": "A variable of the environment that the tool runs in.",
        }),
    );
    definitions.insert(
        "Loop".to_owned(),
        json!({
            "type": ["array", "object", "string"],
            "description": "Repeats this entry for each item of a list or a map: `{{ item }}`, or `{{ item.key }}` and `{{ item.value }}`.",
        }),
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
    });
    if let (Value::Object(schema), Value::Object(root)) = (&mut schema, root) {
        schema.extend(root);
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

/// JSON Schema 2020-12 of what `--format json` prints: a plan, or a list of them. Kept as `docs/plan.schema.json`.
pub(crate) fn plan() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let one = generator.subschema_for::<Plan>().to_value();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plans of deployer",
        "anyOf": [one, { "type": "array", "items": one }],
        "$defs": generator.take_definitions(true),
    })
}

/// Widens a schema by what templates, loops and environment references put in its place.
fn before_types(schema: Value) -> Value {
    let Value::Object(mut object) = schema else { return schema };
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.remove(key) {
            object.insert(key.to_owned(), before_types(inner));
        }
    }
    if let Some(Value::Array(choices)) = object.remove("anyOf") {
        object.insert("anyOf".to_owned(), choices.into_iter().map(before_types).collect());
    }
    if let Some(Value::Object(properties)) = object.remove("properties") {
        let mut properties: Map<String, Value> =
            properties.into_iter().map(|(key, value)| (key, before_types(value))).collect();
        properties.insert("for_each".to_owned(), json!({ "$ref": "#/$defs/Loop" }));
        object.insert("properties".to_owned(), Value::Object(properties));
    }
    // A loop adds its own key to the one of a trigger or reference.
    if let Some(1) = object.get("maxProperties").and_then(Value::as_u64) {
        object.insert("maxProperties".to_owned(), json!(2));
    }
    let is_scalar = object.contains_key("enum")
        || match object.get("type") {
            Some(Value::String(kind)) => kind != "object" && kind != "array",
            Some(Value::Array(_)) => true,
            _ => false,
        };
    if !is_scalar {
        // A whole map or list may be a template too; saying so would make of every message "none of these fits".
        return Value::Object(object);
    }
    let description = object.remove("description");
    let choices = json!([Value::Object(object), { "$ref": "#/$defs/Environment" }, { "$ref": "#/$defs/Template" }]);
    match description {
        Some(description) => json!({ "description": description, "anyOf": choices }),
        None => json!({ "anyOf": choices }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StackFile;
    use crate::model::alarm_set::AlarmSet;
    use crate::model::board::Board;
    use crate::render::samples;

    #[test]
    fn every_reference_leads_to_a_definition() {
        fn walk(value: &Value, definitions: &Map<String, Value>) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(reference)) = object.get("$ref") {
                        let name = reference.strip_prefix("#/$defs/").unwrap_or(reference);
                        assert!(definitions.get(name).is_some_and(|it| !it.is_null()), "{reference}");
                    }
                    object.values().for_each(|inner| walk(inner, definitions));
                }
                Value::Array(items) => items.iter().for_each(|inner| walk(inner, definitions)),
                _ => {}
            }
        }
        for schema in [of::<StackFile>("a stack"), of::<AlarmSet>("a set"), of::<Board>("a board")] {
            walk(&schema, schema["$defs"].as_object().expect("definitions are an object"));
        }
    }

    #[test]
    fn the_schema_of_plans_is_kept_with_the_program() {
        let kept: Value = serde_json::from_str(include_str!("../../docs/plan.schema.json")).expect("it is JSON");
        assert_eq!(kept, plan(), "write it again: deployer schema --plan > docs/plan.schema.json");
    }

    #[test]
    fn plans_are_as_their_schema_says() {
        let validator = jsonschema::validator_for(&plan()).expect("a schema");
        for plan in [samples::empty(), samples::mixed(), samples::many(30)] {
            let json = serde_json::to_value(&plan).expect("a plan holds only JSON values");
            let mistakes: Vec<String> =
                validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(mistakes.is_empty(), "{mistakes:?}");
            assert!(validator.is_valid(&json!([json, json])) && !validator.is_valid(&json!([1])));
            let mut next = json.clone();
            next["format_version"] = json!(2);
            assert!(!validator.is_valid(&next), "another version is another schema");
            let mut odd = json;
            odd["lines"] = json!([{ "id": 1 }]);
            assert!(!validator.is_valid(&odd));
        }
    }

    #[test]
    fn numbers_may_be_templates_and_entries_may_be_loops() {
        let schema = of::<StackFile>("a stack");
        let function = &schema["$defs"]["Function"]["properties"];
        assert!(function["memory"].to_string().contains("#/$defs/Template"));
        assert_eq!(function["for_each"]["$ref"], "#/$defs/Loop");
    }
}
