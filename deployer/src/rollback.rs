//! A rollback is a plan: aliases move back to the versions of an earlier release. No build, no stack operation.

use crate::diff::{Action, Cause, Change, PropertyChange, TRAFFIC};
use crate::ids::LogicalId;
use crate::picture;
use crate::plan::{Block, Intent, Line, Plan, Step, Undo, blank_record, dashboards};
use crate::release::{self, Commit, Release};
use crate::risk::Risk;
use crate::state::{Known, LiveFunction, State};
use indexmap::IndexMap;
use serde_json::json;

/// The plan that makes `target` live again; of one function only, when `function` is given.
///
/// Functions that the target did not have yet stay as they are and are named in the notes; one of `gone`, whose version from
/// then is not there any more, blocks the plan.
pub(crate) fn plan(
    target: &Release,
    function: Option<&str>,
    gone: &[String],
    state: &State,
    commit: Option<Commit>,
    now: jiff::Timestamp,
) -> Plan {
    let live: Vec<&LiveFunction> = state.functions.values().filter_map(Known::present).collect();
    let mut lines = Vec::new();
    let mut steps = Vec::new();
    let mut blocked = Vec::new();
    let mut notes = Vec::new();
    let mut record = blank_record(state, release::Action::Rollback { to: target.number }, commit, now);
    record.template_key.clone_from(&target.template_key);
    record.template_sha256.clone_from(&target.template_sha256);
    let current = state.current_release();
    for (name, released) in current.map(|release| &release.functions).into_iter().flatten() {
        record.functions.insert(name.clone(), released.clone());
        if !target.functions.contains_key(name) {
            notes.push(format!("{name} did not exist in release {} and stays as it is", target.number));
        }
    }
    for (name, released) in &target.functions {
        if function.is_some_and(|only| only != name) {
            continue;
        }
        let Some(live) = live.iter().find(|live| live.name == released.function) else {
            notes.push(format!("{name} no longer exists and cannot be brought back by moving an alias"));
            continue;
        };
        let Known::Present(alias) = &live.alias else {
            let what = format!("the alias of {name} could not be read");
            blocked.push(Block { what, allow: None, way_out: "grant lambda:GetAlias and try again".to_owned() });
            continue;
        };
        if gone.contains(name) {
            blocked.push(version_is_gone(target, name, state));
        }
        record.functions.insert(name.clone(), released.clone());
        if alias.version == released.version && alias.weights.is_empty() {
            continue;
        }
        let id = state.functions.iter().find(|(_, other)| other.present() == Some(live)).map(|(id, _)| id.clone());
        let id = id.unwrap_or_else(|| LogicalId::new(name.clone()));
        lines.push(line(id, live, released.version.as_str(), "traffic moves back to an earlier version"));
        // What was kept warm hangs on the version, and goes with the traffic.
        let executions = current.and_then(|current| current.functions.get(name)?.provisioned);
        if let Some(executions) = executions {
            steps.push(Step::Provision {
                function: name.clone(),
                name: live.name.clone(),
                version: Some(released.version.clone()),
                executions: Some(executions),
                remove: vec![alias.version.clone()],
            });
            if let Some(recorded) = record.functions.get_mut(name) {
                recorded.provisioned = Some(executions);
            }
        }
        steps.push(Step::Shift {
            function: name.clone(),
            name: live.name.clone(),
            from: Some(alias.version.clone()),
            to: Some(released.version.clone()),
            revision_id: Some(alias.revision_id.clone()),
        });
    }
    if !steps.is_empty() {
        steps.insert(0, Step::OpenRelease);
        steps.push(Step::CloseRelease);
        steps.sort_by_key(Step::phase);
    }
    Plan {
        format_version: 1,
        intent: Intent::Rollback { to: target.number },
        place: state.place.clone(),
        base: state.fingerprints(),
        lines,
        blocked,
        steps,
        record,
        notes,
        unverified: Vec::new(),
        access: Vec::new(),
        picture: state.stack().map(|stack| picture::of(&stack.template)).unwrap_or_default(),
        dashboards: state.stack().map(|stack| dashboards(&stack.template)).unwrap_or_default(),
    }
}

fn version_is_gone(target: &Release, name: &str, state: &State) -> Block {
    let released = &target.functions[name];
    let again = match &target.commit {
        Some(commit) => {
            format!("check out {} and `{}`", commit.id.get(..12).unwrap_or(&commit.id), state.place.command("deploy"))
        }
        None => format!("`{}` of the sources from then", state.place.command("deploy")),
    };
    Block {
        what: format!(
            "version {} of {}, which release {} served, is gone: it was pruned or deleted",
            released.version, released.function, target.number
        ),
        allow: None,
        way_out: format!("go back to a later release (`--to`), or {again}"),
    }
}

/// A function whose traffic moves to the version `to`.
pub(crate) fn line(id: LogicalId, live: &LiveFunction, to: &str, reason: &str) -> Line {
    let before = live.alias.present().map(|alias| json!(alias.text()));
    let property = PropertyChange { path: TRAFFIC.to_owned(), before, after: Some(json!(to)), cause: Cause::Yours };
    let change = Change {
        id,
        kind: "AWS::Lambda::Function".to_owned(),
        name: live.name.clone(),
        action: Action::Update,
        cause: Cause::Yours,
        properties: vec![property],
        unverified: None,
    };
    let reason = reason.to_owned();
    Line { change, risk: Risk::Safe, reason, undo: Undo::Alias, meaning: IndexMap::new(), kept: false }
}
