//! From the parsed file to the tree of one stage: the stage's `override` merged in, loops unrolled, templates filled.
//!
//! Every leaf keeps the place it was written at. Knows nothing of what the keys mean, except which parts are carried
//! through verbatim.

use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::jinja::{self, Scope, Templates};
use crate::source::{Span, Spanned};
use crate::yaml::{Entry, Kind, Node};
use std::collections::{BTreeMap, HashMap};

/// Most values that a stack may grow to by its loops.
const MAX_NODES: usize = 100_000;

/// Merges `over` deeply over `base`: maps merge, lists and scalars replace, null removes a key.
pub(crate) fn merge(base: &Node, over: &Node) -> Node {
    let (Kind::Map(old), Kind::Map(new)) = (&base.kind, &over.kind) else { return over.clone() };
    let mut entries = old.clone();
    for addition in new {
        let position = entries.iter().position(|entry| entry.key == addition.key);
        match (position, &addition.value.kind) {
            (Some(position), Kind::Null) => {
                entries.remove(position);
            }
            (Some(position), _) => entries[position].value = merge(&entries[position].value, &addition.value),
            (None, Kind::Null) => {}
            (None, _) => entries.push(addition.clone()),
        }
    }
    Node { span: base.span, kind: Kind::Map(entries) }
}

/// How a part of the file is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `{env: NAME}` is a reference.
    Typed,
    /// A map whose keys are the user's: `env` is one like any other. What is inside is typed.
    Names,
    /// Carried through: `{env: NAME}` is a map.
    Raw,
}

impl Place {
    /// How the value of `key` is treated.
    fn of(self, key: &str) -> Self {
        match key {
            _ if self == Self::Raw => Self::Raw,
            "resources" | "parameters" | "conditions" | "mappings" | "outputs" | "patch" => Self::Raw,
            "pattern" | "filter" | "input" | "when" => Self::Raw,
            "tags" | "vars" => Self::Names,
            _ => Self::Typed,
        }
    }
}

/// Fills templates and unrolls loops.
pub(crate) struct Expander<'a> {
    pub(crate) templates: Templates<'a>,
    pub(crate) environment: &'a BTreeMap<String, String>,
    pub(crate) diagnostics: &'a mut Diagnostics,
    /// Places of templates that failed: what is said about their values is noise.
    pub(crate) failed: Vec<Span>,
    /// Values made so far.
    pub(crate) nodes: usize,
    /// Whether loops have made too much.
    pub(crate) is_exhausted: bool,
}

impl<'a> Expander<'a> {
    pub(crate) fn new(
        templates: Templates<'a>,
        environment: &'a BTreeMap<String, String>,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self { templates, environment, diagnostics, failed: Vec::new(), nodes: 0, is_exhausted: false }
    }

    pub(crate) fn expand(&mut self, node: &Node, scope: &Scope, place: Place) -> Node {
        self.nodes += 1;
        let span = node.span;
        match &node.kind {
            Kind::String(text) if jinja::is_template(text) => match self.templates.node(text, span, scope) {
                Ok(node) => {
                    self.nodes += node.size();
                    node
                }
                Err(diagnostic) => {
                    self.fail(*diagnostic, span);
                    node.clone()
                }
            },
            Kind::Seq(items) => {
                let mut expanded = Vec::with_capacity(items.len());
                for item in items {
                    match item.get("for_each") {
                        Some(over) => {
                            for scope in self.rounds(over, scope) {
                                expanded.push(self.expand(&without_loop(item), &scope, place));
                            }
                        }
                        None => expanded.push(self.expand(item, scope, place)),
                    }
                }
                Node { span, kind: Kind::Seq(expanded) }
            }
            Kind::Map(entries) => {
                if let ([entry], Place::Typed) = (entries.as_slice(), place)
                    && entry.key.as_str() == "env"
                    && let Kind::String(name) = &entry.value.kind
                {
                    return self.environment_value(name, entry.value.span, span);
                }
                self.map(entries, span, scope, place)
            }
            _ => node.clone(),
        }
    }

    fn map(&mut self, entries: &[Entry], span: Span, scope: &Scope, place: Place) -> Node {
        let mut expanded: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut seen: HashMap<String, Span> = HashMap::new();
        for entry in entries {
            let place = place.of(&entry.key);
            let rounds = match entry.value.get("for_each") {
                Some(over) => {
                    self.rounds(over, scope).into_iter().map(|scope| (scope, without_loop(&entry.value))).collect()
                }
                None => vec![(scope.clone(), entry.value.clone())],
            };
            for (scope, value) in rounds {
                let Some(key) = self.key(&entry.key, &scope) else { continue };
                if let Some(first) = seen.insert(key.value.clone(), key.span) {
                    let mut diagnostic = Diagnostic::error("D0308", "two entries become the same key")
                        .at(key.span, format!("this becomes `{}`, which is there already", key.value))
                        .help("put what differs into the key, such as \"worker-{{ item }}\"");
                    if first != key.span {
                        diagnostic = diagnostic.at(first, "the other one");
                    }
                    self.diagnostics.push(diagnostic);
                    continue;
                }
                let value = self.expand(&value, &scope, place);
                expanded.push(Entry { key, value });
            }
        }
        Node { span, kind: Kind::Map(expanded) }
    }

    fn key(&mut self, key: &Spanned<String>, scope: &Scope) -> Option<Spanned<String>> {
        if !jinja::is_template(key) {
            return Some(key.clone());
        }
        match self.templates.text(key, key.span, scope) {
            Ok(text) => Some(Spanned::new(text, key.span)),
            Err(diagnostic) => {
                self.fail(*diagnostic, key.span);
                None
            }
        }
    }

    /// One scope for each round of a loop.
    fn rounds(&mut self, over: &Node, scope: &Scope) -> Vec<Scope> {
        if self.is_exhausted {
            return Vec::new();
        }
        let failures = self.failed.len();
        let over = self.expand(over, scope, Place::Typed);
        if self.failed.len() > failures {
            return Vec::new();
        }
        let items: Vec<serde_json::Value> = match &over.kind {
            Kind::Seq(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|entry| serde_json::json!({ "key": entry.key.value, "value": entry.value.to_json() }))
                .collect(),
            _ => {
                self.diagnostics.push(
                    Diagnostic::error("D0307", "a loop over what is neither list nor map")
                        .at(over.span, format!("this is {}", over.kind_name()))
                        .help("`for_each:` takes a list, a map, or a \"{{ name }}\" that stands for one"),
                );
                return Vec::new();
            }
        };
        if self.nodes + items.len() > MAX_NODES {
            // Said once; every later loop is left out.
            self.is_exhausted = true;
            self.diagnostics.push(
                Diagnostic::error("D0310", "loops make too much")
                    .at(over.span, format!("the stack would grow past {MAX_NODES} values"))
                    .help("CloudFormation takes 500 resources in a stack: make the loop smaller or split the stack"),
            );
            return Vec::new();
        }
        items
            .iter()
            .map(|item| {
                let mut scope = scope.clone();
                scope.insert("item".to_owned(), jinja::value(item));
                scope
            })
            .collect()
    }

    fn environment_value(&mut self, name: &str, place: Span, span: Span) -> Node {
        if let Some(value) = self.environment.get(name) {
            return Node { span, kind: Kind::String(value.clone()) };
        }
        let help = match nearest(name, self.environment.keys().map(String::as_str)) {
            Some(near) => format!("set it, or did you mean `{near}`?"),
            None => format!("set it: export {name}=…"),
        };
        let diagnostic = Diagnostic::error("D0309", "an environment variable that is not set")
            .at(place, format!("`{name}` is not in the environment of this process"))
            .help(help);
        self.fail(diagnostic, span);
        Node { span, kind: Kind::String(String::new()) }
    }

    fn fail(&mut self, diagnostic: Diagnostic, span: Span) {
        self.diagnostics.push(diagnostic);
        self.failed.push(span);
    }
}

fn without_loop(node: &Node) -> Node {
    let entries = node.entries().iter().filter(|entry| entry.key.as_str() != "for_each").cloned().collect();
    Node { span: node.span, kind: Kind::Map(entries) }
}
