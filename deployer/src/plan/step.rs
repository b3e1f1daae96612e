//! One thing to do, with everything decided, and the phase that it belongs to.

use super::traffic::Gradual;
use crate::change_set::ChangeSet;
use crate::ids::{FunctionVersion, LogicalId};
use crate::release::Release;
use crate::state::{Properties, Stranger};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    Gradual(Gradual),
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
