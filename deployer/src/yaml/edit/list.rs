//! Edits of lists in YAML text: an entry more, an entry less; comments, order and layout stay.
//!
//! A path leads through keys and, in lists, positions: `["functions", "hello", "access", "0", "can"]`. One value stands for a list
//! of one, as everywhere in stack files. What comes out is parsed and held against the edit of the parsed value; `None`
//! where it is not that: an alias, or a layout that is not understood.

use super::{flow, is_flow, set, tree};
use crate::diag::Diagnostics;
use crate::source::{FileId, Span};
use crate::yaml::{Kind, Node, parse};
use serde_json::{Value, json};

/// `text` with `item` behind the last one of the list at `path`, which is made where it is missing.
pub(crate) fn append(text: &str, path: &[&str], item: &Value) -> Option<String> {
    let root = tree(text)?;
    let edited = match root.at(path) {
        None => set(text, path, &json!([item]))?,
        Some(node) => match &node.kind {
            Kind::Null => set(text, path, &json!([item]))?,
            Kind::Seq(items) if is_bracketed(text, node, items) => match items.last() {
                None => spliced(text, node.span.start, node.span.end, &format!("[{}]", flow(item))),
                Some(last) => spliced(text, last.span.end, last.span.end, &format!(", {}", flow(item))),
            },
            Kind::Seq(items) => {
                let last = items.last()?;
                let pad = " ".repeat(column(text, dash(text, last)?));
                let at = line_end(text, last.span.end);
                let newline = if text[..at].ends_with('\n') { "" } else { "\n" };
                spliced(text, at, at, &format!("{newline}{pad}- {}\n", flow(item)))
            }
            // A block has no room for a second entry beside it.
            Kind::Map(_) if !is_flow(text, node) => return None,
            _ => {
                let alone = &text[node.span.start..node.span.end];
                spliced(text, node.span.start, node.span.end, &format!("[{alone}, {}]", flow(item)))
            }
        },
    };
    let mut expected = root.to_json();
    match expected.pointer_mut(&pointer(path)) {
        Some(Value::Array(items)) => items.push(item.clone()),
        Some(value @ Value::Null) => *value = json!([item]),
        Some(value) => *value = json!([value, item]),
        None => {
            let (key, above) = path.split_last()?;
            let parent = expected.pointer_mut(&pointer(above)).filter(|parent| parent.is_object())?;
            parent[*key] = json!([item]);
        }
    }
    is_read_as(&edited, &expected).then_some(edited)
}

/// `text` without the entry `index` of the list at `path`. Comments stay, but for the one behind it on its line.
pub(crate) fn take(text: &str, path: &[&str], index: usize) -> Option<String> {
    let root = tree(text)?;
    let node = root.at(path)?;
    let edited = match &node.kind {
        Kind::Seq(items) if is_bracketed(text, node, items) => flow_without(text, items, index)?,
        Kind::Seq(items) => block_without(text, &root, path, items, index)?,
        Kind::Map(_) if !is_flow(text, node) => return None,
        _ => spliced(text, node.span.start, node.span.end, "[]"),
    };
    let mut expected = root.to_json();
    match expected.pointer_mut(&pointer(path))? {
        Value::Array(items) => drop((index < items.len()).then(|| items.remove(index))?),
        value => *value = json!([]),
    }
    is_read_as(&edited, &expected).then_some(edited)
}

/// Where the value at `span` stands: the path to it. `None` where several values stand there, or none.
pub(crate) fn path_to(text: &str, span: Span) -> Option<Vec<String>> {
    only(text, |node, _| (node.span.start, node.span.end) == (span.start, span.end))
}

/// The path to the value whose key stands at `span`.
pub(crate) fn path_of_key(text: &str, span: Span) -> Option<Vec<String>> {
    only(text, |_, key| key.is_some_and(|key| (key.start, key.end) == (span.start, span.end)))
}

fn only(text: &str, is_it: impl Fn(&Node, Option<Span>) -> bool) -> Option<Vec<String>> {
    let root = tree(text)?;
    let mut found = Vec::new();
    let mut open: Vec<(&Node, Option<Span>, Vec<String>)> = vec![(&root, None, Vec::new())];
    while let Some((node, key, path)) = open.pop() {
        let below = |name: String| [path.clone(), vec![name]].concat();
        match &node.kind {
            Kind::Map(entries) => open.extend(
                entries.iter().map(|entry| (&entry.value, Some(entry.key.span), below(entry.key.value.clone()))),
            ),
            Kind::Seq(items) => {
                open.extend(items.iter().enumerate().map(|(at, item)| (item, None, below(at.to_string()))));
            }
            _ => {}
        }
        if is_it(node, key) {
            found.push(path);
        }
    }
    found.pop().filter(|_| found.is_empty())
}

impl Node {
    /// The value at a path of keys and positions.
    fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, part| match &node.kind {
            Kind::Seq(items) => items.get(part.parse::<usize>().ok()?),
            _ => node.get(part),
        })
    }
}

/// Whether a list stands in brackets. A block without indentation begins, by its span, with its first entry.
fn is_bracketed(text: &str, node: &Node, items: &[Node]) -> bool {
    is_flow(text, node) && items.first().is_none_or(|first| first.span.start > node.span.start)
}

fn spliced(text: &str, start: usize, end: usize, new: &str) -> String {
    [&text[..start], new, &text[end..]].concat()
}

/// JSON's way to write a path.
fn pointer(path: &[&str]) -> String {
    path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

fn is_read_as(text: &str, expected: &Value) -> bool {
    let mut mistakes = Diagnostics::default();
    let read = parse(FileId(0), text, &mut mistakes);
    !mistakes.has_errors() && read.is_some_and(|read| read.to_json() == *expected)
}

/// Byte within its line; stack files are indented with spaces.
fn column(text: &str, at: usize) -> usize {
    at - text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Behind the end of the line in which `at` stands.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The `-` before an item of a block.
fn dash(text: &str, item: &Node) -> Option<usize> {
    let before = text[..item.span.start].trim_end_matches(' ');
    before.ends_with('-').then(|| before.len() - 1)
}

fn block_without(text: &str, root: &Node, path: &[&str], items: &[Node], index: usize) -> Option<String> {
    let item = items.get(index)?;
    let dash = dash(text, item)?;
    let start = dash - column(text, dash);
    // Only where it has its lines for itself.
    let has_own_lines = text[start..dash].trim().is_empty();
    let rest = spliced(text, start, line_end(text, item.span.end), "");
    if items.len() > 1 {
        return has_own_lines.then_some(rest);
    }
    let (key, above) = path.split_last()?;
    let entry = root.at(above)?.entries().iter().find(|entry| entry.key.value == *key)?;
    let colon = entry.key.span.end + text[entry.key.span.end..].find(':')? + 1;
    (has_own_lines && colon <= start).then(|| spliced(&rest, colon, colon, " []"))
}

fn flow_without(text: &str, items: &[Node], index: usize) -> Option<String> {
    let item = items.get(index)?;
    let (start, end) = (item.span.start, item.span.end);
    let next = items.get(index + 1).map(|next| next.span.start);
    let before = index.checked_sub(1).and_then(|before| items.get(before)).map(|before| before.span.end);
    match (before, next) {
        // With the comma and the room before it, unless a comment stands there.
        (Some(before), _) if !text[before..start].contains('#') => Some(spliced(text, before, end, "")),
        (None, Some(next)) if !text[end..next].contains('#') => Some(spliced(text, start, next, "")),
        (_, Some(next)) => {
            let comma = comma(text, end, next)?;
            Some([&text[..start], &text[end..comma], &text[comma + 1..]].concat())
        }
        (Some(before), None) => {
            let comma = comma(text, before, start)?;
            Some([&text[..comma], &text[comma + 1..start], &text[end..]].concat())
        }
        // The last one may have a comma behind it.
        (None, None) => {
            let rest = &text[end..];
            let blank = rest.len() - rest.trim_start().len();
            let end = if rest[blank..].starts_with(',') { end + blank + 1 } else { end };
            Some(spliced(text, start, end, ""))
        }
    }
}

/// The first comma in `start..end` that stands in no comment.
fn comma(text: &str, start: usize, end: usize) -> Option<usize> {
    let mut in_comment = false;
    text[start..end].char_indices().find_map(|(at, letter)| {
        in_comment = match letter {
            '\n' => false,
            '#' => true,
            _ => in_comment,
        };
        (letter == ',' && !in_comment).then_some(start + at)
    })
}

#[cfg(test)]
mod tests;
