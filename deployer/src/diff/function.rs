//! A function: configuration key by key against the live one, then code, then the traffic of its alias.

use super::sides::Sides;
use super::{
    CODE, Cause, Change, Desired, DesiredFunction, FUNCTION, PropertyChange, TRAFFIC, WARM, attributes, recreated,
    updated,
};
use crate::cfn::Resource;
use crate::ids::LogicalId;
use crate::normalize;
use crate::state::{Known, LiveFunction, Snapshot, State};
use crate::unfinished;
use serde_json::{Value, json};

/// A function: configuration key by key against the live one, then code and traffic.
pub(super) fn function(
    desired: &Desired,
    state: &State,
    id: &LogicalId,
    before: &Resource,
    after: &Resource,
) -> Option<Change> {
    let by_template = |why: &str| updated(id, after, attributes(before, after), Some(why.to_owned()));
    let live = match state.functions.get(id) {
        Some(Known::Present(live)) => live,
        Some(Known::Absent) => return Some(recreated(id, before, after)),
        Some(Known::Unknown(why)) => return by_template(why),
        None => return by_template("it was not read"),
    };
    let (wanted, had) = (desired.properties(id, after), desired.properties(id, before));
    let Some(sides) = Sides::new(state, &after.kind, &wanted, &had, &live.latest.covered()) else {
        return by_template("the stack does not exist");
    };
    let mut properties = Vec::new();
    // What Lambda does not report, or what cannot be evaluated, is compared by template.
    for property in attributes(before, after) {
        if property.path != CODE && property.property() != CODE && !sides.covers(property.property()) {
            properties.push(property);
        }
    }
    properties.extend(sides.changes().into_iter().map(|change| as_written(change, before, after)));
    let declared = desired.functions.iter().find(|(_, function)| function.id == *id);
    if let Some((name, declared)) = declared {
        properties.extend(code(declared, state, live));
        properties.extend(traffic(name, declared, state, live, &sides, &properties));
        properties.extend(warm(name, declared, state, live));
    }
    // Whom the alias serves is not known: it is given a version when anything of one changes.
    let unverified = match &live.alias {
        Known::Unknown(why) => Some(why.clone()),
        _ => None,
    };
    updated(id, after, properties, unverified)
}

/// Whether `snapshot` has the desired configuration, as far as that can be known.
fn is_served_by(sides: &Sides, snapshot: &Snapshot) -> bool {
    let served = normalize::live(FUNCTION, &snapshot.covered());
    sides.desired().filter(|(key, _)| is_versioned(key)).all(|(key, value)| served.get(key) == Some(value))
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

/// The function that an alias belongs to.
pub(crate) fn of_alias(alias: &Resource) -> Option<LogicalId> {
    alias.properties.get("FunctionName")?.get("Ref")?.as_str().map(LogicalId::new)
}

/// Whether the function of an alias is gone, or its alias alone.
pub(super) fn has_lost_its_alias(state: &State, alias: &Resource) -> bool {
    match of_alias(alias).and_then(|id| state.functions.get(&id)) {
        Some(Known::Present(live)) => live.alias == Known::Absent,
        Some(Known::Absent) => true,
        Some(Known::Unknown(_)) | None => false,
    }
}

/// Traffic: whether the alias serves what is desired, given what else will change.
fn traffic(
    name: &str,
    declared: &DesiredFunction,
    state: &State,
    live: &LiveFunction,
    sides: &Sides,
    changes: &[PropertyChange],
) -> Option<PropertyChange> {
    if live.alias == Known::Absent {
        let after = Some(json!("a new version"));
        return Some(PropertyChange { path: TRAFFIC.to_owned(), before: None, after, cause: Cause::Drift });
    }
    let alias = live.alias.present()?;
    let serves = live
        .serving
        .as_ref()
        .is_some_and(|serving| serving.code_sha256 == declared.code && is_served_by(sides, serving));
    // What the comparison covers is answered by `serves`; drift is put right before anything is published.
    let differs = |change: &PropertyChange| {
        change.cause != Cause::Drift && is_versioned(change.property()) && !sides.covers(change.property())
    };
    let stays =
        serves && alias.weights.is_empty() && !changes.iter().any(|change| change.path != CODE && differs(change));
    if stays {
        return None;
    }
    let released = state.current_release().and_then(|release| release.functions.get(name));
    let was_moved = released.is_some_and(|released| released.version != alias.version) || !alias.weights.is_empty();
    let is_unfinished = unfinished::found(state).is_some_and(|found| found.release.shifting.contains_key(name));
    let changed_here = changes
        .iter()
        .any(|change| change.cause != Cause::Drift && (change.path == CODE || is_versioned(change.property())));
    let cause = match (was_moved, changed_here) {
        (true, false) if !is_unfinished => Cause::Drift,
        _ => Cause::Yours,
    };
    Some(PropertyChange {
        path: TRAFFIC.to_owned(),
        before: Some(json!(alias.text())),
        after: Some(json!("a new version")),
        cause,
    })
}

/// Executions kept warm: what is declared, what the last release declared, what the live version has.
fn warm(name: &str, declared: &DesiredFunction, state: &State, live: &LiveFunction) -> Option<PropertyChange> {
    let version = live.alias.present()?.version.as_str();
    let have = live.provisioned.get(version).copied();
    let strays = live.provisioned.keys().any(|other| other != version);
    if have == declared.provisioned && !strays {
        return None;
    }
    let before = state.current_release().and_then(|release| release.functions.get(name)?.provisioned);
    let cause = match (have == before, declared.provisioned == before) {
        (true, _) => Cause::Yours,
        (false, true) => Cause::Drift,
        (false, false) if have == declared.provisioned => Cause::Converged,
        (false, false) => Cause::Both,
    };
    Some(PropertyChange {
        path: WARM.to_owned(),
        before: have.map(|executions| json!(executions)),
        after: declared.provisioned.map(|executions| json!(executions)),
        cause,
    })
}

/// Whether a function's property is part of a version, so that a change reaches traffic only with a new one. A version's
/// description is its own: it names the release.
pub(crate) fn is_versioned(property: &str) -> bool {
    !["Description", WARM, "Tags", "ReservedConcurrentExecutions", "RecursiveLoop", "CodeSigningConfigArn"]
        .contains(&property)
        && !property.starts_with('(')
}
