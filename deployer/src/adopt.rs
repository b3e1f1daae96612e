//! Drift into the stack file: the live value becomes the declared one, as an edit that keeps comments and layout.
//!
//! Pure. Says of every drift either the new text or why it has to be written by hand. The caller loads the result again
//! and compares: what an edit did not reach is found there.

use crate::diff::{Action, CODE, Cause, FUNCTION, PropertyChange, TRAFFIC};
use crate::ids::LogicalId;
use crate::model::Stack;
use crate::plan::Line;
use crate::synth::logical_ids as ids;
use crate::yaml::edit;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A stack file with live values in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Adopted {
    pub(crate) text: String,
    /// What was taken over, a line each.
    pub(crate) taken: Vec<String>,
    /// What was not, and why.
    pub(crate) left: Vec<String>,
}

/// Live values of environment variables, which plans hold only as digests: by function and variable.
pub(crate) type Environment = BTreeMap<(LogicalId, String), String>;

/// `text` with the drift of `lines` in it.
pub(crate) fn adopt(text: &str, stack: &Stack, lines: &[Line], environment: &Environment) -> Adopted {
    let mut adopted = Adopted { text: text.to_owned(), ..Adopted::default() };
    for line in lines {
        let change = &line.change;
        if change.action != Action::Update {
            if change.cause != Cause::Yours {
                adopted.left.push(format!("{}: {}", change.name, by_hand(change.action)));
            }
            continue;
        }
        let drifted = change.properties.iter().filter(|property| matches!(property.cause, Cause::Drift | Cause::Both));
        for property in drifted {
            let what = format!("{} of {}", property.path, change.name);
            match edited(&adopted.text, stack, &change.id, &change.kind, property, environment) {
                Ok(text) => {
                    adopted.text = text;
                    adopted.taken.push(what);
                }
                Err(why) => adopted.left.push(format!("{what}: {why}")),
            }
        }
    }
    adopted
}

fn by_hand(action: Action) -> &'static str {
    match action {
        Action::Leave => "declare it under `resources:` when it is to be yours",
        Action::Remove => "declare it as a trigger or under `resources:`, then take away the one made by hand",
        Action::Recreate => "take it out of the stack file when it is to stay deleted",
        _ => "nothing in the stack file says that",
    }
}

/// The text with one property in it.
///
/// # Errors
/// Why that cannot be written, in words.
fn edited(
    text: &str,
    stack: &Stack,
    id: &LogicalId,
    kind: &str,
    property: &PropertyChange,
    environment: &Environment,
) -> Result<String, &'static str> {
    if property.path == CODE || property.path == TRAFFIC {
        return Err("code and versions come from builds and releases");
    }
    if kind == "AWS::IAM::Role" && property.property() != "MaxSessionDuration" {
        return Err("write it under `access:`, where a reviewer sees who may do what");
    }
    let live = match property.path.strip_prefix("Environment.Variables.") {
        Some(key) if property.before.is_some() => {
            let value = environment.get(&(id.clone(), key.to_owned())).ok_or("its value could not be read")?;
            Some(json!(value))
        }
        _ => property.before.clone(),
    };
    if live.as_ref().is_some_and(|live| live.to_string().contains("{{") || live.to_string().contains("{%")) {
        return Err("its value looks like a template");
    }
    let (path, value) = place(stack, id, kind, property, live);
    let path = in_stage(stack, path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let edited = match value {
        Some(value) => edit::set(text, &path, &value),
        None => edit::remove(text, &path).or_else(|| edit::set(text, &path, &Value::Null)),
    };
    edited.ok_or("there is no place for it in the file that can be told for sure")
}

/// Where the stack file says this property, and in which words. Without a word of its own it is a `patch`.
fn place(
    stack: &Stack,
    id: &LogicalId,
    kind: &str,
    property: &PropertyChange,
    live: Option<Value>,
) -> (Vec<String>, Option<Value>) {
    let number = live.as_ref().and_then(Value::as_i64);
    let path = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    let function = |of: fn(&str) -> LogicalId| stack.file.functions.keys().find(|name| of(name) == *id);
    if kind == FUNCTION
        && let Some(name) = function(ids::function)
    {
        let short = match (property.path.as_str(), number) {
            ("MemorySize", Some(number)) => Some(("memory", json!(number))),
            ("Timeout", Some(number)) => Some(("timeout", json!(format!("{number}s")))),
            ("EphemeralStorage.Size", Some(number)) => Some(("storage", json!(number))),
            ("Description", _) => live.clone().map(|text| ("description", text)),
            _ => None,
        };
        if let Some((key, value)) = short {
            return (path(&["functions", name, key]), Some(value));
        }
        if let Some(key) = property.path.strip_prefix("Environment.Variables.") {
            return (path(&["functions", name, "env", key]), live);
        }
    }
    if kind == "AWS::Logs::LogGroup"
        && let (Some(name), "RetentionInDays", Some(days)) = (function(ids::log_group), property.path.as_str(), number)
    {
        return (path(&["functions", name, "logs"]), Some(json!(format!("{days}d"))));
    }
    let queue = stack.file.queues.keys().find(|name| ids::queue(name) == *id);
    if let (Some(name), "VisibilityTimeout", Some(seconds)) = (queue, property.path.as_str(), number) {
        return (path(&["queues", name, "visibility"]), Some(json!(format!("{seconds}s"))));
    }
    let section = if stack.file.resources.contains_key(id.as_str()) { "resources" } else { "patch" };
    let mut parts = path(&[section, id.as_str(), "Properties"]);
    parts.extend(property.path.split('.').map(str::to_owned));
    (parts, live)
}

/// What is live in one stage must not change the others: where there are several it goes into the stage's `override`.
pub(crate) fn in_stage(stack: &Stack, path: Vec<String>) -> Vec<String> {
    match stack.file.stages.len() > 1 {
        true => ["stages", &stack.stage, "override"].iter().map(|part| (*part).to_owned()).chain(path).collect(),
        false => path,
    }
}
