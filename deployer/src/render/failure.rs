//! Why a command ended early, as text: what happened, what is true now, what to type next.

use super::diagnostics;
use crate::exit::Failure;
use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const WORD: Style = Style::new().bold();

/// Styled; the stream takes the colours out where they are not wanted.
pub(crate) fn text(failure: &Failure) -> String {
    let line = |word: &str, text: &str| match text {
        "" => String::new(),
        text => format!("{WORD}{word}:{WORD:#} {text}\n"),
    };
    let error = |message: &str| format!("{ERROR}error{ERROR:#}{WORD}: {message}{WORD:#}\n");
    match failure {
        Failure::Input { diagnostics, sources } => {
            diagnostics::text(diagnostics, sources, true) + &line("now", "nothing was touched")
        }
        Failure::Usage { message, help } => error(message) + &line("help", help),
        Failure::World { message, now, next, .. } => error(message) + &line("now", now) + &line("next", next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn plain(failure: &Failure) -> String {
        anstream::adapter::strip_str(&text(failure)).to_string()
    }

    #[test]
    fn a_failure_says_what_is_true_now_and_what_to_type_next() {
        let failure = Failure::World {
            exit: Exit::Failed,
            message: "alarm orders-errors went off".to_owned(),
            now: "alias live is back on version 41".to_owned(),
            next: "deployer status orders".to_owned(),
        };
        insta::assert_snapshot!(plain(&failure), @r"
        error: alarm orders-errors went off
        now: alias live is back on version 41
        next: deployer status orders
        ");
    }

    #[test]
    fn a_usage_failure_without_help_has_no_empty_line() {
        insta::assert_snapshot!(plain(&Failure::usage("no such stack", "")), @"error: no such stack");
    }
}
