//! Three-way comparison of desired, last deployed and live state.
//!
//! Takes values and returns changes in template order. Knows nothing of AWS clients, risk or wording; an unreadable part
//! arrives as `Known::Unknown` and makes its change unverified.

mod function;
mod sides;

pub(crate) use function::{is_versioned, of_alias};

use crate::cfn::{Resource, Template};
use crate::iam::algebra::{self, Relation};
use crate::ids::LogicalId;
use crate::normalize;
use crate::resolve;
use crate::state::{Known, Properties, State, Stranger};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sides::Sides;

/// What ought to be: the template, and what stands outside of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Desired {
    pub(crate) template: Template,
    /// Properties that this place's CloudFormation cannot hold; they are set by the service's own API.
    pub(crate) by_api: IndexMap<LogicalId, Map<String, Value>>,
    /// Functions by their name in the stack file.
    pub(crate) functions: IndexMap<String, DesiredFunction>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredFunction {
    pub(crate) id: LogicalId,
    /// Base64 of the artifact's SHA-256; the URI of an image.
    pub(crate) code: String,
    /// The template parameters that CloudFormation is given once: code and version.
    pub(crate) parameters: [String; 2],
    /// Executions to keep warm.
    pub(crate) provisioned: Option<u32>,
}

/// Who made the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The stack file changed.
    Yours,
    /// Somebody changed AWS.
    Drift,
    /// Both, to different values.
    Both,
    /// Both, to the same value.
    Converged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Create,
    Update,
    Replace,
    Delete,
    /// Deleted by hand; has to be made again.
    Recreate,
    /// Attached by hand to something of ours; has to go.
    Remove,
    /// Watches something of ours and may belong to somebody: shown, and left alone.
    Leave,
    /// Exists already, outside of the stack.
    Import,
}

/// One resource that is not as it ought to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Change {
    pub(crate) id: LogicalId,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What people call it: its name in AWS where the template tells, else the logical id.
    pub(crate) name: String,
    pub(crate) action: Action,
    pub(crate) cause: Cause,
    pub(crate) properties: Vec<PropertyChange>,
    /// Why the live state could not be compared.
    pub(crate) unverified: Option<String>,
}

/// One property, by its path: `Environment.Variables.LOG_LEVEL`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct PropertyChange {
    pub(crate) path: String,
    /// What is there now; `None`: nothing.
    pub(crate) before: Option<Value>,
    /// What will be there; `None`: nothing.
    pub(crate) after: Option<Value>,
    pub(crate) cause: Cause,
}

pub(crate) const FUNCTION: &str = "AWS::Lambda::Function";
pub(crate) const ALARM: &str = "AWS::CloudWatch::Alarm";
pub(crate) const ALIAS: &str = "AWS::Lambda::Alias";
/// Pseudo-property: the code package of a function, by digest.
pub(crate) const CODE: &str = "Code";
/// Pseudo-property: the version that the alias sends traffic to.
pub(crate) const TRAFFIC: &str = "Traffic";
/// Pseudo-property: the executions that are kept warm.
pub(crate) const WARM: &str = "ProvisionedConcurrency";
/// Type of the pseudo-resources for the template's other sections.
pub(crate) const SECTION: &str = "Template::Section";

impl PropertyChange {
    /// The first part of the path.
    pub(crate) fn property(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or(&self.path)
    }
}

impl Change {
    /// Whether a stack operation carries it out; the rest goes through the service's own API.
    pub(crate) fn is_for_the_stack(&self) -> bool {
        match self.action {
            Action::Update => self.properties.iter().any(|property| {
                matches!(property.cause, Cause::Yours | Cause::Both | Cause::Converged)
                    && property.path != CODE
                    && property.path != TRAFFIC
                    && property.path != WARM
            }),
            Action::Create | Action::Import | Action::Replace | Action::Delete => true,
            Action::Recreate | Action::Remove | Action::Leave => false,
        }
    }
}

impl Desired {
    /// The properties of `resource`, those that go through the service's own API included.
    pub(crate) fn properties(&self, id: &LogicalId, resource: &Resource) -> Properties {
        let mut properties = resource.properties.clone();
        properties.extend(self.by_api.get(id).cloned().unwrap_or_default());
        properties
    }
}

/// Compares.
///
/// | desired | deployed | live | meaning | says |
/// | --- | --- | --- | --- | --- |
/// | A | A | A | nothing | – |
/// | B | A | A | our change | update, replace |
/// | A | A | B | drift | `Cause::Drift` |
/// | B | A | B | done by hand already | `Cause::Converged` |
/// | C | A | B | both changed | `Cause::Both` |
/// | – | A | A | removed from the file | `Action::Delete` |
/// | – | – | A | not ours; attached to what is ours | `Action::Remove`, of an alarm `Action::Leave`, else nothing |
/// | A | – | – | new | `Action::Create` |
/// | A | – | A | exists, not ours yet | `Action::Import` |
/// | A | A | – | deleted by hand | `Action::Recreate` |
/// | – | A | – | gone already | `Action::Delete`, `Cause::Converged` |
/// | any | any | unknown | could not read | as deployed, `unverified` |
pub(crate) fn diff(desired: &Desired, state: &State) -> Vec<Change> {
    let nothing = Template::default();
    let deployed = state.stack().map_or(&nothing, |stack| &stack.template);
    let mut changes = Vec::new();
    for (id, after) in &desired.template.resources {
        let before = deployed.resources.get(id);
        let change = match before {
            None => Some(made(state, id, after)),
            Some(before) if before.kind != after.kind => Some(replaced(id, before, after)),
            Some(before) if after.kind == FUNCTION => function::function(desired, state, id, before, after),
            Some(before) if after.kind == ALIAS && function::has_lost_its_alias(state, after) => {
                let change = recreated(id, before, after);
                // It comes back with its function, and for the same reason.
                let function = function::of_alias(after)
                    .filter(|function| state.functions.get(function) == Some(&Known::Absent))
                    .and_then(|id| Some((deployed.resources.get(&id)?, desired.template.resources.get(&id)?)));
                match function {
                    Some((before, after)) => Some(Change { cause: recreated(id, before, after).cause, ..change }),
                    None => Some(change),
                }
            }
            Some(before) => resource(desired, state, id, before, after),
        };
        // What is replaced goes by the name of what is there now.
        changes.extend(change.map(|change| match (change.action, before) {
            (Action::Replace, Some(before)) => Change { name: name(id, before), ..change },
            _ => change,
        }));
    }
    for (id, before) in &deployed.resources {
        if !desired.template.resources.contains_key(id) {
            let cause = if is_gone(state, id) { Cause::Converged } else { Cause::Yours };
            changes.push(Change { cause, ..whole(id, before, Action::Delete) });
        }
    }
    changes.extend(state.strangers.iter().map(|stranger| removed(stranger, deployed)));
    changes.extend(sections(desired, state, deployed));
    changes
}

/// New, or there already under the name that the template gives it.
fn made(state: &State, id: &LogicalId, after: &Resource) -> Change {
    match state.resources.get(id) {
        Some(Known::Present(_)) => Change { cause: Cause::Both, ..whole(id, after, Action::Import) },
        _ => whole(id, after, Action::Create),
    }
}

fn is_gone(state: &State, id: &LogicalId) -> bool {
    state.resources.get(id) == Some(&Known::Absent) || state.functions.get(id) == Some(&Known::Absent)
}

/// Deleted by hand; what has changed here as well comes back as the file says now.
fn recreated(id: &LogicalId, before: &Resource, after: &Resource) -> Change {
    let cause = if attributes(before, after).is_empty() { Cause::Drift } else { Cause::Both };
    Change { cause, ..whole(id, after, Action::Recreate) }
}

/// Any resource but a function.
fn resource(desired: &Desired, state: &State, id: &LogicalId, before: &Resource, after: &Resource) -> Option<Change> {
    let live = match state.resources.get(id) {
        Some(Known::Present(live)) => live,
        Some(Known::Absent) => return Some(recreated(id, before, after)),
        Some(Known::Unknown(why)) => return updated(id, after, attributes(before, after), Some(why.clone())),
        // Nobody reads this type.
        None => return updated(id, after, attributes(before, after), None),
    };
    let (wanted, had) = (desired.properties(id, after), desired.properties(id, before));
    let Some(sides) = Sides::new(state, &after.kind, &wanted, &had, &live.properties) else {
        return updated(id, after, attributes(before, after), Some("the stack does not exist".to_owned()));
    };
    let by_template = attributes(before, after);
    let mut properties: Vec<_> =
        by_template.into_iter().filter(|property| !sides.covers(property.property())).collect();
    properties.extend(sides.changes());
    updated(id, after, properties, None)
}

/// What hangs on something of ours and has to go; an alarm may be somebody's, who has reasons.
fn removed(stranger: &Stranger, deployed: &Template) -> Change {
    let owner = deployed.resources.get(&stranger.owner).map(|owner| name(&stranger.owner, owner));
    let shown = stranger.properties.iter().filter(|(_, value)| !value.is_null() && stranger.kind != ALARM);
    let properties = shown.map(|(key, value)| PropertyChange {
        path: key.clone(),
        before: Some(value.clone()),
        after: None,
        cause: Cause::Drift,
    });
    Change {
        id: LogicalId::new(format!("{}/{}", stranger.owner, stranger.identifier)),
        kind: stranger.kind.clone(),
        name: format!("{} of {}", stranger.identifier, owner.unwrap_or_else(|| stranger.owner.to_string())),
        action: if stranger.kind == ALARM { Action::Leave } else { Action::Remove },
        cause: Cause::Drift,
        properties: properties.collect(),
        unverified: None,
    }
}

fn whole(id: &LogicalId, resource: &Resource, action: Action) -> Change {
    Change {
        id: id.clone(),
        kind: resource.kind.clone(),
        name: name(id, resource),
        action,
        cause: Cause::Yours,
        properties: Vec::new(),
        unverified: None,
    }
}

fn replaced(id: &LogicalId, before: &Resource, after: &Resource) -> Change {
    let property = PropertyChange {
        path: "Type".to_owned(),
        before: Some(json!(before.kind)),
        after: Some(json!(after.kind)),
        cause: Cause::Yours,
    };
    Change { properties: vec![property], ..whole(id, after, Action::Replace) }
}

fn updated(
    id: &LogicalId,
    after: &Resource,
    properties: Vec<PropertyChange>,
    unverified: Option<String>,
) -> Option<Change> {
    let first = properties.first()?.cause;
    let all = |causes: &[Cause]| properties.iter().all(|property| causes.contains(&property.cause));
    let cause = match () {
        () if all(&[first]) => first,
        // What is done already leaves the rest to us alone.
        () if all(&[Cause::Yours, Cause::Converged]) => Cause::Yours,
        () => Cause::Both,
    };
    let replaces = properties.iter().any(|property| {
        property.cause != Cause::Drift && crate::risk::is_create_only(&after.kind, property.property()) == Some(true)
    });
    let action = if replaces { Action::Replace } else { Action::Update };
    Some(Change { cause, properties, unverified, ..whole(id, after, action) })
}

/// Properties and the attributes beside them that CloudFormation acts on.
fn attributes(before: &Resource, after: &Resource) -> Vec<PropertyChange> {
    let mut found = Vec::new();
    compare(
        "",
        Some(&Value::Object(before.properties.clone())),
        Some(&Value::Object(after.properties.clone())),
        &mut found,
    );
    let text = |value: &Option<String>| value.clone().map(Value::String);
    for (path, before, after) in [
        ("(DeletionPolicy)", &before.deletion_policy, &after.deletion_policy),
        ("(UpdateReplacePolicy)", &before.update_replace_policy, &after.update_replace_policy),
        ("(Condition)", &before.condition, &after.condition),
    ] {
        compare(path, text(before).as_ref(), text(after).as_ref(), &mut found);
    }
    found
}

/// Whether a value is a policy document or a statement of one: compared by what it allows, not by its text.
fn is_policy(value: &Value) -> bool {
    value.get("Statement").is_some_and(|statement| statement.is_array() || statement.is_object())
        || (value.get("Effect").is_some() && (value.get("Action").is_some() || value.get("NotAction").is_some()))
}

/// Everything below `path` in which two values differ. Intrinsic functions are compared as a whole, and so are lists
/// unless they hold equally many objects.
pub(crate) fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<PropertyChange>) {
    let before = before.filter(|value| !value.is_null());
    let after = after.filter(|value| !value.is_null());
    match (before, after) {
        // All properties of a resource together are none, whatever they are called.
        (Some(one), Some(two)) if !path.is_empty() && is_policy(one) && is_policy(two) => {
            if algebra::relation(Some(one), Some(two)) != Relation::Equal {
                found.push(PropertyChange {
                    path: path.to_owned(),
                    before: Some(one.clone()),
                    after: Some(two.clone()),
                    cause: Cause::Yours,
                });
            }
        }
        (Some(Value::Object(one)), Some(Value::Object(two)))
            if resolve::intrinsic(one).is_none() && resolve::intrinsic(two).is_none() =>
        {
            let keys = two.keys().chain(one.keys().filter(|key| !two.contains_key(*key)));
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&below, one.get(key), two.get(key), found);
            }
        }
        (Some(one), Some(two))
            if normalize::scalar_text(one).is_some_and(|text| normalize::scalar_text(two) == Some(text)) => {}
        (one, two) if one == two => {}
        (one, two) => found.push(PropertyChange {
            path: path.to_owned(),
            before: one.cloned(),
            after: two.cloned(),
            cause: Cause::Yours,
        }),
    }
}

/// Outputs, conditions, mappings and the parameters that are not ours.
fn sections(desired: &Desired, state: &State, deployed: &Template) -> Vec<Change> {
    if state.stack().is_none() {
        return Vec::new();
    }
    // Code and version are left to their previous values; a parameter of a function that goes, goes with it.
    let own = |key: &str| {
        key == crate::synth::logical_ids::ARTIFACT_BUCKET
            || desired.functions.values().any(|function| function.parameters.iter().any(|own| own == key))
    };
    let parameters = |template: &Template| {
        let kept =
            template.parameters.iter().filter(|(key, _)| !own(key) && desired.template.parameters.contains_key(*key));
        Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
    };
    let object = |map: &Map<String, Value>| Value::Object(map.clone());
    let sections = [
        ("Outputs", object(&deployed.outputs), object(&desired.template.outputs)),
        ("Conditions", object(&deployed.conditions), object(&desired.template.conditions)),
        ("Mappings", object(&deployed.mappings), object(&desired.template.mappings)),
        ("Parameters", parameters(deployed), parameters(&desired.template)),
    ];
    let section = Resource { kind: SECTION.to_owned(), ..Resource::default() };
    let changed = sections.into_iter().filter_map(|(id, before, after)| {
        let mut properties = Vec::new();
        compare("", Some(&before), Some(&after), &mut properties);
        updated(&LogicalId::new(id), &section, properties, None)
    });
    changed.collect()
}

/// `QueueName`, `FunctionName`, `Name` … where they are plain text, else the logical id.
pub(crate) fn name(id: &LogicalId, resource: &Resource) -> String {
    let own = resource.kind.rsplit("::").next().unwrap_or_default();
    // Every alias is called `live`, which tells nobody which.
    if own == "Alias" {
        return id.to_string();
    }
    let candidates = [format!("{own}Name"), "Name".to_owned(), "RouteKey".to_owned()];
    let found = candidates.iter().find_map(|key| resource.properties.get(key)?.as_str());
    found.map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests;
