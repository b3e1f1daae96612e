//! What a stack must obey beyond its types: one table, one file per family.
//!
//! A rule only reads; it pushes what it finds. To add one: write the function, add its line here, add a case to
//! `tests/cases/diagnostics/`.

use crate::diag::Diagnostics;
use crate::model::Stack;

/// Runs every rule over `stack`.
pub(crate) fn check(_stack: &Stack, _diagnostics: &mut Diagnostics) {}
