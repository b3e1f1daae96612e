//! What a stack file says about alarms: which sets, whom they tell, and what is different here.
//!
//! Written at the stack, in `defaults` and at a function; each adds to the one before. What the sets themselves hold is
//! `alarm_set`.

use super::Stack;
use super::function::Function;
use super::reference::Target;
use crate::decode::{Decode, choice, mismatch, record};
use crate::diag::Diagnostics;
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

choice! {
    /// Who tells of an alarm.
    pub(crate) enum Report {
        /// Each alarm by itself: the message names the function or queue.
        Each = "each",
        /// Only the one that stands for the whole stack: a single message, however much fails.
        Service = "service",
    }
}

record! {
    /// What is different about an alarm set here.
    #[called("an alarm set")]
    pub(crate) struct SetUse {
        /// Topics that are told when an alarm of the set goes to ALARM and when it comes back; at most 5.
        to: Vec<Target>,
        /// `each` alarm tells by itself, the default, or one for the whole `service`.
        report: Option<Report>,
        /// Values for parameters of the set.
        with("with"): IndexMap<String, Spanned<Value>>,
        /// Alarms of the set that are not made.
        off: Vec<Spanned<String>>,
    }
}

/// The `alarms` of a stack, of its defaults or of a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Alarms {
    /// `[critical, warning]`: these sets and no others.
    Exactly(Vec<Spanned<String>>),
    /// `{warning: {with: {…}}}`: these too, or differently; `false` takes one away.
    Changed(IndexMap<String, Option<SetUse>>),
}

impl Decode for Alarms {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            return match &node.kind {
                Kind::Seq(_) | Kind::String(_) | Kind::Null => Vec::decode(node, diagnostics).map(Self::Exactly),
                _ => mismatch(node, "names of alarm sets, or a map of them", diagnostics),
            };
        };
        let mut sets = IndexMap::new();
        for entry in entries {
            let set = match entry.value.kind {
                Kind::Bool(false) => None,
                Kind::Bool(true) => Some(SetUse::decode(&empty(entry.key.span), diagnostics)?),
                _ => Some(SetUse::decode(&entry.value, diagnostics)?),
            };
            sets.insert(entry.key.value.clone(), set.map(|set| SetUse { span: entry.key.span, ..set }));
        }
        Some(Self::Changed(sets))
    }

    fn schema(definitions: &mut Map<String, Value>) -> Value {
        let set = SetUse::schema(definitions);
        json!({ "anyOf": [
            { "type": "array", "items": { "type": "string" } },
            { "type": "string" },
            { "type": "object", "additionalProperties": { "anyOf": [{ "type": ["boolean", "null"] }, set] } },
        ] })
    }
}

fn empty(span: Span) -> Node {
    Node { span, kind: Kind::Map(Vec::new()) }
}

/// A set as it is used by one function, or by what belongs to the stack as a whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Used {
    pub(crate) to: Vec<Target>,
    pub(crate) report: Option<Report>,
    pub(crate) with: IndexMap<String, Spanned<Value>>,
    pub(crate) off: Vec<Spanned<String>>,
    /// Where it is named first.
    pub(crate) span: Span,
}

impl Used {
    fn changed(&mut self, set: &SetUse) {
        if !set.to.is_empty() {
            self.to.clone_from(&set.to);
        }
        self.report = set.report.or(self.report);
        self.with.extend(set.with.clone());
        self.off.extend(set.off.clone());
        self.span = self.span.or(set.span);
    }
}

impl Stack {
    /// The alarm sets of a function, or of what belongs to the stack as a whole: queues, and the stack itself.
    pub(crate) fn alarm_sets(&self, function: Option<&Function>) -> IndexMap<String, Used> {
        let own = function.and_then(|function| function.alarms.as_ref());
        let mut sets: IndexMap<String, Used> = IndexMap::new();
        // What was taken away keeps its settings for whoever asks for it again.
        let mut known: IndexMap<String, Used> = IndexMap::new();
        for alarms in [self.file.alarms.as_ref(), self.file.defaults.alarms.as_ref(), own].into_iter().flatten() {
            match alarms {
                Alarms::Exactly(names) => {
                    let named = names.iter().map(|name| {
                        let used = known.get(&name.value).cloned().unwrap_or_default();
                        (name.value.clone(), Used { span: name.span, ..used })
                    });
                    sets = named.collect();
                }
                Alarms::Changed(changes) => {
                    for (name, change) in changes {
                        match change {
                            Some(change) => sets.entry(name.clone()).or_default().changed(change),
                            None => drop(sets.shift_remove(name)),
                        }
                    }
                }
            }
            known.extend(sets.clone());
        }
        sets
    }

    /// Every topic that the stack file names for alarms.
    pub(crate) fn alarm_targets(&self) -> impl Iterator<Item = &Target> {
        let functions = self.file.functions.values().map(|function| function.alarms.as_ref());
        let all = [self.file.alarms.as_ref(), self.file.defaults.alarms.as_ref()].into_iter().chain(functions);
        all.flatten()
            .filter_map(|alarms| match alarms {
                Alarms::Changed(sets) => Some(sets.values().flatten().flat_map(|set| &set.to)),
                Alarms::Exactly(_) => None,
            })
            .flatten()
    }
}
