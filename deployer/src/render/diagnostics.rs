//! Diagnostics as text with the source underlined, and as JSON. The only file that knows the snippet renderer.

use crate::diag::{Diagnostic, Diagnostics, HIDDEN, Label, Severity};
use crate::source::{FileId, Sources, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::ops::Range;

/// Widest line that is printed. Columns.
const WIDTH: usize = 120;

/// Every finding, then a line that counts them. Empty when there are none.
pub(crate) fn text(diagnostics: &Diagnostics, sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let mut text = String::new();
    for diagnostic in &diagnostics.0 {
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        text.push_str("\n\n");
    }
    if !diagnostics.0.is_empty() {
        text.push_str(&counts(diagnostics));
        text.push('\n');
    }
    text
}

/// "2 errors, 1 warning".
pub(crate) fn counts(diagnostics: &Diagnostics) -> String {
    let count = |severity, word: &str| match diagnostics.0.iter().filter(|one| one.severity == severity).count() {
        0 => None,
        1 => Some(format!("1 {word}")),
        more => Some(format!("{more} {word}s")),
    };
    let parts: Vec<String> =
        [count(Severity::Error, "error"), count(Severity::Warning, "warning")].into_iter().flatten().collect();
    parts.join(", ")
}

/// One object per finding; lines and columns count from 1, columns in characters.
pub(crate) fn json(diagnostics: &Diagnostics, sources: &Sources) -> Vec<Value> {
    let label = |label: &Label| {
        let range = clamped(label.span, sources);
        let source = sources.get(label.span.file);
        let position = |byte: usize| {
            let before = &source.text[..byte];
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            json!({ "line": before.matches('\n').count() + 1, "column": before[line_start..].chars().count() + 1 })
        };
        json!({ "file": source.name, "start": position(range.start), "end": position(range.end), "text": label.text })
    };
    let one = |diagnostic: &Diagnostic| {
        json!({
            "severity": word(diagnostic.severity),
            "code": diagnostic.code,
            "summary": diagnostic.summary,
            "labels": diagnostic.labels.iter().filter(|one| in_a_file(one, sources)).map(label).collect::<Vec<_>>(),
            "help": diagnostic.help,
        })
    };
    diagnostics.0.iter().map(one).collect()
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn in_a_file(label: &Label, sources: &Sources) -> bool {
    label.span.file.0 < sources.0.len()
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.summary.as_str()).id(diagnostic.code));
    // One snippet per file, the file of the primary place first.
    let mut files = Vec::new();
    for label in diagnostic.labels.iter().filter(|label| in_a_file(label, sources)) {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        let source = sources.get(file);
        let mut snippet = Snippet::source(shown(diagnostic, file, sources)).path(source.name.as_str());
        for (position, label) in diagnostic.labels.iter().enumerate().filter(|(_, label)| label.span.file == file) {
            let kind = if position == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let range = first_line(&source.text, clamped(label.span, sources));
            snippet = snippet.annotation(kind.span(range).label(label.text.as_str()));
        }
        group = group.element(snippet);
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// The file's text, with a secret replaced by as many asterisks as it has bytes.
fn shown<'a>(diagnostic: &Diagnostic, file: FileId, sources: &'a Sources) -> Cow<'a, str> {
    let text = sources.get(file).text.as_str();
    let hidden = diagnostic.labels.first().filter(|label| label.span.file == file && HIDDEN.contains(&diagnostic.code));
    match hidden.map(|label| clamped(label.span, sources)) {
        Some(range) => {
            let stars: String =
                text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
            Cow::Owned([&text[..range.start], &stars, &text[range.end..]].concat())
        }
        None => Cow::Borrowed(text),
    }
}

/// The span inside of its text, on character boundaries, never backwards.
fn clamped(span: Span, sources: &Sources) -> Range<usize> {
    let text = &sources.get(span.file).text;
    let floor = |at: usize| text.floor_char_boundary(at.min(text.len()));
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

/// A place of several lines is shown by its first: a whole block underlined says less.
fn first_line(text: &str, range: Range<usize>) -> Range<usize> {
    let line = text[range.clone()].split('\n').next().unwrap_or_default();
    range.start..range.start + line.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn check(texts: &[&str], diagnostic: Diagnostic) -> String {
        let mut sources = Sources::default();
        for (number, text) in texts.iter().enumerate() {
            sources.add(Source { name: format!("stacks/{number}.yaml"), text: (*text).to_owned() });
        }
        text(&Diagnostics(vec![diagnostic]), &sources, false)
    }

    fn span(file: usize, start: usize, end: usize) -> Span {
        Span { file: FileId(file), start, end }
    }

    #[test]
    fn places_in_two_files_are_shown_together() {
        let diagnostic = Diagnostic::error("D0204", "visibility timeout shorter than function timeout")
            .at(span(0, 12, 15), "messages reappear after 20s …")
            .at(span(1, 9, 12), "… while the function may still be working")
            .help("set visibility to 3m");
        insta::assert_snapshot!(check(&["visibility: 20s\n", "timeout: 30s\n"], diagnostic), @r"
        error[D0204]: visibility timeout shorter than function timeout
         --> stacks/0.yaml:1:13
          |
        1 | visibility: 20s
          |             ^^^ messages reappear after 20s …
          |
         ::: stacks/1.yaml:1:10
          |
        1 | timeout: 30s
          |          --- … while the function may still be working
          |
          = help: set visibility to 3m

        1 error
        ");
    }

    #[test]
    fn wide_characters_are_underlined_where_they_stand() {
        let diagnostic = Diagnostic::warning("D0102", "unknown key").at(span(0, 15, 20), "not a key of a queue");
        insta::assert_snapshot!(check(&["añb: [日本, wrong: 1]\n"], diagnostic), @r"
        warning[D0102]: unknown key
         --> stacks/0.yaml:1:11
          |
        1 | añb: [日本, wrong: 1]
          |             ^^^^^ not a key of a queue

        1 warning
        ");
    }

    #[test]
    fn a_block_is_shown_by_its_first_line() {
        let diagnostic = Diagnostic::error("D0104", "a required key is missing").at(span(0, 0, 14), "needs `c`");
        insta::assert_snapshot!(check(&["a:\n  b: 1\nd: 2\n"], diagnostic), @r"
        error[D0104]: a required key is missing
         --> stacks/0.yaml:1:1
          |
        1 | a:
          | ^^ needs `c`

        1 error
        ");
    }

    #[test]
    fn a_place_outside_of_its_file_is_no_panic() {
        let diagnostic = Diagnostic::error("D0101", "not YAML").at(span(0, 90, 4), "here").at(span(7, 0, 1), "nowhere");
        assert!(check(&["a"], diagnostic).contains("not YAML"));
    }

    #[test]
    fn a_secret_is_not_shown_again() {
        let diagnostic = Diagnostic::error("D0215", "a credential in plain text").at(span(0, 5, 12), "here");
        let text = check(&["KEY: hunter2\n"], diagnostic);
        assert!(!text.contains("hunter2") && text.contains("KEY: *******"), "{text}");
    }
}
