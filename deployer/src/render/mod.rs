//! What the user sees. Pure: texts come out, the caller prints them.

pub(crate) mod diagnostics;
pub(crate) mod failure;
