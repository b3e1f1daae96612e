//! Names: such as AWS takes, and no two the same.

use super::Rule;
use crate::diag::Diagnostics;
use crate::model::Stack;
use crate::source::{Span, Spanned};
use crate::synth::logical_ids::pascal;
use std::collections::HashMap;

/// Sections whose keys are names of declared things.
const SECTIONS: [&str; 8] = ["functions", "queues", "topics", "buckets", "tables", "secrets", "networks", "pipes"];

/// What a service calls a thing.
struct Made {
    section: &'static str,
    /// In full; `<account>` stands for twelve digits.
    name: String,
    span: Span,
}

/// Everything that gets a name in AWS. The names are those that `synth` gives; see the model's documentation.
fn made(stack: &Stack) -> Vec<Made> {
    let file = &stack.file;
    let prefix = stack.prefix();
    let mut all = Vec::new();
    let mut add = |section: &'static str, key: &str, explicit: Option<&Spanned<String>>, default: String| {
        let span = explicit.map_or_else(|| stack.places.name(section, key), |name| name.span);
        all.push(Made { section, name: explicit.map_or(default, |name| name.value.clone()), span });
    };
    for (key, function) in &file.functions {
        add("functions", key, function.name.as_ref(), format!("{prefix}-{key}"));
    }
    for (key, queue) in &file.queues {
        let suffix = if queue.fifo { ".fifo" } else { "" };
        add("queues", key, queue.name.as_ref(), format!("{prefix}-{key}{suffix}"));
    }
    for (key, topic) in &file.topics {
        let suffix = if topic.fifo { ".fifo" } else { "" };
        add("topics", key, topic.name.as_ref(), format!("{prefix}-{key}{suffix}"));
    }
    for (key, bucket) in &file.buckets {
        add("buckets", key, bucket.name.as_ref(), format!("{prefix}-{key}-000000000000"));
    }
    for (key, table) in &file.tables {
        add("tables", key, table.name.as_ref(), format!("{prefix}-{key}"));
    }
    for (key, secret) in file.secrets.iter().filter(|(_, secret)| secret.from.is_none()) {
        add("secrets", key, secret.name.as_ref(), format!("{}/{}/{key}", file.stack.value, stack.stage));
    }
    all
}

pub(super) fn valid(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let mut wrong = |span: Span, text: String, help: &str| diagnostics.push(rule.error().at(span, text).help(help));
    let name = &stack.file.stack;
    if !is_word(name) {
        wrong(name.span, "not a name for a stack".to_owned(), "a letter first, then letters, digits and `-`");
    } else if stack.prefix().len() > 128 {
        wrong(name.span, format!("`{}` has more than 128 characters", stack.prefix()), "choose a shorter name");
    }
    for (stage, span) in stack.places.names("stages").filter(|(stage, _)| !is_word(stage)) {
        wrong(span, format!("`{stage}` is no name for a stage"), "a letter first, then letters, digits and `-`");
    }
    let is_key = |key: &str| is_word(&key.replace('_', "-"));
    for section in SECTIONS {
        for (key, span) in stack.places.names(section).filter(|(key, _)| !is_key(key)) {
            wrong(span, format!("`{key}` is no name"), "a letter first, then letters, digits, `-` and `_`");
        }
    }
    let refused: Vec<Span> = SECTIONS
        .into_iter()
        .flat_map(|section| stack.places.names(section))
        .filter(|(key, _)| !is_key(key))
        .map(|(_, span)| span)
        .collect();
    for Made { section, name, span } in made(stack) {
        if let Some((text, help)) = name_mistake(section, &name).filter(|_| !refused.contains(&span)) {
            wrong(span, text, help);
        }
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Sources, all read 2026-11: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>,
/// <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>.
fn name_mistake(section: &str, name: &str) -> Option<(String, &'static str)> {
    let length = name.len();
    let too_long = |most: usize| {
        (length > most)
            .then(|| (format!("`{name}` has {length} characters; {most} are allowed"), "choose a shorter name"))
    };
    let other = |allowed: &str| name.chars().any(|c| !c.is_ascii_alphanumeric() && !allowed.contains(c));
    match section {
        "functions" => too_long(64).or_else(|| {
            other("-_").then(|| (format!("`{name}` is no name for a function"), "letters, digits, `-` and `_`"))
        }),
        "queues" | "topics" => too_long(if section == "queues" { 80 } else { 256 }).or_else(|| {
            let base = name.strip_suffix(".fifo").unwrap_or(name);
            base.chars()
                .any(|c| !c.is_ascii_alphanumeric() && !"-_".contains(c))
                .then(|| (format!("`{name}` is no name for a queue or topic"), "letters, digits, `-` and `_`"))
        }),
        "tables" => too_long(255).or_else(|| {
            (length < 3 || other("-_."))
                .then(|| (format!("`{name}` is no name for a table"), "3 or more letters, digits, `-`, `_` and `.`"))
        }),
        "secrets" => too_long(512).or_else(|| {
            other("/_+=.@-").then(|| (format!("`{name}` is no name for a secret"), "letters, digits and /_+=.@-"))
        }),
        "buckets" => {
            let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            let is_sound = (3..=63).contains(&length)
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
                && is_edge(name.chars().next())
                && is_edge(name.chars().next_back())
                && !name.contains("..");
            (!is_sound).then(|| {
                let shown = name.replace("000000000000", "<account>");
                (
                    format!("`{shown}` is no name for a bucket"),
                    "3 to 63 lower-case letters, digits and `-`; the account takes 13 of them unless `name:` is given",
                )
            })
        }
        _ => None,
    }
}

pub(super) fn logical_ids(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for section in SECTIONS {
        let mut seen: HashMap<String, Span> = HashMap::new();
        for (key, span) in stack.places.names(section) {
            let id = pascal(key);
            if id.is_empty() {
                continue;
            }
            if let Some(first) = seen.insert(id.clone(), span) {
                diagnostics.push(
                    rule.error()
                        .at(span, format!("becomes `{id}` in the template"))
                        .at(first, "and so does this")
                        .help("names have to differ by more than punctuation"),
                );
            }
        }
    }
}

pub(super) fn same_name(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let mut seen: HashMap<(&str, String), Span> = HashMap::new();
    for Made { section, name, span } in made(stack) {
        let Some(first) = seen.insert((section, name.clone()), span) else { continue };
        let mut diagnostic = rule.error().at(span, format!("`{name}` is taken"));
        // In a loop both stand at the same place.
        if first != span {
            diagnostic = diagnostic.at(first, "by this");
        }
        diagnostics.push(diagnostic.help("give one of them another `name`, or none"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_measured_in_full() {
        assert!(name_mistake("functions", &"f".repeat(64)).is_none());
        assert!(name_mistake("functions", &"f".repeat(65)).is_some());
        assert!(name_mistake("queues", "orders.fifo").is_none() && name_mistake("queues", "or.ders").is_some());
        assert!(name_mistake("buckets", "Orders").is_some() && name_mistake("buckets", "orders-1").is_none());
    }
}
