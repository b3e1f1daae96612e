//! Three-way comparison of desired, last deployed and live state.
//!
//! Takes values and returns changes in template order. Knows nothing of AWS clients, risk or wording; an unreadable part
//! arrives as `Known::Unknown` and makes its change unverified.

use crate::cfn::{Resource, Template};
use crate::ids::LogicalId;
use crate::normalize;
use crate::resolve::{self, Scope};
use crate::state::{Known, LiveFunction, Snapshot, State};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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

/// Pseudo-property: the code package of a function, by digest.
pub(crate) const CODE: &str = "Code";
/// Pseudo-property: the version that the alias sends traffic to.
pub(crate) const TRAFFIC: &str = "Traffic";
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
            }),
            Action::Create | Action::Replace | Action::Delete => true,
            Action::Recreate => false,
        }
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
/// | – | A | any | removed from the file | `Action::Delete` |
/// | A | – | – | new | `Action::Create` |
/// | A | A | – | deleted by hand | `Action::Recreate` |
/// | any | any | unknown | could not read | as deployed, `unverified` |
///
/// Live values are compared for Lambda functions: configuration, code and traffic. For every other type what was
/// deployed stands for what is live.
pub(crate) fn diff(desired: &Desired, state: &State) -> Vec<Change> {
    let nothing = Template::default();
    let deployed = state.stack().map_or(&nothing, |stack| &stack.template);
    let mut changes = Vec::new();
    for (id, after) in &desired.template.resources {
        let before = deployed.resources.get(id);
        let change = match before {
            None => Some(whole(id, after, Action::Create)),
            Some(before) if before.kind != after.kind => Some(replaced(id, before, after)),
            Some(before) => match after.kind.as_str() {
                "AWS::Lambda::Function" => function(desired, state, id, before, after),
                _ => updated(id, after, attributes(before, after), None),
            },
        };
        // What is replaced goes by the name of what is there now.
        changes.extend(change.map(|change| match (change.action, before) {
            (Action::Replace, Some(before)) => Change { name: name(id, before), ..change },
            _ => change,
        }));
    }
    for (id, before) in &deployed.resources {
        if !desired.template.resources.contains_key(id) {
            changes.push(whole(id, before, Action::Delete));
        }
    }
    changes.extend(sections(desired, state, deployed));
    changes
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
    let cause = match properties.iter().all(|property| property.cause == first) {
        true => first,
        false => Cause::Both,
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

/// Everything below `path` in which two values differ. Intrinsic functions are compared as a whole, and so are lists
/// unless they hold equally many objects.
pub(crate) fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<PropertyChange>) {
    let before = before.filter(|value| !value.is_null());
    let after = after.filter(|value| !value.is_null());
    match (before, after) {
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

/// A function: configuration key by key against the live one, then code and traffic.
fn function(desired: &Desired, state: &State, id: &LogicalId, before: &Resource, after: &Resource) -> Option<Change> {
    let live = match state.functions.get(id) {
        Some(Known::Present(live)) => live,
        Some(Known::Absent) => return Some(whole(id, after, Action::Recreate)),
        Some(Known::Unknown(why)) => return updated(id, after, attributes(before, after), Some(why.clone())),
        None => return updated(id, after, attributes(before, after), Some("it was not read".to_owned())),
    };
    let merged = |resource: &Resource| {
        let mut properties = resource.properties.clone();
        properties.extend(desired.by_api.get(id).cloned().unwrap_or_default());
        properties
    };
    let wanted = merged(after);
    let comparison = Comparison::new(state, &wanted, &merged(before), &live.latest);
    let mut properties = Vec::new();
    // What Lambda does not report, or what cannot be evaluated, is compared by template.
    for property in attributes(before, after) {
        if property.path != CODE && property.property() != CODE && !comparison.covers(property.property()) {
            properties.push(property);
        }
    }
    properties.extend(comparison.changes().into_iter().map(|change| as_written(change, before, after)));
    let declared = desired.functions.values().find(|function| function.id == *id);
    if let Some(declared) = declared {
        let moved = code(declared, state, live).into_iter().chain(traffic(declared, live, &comparison, &properties));
        properties.extend(moved.collect::<Vec<_>>());
    }
    updated(id, after, properties, comparison.unverified)
}

/// A variable's change with the values as the templates say them, where they do; live values stay digests.
fn as_written(change: PropertyChange, before: &Resource, after: &Resource) -> PropertyChange {
    let Some(key) = change.path.strip_prefix("Environment.Variables.") else { return change };
    let written = |resource: &Resource| {
        let value = resource.properties.get("Environment")?.get("Variables")?.get(key)?;
        normalize::scalar_text(value).map(Value::String)
    };
    let before = match change.cause {
        Cause::Yours | Cause::Converged => written(before).or(change.before),
        Cause::Drift | Cause::Both => change.before,
    };
    let after = change.after.map(|digest| written(after).unwrap_or(digest));
    PropertyChange { before, after, ..change }
}

/// The three sides of a function's configuration, normalised.
struct Comparison {
    desired: Map<String, Value>,
    deployed: Map<String, Value>,
    live: Map<String, Value>,
    /// Properties that could not be evaluated on one side.
    unknown: Vec<String>,
    unverified: Option<String>,
}

impl Comparison {
    fn new(state: &State, desired: &Map<String, Value>, deployed: &Map<String, Value>, live: &Snapshot) -> Self {
        let Some(scope) = Scope::of(state) else {
            let unverified = Some("the stack does not exist".to_owned());
            return Self {
                desired: Map::new(),
                deployed: Map::new(),
                live: Map::new(),
                unknown: Vec::new(),
                unverified,
            };
        };
        let mut unknown = Vec::new();
        let mut side = |properties: &Map<String, Value>| {
            let mut resolved = Map::new();
            for key in normalize::LIVE_FUNCTION_PROPERTIES {
                let Some(value) = properties.get(key) else { continue };
                match resolve::resolve(value, &scope) {
                    Some(value) => drop(resolved.insert(key.to_owned(), value)),
                    None => unknown.push(key.to_owned()),
                }
            }
            normalize::function(&normalize::with_digests(&resolved, &state.place.stack))
        };
        let (desired, deployed) = (side(desired), side(deployed));
        let live = normalize::function(&live.properties);
        Self { desired, deployed, live, unknown, unverified: None }
    }

    fn covers(&self, property: &str) -> bool {
        normalize::LIVE_FUNCTION_PROPERTIES.contains(&property) && !self.unknown.iter().any(|key| key == property)
    }

    fn changes(&self) -> Vec<PropertyChange> {
        let covered = |side: &Map<String, Value>| {
            let kept = side.iter().filter(|(key, _)| self.covers(key));
            Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
        };
        let (desired, deployed, live) = (covered(&self.desired), covered(&self.deployed), covered(&self.live));
        three_way(&desired, &deployed, &live)
    }

    /// Whether `snapshot` has the desired configuration, as far as that can be known.
    fn is_served_by(&self, snapshot: &Snapshot) -> bool {
        let served = normalize::function(&snapshot.properties);
        let mut compared = self.desired.iter().filter(|(key, _)| self.covers(key) && is_versioned(key));
        compared.all(|(key, value)| served.get(key) == Some(value))
    }
}

/// The table of [`diff`] over every path in which any two of three values differ.
fn three_way(desired: &Value, deployed: &Value, live: &Value) -> Vec<PropertyChange> {
    let between = |one: &Value, two: &Value| {
        let mut found = Vec::new();
        compare("", Some(one), Some(two), &mut found);
        found
    };
    let yours = between(deployed, desired);
    let theirs = between(deployed, live);
    let open = between(live, desired);
    let touches = |found: &[PropertyChange], path: &str| {
        found.iter().any(|change| {
            change.path == path
                || change.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
                || path.strip_prefix(change.path.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let mut found: Vec<PropertyChange> = open
        .into_iter()
        .map(|change| {
            let cause = match (touches(&yours, &change.path), touches(&theirs, &change.path)) {
                (true, true) => Cause::Both,
                (true, false) => Cause::Yours,
                (false, _) => Cause::Drift,
            };
            PropertyChange { cause, ..change }
        })
        .collect();
    // Done by hand already: nothing is open, but the stack has yet to learn of it.
    let converged: Vec<_> = yours
        .into_iter()
        .filter(|change| !touches(&found, &change.path))
        .map(|change| PropertyChange { cause: Cause::Converged, ..change })
        .collect();
    found.extend(converged);
    found
}

/// The code package: what is built, what a release of ours put there, what is on `$LATEST`.
fn code(declared: &DesiredFunction, state: &State, live: &LiveFunction) -> Option<PropertyChange> {
    let on_latest = &live.latest.code_sha256;
    if *on_latest == declared.code {
        return None;
    }
    let releases = state.releases.present().map_or(&[][..], Vec::as_slice);
    let recorded: Vec<&str> = releases
        .iter()
        .flat_map(|release| release.functions.values())
        .filter(|released| released.function == live.name)
        .map(|released| released.code_sha256.as_str())
        .collect();
    let ours = recorded.is_empty() || recorded.contains(&on_latest.as_str());
    // "Changed here" is measured against the newest release: the one whose code this function was last given.
    let changed_here = recorded.last().is_none_or(|last| *last != declared.code);
    let cause = match (ours, changed_here) {
        (true, _) => Cause::Yours,
        (false, true) => Cause::Both,
        (false, false) => Cause::Drift,
    };
    let before = Some(json!(on_latest));
    Some(PropertyChange { path: CODE.to_owned(), before, after: Some(json!(declared.code)), cause })
}

/// Traffic: whether the alias serves what is desired, given what else will change.
fn traffic(
    declared: &DesiredFunction,
    live: &LiveFunction,
    comparison: &Comparison,
    changes: &[PropertyChange],
) -> Option<PropertyChange> {
    let alias = live.alias.present()?;
    let serves = live
        .serving
        .as_ref()
        .is_some_and(|serving| serving.code_sha256 == declared.code && comparison.is_served_by(serving));
    // What the comparison covers is answered by `serves`; drift is put right before anything is published.
    let differs = |change: &PropertyChange| {
        change.cause != Cause::Drift && is_versioned(change.property()) && !comparison.covers(change.property())
    };
    let stays =
        serves && alias.weights.is_empty() && !changes.iter().any(|change| change.path != CODE && differs(change));
    if stays {
        return None;
    }
    let before = match alias.weights.iter().next() {
        None => alias.version.to_string(),
        Some((second, share)) => format!("{} and {second} ({:.0}%)", alias.version, share * 100.0),
    };
    Some(PropertyChange {
        path: TRAFFIC.to_owned(),
        before: Some(json!(before)),
        after: Some(json!("a new version")),
        cause: Cause::Yours,
    })
}

/// Whether a function's property is part of a version, so that a change reaches traffic only with a new one. A version's
/// description is its own: it names the release.
pub(crate) fn is_versioned(property: &str) -> bool {
    !["Description", "Tags", "ReservedConcurrentExecutions", "RecursiveLoop", "CodeSigningConfigArn"]
        .contains(&property)
        && !property.starts_with('(')
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
