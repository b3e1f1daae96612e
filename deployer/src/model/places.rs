//! Where the names of a stack stand. The typed model keeps names as plain texts; diagnostics point at them by this.

use crate::source::Span;
use crate::yaml::{Kind, Node};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Places of keys, and the names that were written even where their values could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Places {
    /// Place of a value to place of its key.
    keys: BTreeMap<Span, Span>,
    /// Names by section: `queues` to the names of all queues.
    declared: BTreeMap<String, IndexMap<String, Span>>,
}

impl Places {
    pub(crate) fn of(root: &Node) -> Self {
        let mut places = Self::default();
        places.walk(root);
        for section in root.entries() {
            let names = section.value.entries().iter().map(|entry| (entry.key.value.clone(), entry.key.span)).collect();
            places.declared.insert(section.key.value.clone(), names);
        }
        places
    }

    /// Adds the keys of another file.
    pub(crate) fn also(&mut self, root: &Node) {
        self.walk(root);
    }

    fn walk(&mut self, node: &Node) {
        match &node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    // What stands at the place of its parent was computed: the parent's key is the better answer.
                    self.keys.entry(entry.value.span).or_insert(entry.key.span);
                    self.walk(&entry.value);
                }
            }
            Kind::Seq(items) => items.iter().for_each(|item| self.walk(item)),
            _ => {}
        }
    }

    /// Place of the key whose value stands at `value`; that place itself when there is none.
    pub(crate) fn key(&self, value: Span) -> Span {
        self.keys.get(&value).copied().unwrap_or(value)
    }

    /// Names in `section` and where they stand.
    pub(crate) fn names(&self, section: &str) -> impl Iterator<Item = (&str, Span)> {
        self.declared.get(section).into_iter().flatten().map(|(name, span)| (name.as_str(), *span))
    }

    pub(crate) fn has(&self, section: &str, name: &str) -> bool {
        self.declared.get(section).is_some_and(|names| names.contains_key(name))
    }

    /// Place of the name of a declared thing.
    pub(crate) fn name(&self, section: &str, name: &str) -> Span {
        self.declared.get(section).and_then(|names| names.get(name)).copied().unwrap_or_default()
    }
}
