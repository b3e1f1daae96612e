//! What the file says in CloudFormation's own words: exports, raw sections, and patches of generated resources.

use super::draft::Draft;
use super::logical_ids as ids;
use crate::cfn::Resource;
use crate::diag::{Diagnostic, nearest};
use crate::ids::LogicalId;
use serde_json::{Map, Value, json};

pub(crate) fn exports(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (name, value) in &stack.file.exports {
        let value = draft.value(&value.value);
        draft.output(&ids::export(name), json!({ "Value": value, "Export": { "Name": name } }));
    }
}

/// Adds the raw sections. A logical id that is generated too is a clash.
pub(crate) fn merge(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    let file = &stack.file;
    for (name, parameter) in &file.parameters {
        draft.parameter(name.clone(), parameter.clone());
    }
    draft.template.conditions = file.conditions.clone();
    draft.template.mappings = file.mappings.clone();
    for (id, value) in &file.resources {
        match resource(value) {
            Some(resource) => draft.add(LogicalId::new(id.as_str()), resource),
            None => {
                let finding = Diagnostic::error("D0702", "a raw resource without a type")
                    .at(
                        stack.places.name("resources", id).or(file.stack.span),
                        format!("`{id}` in `resources` is no CloudFormation resource"),
                    )
                    .help("write it as a map with `Type: AWS::…` and `Properties:`");
                draft.findings.push(finding);
            }
        }
    }
    for (name, output) in &file.outputs {
        draft.output(name, output.clone());
    }
}

fn resource(value: &Value) -> Option<Resource> {
    let resource: Resource = serde_json::from_value(value.clone()).ok()?;
    (!resource.kind.is_empty()).then_some(resource)
}

/// Merges `patch:` deeply over the resources. A null removes a key, and a whole resource where it stands for one.
pub(crate) fn patch(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    let file = &stack.file;
    for (id, patch) in &file.patch {
        let logical_id = LogicalId::new(id.as_str());
        let Some(there) = draft.template.resources.get(&logical_id) else {
            let help = match nearest(id, draft.template.resources.keys().map(LogicalId::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "take it out, and `deployer synth` shows the logical ids of everything".to_owned(),
            };
            let finding = Diagnostic::error("D0703", "a patch of nothing")
                .at(
                    stack.places.name("patch", id).or(file.stack.span),
                    format!("`patch` names `{id}`, which is no resource of this stack"),
                )
                .help(help);
            draft.findings.push(finding);
            continue;
        };
        if patch.is_null() {
            draft.template.resources.shift_remove(&logical_id);
            continue;
        }
        let mut merged = serde_json::to_value(there).expect("a resource holds only JSON values");
        deep_merge(&mut merged, patch);
        match resource(&merged) {
            Some(resource) => {
                draft.template.resources.insert(logical_id, resource);
            }
            None => {
                let finding = Diagnostic::error("D0704", "a patch that leaves no resource")
                    .at(
                        stack.places.name("patch", id).or(file.stack.span),
                        format!("`{id}` would be no CloudFormation resource any more"),
                    )
                    .help("patch keys such as `Properties:` and `Metadata:`, each a map");
                draft.findings.push(finding);
            }
        }
    }
}

fn deep_merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(into) = into else { return };
    for (key, value) in patch {
        if value.is_null() {
            into.shift_remove(key);
        } else {
            deep_merge(into.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}
