//! A change as a line: CloudFormation's verdict, its risk with the reason, how it is undone, and its place among the others.

use super::{Line, Undo};
use crate::change_set::ChangeSet;
use crate::diff::{Action, CODE, Cause, Change, Desired, PropertyChange, TRAFFIC, WARM};
use crate::meaning;
use crate::risk::{self, Risk};
use crate::state::State;

/// Among equals: deletions first, then replacements, updates, creations; by type and name.
pub(super) fn order(change: &Change) -> (u8, String, String) {
    let action = match change.action {
        Action::Recreate => 0,
        Action::Delete | Action::Remove => 1,
        Action::Leave => 5,
        Action::Replace => 2,
        Action::Update => 3,
        Action::Create | Action::Import => 4,
    };
    (action, change.kind.clone(), change.name.clone())
}

/// CloudFormation's own verdict overrides the table's, and adds what the templates alone do not show.
pub(super) fn refined(mut changes: Vec<Change>, change_set: Option<&ChangeSet>, desired: &Desired) -> Vec<Change> {
    for verdict in change_set.into_iter().flat_map(|set| &set.changes) {
        let found = changes.iter_mut().find(|change| change.id == verdict.logical_id);
        match found {
            Some(change) if change.action == Action::Update && verdict.replacement == "True" => {
                change.action = Action::Replace
            }
            Some(_) => {}
            // A conditional verdict on something that the template does not change follows from another change.
            None if verdict.replacement == "True" => changes.push(Change {
                id: verdict.logical_id.clone(),
                kind: verdict.kind.clone(),
                name: verdict.logical_id.to_string(),
                action: Action::Replace,
                cause: Cause::Yours,
                properties: Vec::new(),
                unverified: desired
                    .template
                    .resources
                    .get(&verdict.logical_id)
                    .map(|_| "CloudFormation replaces it because of another change".to_owned()),
            }),
            None => {}
        }
    }
    changes
}

pub(super) fn weighed(change: Change, desired: &Desired, state: &State) -> Line {
    let before = state.deployed.present().and_then(|deployed| deployed.template.resources.get(&change.id));
    let after = desired.template.resources.get(&change.id);
    let is_function = change.kind == "AWS::Lambda::Function";
    let (risk, reason) = match (change.action, before, after) {
        (Action::Create, ..) => (Risk::Safe, "new".to_owned()),
        (Action::Import, ..) => (Risk::Interrupts, "exists already, outside of the stack".to_owned()),
        (Action::Recreate, ..) => risk::of_recreation(&change.kind),
        (Action::Leave, ..) => (Risk::Safe, "watches it and stands in no stack; left alone".to_owned()),
        (Action::Remove, ..) => (Risk::Interrupts, "somebody added it; what relies on it stops working".to_owned()),
        (Action::Delete, ..) if change.cause == Cause::Converged => (Risk::Safe, "gone already".to_owned()),
        (Action::Delete, Some(before), _) => risk::of_delete(before),
        (Action::Replace, Some(before), Some(_)) => {
            let create_only =
                |property: &&PropertyChange| risk::is_create_only(&change.kind, property.property()) == Some(true);
            let property = change.properties.iter().find(create_only).or(change.properties.first());
            risk::of_replacement(before, property.map_or("Type", PropertyChange::property))
        }
        (_, Some(_), Some(_)) => change
            .properties
            .iter()
            .map(|property| match property.path.as_str() {
                CODE => (Risk::Safe, "new code, served after the alias has moved".to_owned()),
                TRAFFIC => (Risk::Safe, "traffic moves to a new version".to_owned()),
                WARM => (Risk::Safe, "executions are kept warm, and paid for as long as they are".to_owned()),
                _ => risk::of_update(&change.kind, property),
            })
            .max_by_key(|(risk, _)| *risk)
            .unwrap_or((Risk::Safe, "changed in place".to_owned())),
        _ => (Risk::Safe, "no effect on running code".to_owned()),
    };
    let (risk, reason) = match &change.unverified {
        Some(why) => (risk.raised(), format!("{reason}; not verified against AWS: {why}")),
        None => (risk, reason),
    };
    let undo = match (change.action, risk) {
        (_, Risk::LosesData) => Undo::No,
        (Action::Update, _) if is_function => Undo::Alias,
        _ if change.cause == Cause::Drift => Undo::ByHand,
        _ => Undo::ChangeSet,
    };
    let meaning = meaning::of(&change, after.or(before));
    Line { change, risk, reason, undo, meaning, kept: false }
}
