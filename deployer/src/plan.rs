//! The plan: every change with its risk, reason and undo, and the steps that carry it out, in order.
//!
//! The plan decides, `apply` obeys. What is to be said about a plan (does it change anything, is it blocked) are methods
//! here; renderers and exit codes only ask.

mod blocks;
pub(crate) mod quotas;
mod repairs;
mod steps;
pub(crate) mod traffic;

pub(crate) use blocks::was_never_made;

use crate::change_set::ChangeSet;
use crate::diff::{Action, CODE, Cause, Change, Desired, PropertyChange, TRAFFIC, WARM};
use crate::guard::Violation;
use crate::ids::{FunctionVersion, LogicalId};
use crate::meaning::{self, Meaning};
use crate::model::stage::Allow;
use crate::picture::{self, Picture};
use crate::release::{self, Commit, Outcome, Release, Released};
use crate::risk::{self, Risk};
use crate::settle;
use crate::state::{Fingerprints, Known, Place, Properties, State, Stranger};
use crate::unfinished;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    /// The stack as a graph, with what goes away.
    #[serde(default)]
    pub(crate) picture: Picture,
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

/// Where a function's code comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    Object { bucket: String, key: String },
    Image { uri: String },
}

/// One thing to do. Everything that must be decided is decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "step")]
pub(crate) enum Step {
    CreateBucket {
        bucket: String,
    },
    Upload {
        function: String,
        bucket: String,
        key: String,
        path: PathBuf,
        size: u64,
    },
    /// Claims the release number.
    OpenRelease,
    /// Executes the change set; without one, makes it first: a new stack has nothing to compare with.
    Stack(StackStep),
    Protect {
        on: bool,
    },
    /// Lets go of what was deleted by hand, so that the next stack operation makes it again.
    LetGo(StackStep),
    /// Makes a live resource what `properties` say, by its service's own API.
    Repair {
        id: LogicalId,
        kind: String,
        name: String,
        /// Every property that is compared, as the template says it.
        properties: Properties,
        /// The top-level ones that differ.
        changed: Vec<String>,
        /// It was deleted by hand.
        again: bool,
    },
    /// Takes away what somebody attached.
    Remove {
        name: String,
        stranger: Stranger,
    },
    /// Sets properties of a function by Lambda's own API.
    Configure {
        function: String,
        id: LogicalId,
        properties: Map<String, Value>,
    },
    UpdateCode {
        function: String,
        name: String,
        code: Code,
    },
    /// Publishes `$LATEST`.
    Publish {
        function: String,
        name: String,
        code_sha256: Option<String>,
    },
    /// Calls the new version by its number, before any traffic moves.
    Check {
        function: String,
        name: String,
        checks: Vec<crate::checks::Check>,
    },
    /// Moves the traffic of several functions little by little.
    Gradual(traffic::Gradual),
    /// Moves the alias; `to` is `None` for the version published by this plan.
    Shift {
        function: String,
        name: String,
        from: Option<FunctionVersion>,
        to: Option<FunctionVersion>,
        revision_id: Option<String>,
    },
    /// Keeps executions of the live version warm, and no longer those of `remove`.
    Provision {
        function: String,
        name: String,
        /// `None` for the version published by this plan.
        version: Option<FunctionVersion>,
        /// `None`: none at all.
        executions: Option<u32>,
        remove: Vec<FunctionVersion>,
    },
    EmptyBucket {
        id: LogicalId,
        bucket: String,
    },
    DeleteStack {
        id: String,
    },
    /// Writes success into the release record.
    CloseRelease,
    /// Writes how earlier releases ended whose process did not live to say so.
    Settle {
        records: Vec<Release>,
    },
    /// Deletes change sets that nobody can execute any more.
    DropChangeSets {
        names: Vec<String>,
    },
    /// Lets CloudFormation go on with a rollback that failed; what is skipped stays as it is.
    ContinueRollback {
        skip: Vec<LogicalId>,
    },
    /// Deletes versions that nothing refers to.
    DropVersions {
        name: String,
        versions: Vec<FunctionVersion>,
    },
    /// Deletes artifacts and templates that no retained release names.
    DropObjects {
        bucket: String,
        keys: Vec<String>,
    },
    /// Writes failure into it; never planned, `apply` adds it.
    FailRelease {
        reason: String,
    },
    /// Writes into it that every alias is back; planned by `abort`, else `apply` adds it.
    TakeBack {
        reason: String,
    },
    /// Writes into it that it stays where it is; never planned, `apply` adds it.
    HoldRelease {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct StackStep {
    pub(crate) create: bool,
    pub(crate) change_set: Option<ChangeSet>,
    /// The template's text, as it is submitted.
    pub(crate) template: String,
    /// `None` keeps the deployed value.
    pub(crate) parameters: BTreeMap<String, Option<String>>,
    pub(crate) tags: Vec<(String, String)>,
    /// Take over what exists already under the names that the template gives.
    #[serde(default)]
    pub(crate) import_existing: bool,
    /// CloudFormation looks at what is live and puts every resource back to what the template says.
    #[serde(default)]
    pub(crate) revert_drift: bool,
}

/// Groups of steps, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Bucket,
    Upload,
    Open,
    Settle,
    LetGo,
    Stack,
    Protect,
    Configure,
    Code,
    Publish,
    Check,
    Shift,
    Provision,
    Delete,
    Sweep,
    Close,
}

impl Step {
    pub(crate) fn phase(&self) -> Phase {
        match self {
            Self::CreateBucket { .. } => Phase::Bucket,
            Self::Upload { .. } => Phase::Upload,
            Self::OpenRelease => Phase::Open,
            Self::Settle { .. } => Phase::Settle,
            Self::DropChangeSets { .. } | Self::DropVersions { .. } | Self::DropObjects { .. } => Phase::Sweep,
            Self::ContinueRollback { .. } => Phase::LetGo,
            Self::Stack(_) => Phase::Stack,
            Self::Protect { .. } | Self::EmptyBucket { .. } => Phase::Protect,
            Self::LetGo(_) => Phase::LetGo,
            Self::Configure { .. } | Self::Repair { .. } | Self::Remove { .. } => Phase::Configure,
            Self::UpdateCode { .. } => Phase::Code,
            Self::Publish { .. } => Phase::Publish,
            Self::Check { .. } => Phase::Check,
            Self::Shift { .. } | Self::Gradual(_) => Phase::Shift,
            Self::Provision { .. } => Phase::Provision,
            Self::DeleteStack { .. } => Phase::Delete,
            Self::CloseRelease | Self::FailRelease { .. } | Self::TakeBack { .. } | Self::HoldRelease { .. } => {
                Phase::Close
            }
        }
    }
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
        picture: picture::with(&desired.template, state.stack().map(|stack| &stack.template)),
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

/// Among equals: deletions first, then replacements, updates, creations; by type and name.
fn order(change: &Change) -> (u8, String, String) {
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
fn refined(mut changes: Vec<Change>, change_set: Option<&ChangeSet>, desired: &Desired) -> Vec<Change> {
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

fn weighed(change: Change, desired: &Desired, state: &State) -> Line {
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

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
