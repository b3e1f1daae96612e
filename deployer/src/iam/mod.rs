//! Identity and access: policy statements as values, and the verbs of `access:`.

pub(crate) mod actions;
pub(crate) mod algebra;
#[cfg(test)]
pub(crate) mod evaluator;
pub(crate) mod grants;
pub(crate) mod last_accessed;
pub(crate) mod operations;
pub(crate) mod policy;
pub(crate) mod reach;
pub(crate) mod simulation;
