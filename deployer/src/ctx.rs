//! What every command is handed: where the project is, how to print, what time it is.

use crate::cli::{Command, Format, Global};
use crate::exit::Failure;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(crate) struct Ctx {
    pub(crate) global: Global,
    /// Absolute path of the folder that holds `stacks/`.
    pub(crate) root: PathBuf,
    /// The folder that the process was started in: what paths on the command line are relative to.
    pub(crate) folder: PathBuf,
    /// The process's environment, read once.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) now: jiff::Timestamp,
    /// Whether a person can be asked.
    pub(crate) interactive: bool,
    /// Columns of the terminal that the result is shown on; `None` where it goes into a file or a pipe.
    pub(crate) width: Option<usize>,
    /// The command as it was typed, to be typed again.
    pub(crate) typed: String,
    /// Whether the command itself ends what it does on Ctrl-C: it carries out a plan, or follows a log.
    minding: AtomicBool,
}

impl Ctx {
    /// Reads what is around the process, once.
    ///
    /// # Errors
    /// `Failure::Usage` when no project is found and the command needs one.
    pub(crate) fn new(global: Global, command: &Command) -> Result<Self, Failure> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let folder = std::env::current_dir().and_then(|folder| folder.canonicalize()).map_err(|error| {
            Failure::usage(format!("the current folder cannot be read: {error}"), "change to a folder that exists")
        })?;
        let root = match &global.root {
            Some(root) => {
                let root = folder.join(root);
                root.canonicalize().ok().filter(|root| root.join("stacks").is_dir())
            }
            None => folder.ancestors().find(|folder| folder.join("stacks").is_dir()).map(Path::to_path_buf),
        };
        let root = match (root, &global.root) {
            (Some(root), _) => root,
            (None, None) if !command.needs_project() => folder.clone(),
            (None, Some(root)) => {
                return Err(Failure::usage(
                    format!("{} holds no folder `stacks`", root.display()),
                    "give --root the folder that holds `stacks/`",
                ));
            }
            (None, None) => {
                return Err(Failure::usage(
                    "there is no folder `stacks` here or above",
                    "change to the project, or point at it with --root DIR",
                ));
            }
        };
        let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        let typed: Vec<String> =
            std::env::args_os().skip(1).map(|argument| quoted(&argument.to_string_lossy())).collect();
        let typed = format!("deployer {}", typed.join(" "));
        Ok(Self {
            global,
            root,
            folder,
            environment,
            now: jiff::Timestamp::now(),
            interactive,
            width,
            typed,
            minding: AtomicBool::new(false),
        })
    }

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

    /// What a command that is to be typed next needs to work on the same AWS.
    pub(crate) fn sandbox_flag(&self) -> &'static str {
        if self.global.sandbox { " --sandbox" } else { "" }
    }

    pub(crate) fn minds_interrupts(&self) -> bool {
        self.minding.load(Ordering::Relaxed)
    }

    pub(crate) fn mind_interrupts(&self, own: bool) {
        self.minding.store(own, Ordering::Relaxed);
    }

    pub(crate) fn format(&self) -> Format {
        self.global.format
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./=:,@%+".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Prints why the process ends early, on stderr, `--quiet` or not.
pub(crate) fn print_failure(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Sends what libraries trace to stderr: from `-vvv` on, or as `DEPLOYER_LOG` says (`deployer=debug,aws_smithy_runtime=trace`).
pub(crate) fn trace(verbose: u8) {
    use tracing_subscriber::filter::EnvFilter;
    let default = match verbose {
        0 | 1 => "off",
        2 => "deployer=debug",
        _ => "deployer=trace,aws_smithy_runtime=debug,aws_config=debug",
    };
    let filter = EnvFilter::try_from_env("DEPLOYER_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_survives_the_shell() {
        assert_eq!(quoted("--root=../x"), "--root=../x");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
