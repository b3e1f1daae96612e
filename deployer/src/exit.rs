//! Every exit code, documented once, and how a failure becomes one.

use crate::diag::Diagnostics;
use crate::source::Sources;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, or there was nothing to do.
    Done,
    /// 1: something failed; the text says what is now true.
    Failed,
    /// 2: the input or the usage is wrong; nothing was touched.
    Usage,
    /// 3: changes are pending (`plan --exit-code`).
    Changes,
    /// 4: an alarm or a smoke check took the release back.
    TakenBack,
    /// 5: the saved plan is stale.
    Stale,
    /// 6: a change needs an `--allow` that was not given, or a confirmation.
    NeedsAllow,
    /// 7: a shift stays in the middle and waits for `promote` or `abort`.
    Held,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Changes => 3,
            Self::TakenBack => 4,
            Self::Stale => 5,
            Self::NeedsAllow => 6,
            Self::Held => 7,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Mistakes in the user's files. Exit 2.
    Input { diagnostics: Diagnostics, sources: Sources },
    /// The command line asks for what cannot be. Exit 2.
    Usage { message: String, help: String },
    /// The world did not agree.
    World {
        exit: Exit,
        /// What went wrong, in one sentence.
        message: String,
        /// What is true now.
        now: String,
        /// What to type next.
        next: String,
    },
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    pub(crate) fn failed(message: impl Into<String>, now: impl Into<String>, next: impl Into<String>) -> Self {
        Self::World { exit: Exit::Failed, message: message.into(), now: now.into(), next: next.into() }
    }

    pub(crate) fn interrupted(message: impl Into<String>, now: impl Into<String>, next: impl Into<String>) -> Self {
        Self::World { exit: Exit::Interrupted, message: message.into(), now: now.into(), next: next.into() }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Input { .. } | Self::Usage { .. } => Exit::Usage,
            Self::World { exit, .. } => *exit,
        }
    }
}
