//! Templates inside scalars: `"{{ expression }}"`. The only file that knows minijinja.
//!
//! Runs after YAML was parsed, so every mistake still has its place. A scalar that is one expression keeps the
//! expression's type; anything else becomes a text. CloudFormation's `{{resolve:…}}` and `${…}` are no templates.

use crate::diag::{Diagnostic, nearest};
use crate::source::{Sources, Span};
use crate::yaml::Node;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;

/// Steps of the template engine that one scalar may take.
const FUEL: u64 = 20_000;
/// Longest text that one scalar may become. Bytes. Lambda's environment has 4 KB, an inline policy 10 KB.
const MAX_SCALAR: usize = 64 * 1024;
/// What all scalars of a stack may become together. Bytes.
const MAX_TOTAL: usize = 8 << 20;

/// Names that templates can use.
pub(crate) type Scope = BTreeMap<String, Value>;

/// The template engine of one load, with what it has spent.
pub(crate) struct Templates<'a> {
    engine: Environment<'static>,
    sources: &'a Sources,
    spent: Cell<usize>,
}

/// A JSON value as templates see it.
pub(crate) fn value(json: &serde_json::Value) -> Value {
    Value::from(minijinja::value::Serde(json))
}

/// A page of our own: `template` filled with `context`, every value escaped for HTML.
///
/// # Panics
/// When the template does not parse or asks for what is not there: the template is part of the program.
pub(crate) fn page(template: &str, context: &serde_json::Value) -> String {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    engine.render_str(template, value(context)).expect("our own template fits its context")
}

/// Whether `text` is a template at all.
pub(crate) fn is_template(text: &str) -> bool {
    protected(text).contains("{{") || text.contains("{%")
}

/// Keeps dynamic references away from the engine. Of the same length, so that offsets stay true.
fn protected(text: &str) -> String {
    text.replace("{{resolve:", "\u{1}\u{1}resolve:")
}

fn restored(text: &str) -> String {
    text.replace("\u{1}\u{1}resolve:", "{{resolve:")
}

impl<'a> Templates<'a> {
    pub(crate) fn new(sources: &'a Sources) -> Self {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_fuel(Some(FUEL));
        engine.set_debug(true);
        Self { engine, sources, spent: Cell::new(0) }
    }

    /// What the template `text`, written at `span`, becomes.
    pub(crate) fn node(&self, text: &str, span: Span, scope: &Scope) -> Result<Node, Box<Diagnostic>> {
        let source = protected(text);
        if let Some(expression) = lone_expression(&source)
            && let Ok(compiled) = self.engine.compile_expression(expression)
        {
            let result = compiled.eval(Value::from(scope.clone()));
            return match result {
                Ok(value) if value.is_undefined() => Err(self.undefined(expression, None, span, scope)),
                Ok(value) => self.native(&value, span),
                Err(error) => Err(self.mistake(&error, expression, span, scope)),
            };
        }
        let text = self.text(text, span, scope)?;
        Ok(Node { span, kind: crate::yaml::Kind::String(text) })
    }

    /// The same as text: for keys.
    pub(crate) fn text(&self, text: &str, span: Span, scope: &Scope) -> Result<String, Box<Diagnostic>> {
        let source = protected(text);
        let mut output = Limited(Vec::new());
        let rendered = self
            .engine
            .template_from_str(&source)
            .and_then(|template| template.render_captured_to(Value::from(scope.clone()), &mut output).map(drop));
        match rendered {
            Ok(()) => {
                self.spend(output.0.len(), span)?;
                Ok(restored(&String::from_utf8_lossy(&output.0)))
            }
            Err(error) => Err(self.mistake(&error, &source, span, scope)),
        }
    }

    fn native(&self, value: &Value, span: Span) -> Result<Node, Box<Diagnostic>> {
        if value.len().is_some_and(|length| length > MAX_SCALAR) {
            return Err(too_expensive(span));
        }
        let json = serde_json::to_value(value).map_err(|error| {
            Box::new(
                Diagnostic::error("D0305", "a template that does not work")
                    .at(span, error.to_string())
                    .help("the expression has to give a text, a number, true or false, a list or a map"),
            )
        })?;
        let node = Node::from_json(&restored_json(json), span);
        self.spend(weight(&node), span)?;
        Ok(node)
    }

    fn spend(&self, bytes: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        self.spent.set(self.spent.get() + bytes);
        if bytes > MAX_SCALAR || self.spent.get() > MAX_TOTAL {
            return Err(too_expensive(span));
        }
        Ok(())
    }

    fn mistake(&self, error: &minijinja::Error, source: &str, span: Span, scope: &Scope) -> Box<Diagnostic> {
        match error.kind() {
            ErrorKind::OutOfFuel | ErrorKind::WriteFailure => too_expensive(span),
            ErrorKind::UndefinedError => {
                let culprit = error.range().and_then(|range| source.get(range)).map(str::to_owned);
                self.undefined(source, culprit.as_deref(), span, scope)
            }
            kind => {
                let detail = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
                let help = match kind {
                    ErrorKind::UnknownFilter => "filters are those of Jinja, such as `upper`, `default(…)`, `join(…)`",
                    ErrorKind::SyntaxError => "a template reads \"{{ expression }}\"",
                    _ => "see what the names stand for: `vars`, `stack`, `stage`, `region`, `account`, `item`",
                };
                Box::new(Diagnostic::error("D0305", "a template that does not work").at(span, detail).help(help))
            }
        }
    }

    /// The name is underlined where it can be found in the file; else the whole scalar.
    fn undefined(&self, source: &str, culprit: Option<&str>, span: Span, scope: &Scope) -> Box<Diagnostic> {
        let unknown: Vec<String> = match self.engine.compile_expression_owned(source.to_owned()) {
            Ok(expression) => expression.undeclared_variables(false).into_iter().collect(),
            Err(_) => match self.engine.template_from_str(source) {
                Ok(template) => template.undeclared_variables(false).into_iter().collect(),
                Err(_) => Vec::new(),
            },
        };
        let mut unknown: Vec<&String> = unknown.iter().filter(|name| !scope.contains_key(*name)).collect();
        unknown.sort();
        let written = self.sources.text(span);
        let found = unknown.iter().find_map(|name| Some((name.as_str(), find_word(written, name)?)));
        let (name, place) = match (found, unknown.first()) {
            (Some((name, at)), _) => {
                (name.to_owned(), Span { start: span.start + at, end: span.start + at + name.len(), ..span })
            }
            (None, Some(name)) => ((*name).clone(), span),
            (None, None) => (culprit.unwrap_or(source).trim().to_owned(), span),
        };
        let help = match nearest(&name, scope.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let names: Vec<&str> = scope.keys().map(String::as_str).collect();
                format!("known here: {}; others go under `vars:`", names.join(", "))
            }
        };
        Box::new(
            Diagnostic::error("D0304", "an undefined variable")
                .at(place, format!("`{name}` is not defined"))
                .help(help),
        )
    }
}

fn too_expensive(span: Span) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error("D0306", "a template that takes too much")
            .at(span, "it runs too long or becomes too large")
            .help(format!(
                "a value may take {} KiB, all of a stack {} MiB: make the loop or the text smaller",
                MAX_SCALAR >> 10,
                MAX_TOTAL >> 20
            )),
    )
}

/// The inside of a text that is nothing but `{{ … }}`. Whether that is one expression, the compiler decides.
fn lone_expression(text: &str) -> Option<&str> {
    text.trim().strip_prefix("{{")?.strip_suffix("}}")
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        text[..*at].contains('{') && !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
    })
}

fn weight(node: &Node) -> usize {
    use crate::yaml::Kind;
    8 + match &node.kind {
        Kind::String(text) => text.len(),
        Kind::Seq(items) => items.iter().map(weight).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| entry.key.len() + weight(&entry.value)).sum(),
        _ => 0,
    }
}

fn restored_json(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::String(text) => serde_json::Value::String(restored(&text)),
        other => other,
    }
}

/// Refuses to grow past the limit.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_SCALAR {
            return Err(io::Error::other("too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
