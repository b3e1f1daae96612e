//! YAML text to a tree in which every key and value keeps its place. The only file that knows the YAML crate.
//!
//! Scalars follow the core schema of YAML 1.2: `yes` is a text. CloudFormation's short tags become their long form.
//! Aliases are copied under a budget, so that a small file cannot become a huge tree. Reads one document.

pub(crate) mod edit;

use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span, Spanned};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::collections::{HashMap, HashSet};

/// Largest file that is read. Bytes. A template may have 1 MB (CloudFormation's quota for one in S3, read 2026-11).
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of maps and lists: far above what CloudFormation takes, far below what a call stack takes.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most nodes that all aliases of a file may add up to.
const MAX_ALIASED: usize = 20_000;

/// A value of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Spanned<String>,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// "a list", "a text": what a diagnostic calls it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::String(_) => "a text",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// How many values it holds, itself included.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Seq(items) => items.iter().map(Node::size).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
            _ => 0,
        }
    }

    fn depth(&self) -> usize {
        match &self.kind {
            Kind::Seq(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Kind::Map(entries) => 1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The same value without places, for what is passed through verbatim.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::from(*value),
            Kind::Float(value) => Value::from(*value),
            Kind::String(value) => Value::String(value.clone()),
            Kind::Seq(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.value.clone(), entry.value.to_json())).collect())
            }
        }
    }

    /// A value that was computed rather than written: all of it stands at `span`.
    pub(crate) fn from_json(value: &serde_json::Value, span: Span) -> Self {
        use serde_json::Value;
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => Kind::Int(value),
                None => Kind::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Kind::String(text.clone()),
            Value::Array(items) => Kind::Seq(items.iter().map(|item| Self::from_json(item, span)).collect()),
            Value::Object(map) => Kind::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: Spanned::new(key.clone(), span),
                        value: Self::from_json(value, span),
                    })
                    .collect(),
            ),
        };
        Self { span, kind }
    }
}

/// Reads `text`. `None` when no tree could be made; then at least one error was pushed.
pub(crate) fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let at = |start: usize, end: usize| Span { file, start, end };
    if text.len() > MAX_BYTES {
        diagnostics.push(
            Diagnostic::error("D0111", "the file is too large")
                .at(at(0, 0), format!("{} bytes; at most {MAX_BYTES} are read", text.len()))
                .help("split the stack: one file per stack in `stacks/`"),
        );
        return None;
    }
    let forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    if let Some((start, found)) = text.char_indices().find(|(_, c)| forbidden(*c)) {
        diagnostics.push(
            Diagnostic::error("D0101", "not YAML")
                .at(at(start, start + found.len_utf8()), format!("the control character U+{:04X}", u32::from(found)))
                .help("remove it, or write it as an escape inside double quotes"),
        );
        return None;
    }
    let mut builder = Builder {
        file,
        text,
        bytes: text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect(),
        frames: Vec::new(),
        anchors: HashMap::new(),
        aliased: 0,
        root: None,
        documents: 0,
        diagnostics,
    };
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((event, span))) => builder.event(event, span).ok()?,
            Some(Err(error)) => {
                let start = builder.byte(error.marker().index());
                let diagnostic = syntax_error(file, text, start, error.info());
                builder.diagnostics.push(diagnostic);
                return None;
            }
        }
    }
    let root = builder.root.take().filter(|root| root.kind != Kind::Null);
    if root.is_none() {
        diagnostics.push(
            Diagnostic::error("D0113", "the file is empty")
                .at(at(0, 0), "no stack is described here")
                .help("begin with `stack: NAME` and `stages: {dev: {region: …}}`"),
        );
    }
    root
}

fn syntax_error(file: FileId, text: &str, at: usize, info: &str) -> Diagnostic {
    // Only the parser knows whether a tab is content or indentation: its complaint is turned into ours where the line
    // that it stopped at, or the one after, is indented with one.
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut start = line_start;
    for line in text[line_start..].split_inclusive('\n').take(2) {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            let start = start + tab;
            return Diagnostic::error("D0105", "a tab in the indentation")
                .at(Span { file, start, end: start + 1 }, "YAML is indented with spaces only")
                .help("replace the tab by two spaces");
        }
        start += line.len();
    }
    let start = if at >= text.len() { text.trim_end().len() } else { at };
    let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    Diagnostic::error("D0101", "not YAML").at(Span { file, start, end }, info.to_owned()).help(
        if text[line_start..].starts_with(['`', '@', '%']) || text[start..].starts_with(['`', '@', '%', '*', '&']) {
            "put the text in quotes"
        } else {
            "check the indentation, the quotes and the brackets here and in the line before"
        },
    )
}

/// Bytes of a text in quotes, both of them included; `None` where it does not begin with one.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        let is_escape = match quote {
            '"' => letter == '\\',
            _ => letter == quote && letters.peek().is_some_and(|(_, next)| *next == quote),
        };
        match is_escape {
            true => drop(letters.next()),
            false if letter == quote => return Some(at + 1),
            false => {}
        }
    }
    None
}

/// A map or list that is still open.
struct Frame {
    start: usize,
    anchor: usize,
    tag: Option<Tag>,
    items: Items,
}

enum Items {
    Seq(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// Where each key was first written.
        seen: HashMap<String, Span>,
        /// The key whose value comes next; empty when it was reported already.
        key: Option<Spanned<String>>,
    },
    /// A map or list where a key should be: reported, read over.
    Skipped,
}

/// The error has been pushed; reading stops.
struct Stop;

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    /// Byte at which each character starts: the parser counts characters.
    bytes: Vec<usize>,
    frames: Vec<Frame>,
    /// `None` while the anchored value is still open.
    anchors: HashMap<usize, Option<Node>>,
    aliased: usize,
    root: Option<Node>,
    documents: usize,
    diagnostics: &'a mut Diagnostics,
}

impl Builder<'_> {
    fn byte(&self, character: usize) -> usize {
        self.bytes.get(character).copied().unwrap_or(self.text.len())
    }

    /// From the parser's characters to bytes, without the blank rest that block scalars end with.
    fn span(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).max(start);
        Span { file: self.file, start, end: start + self.text[start..end].trim_end().len() }
    }

    fn event(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let span = self.span(span);
                    self.diagnostics.push(
                        Diagnostic::error("D0108", "more than one document in a file")
                            .at(span, "a second document begins here")
                            .help("one stack per file: move the rest into a file of its own"),
                    );
                    return Err(Stop);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let mut span = self.span(span);
                // Inside of brackets the place of a text in quotes reaches over a comment behind it.
                if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
                    span.end = quoted(&self.text[span.start..span.end]).map_or(span.end, |length| span.start + length);
                }
                if let Some(Frame { items: Items::Map { key: key @ None, .. }, .. }) = self.frames.last_mut() {
                    *key = Some(Spanned::new(text.to_string(), span));
                    if anchor > 0 {
                        self.anchors.insert(anchor, Some(Node { span, kind: Kind::String(text.into_owned()) }));
                    }
                    return Ok(());
                }
                let kind = match (style, tag.as_deref()) {
                    (ScalarStyle::Plain, Some(tag)) if tag.is_yaml_core_schema() && tag.suffix != "str" => plain(&text),
                    (ScalarStyle::Plain, None) => plain(&text),
                    _ => Kind::String(text.into_owned()),
                };
                let node = self.tagged(Node { span, kind }, tag.as_deref());
                self.close(node, anchor);
            }
            Event::Alias(anchor) => {
                let span = self.span(span);
                let node = self.alias(anchor, span)?;
                if let Some(Frame { items: Items::Map { key: key @ None, .. }, .. }) = self.frames.last_mut() {
                    match &node.kind {
                        Kind::String(text) => *key = Some(Spanned::new(text.clone(), span)),
                        _ => return self.bad_key(span),
                    }
                    return Ok(());
                }
                self.close(node, 0);
            }
            Event::SequenceStart(anchor, tag) => self.open(span, anchor, tag.as_deref(), Items::Seq(Vec::new()))?,
            Event::MappingStart(anchor, tag) => {
                self.open(
                    span,
                    anchor,
                    tag.as_deref(),
                    Items::Map { entries: Vec::new(), seen: HashMap::new(), key: None },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        span: saphyr_parser::Span,
        anchor: usize,
        tag: Option<&Tag>,
        mut items: Items,
    ) -> Result<(), Stop> {
        let span = self.span(span);
        if self.frames.len() >= MAX_DEPTH {
            return self.too_deep(span);
        }
        if let Some(Frame { items: parent, .. }) = self.frames.last_mut() {
            match parent {
                Items::Map { key: key @ None, .. } => {
                    *key = Some(Spanned::new(String::new(), span));
                    self.bad_key(span)?;
                    items = Items::Skipped;
                }
                Items::Skipped => items = Items::Skipped,
                _ => {}
            }
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.frames.push(Frame { start: span.start, anchor, tag: tag.cloned(), items });
        Ok(())
    }

    fn too_deep(&mut self, span: Span) -> Result<(), Stop> {
        self.diagnostics.push(
            Diagnostic::error("D0110", "nested too deeply")
                .at(span, format!("more than {MAX_DEPTH} maps and lists inside each other"))
                .help("flatten it; no stack needs that"),
        );
        Err(Stop)
    }

    fn bad_key(&mut self, span: Span) -> Result<(), Stop> {
        let template = self.text[..span.start].ends_with('{') || self.text[span.start..].starts_with("{{");
        self.diagnostics.push(
            Diagnostic::error("D0114", "a key that is no text")
                .at(span, "a map or a list where a key is expected")
                .help(if template { "put templates in quotes: \"{{ name }}\"" } else { "keys are plain words" }),
        );
        Ok(())
    }

    fn end(&mut self, span: saphyr_parser::Span) {
        let Some(frame) = self.frames.pop() else { return };
        let last = match &frame.items {
            Items::Seq(items) => items.last().map(|item| item.span.end),
            Items::Map { entries, .. } => entries.last().map(|entry| entry.value.span.end.max(entry.key.span.end)),
            Items::Skipped => None,
        };
        // The end of a block is an empty place where the next thing begins; that of a flow reaches over a comment.
        let known = last.unwrap_or(frame.start);
        let end = if !span.is_empty() { self.bracket(known, self.byte(span.end.index())) } else { known };
        let span = Span { file: self.file, start: frame.start, end: end.max(frame.start) };
        let kind = match frame.items {
            Items::Seq(items) => Kind::Seq(items),
            Items::Map { entries, .. } => Kind::Map(self.merged(entries)),
            Items::Skipped => {
                // A skipped key has just ended, unless this was inside of one.
                return;
            }
        };
        let node = self.tagged(Node { span, kind }, frame.tag.as_ref());
        self.close(node, frame.anchor);
    }

    /// Behind the first closing bracket in `start..end`, comments left out; `end` when there is none.
    fn bracket(&self, start: usize, end: usize) -> usize {
        let mut in_comment = false;
        for (at, c) in self.text.get(start..end).unwrap_or_default().char_indices() {
            match c {
                '\n' => in_comment = false,
                '#' => in_comment = true,
                '}' | ']' if !in_comment => return start + at + 1,
                _ => {}
            }
        }
        end
    }

    /// Puts a finished value where it belongs.
    fn close(&mut self, mut node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        match self.frames.last_mut().map(|frame| &mut frame.items) {
            None => self.root = Some(node),
            Some(Items::Seq(items)) => items.push(node),
            Some(Items::Map { entries, seen, key }) => {
                let Some(key) = key.take().filter(|key| !key.is_empty()) else { return };
                if node.kind == Kind::Null && node.span.start >= node.span.end {
                    node.span = key.span;
                }
                if let Some(first) = seen.get(key.as_str()) {
                    self.diagnostics.push(
                        Diagnostic::error("D0106", "the same key twice")
                            .at(key.span, "written again here")
                            .at(*first, "first written here")
                            .help("keep one of them"),
                    );
                    return;
                }
                seen.insert(key.value.clone(), key.span);
                entries.push(Entry { key, value: node });
            }
            Some(Items::Skipped) => {}
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&anchor).cloned().flatten() else {
            self.diagnostics.push(
                Diagnostic::error("D0116", "an alias inside of what it stands for")
                    .at(span, "the anchor is not finished yet")
                    .help("write the value out"),
            );
            return Err(Stop);
        };
        self.aliased += node.size();
        if self.aliased > MAX_ALIASED {
            self.diagnostics.push(
                Diagnostic::error("D0109", "aliases add up to too much")
                    .at(span, format!("with this one, aliases stand for more than {MAX_ALIASED} values"))
                    .help("use fewer aliases, or `for_each:`"),
            );
            return Err(Stop);
        }
        if self.frames.len() + node.depth() > MAX_DEPTH {
            self.too_deep(span)?;
        }
        Ok(node)
    }

    /// Applies `<<: *base` and `<<: [*a, *b]`: keys that are written out win, then the earlier base.
    fn merged(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        if !entries.iter().any(|entry| entry.key.as_str() == "<<") {
            return entries;
        }
        let (merges, mut entries): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.key.as_str() == "<<");
        for merge in merges {
            let bases = match merge.value.kind {
                Kind::Seq(items) => items,
                _ => vec![merge.value],
            };
            for base in bases {
                let Kind::Map(additions) = base.kind else {
                    self.diagnostics.push(
                        Diagnostic::error("D0115", "a merge of what is no map")
                            .at(base.span, "`<<` takes a map or a list of maps")
                            .help("use `<<: *anchor` where the anchor is a map"),
                    );
                    continue;
                };
                let written: HashSet<String> = entries.iter().map(|entry| entry.key.value.clone()).collect();
                entries.extend(additions.into_iter().filter(|addition| !written.contains(addition.key.as_str())));
            }
        }
        entries
    }

    /// `!Ref x` → `{Ref: x}`, `!Sub x` → `{Fn::Sub: x}` and so on.
    fn tagged(&mut self, node: Node, tag: Option<&Tag>) -> Node {
        const FUNCTIONS: &[&str] = &[
            "And",
            "Base64",
            "Cidr",
            "Equals",
            "FindInMap",
            "GetAtt",
            "GetAZs",
            "If",
            "ImportValue",
            "Join",
            "Length",
            "Not",
            "Or",
            "Select",
            "Split",
            "Sub",
            "ToJsonString",
            "Transform",
        ];
        let Some(tag) = tag else { return node };
        if tag.is_yaml_core_schema() || (tag.handle.is_empty() && tag.suffix == "!") {
            return node;
        }
        let span = node.span;
        let word = tag.suffix.as_str();
        let key = match word {
            "Ref" | "Condition" if tag.handle == "!" => word.to_owned(),
            _ if tag.handle == "!" && FUNCTIONS.contains(&word) => format!("Fn::{word}"),
            _ => {
                let known = FUNCTIONS.iter().copied().chain(["Ref", "Condition"]);
                let help = crate::diag::nearest(word, known).map_or_else(
                    || "only CloudFormation's own short forms are known, such as !Ref, !GetAtt and !Sub".to_owned(),
                    |near| format!("did you mean `!{near}`?"),
                );
                self.diagnostics.push(
                    Diagnostic::error("D0112", "unknown tag")
                        .at(self.tag_place(span), format!("`{tag}` means nothing here"))
                        .help(help),
                );
                return node;
            }
        };
        let kind = match node.kind {
            Kind::String(text) if word == "GetAtt" => {
                let (id, attribute) = text.split_once('.').unwrap_or((&text, ""));
                let part = |text: &str| Node { span, kind: Kind::String(text.to_owned()) };
                Kind::Seq(vec![part(id), part(attribute)])
            }
            kind => kind,
        };
        let value = Node { span, kind };
        Node { span, kind: Kind::Map(vec![Entry { key: Spanned::new(key, span), value }]) }
    }

    /// The tag itself, which a value's place begins with.
    fn tag_place(&self, value: Span) -> Span {
        let written = &self.text[value.start..];
        let length = written.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(written.len());
        if written.starts_with('!') { Span { end: value.start + length, ..value } } else { value }
    }
}

/// A plain scalar under the core schema. A number with leading zeros, or too large for 64 bits, stays a text: it is
/// an account or a telephone number, and would not come back as it was written.
///
/// Source: <https://yaml.org/spec/1.2.2/#1032-tag-resolution> (read 2026-11).
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let number =
        |digits: &str, radix| i64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with(['+', '-']));
    if let Some(value) = text.strip_prefix("0x").and_then(|digits| number(digits, 16)) {
        return Kind::Int(value);
    }
    if let Some(value) = text.strip_prefix("0o").and_then(|digits| number(digits, 8)) {
        return Kind::Int(value);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit();
    let starts_as_number = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || (unsigned.starts_with('.') && unsigned[1..].starts_with(|c: char| c.is_ascii_digit()));
    if !starts_as_number || leading_zero {
        return Kind::String(text.to_owned());
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_or_else(|_| Kind::String(text.to_owned()), Kind::Int);
    }
    let is_float =
        unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(value) if is_float && value.is_finite() => Kind::Float(value),
        _ => Kind::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests;
