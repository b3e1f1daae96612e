//! Identity and access: policy statements as values, and the verbs of `access:`.

pub(crate) mod actions;
pub(crate) mod algebra;
pub(crate) mod grants;
pub(crate) mod operations;
pub(crate) mod policy;
pub(crate) mod reach;
