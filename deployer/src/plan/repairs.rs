//! The steps that put drift right: by the service, by a drift-aware change set, or out of the stack and back.

use super::{Line, StackStep, Step};
use crate::diff::{Action, Cause, Change, Desired, FUNCTION};
use crate::ids::LogicalId;
use crate::repair::{self, Way};
use crate::resolve::{self, Scope};
use crate::state::{Properties, ReadBy, State};
use serde_json::Value;

/// Steps by the services' own APIs.
pub(super) fn by_service(lines: &[Line], desired: &Desired, state: &State) -> Vec<Step> {
    lines.iter().filter_map(|line| step(&line.change, desired, state)).collect()
}

fn step(change: &Change, desired: &Desired, state: &State) -> Option<Step> {
    if change.action == Action::Remove {
        let stranger = state.strangers.iter().find(|stranger| {
            stranger.kind == change.kind && change.id.as_str() == format!("{}/{}", stranger.owner, stranger.identifier)
        })?;
        return Some(Step::Remove { name: change.name.clone(), stranger: stranger.clone() });
    }
    if change.kind == FUNCTION {
        return None;
    }
    let resource = desired.template.resources.get(&change.id)?;
    let wanted = desired.properties(&change.id, resource);
    let (properties, changed): (Properties, Vec<String>) = match change.action {
        Action::Recreate if way_back(change) == Way::Service => {
            let changed = wanted.keys().cloned().collect();
            (wanted, changed)
        }
        Action::Create | Action::Replace | Action::Recreate => {
            let changed = desired.by_api.get(&change.id)?.keys().cloned().collect();
            (wanted, changed)
        }
        Action::Update => {
            let live = state.resources.get(&change.id)?.present()?;
            let changed = drifted(change, desired);
            if changed.is_empty() || live.source != ReadBy::Service {
                return None;
            }
            (wanted.into_iter().filter(|(key, _)| live.properties.contains_key(key)).collect(), changed)
        }
        _ => return None,
    };
    Some(Step::Repair {
        id: change.id.clone(),
        kind: change.kind.clone(),
        name: change.name.clone(),
        properties,
        changed,
        again: change.action == Action::Recreate && way_back(change) == Way::Service,
    })
}

/// Top-level properties of a line that its stack operation leaves alone.
fn drifted(change: &Change, desired: &Desired) -> Vec<String> {
    let by_api = desired.by_api.get(&change.id);
    let mut names: Vec<String> = change
        .properties
        .iter()
        .filter(|property| {
            matches!(property.cause, Cause::Drift | Cause::Both)
                || by_api.is_some_and(|own| own.contains_key(property.property()))
        })
        .map(|property| property.property().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Whether CloudFormation must look at what is live to put something right. It then looks at all of the stack; what the
/// template changes as well is set without that.
pub(super) fn needs_drift_aware(lines: &[Line], state: &State) -> bool {
    lines.iter().any(|line| {
        let live = state.resources.get(&line.change.id).and_then(|known| known.present());
        live.is_some_and(|live| live.source == ReadBy::DriftDetection)
            && line.change.properties.iter().any(|property| property.cause == Cause::Drift)
    })
}

/// What was deleted by hand and cannot be made again by its service: the stack lets go of it first, then makes it anew.
pub(super) fn out_and_back(lines: &[Line]) -> Vec<&LogicalId> {
    let gone = lines.iter().map(|line| &line.change).filter(|change| change.action == Action::Recreate);
    gone.filter(|change| way_back(change) == Way::OutAndBack).map(|change| &change.id).collect()
}

/// How something that is gone is made again. What the template changes as well is made by the stack, which would else
/// update what is not there.
fn way_back(change: &Change) -> Way {
    match change.cause {
        Cause::Drift => repair::of_absence(&change.kind),
        _ => Way::OutAndBack,
    }
}

/// The deployed template without `gone`: what refers to those keeps the value that it has. `None` when a value cannot be
/// known from here.
pub(super) fn without(gone: &[&LogicalId], state: &State) -> Option<StackStep> {
    let scope = Scope::of(state)?;
    let mut template = state.stack()?.template.clone();
    template.resources.retain(|id, _| !gone.contains(&id));
    let mut known = true;
    let mut fix = |value: &mut Value| known &= literal(value, gone, &scope).is_some();
    for resource in template.resources.values_mut() {
        resource.properties.values_mut().for_each(&mut fix);
        if let Some(depends) = resource.depends_on.take() {
            let ids = match depends {
                Value::String(id) => vec![Value::String(id)],
                Value::Array(ids) => ids,
                _ => Vec::new(),
            };
            let ids: Vec<Value> =
                ids.into_iter().filter(|id| !gone.iter().any(|gone| id.as_str() == Some(gone.as_str()))).collect();
            resource.depends_on = (!ids.is_empty()).then_some(Value::Array(ids));
        }
    }
    template.outputs.values_mut().for_each(&mut fix);
    let kept = state.deployed.present()?.parameters.keys().map(|key| (key.clone(), None));
    known.then(|| StackStep {
        create: false,
        change_set: None,
        parameters: kept.collect(),
        template: crate::cfn::to_text(&template),
        tags: Vec::new(),
        import_existing: false,
        revert_drift: false,
    })
}

/// Puts the value in the place of every intrinsic function that names one of `gone`.
fn literal(value: &mut Value, gone: &[&LogicalId], scope: &Scope<'_>) -> Option<()> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| literal(item, gone, scope)),
        Value::Object(object) if resolve::intrinsic(object).is_some() => {
            let text = Value::Object(object.clone()).to_string();
            let names = |id: &LogicalId| {
                [format!("\"{id}\""), format!("\"{id}."), format!("${{{id}}}"), format!("${{{id}.")]
                    .iter()
                    .any(|name| text.contains(name.as_str()))
            };
            if gone.iter().any(|id| names(id)) {
                *value = resolve::resolve(value, scope)?;
            }
            Some(())
        }
        Value::Object(object) => object.values_mut().try_for_each(|inner| literal(inner, gone, scope)),
        _ => Some(()),
    }
}
