//! Rules for tables: keys that agree, indexes that can be, grants on indexes that exist.

use super::Rule;
use super::access::grants;
use crate::diag::{Diagnostics, nearest};
use crate::model::Stack;
use crate::model::reference::Target;
use crate::source::Span;
use std::collections::HashMap;

/// Most indexes of a table: global ones by default, and local ones for ever.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html> (read 2026-11).
const MOST_GLOBAL: usize = 20;
const MOST_LOCAL: usize = 5;

/// An attribute has one type, an index a key that the table has not, and a local one an order.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html> (read 2026-11).
pub(super) fn keys(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (name, table) in &stack.file.tables {
        let mut seen: HashMap<&str, (Span, &str)> = HashMap::new();
        for attribute in table.attributes() {
            let kind = attribute.kind.word();
            let (first, other) = *seen.entry(&attribute.name).or_insert((attribute.span, kind));
            if other != kind {
                diagnostics.push(
                    rule.error()
                        .at(attribute.span, format!("`{}` is a {kind} here …", attribute.name))
                        .at(first, format!("… and a {other} there"))
                        .help(format!("write the same type everywhere: {{{}: {other}}}", attribute.name)),
                );
            }
        }
        let pairs = table.indexes.values().map(|index| (index.partition.as_ref(), index.sort.as_ref()));
        for (partition, sort) in pairs.chain([(Some(&table.partition), table.sort.as_ref())]) {
            let partition = partition.unwrap_or(&table.partition);
            if let Some(sort) = sort.filter(|sort| sort.name == partition.name) {
                diagnostics.push(
                    rule.error()
                        .at(sort.span, "the partition key is the same attribute")
                        .help("name another attribute, or leave `sort` out"),
                );
            }
        }
        let place = stack.places.name("tables", name);
        for (name, index) in table.indexes.iter().filter(|(_, index)| index.partition.is_none()) {
            if index.sort.is_none() || table.sort.is_none() {
                let (text, help) = match index.sort.is_none() {
                    true => (format!("`{name}` has no key of its own"), "add `partition`, `sort` or both"),
                    false => (
                        format!("`{name}` is local, and the table has no sort key"),
                        "add `sort` to the table, or `partition` to the index",
                    ),
                };
                diagnostics.push(rule.error().at(index.span.or(place), text).help(help));
            }
        }
        let local = table.indexes.values().filter(|index| index.partition.is_none()).count();
        for (count, most, word) in [(local, MOST_LOCAL, "local"), (table.indexes.len() - local, MOST_GLOBAL, "global")]
        {
            if count > most {
                diagnostics.push(
                    rule.error()
                        .at(place, format!("{count} {word} indexes"))
                        .help(format!("at most {most}; a quota can be raised for global ones alone")),
                );
            }
        }
    }
}

/// `index` narrows a grant on a table, to an index that is declared.
pub(super) fn indexes(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for grant in grants(stack) {
        let Some(index) = &grant.index else { continue };
        let Some(table) = &grant.table else {
            let help = "remove `index`";
            diagnostics.push(rule.error().at(index.span, "`index` narrows access to a table; this is none").help(help));
            continue;
        };
        if let Some(verb) = grant.can.iter().find(|verb| !["query", "scan"].contains(&verb.as_str())) {
            let help = "an index takes `query` and `scan`; grant the rest on the table, in an entry of its own";
            diagnostics.push(rule.error().at(verb.span, "nothing that can be done with an index").help(help));
        }
        let declared = match table {
            Target::Name(name) => stack.file.tables.get(name.value.as_str()),
            Target::Outside(_) => None,
        };
        if let Some(table) = declared.filter(|table| !table.indexes.contains_key(index.as_str())) {
            let known: Vec<&str> = table.indexes.keys().map(String::as_str).collect();
            let help = match nearest(index, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "the table has none; remove `index`".to_owned(),
                None => format!("indexes of the table are {}", known.join(", ")),
            };
            diagnostics.push(rule.error().at(index.span, "the table has no index of this name").help(help));
        }
    }
}
