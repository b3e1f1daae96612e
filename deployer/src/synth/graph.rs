//! What holds a template together: references that lead somewhere, no circles, and CloudFormation's limits.
//!
//! Looks at the finished template only, so that raw parts are held to the same as generated ones.

use crate::cfn::{Resource, Template};
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::ids::LogicalId;
use crate::model::Stack;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Most of each that one template may have.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html> (read 2026-11).
const LIMITS: [(&str, usize); 3] = [("resources", 500), ("parameters", 200), ("outputs", 200)];

/// Findings about the template of `stack`. They point at the raw part that is involved, or at the stack.
pub(crate) fn check(template: &Template, stack: &Stack) -> Diagnostics {
    let place = |id: &str| {
        let sections = ["resources", "outputs", "patch", "exports"];
        let named = sections.into_iter().find(|section| stack.places.has(section, id));
        named.map_or(stack.file.stack.span, |section| stack.places.name(section, id))
    };
    let mut findings = Diagnostics::default();
    let counts = [template.resources.len(), template.parameters.len(), template.outputs.len()];
    for ((what, most), count) in LIMITS.into_iter().zip(counts) {
        if count > most {
            let finding = Diagnostic::error("D0707", "more than one CloudFormation stack can hold")
                .at(stack.file.stack.span, format!("{count} {what}; at most {most} are possible"))
                .help("split the stack in two, joined by `exports:` and `{import: …}`");
            findings.push(finding);
        }
    }
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut dangling: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut follow = |from, references: Vec<String>| {
        let mut targets = BTreeSet::new();
        for reference in references {
            let id = LogicalId::new(reference.as_str());
            if template.resources.contains_key(&id) {
                targets.insert(reference);
            } else if !template.parameters.contains_key(&reference) && !reference.starts_with("AWS::") {
                dangling.insert((from, reference));
            }
        }
        targets
    };
    for (id, resource) in &template.resources {
        let targets = follow(id.as_str(), resource_references(resource));
        edges.insert(id.as_str(), targets);
    }
    for (name, output) in &template.outputs {
        let mut references = Vec::new();
        collect(output, &mut references);
        follow(name.as_str(), references);
    }
    let known =
        || template.resources.keys().map(LogicalId::as_str).chain(template.parameters.keys().map(String::as_str));
    for (from, reference) in dangling {
        let help = match nearest(&reference, known()) {
            Some(near) => format!("did you mean `{near}`? What another stack exports is {{import: …}}"),
            None => "declare it under `resources:`; what another stack exports is {import: …}".to_owned(),
        };
        let finding = Diagnostic::error("D0705", "a reference to nothing")
            .at(place(from), format!("`{from}` refers to `{reference}`, which this stack does not have"))
            .help(help);
        findings.push(finding);
    }
    if let Some(circle) = circle(&edges) {
        let finding = Diagnostic::error("D0706", "resources that wait for each other in a circle")
            .at(place(&circle[0]), circle.join(" → "))
            .help("name one of them by text, such as its ARN with ${AWS::AccountId}, instead of a reference");
        findings.push(finding);
    }
    findings
}

fn resource_references(resource: &Resource) -> Vec<String> {
    let mut references = Vec::new();
    match &resource.depends_on {
        Some(Value::String(id)) => references.push(id.clone()),
        Some(Value::Array(ids)) => references.extend(ids.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
    for value in resource.properties.values() {
        collect(value, &mut references);
    }
    references
}

/// Adds the ids that `Ref`, `Fn::GetAtt` and `Fn::Sub` name inside `value`.
fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Object(map) => {
            if let [(key, argument)] = map.iter().collect::<Vec<_>>().as_slice() {
                match (key.as_str(), argument) {
                    ("Ref", Value::String(id)) => return references.push(id.clone()),
                    ("Fn::GetAtt", Value::String(path)) => return references.extend(first_part(path)),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        references.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
                        return;
                    }
                    ("Fn::Sub", Value::String(text)) => return references.extend(variables(text)),
                    ("Fn::Sub", Value::Array(parts)) => {
                        let text = parts.first().and_then(Value::as_str).unwrap_or_default();
                        let given = parts.get(1).and_then(Value::as_object);
                        references.extend(
                            variables(text).filter(|name| !given.is_some_and(|given| given.contains_key(name))),
                        );
                        return given
                            .into_iter()
                            .flat_map(|given| given.values())
                            .for_each(|value| collect(value, references));
                    }
                    _ => {}
                }
            }
            map.values().for_each(|value| collect(value, references));
        }
        _ => {}
    }
}

/// `${Queue.Arn}` → `Queue`, `${AWS::Region}` → itself; `${!Literal}` is none.
fn variables(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        if name.starts_with('!') { None } else { first_part(name.trim()) }
    })
}

fn first_part(path: &str) -> Option<String> {
    path.split('.').next().map(str::to_owned)
}

/// One circle, as the ids along it with the first again at the end.
fn circle(edges: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    edges.keys().find_map(|start| visit(start, edges, &mut Vec::new(), &mut done))
}

/// Depth is bounded by the number of resources, 500.
fn visit<'a>(
    id: &'a str,
    edges: &'a BTreeMap<&str, BTreeSet<String>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(start) = path.iter().position(|seen| *seen == id) {
        return Some(path[start..].iter().chain([&id]).map(|id| (*id).to_owned()).collect());
    }
    if done.contains(id) {
        return None;
    }
    path.push(id);
    let found = edges.get(id).into_iter().flatten().find_map(|next| visit(next, edges, path, done));
    path.pop();
    done.insert(id);
    found
}
