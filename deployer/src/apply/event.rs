//! What happens while a plan is applied: what progress lines and JSON lines are made of.

use super::Done;
use crate::plan::{Phase, Step};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A phase begins.
    Phase { phase: Phase, steps: usize },
    /// A step is through.
    Step { step: Step, done: Done },
    /// Something worth a line.
    Note(String),
    /// CloudFormation reports on a resource.
    Resource { logical_id: String, kind: String, status: String, reason: Option<String> },
}
