//! What every command is handed: where the project is, how to print, what time it is.

use crate::cli::{Format, Global};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(Debug)]
pub(crate) struct Ctx {
    pub(crate) global: Global,
    /// Absolute path of the folder that holds `stacks/`.
    pub(crate) root: PathBuf,
    /// The process's environment, read once.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) now: jiff::Timestamp,
    /// Whether a person can be asked.
    pub(crate) interactive: bool,
}

impl Ctx {
    /// Prints a piece of the result to stdout.
    pub(crate) fn result(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        // A reader that went away (`| head`) is no failure of ours.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints a line of the story to stderr, unless `--quiet`.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        if !self.global.quiet {
            let _ = writeln!(anstream::stderr().lock(), "{}", line.as_ref());
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.global.format
    }
}
