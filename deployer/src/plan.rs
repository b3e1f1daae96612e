//! The plan: every change with its risk, reason and undo, and the steps that carry it out, in order.
//!
//! The plan decides, `apply` obeys. What is to be said about a plan (does it change anything, is it blocked) are methods
//! here; renderers and exit codes only ask.

mod blocks;
pub(crate) mod quotas;
mod repairs;
mod step;
mod steps;
pub(crate) mod traffic;
mod weigh;

pub(crate) use blocks::was_never_made;
pub(crate) use step::{Code, Phase, StackStep, Step};
use weigh::{order, refined, weighed};

use crate::cfn::Template;
use crate::change_set::ChangeSet;
use crate::diff::{Action, Cause, Change, Desired};
use crate::guard::Violation;
use crate::ids::FunctionVersion;
use crate::meaning::Meaning;
use crate::model::stage::Allow;
use crate::picture::{self, Picture};
use crate::privilege::Verdict;
use crate::release::{self, Commit, Outcome, Release, Released};
use crate::risk::Risk;
use crate::settle;
use crate::state::{Fingerprints, Known, Place, State};
use crate::unfinished;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// What a deployment, a rollback or a deletion will do. `format_version` 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Plan {
    #[schemars(extend("const" = 1))]
    pub(crate) format_version: u32,
    pub(crate) intent: Intent,
    pub(crate) place: Place,
    /// The state that the plan was made from.
    pub(crate) base: Fingerprints,
    /// Worst first.
    pub(crate) lines: Vec<Line>,
    /// What stands in the way of applying it.
    pub(crate) blocked: Vec<Block>,
    /// In order; steps of the same [`Phase`] run side by side.
    pub(crate) steps: Vec<Step>,
    /// The release record as it will be claimed; versions and outcome are filled in on the way.
    pub(crate) record: Release,
    /// Things worth knowing that are no change.
    pub(crate) notes: Vec<String>,
    /// What could not be read, by the reason: nobody knows whether it is as it ought to be.
    #[serde(default)]
    pub(crate) unverified: Vec<Unverified>,
    /// What roles grant against what the code can reach, of the functions whose code or role changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) access: Vec<Verdict>,
    /// The stack as a graph, with what goes away.
    #[serde(default)]
    pub(crate) picture: Picture,
    /// Dashboards that get a line for the release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dashboards: Vec<String>,
}

/// Names of the dashboards that a template declares.
pub(crate) fn dashboards(template: &Template) -> Vec<String> {
    let all = template.resources.values().filter(|resource| resource.kind == "AWS::CloudWatch::Dashboard");
    all.filter_map(|resource| Some(resource.properties.get("DashboardName")?.as_str()?.to_owned())).collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Intent {
    Deploy,
    /// Only to look; `deploy` would put it right.
    Drift,
    Rollback {
        to: u32,
    },
    /// Finishes the shift of a release.
    Promote {
        release: u32,
    },
    /// Takes the shift of a release back.
    Abort {
        release: u32,
    },
    Destroy,
    /// To put a stack right that is stuck.
    Recover,
    /// To delete what nothing refers to any more.
    Prune,
}

/// Resources that could not be read, for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Unverified {
    pub(crate) why: String,
    /// As people call them, in the order of the template.
    pub(crate) names: Vec<String>,
}

/// A change and what is to be known before agreeing to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(crate) change: Change,
    pub(crate) risk: Risk,
    /// Why it is that risky.
    pub(crate) reason: String,
    pub(crate) undo: Undo,
    /// Drift that this plan leaves as it is.
    #[serde(default)]
    pub(crate) kept: bool,
    /// What differences mean, in words, by the path of the property; those of plain values speak for themselves.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) meaning: IndexMap<String, Meaning>,
}

/// How a change can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Undo {
    /// `deployer rollback`: seconds.
    Alias,
    /// Deploying the earlier stack file: minutes.
    ChangeSet,
    /// What somebody did by hand, they can do again; adopting it keeps it.
    ByHand,
    /// It cannot.
    No,
}

/// Something that must be allowed, or cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Block {
    pub(crate) what: String,
    /// The word for `--allow`; `None` where no flag helps.
    pub(crate) allow: Option<String>,
    pub(crate) way_out: String,
}

impl Plan {
    pub(crate) fn has_changes(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The worst risk of all lines.
    pub(crate) fn risk(&self) -> Risk {
        self.lines.iter().map(|line| line.risk).max().unwrap_or(Risk::Safe)
    }

    /// How many resources could not be read.
    pub(crate) fn unverified(&self) -> usize {
        self.unverified.iter().map(|unverified| unverified.names.len()).sum()
    }

    pub(crate) fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Counts by action: create, update, replace, delete.
    pub(crate) fn counts(&self) -> [usize; 4] {
        let count = |actions: &[Action]| {
            self.lines.iter().filter(|line| !line.kept && actions.contains(&line.change.action)).count()
        };
        [
            count(&[Action::Create, Action::Recreate, Action::Import]),
            count(&[Action::Update]),
            count(&[Action::Replace]),
            count(&[Action::Delete, Action::Remove]),
        ]
    }
}

/// What the plan may do without being told, and where artifacts are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    pub(crate) allow: Vec<Allow>,
    /// The stage is protected: broader roles need a word, the stack is termination-protected.
    pub(crate) protect: bool,
    pub(crate) tags: Vec<(String, String)>,
    /// Take over what exists already under the names that the template gives.
    pub(crate) import_existing: bool,
    /// Leave alone what somebody changed in AWS.
    pub(crate) keep_drift: bool,
    /// Rules of others that the template does not keep.
    pub(crate) violations: Vec<Violation>,
    pub(crate) commit: Option<Commit>,
    /// Artifacts by the function's name in the stack file.
    pub(crate) artifacts: crate::artifact::Artifacts,
    /// Keys of the artifact bucket that exist already.
    pub(crate) uploaded: Vec<String>,
    /// What the stack file says about releases, by function.
    pub(crate) courses: BTreeMap<String, traffic::Course>,
    /// Alarms that do not watch this release, by name.
    pub(crate) ignore_alarms: Vec<String>,
    /// States of the alarms that watch it, by name; `None`: nobody asked.
    pub(crate) alarms: Option<BTreeMap<String, String>>,
}

/// Key of an artifact in the artifact bucket.
pub(crate) fn artifact_key(sha256: &str) -> String {
    format!("artifacts/{sha256}.zip")
}

/// Orders `changes`, weighs them and decides every step. `change_set` is CloudFormation's verdict on the same template;
/// where it says "replacement" the table is overruled.
pub(crate) fn plan(
    changes: Vec<Change>,
    desired: &Desired,
    state: &State,
    change_set: Option<ChangeSet>,
    policy: &Policy,
    now: jiff::Timestamp,
) -> Plan {
    let changes = refined(changes, change_set.as_ref(), desired);
    let mut lines: Vec<Line> = changes.into_iter().map(|change| weighed(change, desired, state)).collect();
    lines.sort_by(|one, two| two.risk.cmp(&one.risk).then(order(&one.change).cmp(&order(&two.change))));
    let heeded = match policy.keep_drift {
        true => keep_drift(&mut lines),
        false => lines.clone(),
    };
    let mut blocked = blocks::blocks(&heeded, state, policy);
    let (mut steps, mut notes) = steps::steps(&heeded, desired, state, change_set, policy);
    blocked.extend(traffic::blocks(&steps, policy.alarms.as_ref()));
    let settled = settle::superseded(state);
    settle::leave_nothing_open(&mut steps, &settled, state);
    notes.extend(unfinished::left(state).map(|found| found.note(state)));
    notes.extend(state.busy.iter().map(|lease| format!("the stack is being changed by {}", lease.told())));
    Plan {
        format_version: 1,
        intent: Intent::Deploy,
        place: state.place.clone(),
        base: state.fingerprints(),
        lines,
        blocked,
        steps,
        record: record(desired, state, &settled, policy, now),
        notes,
        unverified: unverified(state),
        access: Vec::new(),
        picture: picture::with(&desired.template, state.stack().map(|stack| &stack.template)),
        dashboards: dashboards(&desired.template),
    }
}

/// What of the stack could not be read, in the order of its template.
fn unverified(state: &State) -> Vec<Unverified> {
    let Some(deployed) = state.stack() else { return Vec::new() };
    let mut found: IndexMap<&str, Vec<String>> = IndexMap::new();
    for (id, resource) in &deployed.template.resources {
        let function = match state.functions.get(id) {
            Some(Known::Unknown(why)) => Some(why),
            Some(Known::Present(live)) => match &live.alias {
                Known::Unknown(why) => Some(why),
                _ => None,
            },
            _ => None,
        };
        let resource_itself = match state.resources.get(id) {
            Some(Known::Unknown(why)) => Some(why),
            _ => None,
        };
        if let Some(why) = function.or(resource_itself) {
            found.entry(why).or_default().push(crate::diff::name(id, resource));
        }
    }
    for why in &state.unsearched {
        found.entry(why).or_default().push("what others attached".to_owned());
    }
    found.into_iter().map(|(why, names)| Unverified { why: why.to_owned(), names }).collect()
}

/// Marks the lines that are nothing but drift as kept, and returns the others without their drift.
fn keep_drift(lines: &mut [Line]) -> Vec<Line> {
    let is_drift = |cause: Cause| cause == Cause::Drift;
    for line in lines.iter_mut() {
        line.kept = is_drift(line.change.cause);
    }
    let others = lines.iter().filter(|line| !line.kept).cloned();
    others
        .map(|mut line| {
            line.change.properties.retain(|property| !is_drift(property.cause));
            line
        })
        .collect()
}

/// The record of the release that this plan makes: every function, with the version that is live before it.
fn record(desired: &Desired, state: &State, settled: &[Release], policy: &Policy, now: jiff::Timestamp) -> Release {
    let stands = settled.iter().rev().find(|release| release.outcome.stands()).or_else(|| state.current_release());
    let template = crate::cfn::to_text(&desired.template);
    let sha256 = hex::encode(Sha256::digest(&template));
    let functions = desired.functions.iter().map(|(function, declared)| {
        let live = state.live(&declared.id);
        let version = live.and_then(|live| live.alias.present()).map(|alias| alias.version.clone());
        let name =
            desired.template.resources.get(&declared.id).map(|resource| crate::diff::name(&declared.id, resource));
        let version = version.unwrap_or_else(|| FunctionVersion::new("$LATEST"));
        // What a release moved that did not live to say so is this one's.
        let before =
            stands.and_then(|release| release.functions.get(function)).map(|released| released.version.as_str());
        let released = Released {
            function: live.map(|live| live.name.clone()).or(name).unwrap_or_default(),
            changed: version.as_str() != before.unwrap_or("$LATEST"),
            version,
            code_sha256: declared.code.clone(),
            provisioned: declared.provisioned,
        };
        (function.clone(), released)
    });
    Release {
        functions: functions.collect(),
        template_key: Some(format!("templates/{sha256}.json")),
        template_sha256: Some(sha256),
        ..blank_record(state, release::Action::Deploy, policy.commit.clone(), now)
    }
}

/// A record under the next free number, without functions or template.
pub(crate) fn blank_record(
    state: &State,
    action: release::Action,
    commit: Option<Commit>,
    now: jiff::Timestamp,
) -> Release {
    Release {
        format_version: 1,
        number: state.releases.present().and_then(|releases| releases.last()).map_or(1, |last| last.number + 1),
        stack: state.place.stack.clone(),
        stage: state.place.stage.clone(),
        action,
        commit,
        started: now,
        finished: None,
        by: state.place.caller.clone(),
        template_sha256: None,
        template_key: None,
        functions: IndexMap::new(),
        shifting: IndexMap::new(),
        outcome: Outcome::Started,
    }
}

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests;
