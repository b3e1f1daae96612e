//! How traffic moves to a new version of a function, what watches it, and what is asked of the version before.

use crate::decode::{Decode, choice, mismatch, record};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};
use crate::units::{self, Percent};
use crate::yaml::{Kind, Node};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How traffic moves from the old version to the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Strategy {
    AllAtOnce,
    /// `canary 10% for 5m`
    Canary {
        share: Percent,
        bake: Duration,
    },
    /// `linear 10% every 1m`
    Linear {
        share: Percent,
        every: Duration,
    },
}

impl Strategy {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let share =
            |word: &str| word.strip_suffix('%')?.parse().ok().filter(|value| (1..=99).contains(value)).map(Percent);
        match words.as_slice() {
            ["all-at-once"] => Some(Self::AllAtOnce),
            ["canary", part, "for", time] => {
                Some(Self::Canary { share: share(part)?, bake: units::parse_duration(time)? })
            }
            ["linear", part, "every", time] => {
                Some(Self::Linear { share: share(part)?, every: units::parse_duration(time)? })
            }
            _ => None,
        }
    }

    /// As it is written in a stack file.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::AllAtOnce => "all-at-once".to_owned(),
            Self::Canary { share, bake } => format!("canary {}% for {}", share.0, units::show_duration(*bake)),
            Self::Linear { share, every } => format!("linear {}% every {}", share.0, units::show_duration(*every)),
        }
    }
}

choice! {
    /// What happens when too few invocations reached the new version to judge it.
    pub(crate) enum TooLittle {
        /// Stays at the last share and waits for `promote` or `abort`.
        Hold = "hold",
        /// Goes on, and says so.
        Proceed = "proceed",
    }
}

/// A strategy and what watches it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Course {
    pub(crate) strategy: Strategy,
    /// Logical ids in `resources`, or names in AWS; `None`: the stack's own alarms over metrics of the function.
    pub(crate) alarms: Option<Vec<Spanned<String>>>,
    pub(crate) too_little: TooLittle,
    /// Invocations of the new version, below which nothing can be judged.
    pub(crate) least: u32,
}

impl Course {
    pub(crate) const fn of(strategy: Strategy) -> Self {
        Self { strategy, alarms: None, too_little: TooLittle::Proceed, least: 1 }
    }
}

record! {
    /// How traffic moves to a new version, and what watches it. Exactly one of `canary` and `linear`.
    #[called("`release`")]
    pub(crate) struct Watched {
        /// A share, then all: `10% for 5m`.
        canary: Option<Spanned<String>>,
        /// The same share again and again: `10% every 1m`.
        linear: Option<Spanned<String>>,
        /// Alarms that take the release back: logical ids in `resources`, or names in AWS. Default: the function's alarms
        /// of critical sets, and those of `resources` over its metrics. `[]`: none.
        alarms: Option<Vec<Spanned<String>>>,
        /// What happens when the new version was called too seldom to judge it: `hold` or `proceed`, the default.
        too_little: TooLittle = TooLittle::Proceed,
        /// Invocations of the new version, below which nothing can be judged; default 1.
        least: u32 = 1,
    }
}

const FORMS: &str = "`all-at-once`, `canary 10% for 5m` or `linear 10% every 1m`";

impl Decode for Course {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        if let Kind::String(text) = &node.kind {
            return Strategy::parse(text).map(Self::of).or_else(|| mismatch(node, FORMS, diagnostics));
        }
        if !matches!(node.kind, Kind::Map(_)) {
            return mismatch(node, FORMS, diagnostics);
        }
        let watched = Watched::decode(node, diagnostics)?;
        let (word, text) = match (&watched.canary, &watched.linear) {
            (Some(canary), None) => ("canary", canary),
            (None, Some(linear)) => ("linear", linear),
            _ => {
                let found = Diagnostic::error("D0103", "a value of the wrong kind")
                    .at(node.span, "expected one of `canary` and `linear`")
                    .help("traffic that moves all at once is not watched: write `release: all-at-once`");
                diagnostics.push(found);
                return None;
            }
        };
        let Some(strategy) = Strategy::parse(&format!("{word} {}", text.value)) else {
            let form = if word == "canary" { "10% for 5m" } else { "10% every 1m" };
            let found = Diagnostic::error("D0103", "a value of the wrong kind")
                .at(text.span, format!("expected `{form}`, found the text `{}`", text.value));
            diagnostics.push(found);
            return None;
        };
        let Watched { alarms, too_little, least, .. } = watched;
        Some(Self { strategy, alarms, too_little, least })
    }

    fn schema(definitions: &mut Map<String, Value>) -> Value {
        let long = Watched::schema(definitions);
        let short =
            json!({ "type": "string", "pattern": "^(all-at-once|canary [0-9]+% for .+|linear [0-9]+% every .+)$" });
        json!({ "anyOf": [short, long] })
    }
}

/// What the new version is called with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A file of JSON, relative to the project.
    File(Spanned<String>),
    Inline(Value),
}

impl Decode for Event {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::String(path) => Some(Self::File(Spanned::new(path.clone(), node.span))),
            Kind::Map(_) | Kind::Seq(_) => Some(Self::Inline(node.to_json())),
            _ => mismatch(node, "the path of a JSON file, or the event itself as a map", diagnostics),
        }
    }

    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": ["string", "object", "array"] })
    }
}

record! {
    /// What the answer has to be. That the function did not fail is expected always.
    #[called("`expect`")]
    pub(crate) struct Expect {
        /// The answer's `statusCode`.
        status: Option<u16>,
        /// Texts that the answer holds.
        contains: Vec<String>,
        /// Values within the answer by their path, such as `body.items[0].id`; JSON in a text is looked into.
        json: IndexMap<String, Value>,
    }
}

/// A call of the new version before any traffic moves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    pub(crate) event: Event,
    pub(crate) expect: Option<Expect>,
    pub(crate) span: Span,
}

record! {
    /// A call of the new version before any traffic moves, and what it has to answer. A path alone: it must not fail.
    #[called("a check")]
    pub(crate) struct LongCheck {
        /// The event: the path of a JSON file, relative to the project, or the event itself.
        event: Event,
        /// What the answer has to be.
        expect: Option<Expect>,
    }
}

impl Decode for Check {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        if let Kind::String(path) = &node.kind {
            let event = Event::File(Spanned::new(path.clone(), node.span));
            return Some(Self { event, expect: None, span: node.span });
        }
        let LongCheck { event, expect, span } = LongCheck::decode(node, diagnostics)?;
        Some(Self { event, expect, span })
    }

    fn schema(definitions: &mut Map<String, Value>) -> Value {
        let long = LongCheck::schema(definitions);
        json!({ "anyOf": [{ "type": "string" }, long] })
    }
}
