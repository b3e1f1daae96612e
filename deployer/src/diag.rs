//! Diagnostics: what is wrong with the user's files, where, and the way out.
//!
//! They are collected, never thrown: ten mistakes cost one run. Rendering is `render/diagnostics.rs`.

use crate::source::Span;

/// Every code that is not a rule's (`rules::RULES`), with its summary. D01xx: the text and its shape. D03xx: stages,
/// templates and loops. D04xx: between stacks. D06xx: alarm sets and dashboards. D08xx: builds. A code keeps its meaning for ever; a gap is a code that was given up.
#[expect(dead_code, reason = "the documented list; the tests read it and hold it complete")]
pub(crate) const CODES: &[(&str, &str)] = &[
    ("D0101", "not YAML"),
    ("D0102", "unknown key"),
    ("D0103", "a value of the wrong kind"),
    ("D0104", "a required key is missing"),
    ("D0105", "a tab in the indentation"),
    ("D0106", "the same key twice"),
    ("D0107", "not UTF-8"),
    ("D0108", "more than one document in a file"),
    ("D0109", "aliases add up to too much"),
    ("D0110", "nested too deeply"),
    ("D0111", "the file is too large"),
    ("D0112", "unknown tag"),
    ("D0113", "the file is empty"),
    ("D0114", "a key that is no text"),
    ("D0115", "a merge of what is no map"),
    ("D0116", "an alias inside of what it stands for"),
    ("D0117", "an event that cannot be read"),
    ("D0301", "a stack without stages"),
    ("D0302", "a stage has to be chosen"),
    ("D0303", "no such stage"),
    ("D0304", "an undefined variable"),
    ("D0305", "a template that does not work"),
    ("D0306", "a template that takes too much"),
    ("D0307", "a loop over what is neither list nor map"),
    ("D0308", "two entries become the same key"),
    ("D0309", "an environment variable that is not set"),
    ("D0310", "loops make too much"),
    ("D0311", "a variable that cannot be used"),
    ("D0312", "an override of what is the same in every stage"),
    ("D0405", "stacks that need each other"),
    ("D0406", "a stack that does not exist"),
    ("D0407", "two files describe the same stack"),
    ("D0601", "no such alarm set"),
    ("D0602", "no such parameter of an alarm set"),
    ("D0603", "no such alarm in the set"),
    ("D0604", "a parameter of the wrong kind"),
    ("D0605", "an alarm that CloudWatch does not take"),
    ("D0606", "a log metric that does not fit"),
    ("D0607", "no such dashboard"),
    ("D0608", "a widget that CloudWatch does not draw"),
    ("D0701", "two things with the same logical id"),
    ("D0702", "a raw resource without a type"),
    ("D0703", "a patch of nothing"),
    ("D0704", "a patch that leaves no resource"),
    ("D0705", "a reference to nothing"),
    ("D0706", "resources that wait for each other in a circle"),
    ("D0707", "more than one CloudFormation stack can hold"),
    ("D0708", "larger than AWS takes"),
    ("D0801", "no crate of that name in the workspace"),
    ("D0802", "a crate that does not lead to one executable"),
    ("D0803", "no code at this path"),
];

/// Codes whose first label covers a secret: the text there is never shown.
pub(crate) const HIDDEN: &[&str] = &["D0214", "D0215"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Error,
    Warning,
}

/// One finding. `code` is stable (`D0204`); `summary` carries no names of the user's, so that it becomes familiar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) summary: String,
    /// The first label is the primary place.
    pub(crate) labels: Vec<Label>,
    pub(crate) help: Option<String>,
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) span: Span,
    pub(crate) text: String,
}

/// A bag of findings, in the order in which they were made until [`Diagnostics::sorted`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Diagnostics(pub(crate) Vec<Diagnostic>);

/// The candidate most like `word`, unless none is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let most = |candidate: &str| 1 + candidate.len().max(word.len()) / 4;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= most(candidate))
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= most(candidate) && *distance < word.len())
        .min()
        .map(|(_, candidate)| candidate)
}

impl Diagnostic {
    pub(crate) fn error(code: &'static str, summary: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, summary: summary.into(), labels: Vec::new(), help: None }
    }

    pub(crate) fn warning(code: &'static str, summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, summary) }
    }

    pub(crate) fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    pub(crate) fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// In the order of the files, each finding once.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_by_key(|diagnostic| (diagnostic.labels.first().map(|label| label.span), diagnostic.code));
        self.0.dedup();
        self
    }
}
