//! What all formats of a plan share: words and values, so that they cannot disagree. The writer is passed in as text.

pub(crate) mod diagnostics;
pub(crate) mod failure;
pub(crate) mod markdown;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod tables;
pub(crate) mod terminal;

use crate::diff::{Action, CODE, Cause, PropertyChange, SECTION};
use crate::plan::{Intent, Line, Plan, Step, Undo};
use serde_json::Value;

/// `+`, `~`, `±`, `-`, `!`
pub(crate) fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "-",
        Action::Recreate => "!",
        Action::Remove => "x",
        Action::Import => "<",
    }
}

pub(crate) fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Recreate => "recreate",
        Action::Remove => "remove",
        Action::Import => "take over",
    }
}

pub(crate) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Yours => "yours",
        Cause::Drift => "drift",
        Cause::Both => "yours and drift",
        Cause::Converged => "done by hand already",
    }
}

pub(crate) fn undo(undo: Undo) -> &'static str {
    match undo {
        Undo::Alias => "undo: rollback moves the alias back, seconds",
        Undo::ChangeSet => "undo: deploy the earlier stack file, a change set",
        Undo::No => "cannot be undone",
    }
}

/// `AWS::Lambda::Function` → `Lambda Function`.
pub(crate) fn kind(kind: &str) -> String {
    match kind {
        SECTION => "template".to_owned(),
        _ => kind.strip_prefix("AWS::").unwrap_or(kind).replace("::", " "),
    }
}

/// What the plan is about, in one line.
pub(crate) fn headline(plan: &Plan) -> String {
    let place = &plan.place;
    let what = match plan.intent {
        Intent::Deploy => "Plan".to_owned(),
        Intent::Drift => "Drift".to_owned(),
        Intent::Rollback { to } => format!("Rollback to release {to}"),
        Intent::Destroy => "Deletion".to_owned(),
    };
    format!("{what} for {} in {} (account {})", place.stack, place.region, place.account)
}

/// `2 to create, 1 to update`, or that there is nothing.
pub(crate) fn summary(plan: &Plan) -> String {
    let words = ["to create", "to update", "to replace", "to delete"];
    let parts: Vec<String> = plan
        .counts()
        .iter()
        .zip(words)
        .filter(|(count, _)| **count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    match (parts.is_empty(), plan.has_changes()) {
        (true, false) if plan.intent == Intent::Drift => {
            format!("No drift. {} is as it was deployed.", plan.place.stack)
        }
        (true, false) => format!("No changes. {} is as the stack file says.", plan.place.stack),
        (true, true) => "Nothing in the template changes; the stack itself does.".to_owned(),
        (false, _) => parts.join(", "),
    }
}

/// The command that comes next; `None` when there is nothing to do, or no flag would let it through.
pub(crate) fn next_command(plan: &Plan) -> Option<String> {
    if !plan.has_changes() || plan.blocked.iter().any(|block| block.allow.is_none()) {
        return None;
    }
    let place = &plan.place;
    let command = match plan.intent {
        Intent::Deploy | Intent::Drift => place.command("deploy"),
        Intent::Rollback { to } => format!("{} --to {to}", place.command("rollback")),
        Intent::Destroy => place.command("destroy"),
    };
    Some(format!("{command}{}", missing_flags(plan)))
}

/// ` --allow …` for everything that stands in the way and can be allowed.
pub(crate) fn missing_flags(plan: &Plan) -> String {
    let mut allow: Vec<&str> = plan.blocked.iter().filter_map(|block| block.allow.as_deref()).collect();
    allow.sort_unstable();
    allow.dedup();
    allow.iter().map(|word| format!(" --allow {word}")).collect()
}

/// A value on one line, shortened; text without quotes.
pub(crate) fn value(property: &PropertyChange, value: Option<&Value>) -> String {
    let Some(value) = value else { return "(none)".to_owned() };
    let text = match value {
        Value::String(text) if property.path == CODE => text.chars().take(12).collect(),
        Value::String(text) if text.starts_with("digest:") => "(hidden)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.replace('\n', "⏎");
    match text.char_indices().nth(ONE_LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Lines of a text diff that are shown before the rest is counted.
const DIFF_LINES: usize = 16;

/// The difference of two values that are too long for one line: their JSON, line by line, with a line around each change.
pub(crate) fn long_difference(property: &PropertyChange) -> Option<Vec<String>> {
    let (before, after) = (property.before.as_ref()?, property.after.as_ref()?);
    let pretty = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    };
    let (before, after) = (pretty(before), pretty(after));
    if before.len().max(after.len()) <= ONE_LINE {
        return None;
    }
    let diff = similar::TextDiff::from_lines(&before, &after);
    let unified = diff.unified_diff().context_radius(1).to_string();
    let mut lines: Vec<String> =
        unified.lines().filter(|line| !line.starts_with("@@") && !line.starts_with('\\')).map(str::to_owned).collect();
    let more = lines.len().saturating_sub(DIFF_LINES);
    if more > 0 {
        lines.truncate(DIFF_LINES);
        lines.push(format!("… {more} more lines"));
    }
    Some(lines)
}

/// Characters of a value that fit on the line of its property.
const ONE_LINE: usize = 100;

/// `before → after`, in words where the values themselves must not be shown.
pub(crate) fn transition(property: &PropertyChange) -> String {
    let is_hidden =
        |value: &Option<Value>| value.as_ref().and_then(Value::as_str).is_some_and(|text| text.starts_with("digest:"));
    match (&property.before, &property.after) {
        (None, after) if is_hidden(after) => "set".to_owned(),
        (before, None) if is_hidden(before) => "removed".to_owned(),
        (before, after) if is_hidden(before) && is_hidden(after) => "changed (values are not shown)".to_owned(),
        (before, after) => format!("{} → {}", value(property, before.as_ref()), value(property, after.as_ref())),
    }
}

/// The line of a step that is no change of a resource, for the list of steps.
pub(crate) fn step(step: &Step) -> Option<String> {
    match step {
        Step::CreateBucket { bucket } => Some(format!("make the artifact bucket {bucket}")),
        Step::Upload { function, size, .. } => Some(format!("upload {function} ({})", megabytes(*size))),
        Step::Configure { function, properties, .. } => {
            let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
            Some(format!("set {} of {function} by Lambda's own API", keys.join(", ")))
        }
        Step::LetGo(_) => Some("let the stack forget what was deleted by hand, so that it makes it again".to_owned()),
        Step::Repair { name, changed, .. } => {
            Some(format!("put {} of {name} right by its service's own API", changed.join(", ")))
        }
        Step::Remove { name, .. } => Some(format!("remove {name}")),
        Step::Protect { on } => Some(format!("switch termination protection {}", if *on { "on" } else { "off" })),
        Step::EmptyBucket { bucket, .. } => Some(format!("delete every object in {bucket}")),
        _ => None,
    }
}

/// `12.3 MB`
pub(crate) fn megabytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let size = bytes as f64 / 1_000_000.0;
    format!("{size:.1} MB")
}

/// Whether any property of the line deserves a word about its cause.
pub(crate) fn has_drift(line: &Line) -> bool {
    line.change.cause != Cause::Yours
}
