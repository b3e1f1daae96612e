//! CloudFormation's own verdict on a change, as our value.

use crate::ids::LogicalId;
use serde::{Deserialize, Serialize};

/// What CloudFormation answered when it was asked for a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    Changes(ChangeSet),
    /// The template and its parameters change nothing.
    Nothing,
}

/// A change set that is ready to be executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct ChangeSet {
    /// ARN.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) changes: Vec<ResourceChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct ResourceChange {
    pub(crate) logical_id: LogicalId,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`
    pub(crate) action: String,
    /// `True`, `False`, `Conditional`, or empty.
    pub(crate) replacement: String,
}
