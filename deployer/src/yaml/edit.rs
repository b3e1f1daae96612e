//! Edits of YAML text that leave everything else as it stands: comments, order, quotes, blank lines.
//!
//! Pure. Finds its place by parsing, changes bytes, never prints the file anew. `None` where an edit would have to guess.

pub(crate) mod list;

use super::{Kind, Node, parse};
use crate::diag::Diagnostics;
use crate::source::FileId;
use serde_json::Value;

/// `text` with `value` at `path`, which is made where it is missing.
pub(crate) fn set(text: &str, path: &[&str], value: &Value) -> Option<String> {
    let root = tree(text)?;
    let mut node = &root;
    for (depth, key) in path.iter().enumerate() {
        let Some(found) = node.get(key) else {
            return insert(text, node, &path[depth..], value);
        };
        // A key with nothing behind it stands for its value.
        if found.kind == Kind::Null && depth + 1 < path.len() {
            let rest = nested(&path[depth + 1..], value);
            return Some(replace(text, node, key, found, &rest));
        }
        if depth + 1 == path.len() {
            return Some(replace(text, node, key, found, value));
        }
        node = found;
    }
    None
}

/// `text` without the entry at `path`.
pub(crate) fn remove(text: &str, path: &[&str]) -> Option<String> {
    let root = tree(text)?;
    let (last, above) = path.split_last()?;
    let parent = above.iter().try_fold(&root, |node, key| node.get(key))?;
    let at = parent.entries().iter().position(|entry| entry.key.value == *last)?;
    let entry = &parent.entries()[at];
    let (start, end) = (entry.key.span.start, entry.value.span.end.max(entry.key.span.end));
    if is_flow(text, parent) {
        // With the comma before it, or after it when it is the first.
        let (start, end) = match at {
            0 => (start, parent.entries().get(1).map_or(end, |next| next.key.span.start)),
            _ => (parent.entries()[at - 1].value.span.end, end),
        };
        return Some([&text[..start], &text[end..]].concat());
    }
    // The only entry of a block: an empty map has to stay in its place.
    if parent.entries().len() == 1 {
        return Some([&text[..start], "{}", &text[end..]].concat());
    }
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let next = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    Some([&text[..line], &text[next..]].concat())
}

fn tree(text: &str) -> Option<Node> {
    parse(FileId(0), text, &mut Diagnostics::default())
}

fn is_flow(text: &str, node: &Node) -> bool {
    text[node.span.start..].starts_with(['{', '['])
}

fn replace(text: &str, parent: &Node, key: &str, old: &Node, value: &Value) -> String {
    let new = flow(value);
    if old.kind == Kind::Null {
        let entry = parent.entries().iter().find(|entry| entry.key.value == key);
        let colon = entry.map_or(old.span.end, |entry| entry.key.span.end);
        let end = colon + text[colon..].find(':').map_or(0, |colon| colon + 1);
        // `key: null` and `key: ~` have a text behind the colon.
        let end = if old.span.start > colon { old.span.end } else { end };
        return format!("{}: {new}{}", &text[..colon], &text[end..]);
    }
    [&text[..old.span.start], &new, &text[old.span.end..]].concat()
}

/// Adds `path` below `parent`, behind its last entry.
fn insert(text: &str, parent: &Node, path: &[&str], value: &Value) -> Option<String> {
    let (key, rest) = path.split_first()?;
    let value = nested(rest, value);
    let Kind::Map(entries) = &parent.kind else { return None };
    let end = entries.last().map(|entry| entry.value.span.end.max(entry.key.span.end));
    if is_flow(text, parent) {
        let entry = format!("{}: {}", scalar(key), flow(&value));
        return Some(match end {
            Some(end) => format!("{}, {entry}{}", &text[..end], &text[end..]),
            None => format!("{}{{ {entry} }}{}", &text[..parent.span.start], &text[parent.span.end..]),
        });
    }
    let first = entries.first()?.key.span.start;
    let indent = first - text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = end?;
    let at = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    let mut block = String::new();
    write_block(&mut block, indent, key, &value);
    let newline = if text[..at].ends_with('\n') { "" } else { "\n" };
    Some([&text[..at], newline, &block, &text[at..]].concat())
}

fn nested(path: &[&str], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |value, key| serde_json::json!({ *key: value }))
}

/// `key:` and its value as lines; small values stay on the line.
fn write_block(out: &mut String, indent: usize, key: &str, value: &Value) {
    const LINE: usize = 100;
    let pad = " ".repeat(indent);
    let short = flow(value);
    match value {
        Value::Object(map) if !map.is_empty() && indent + key.len() + short.len() > LINE => {
            out.push_str(&format!("{pad}{}:\n", scalar(key)));
            map.iter().for_each(|(key, value)| write_block(out, indent + 2, key, value));
        }
        Value::Array(items) if !items.is_empty() && indent + key.len() + short.len() > LINE => {
            out.push_str(&format!("{pad}{}:\n", scalar(key)));
            items.iter().for_each(|item| out.push_str(&format!("{pad}  - {}\n", flow(item))));
        }
        _ => out.push_str(&format!("{pad}{}: {short}\n", scalar(key))),
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text, in quotes unless it reads as itself without them, everywhere.
fn scalar(text: &str) -> String {
    // `30s`, `14d`: digits and one letter are no number.
    let duration = text
        .strip_suffix(['s', 'm', 'h', 'd'])
        .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()));
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if plain || duration { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const FILE: &str = "# the shop\nstack: shop # its name\n\nfunctions:\n  # says hello\n  hello:\n    memory: 128   # small\n    env: { A: one, B: two }\n    timeout: 5s\n\nqueues: { jobs: {} }\n";

    fn check(path: &[&str], value: Value, expected: &str) {
        assert_eq!(
            set(FILE, path, &value).as_deref(),
            Some(
                FILE.replacen(
                    expected.split("=>").next().expect("a left side"),
                    expected.split("=>").nth(1).expect("a right side"),
                    1
                )
                .as_str()
            )
        );
    }

    #[test]
    fn values_change_where_they_stand() {
        check(&["functions", "hello", "memory"], json!(256), "memory: 128=>memory: 256");
        check(&["functions", "hello", "env", "B"], json!("x y"), "B: two=>B: \"x y\"");
        check(&["queues", "jobs"], json!({ "visibility": "60s" }), "jobs: {}=>jobs: { visibility: 60s }");
    }

    #[test]
    fn what_is_missing_comes_behind_its_neighbours() {
        check(&["functions", "hello", "logs"], json!("7d"), "timeout: 5s\n=>timeout: 5s\n    logs: 7d\n");
        check(&["functions", "hello", "env", "C"], json!("3"), "B: two }=>B: two, C: \"3\" }");
        check(&["queues", "jobs", "visibility"], json!("60s"), "jobs: {}=>jobs: { visibility: 60s }");
        let patch = json!({ "Properties": { "MemorySize": 1 } });
        check(&["patch", "F"], patch, "jobs: {} }\n=>jobs: {} }\npatch: { F: { Properties: { MemorySize: 1 } } }\n");
    }

    #[test]
    fn entries_go_with_their_line_or_their_comma() {
        let gone = |path: &[&str]| remove(FILE, path).expect("the entry is there");
        assert_eq!(gone(&["functions", "hello", "timeout"]), FILE.replace("    timeout: 5s\n", ""));
        assert_eq!(gone(&["functions", "hello", "env", "A"]), FILE.replace("A: one, ", ""));
        assert_eq!(gone(&["functions", "hello", "env", "B"]), FILE.replace(", B: two", ""));
        assert_eq!(remove(FILE, &["functions", "other"]), None);
    }

    proptest! {
        #[test]
        fn what_was_set_is_read_and_the_rest_stays(key in "[a-zA-Z][a-zA-Z0-9 :#'\"-]{0,8}", text in "[ -~é]{0,20}") {
            let value = json!(text);
            let edited = set(FILE, &["functions", "hello", "env", &key], &value).expect("there is a place");
            let read = tree(&edited).expect("it is YAML");
            let env = read.get("functions").and_then(|node| node.get("hello")).and_then(|node| node.get("env"));
            prop_assert_eq!(env.and_then(|node| node.get(&key)).map(Node::to_json), Some(value));
            prop_assert!(edited.contains("# says hello") && edited.contains("# small"));
        }
    }
}
