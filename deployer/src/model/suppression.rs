//! What is to be done with what the comparison of roles and code finds: how strict it is, and what stays as it is, and why.

use crate::decode::{choice, record};
use crate::source::Spanned;

choice! {
    /// What becomes of a role that allows more than the code can reach.
    pub(crate) enum Strictness {
        /// The plan says so.
        Warn = "warn",
        /// The plan is blocked.
        Strict = "strict",
    }
}

record! {
    /// `{ excess: s3:PutObject, because: the migration in May writes there }`
    #[called("a suppression")]
    pub(crate) struct Suppression {
        /// Actions that are granted on purpose, although nothing in the code reaches them.
        excess: Vec<Spanned<String>>,
        /// Actions that the role does not need: another policy grants them, for example the queue's own.
        missing: Vec<Spanned<String>>,
        /// Operations that the code seems to send and never does, as `sqs.purge_queue`.
        never: Vec<Spanned<String>>,
        /// Why.
        because: Spanned<String>,
    }
}

impl Suppression {
    /// Every entry with its key.
    pub(crate) fn listed(&self) -> Vec<(&'static str, &Spanned<String>)> {
        let each = [("excess", &self.excess), ("missing", &self.missing), ("never", &self.never)];
        each.into_iter().flat_map(|(key, entries)| entries.iter().map(move |entry| (key, entry))).collect()
    }
}
