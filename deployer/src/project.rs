//! Finds and reads the project's files, and loads the stacks that a command was asked for.

use crate::ctx::Ctx;
use crate::diag::Diagnostics;
use crate::exit::Failure;
use crate::model::Stack;
use crate::source::Sources;

/// The stacks of one run, sound, in dependency order.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) sources: Sources,
    pub(crate) stacks: Vec<Stack>,
    /// Warnings; errors never get this far.
    pub(crate) warnings: Diagnostics,
}

/// Loads the stacks called `names` (or the files at these paths), or every stack of the project.
///
/// # Errors
/// `Failure::Input` with every mistake of every file; `Failure::Usage` for a name that is no stack.
pub(crate) fn load(_ctx: &Ctx, _names: &[String]) -> Result<Project, Failure> {
    Err(Failure::usage("loading is not there yet", ""))
}
