//! The steps that carry a plan's lines out. Every detail is decided here; `apply` is left no choice.

use super::traffic::{self, Mover};
use super::{Code, Line, Policy, StackStep, Step, artifact_key, repairs};
use crate::artifact::Artifact;
use crate::change_set::ChangeSet;
use crate::diff::{Action, CODE, Cause, Change, Desired, FUNCTION, PropertyChange, TRAFFIC, WARM, is_versioned};
use crate::ids::LogicalId;
use crate::normalize;
use crate::state::{Known, State};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Everything to do, in order of the phases; nothing when no line asks for it.
pub(super) fn steps(
    lines: &[Line],
    desired: &Desired,
    state: &State,
    change_set: Option<ChangeSet>,
    policy: &Policy,
) -> (Vec<Step>, Vec<String>) {
    let is_new = state.stack().is_none();
    let protect = policy.protect && !state.deployed.present().is_some_and(|deployed| deployed.protected);
    if lines.iter().all(|line| line.change.action == Action::Leave) && !is_new && !protect {
        return (Vec::new(), Vec::new());
    }
    let bucket = &state.place.bucket;
    let mut steps = Vec::new();
    if state.releases == Known::Absent {
        steps.push(Step::CreateBucket { bucket: bucket.clone() });
    }
    let change_of = |id: &LogicalId| lines.iter().map(|line| &line.change).find(|change| change.id == *id);
    let mut after = Vec::new();
    let mut movers = Vec::new();
    for (function, declared) in &desired.functions {
        let Some(change) = change_of(&declared.id) else { continue };
        let live = state.live(&declared.id);
        let is_made = is_made(change.action);
        let name = match live.filter(|_| !is_made) {
            Some(live) => live.name.clone(),
            None => desired
                .template
                .resources
                .get(&declared.id)
                .map_or_else(|| change.name.clone(), |resource| crate::diff::name(&declared.id, resource)),
        };
        let code_changes = is_made || change.properties.iter().any(|property| property.path == CODE);
        let code = match policy.artifacts.get(function) {
            Some(Artifact::Zip { sha256, path, size, .. }) => {
                let key = artifact_key(sha256.as_str());
                if code_changes && !policy.uploaded.contains(&key) {
                    let step = Step::Upload {
                        function: function.clone(),
                        bucket: bucket.clone(),
                        key: key.clone(),
                        path: path.clone(),
                        size: *size,
                    };
                    steps.push(step);
                }
                Some((Code::Object { bucket: bucket.clone(), key }, Some(declared.code.clone())))
            }
            Some(Artifact::Image { uri }) => Some((Code::Image { uri: uri.clone() }, None)),
            None => None,
        };
        let configure = configured(change, desired, declared.id.clone(), is_made);
        if !configure.is_empty() {
            after.push(Step::Configure { function: function.clone(), id: declared.id.clone(), properties: configure });
        }
        if let Some((code, _)) = code.clone().filter(|_| code_changes && !is_made) {
            after.push(Step::UpdateCode { function: function.clone(), name: name.clone(), code });
        }
        let moves = change.properties.iter().any(|property| property.path == TRAFFIC);
        let versioned = change.properties.iter().any(|property| is_versioned(property.property()));
        // What could not be read is given a version rather than left on an old one.
        if is_made || moves || (versioned && change.unverified.is_some()) {
            let code_sha256 = code.and_then(|(_, digest)| digest);
            after.push(Step::Publish { function: function.clone(), name: name.clone(), code_sha256 });
            movers.push(Mover { function, name: name.clone(), change, live: live.filter(|_| !is_made) });
        }
        let is_moved = movers.last().is_some_and(|mover| mover.function == function);
        after.extend(traffic::warmth(function, &name, declared, live.filter(|_| !is_made), is_moved));
    }
    after.extend(plain_functions(lines, desired));
    let (shifts, notes) = traffic::steps(&movers, lines, &policy.courses, &policy.ignore_alarms);
    after.extend(shifts);
    steps.push(Step::OpenRelease);
    let gone = repairs::out_and_back(lines);
    if !gone.is_empty()
        && let Some(step) = repairs::without(&gone, state)
    {
        steps.push(Step::LetGo(StackStep { tags: policy.tags.clone(), ..step }));
    }
    let revert_drift = repairs::needs_drift_aware(lines, state);
    if is_new || revert_drift || !gone.is_empty() || lines.iter().any(|line| line.change.is_for_the_stack()) {
        steps.push(Step::Stack(StackStep {
            create: is_new,
            change_set,
            revert_drift,
            template: crate::cfn::to_text(&desired.template),
            parameters: parameters(desired, state, policy, lines, revert_drift),
            tags: policy.tags.clone(),
            import_existing: policy.import_existing,
        }));
    }
    if protect {
        steps.push(Step::Protect { on: true });
    }
    steps.extend(repairs::by_service(lines, desired, state));
    steps.extend(after);
    steps.push(Step::CloseRelease);
    steps.sort_by_key(Step::phase);
    (steps, notes)
}

/// Functions under `resources:`, which have neither release nor alias of ours: only their configuration is put right.
fn plain_functions(lines: &[Line], desired: &Desired) -> Vec<Step> {
    let is_plain = |change: &&Change| {
        change.kind == FUNCTION && desired.functions.values().all(|declared| declared.id != change.id)
    };
    let steps = lines.iter().map(|line| &line.change).filter(is_plain).map(|change| Step::Configure {
        function: change.id.to_string(),
        id: change.id.clone(),
        properties: match change.action {
            Action::Update => configured(change, desired, change.id.clone(), false),
            action if is_made(action) => configured(change, desired, change.id.clone(), true),
            _ => Map::new(),
        },
    });
    steps.filter(|step| !matches!(step, Step::Configure { properties, .. } if properties.is_empty())).collect()
}

/// Whether a resource comes to be anew.
fn is_made(action: Action) -> bool {
    matches!(action, Action::Create | Action::Import | Action::Replace | Action::Recreate)
}

/// Properties that go through Lambda's own API: drift that the stack will not repair, and what the place's CloudFormation
/// cannot hold.
fn configured(change: &Change, desired: &Desired, id: LogicalId, is_made: bool) -> Map<String, Value> {
    let by_api = desired.by_api.get(&id).cloned().unwrap_or_default();
    let template = desired.template.resources.get(&id).map(|resource| &resource.properties);
    let mut properties = Map::new();
    if is_made {
        return by_api;
    }
    let drifted = |property: &&PropertyChange| {
        by_api.contains_key(property.property()) || matches!(property.cause, Cause::Drift | Cause::Both)
    };
    let pseudo = [CODE, TRAFFIC, WARM];
    for property in
        change.properties.iter().filter(|property| !pseudo.contains(&property.path.as_str())).filter(drifted)
    {
        let name = property.property();
        let declared = by_api.get(name).or_else(|| template?.get(name)).cloned();
        properties.extend(declared.or_else(|| normalize::neutral(name)).map(|value| (name.to_owned(), value)));
    }
    properties
}

/// Code and version are given when a function is made and kept ever after. A drift-aware change set puts the alias back to
/// what the parameter says, so it is given the version that is live.
fn parameters(
    desired: &Desired,
    state: &State,
    policy: &Policy,
    lines: &[Line],
    revert_drift: bool,
) -> BTreeMap<String, Option<String>> {
    let deployed = state.deployed.present();
    let is_kept = |key: &str| deployed.is_some_and(|deployed| deployed.parameters.contains_key(key));
    let mut parameters = BTreeMap::new();
    let bucket = crate::synth::logical_ids::ARTIFACT_BUCKET;
    if desired.template.parameters.contains_key(bucket) {
        parameters.insert(bucket.to_owned(), (!is_kept(bucket)).then(|| state.place.bucket.clone()));
    }
    for (function, declared) in &desired.functions {
        let is_made = lines.iter().any(|line| {
            line.change.id == declared.id
                && matches!(line.change.action, Action::Create | Action::Import | Action::Replace | Action::Recreate)
        });
        let code = match policy.artifacts.get(function) {
            Some(Artifact::Zip { sha256, .. }) => artifact_key(sha256.as_str()),
            Some(Artifact::Image { uri }) => uri.clone(),
            None => continue,
        };
        let [code_parameter, version_parameter] = &declared.parameters;
        let keep = |key: &str| is_kept(key) && !is_made;
        parameters.insert(code_parameter.clone(), (!keep(code_parameter)).then_some(code));
        let live = || Some(state.live(&declared.id)?.alias.present()?.version.to_string());
        let version = match keep(version_parameter) {
            false => Some("$LATEST".to_owned()),
            true if revert_drift => live(),
            true => None,
        };
        parameters.insert(version_parameter.clone(), version);
    }
    parameters
}
