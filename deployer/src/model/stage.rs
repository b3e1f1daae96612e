//! Stages: where a stack is deployed, and what differs there.

use crate::decode::record;
use crate::source::Spanned;
use indexmap::IndexMap;
use serde_json::{Map, Value};

record! {
    /// One stage of a stack.
    #[called("a stage")]
    pub(crate) struct StageSettings {
        /// AWS region, such as `ap-southeast-1`.
        region: Option<Spanned<String>>,
        /// AWS account, twelve digits. A stage that names it refuses any other.
        account: Option<Spanned<String>>,
        /// Changes that need care also need a flag: a broader role, for example; and the stack is termination-protected.
        protect: bool = false,
        /// Variables that override the stack's.
        vars: IndexMap<String, Value>,
        /// Merged deeply over the whole file for this stage; a null removes a key.
        override_with("override"): Map<String, Value>,
        /// Risks accepted for every deployment of this stage.
        allow: Vec<Allow>,
    }
}

crate::decode::choice! {
    /// A risk that a reviewer has accepted.
    pub(crate) enum Allow {
        /// Resources may be replaced.
        Replace = "replace",
        /// Resources that hold data may be deleted.
        DeleteData = "delete-data",
        /// A live value that changed on both sides may be overwritten.
        LiveLoss = "live-loss",
        /// A role in a protected stage may become broader.
        BroadenIam = "broaden-iam",
    }
}

impl std::str::FromStr for Allow {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let all = [Self::Replace, Self::DeleteData, Self::LiveLoss, Self::BroadenIam];
        let found = all.into_iter().find(|risk| risk.word() == word);
        found.ok_or_else(|| format!("one of: {}", all.map(Self::word).join(", ")))
    }
}
