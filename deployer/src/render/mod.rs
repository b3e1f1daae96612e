//! What all formats of a plan share: words and values, so that they cannot disagree. The writer is passed in as text.

pub(crate) mod board;
pub(crate) mod diagnostics;
pub(crate) mod failure;
pub(crate) mod html;
mod layout;
pub(crate) mod logs;
pub(crate) mod markdown;
pub(crate) mod progress;
pub(crate) mod sparkline;
pub(crate) mod style;
pub(crate) mod tables;
pub(crate) mod terminal;
mod wrap;

#[cfg(test)]
pub(crate) mod samples;

use crate::diff::{Action, CODE, Cause, PropertyChange, SECTION, TRAFFIC};
use crate::ids::{FunctionVersion, LogicalId};
use crate::meaning::{self, Item};
use crate::plan::traffic::Gradual;
use crate::plan::{Intent, Line, Plan, Step, Undo};
use crate::release::Outcome;
use crate::risk::Risk;
use indexmap::IndexMap;
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
        Action::Leave => "?",
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
        Action::Leave => "leave",
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

/// The cause of a line, and whether the plan leaves it as it is.
pub(crate) fn whose(line: &Line) -> &'static str {
    match (line.kept, line.change.action) {
        (true, _) => "drift, kept",
        (false, Action::Import) => "not ours yet",
        (false, _) => cause(line.change.cause),
    }
}

pub(crate) fn undo(undo: Undo) -> &'static str {
    match undo {
        Undo::Alias => "undo: rollback moves the alias back, seconds",
        Undo::ByHand => "undo: by hand, as it was done",
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
        Intent::Promote { release } => format!("Promotion of release {release}"),
        Intent::Abort { release } => format!("Abort of release {release}"),
        Intent::Destroy => "Deletion".to_owned(),
        Intent::Recover => "Diagnosis".to_owned(),
        Intent::Prune => "What is no longer needed".to_owned(),
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
        (true, _) if plan.intent == Intent::Recover => match (plan.notes.len(), plan.steps.is_empty()) {
            (0, _) => format!("Nothing is wrong with {}.", plan.place.stack),
            (1, false) => "One thing is wrong; the steps below put it right.".to_owned(),
            (count, false) => format!("{count} things are wrong; the steps below put right what can be."),
            (1, true) => "One thing is to be known.".to_owned(),
            (count, true) => format!("{count} things are to be known."),
        },
        (true, false) if plan.intent == Intent::Prune => "Nothing: all of it is still needed.".to_owned(),
        (true, true) if plan.intent == Intent::Prune => "No release that is kept refers to it.".to_owned(),
        (true, false) if plan.intent == Intent::Drift => {
            format!("No drift{}. {} is as it was deployed.", as_far(plan), plan.place.stack)
        }
        (true, false) if plan.lines.iter().any(|line| line.kept) => {
            "Nothing to do: what was changed outside of the stack file is kept.".to_owned()
        }
        (true, false) if let Intent::Rollback { to } = plan.intent => {
            format!("Nothing to do: {} serves what it served with release {to}.", plan.place.stack)
        }
        (true, false) => format!("No changes{}. {} is as the stack file says.", as_far(plan), plan.place.stack),
        (true, true)
            if plan.steps.iter().all(|step| matches!(step, Step::Settle { .. } | Step::DropChangeSets { .. })) =>
        {
            format!("No changes. {} is as the stack file says, but not all is recorded.", plan.place.stack)
        }
        (true, true) => "Nothing in the template changes; the stack itself does.".to_owned(),
        (false, _) => parts.join(", "),
    }
}

/// What "no changes" is worth when something could not be read.
fn as_far(plan: &Plan) -> String {
    match plan.unverified() {
        0 => String::new(),
        count => format!(" as far as could be read ({count} not verified)"),
    }
}

/// Names of unverified resources that a note lists before the rest is counted.
const UNVERIFIED_SHOWN: usize = 12;

/// What is worth knowing and no change, what could not be read included.
pub(crate) fn notes(plan: &Plan) -> Vec<String> {
    let unverified = plan.unverified.iter().map(|unverified| {
        let shown: Vec<&str> = unverified.names.iter().take(UNVERIFIED_SHOWN).map(String::as_str).collect();
        let more = match unverified.names.len().saturating_sub(UNVERIFIED_SHOWN) {
            0 => String::new(),
            more => format!(" … and {more} more"),
        };
        format!("not verified against AWS: {}{more}: {}", shown.join(", "), unverified.why)
    });
    unverified.chain(plan.notes.iter().cloned()).collect()
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
        Intent::Promote { .. } => place.command("promote"),
        Intent::Abort { .. } => place.command("abort"),
        Intent::Destroy => place.command("destroy"),
        Intent::Recover => format!("{} --yes", place.command("doctor")),
        Intent::Prune => place.command("prune"),
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

/// A value on one line, shortened; text without quotes. The code package goes by the first letters of its digest.
pub(crate) fn value(property: &PropertyChange, value: Option<&Value>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Value::String(text)) if property.path == CODE => text.chars().take(12).collect(),
        Some(value) => meaning::brief(value),
    }
}

/// `before → after`, in words where the values themselves must not be shown.
pub(crate) fn transition(property: &PropertyChange) -> String {
    let is_hidden = |value: &Option<Value>| value.as_ref().is_some_and(meaning::is_hidden);
    match (&property.before, &property.after) {
        (None, after) if is_hidden(after) => "set".to_owned(),
        (before, None) if is_hidden(before) => "removed".to_owned(),
        (before, after) if is_hidden(before) && is_hidden(after) => "changed (values are not shown)".to_owned(),
        (before, after) => format!("{} → {}", value(property, before.as_ref()), value(property, after.as_ref())),
    }
}

/// Changes that read the same but for their names, told once.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// At least one.
    pub(crate) lines: Vec<&'a Line>,
    /// Whether the plan's lines have different causes.
    mixed: bool,
}

/// One property as it is told.
#[derive(Debug)]
pub(crate) struct Detail<'a> {
    pub(crate) path: &'a str,
    pub(crate) summary: String,
    /// Who made the difference, where that is not what the change itself says.
    pub(crate) cause: Option<&'static str>,
    pub(crate) items: &'a [Item],
}

/// The plan's lines, worst first; alike ones folded.
pub(crate) fn groups(plan: &Plan) -> Vec<Group<'_>> {
    let mixed = plan.lines.iter().any(|line| line.change.cause != Cause::Yours);
    let mut groups: IndexMap<String, Group<'_>> = IndexMap::new();
    for line in &plan.lines {
        groups.entry(likeness(line)).or_insert_with(|| Group { lines: Vec::new(), mixed }).lines.push(line);
    }
    groups.into_values().collect()
}

/// What two lines must have in common to be told as one. Every function has a package and versions of its own.
fn likeness(line: &Line) -> String {
    let change = &line.change;
    let own = |path: &str| path == CODE || path == TRAFFIC;
    let properties: Vec<_> = change
        .properties
        .iter()
        .map(|property| match own(&property.path) {
            true => (&property.path, property.cause, None),
            false => (&property.path, property.cause, Some((&property.before, &property.after))),
        })
        .collect();
    format!(
        "{:?}",
        (change.action, &change.kind, change.cause, &change.unverified, line.risk, &line.reason, line.undo, properties)
    )
}

impl<'a> Group<'a> {
    pub(crate) fn first(&self) -> &'a Line {
        self.lines[0]
    }

    /// `~ update Lambda Function`
    pub(crate) fn head(&self) -> String {
        let change = &self.first().change;
        format!("{} {} {}", sign(change.action), word(change.action), kind(&change.kind))
    }

    /// The first `most` names, and how many more there are.
    pub(crate) fn names(&self, most: usize) -> String {
        let names: Vec<&str> = self.lines.iter().take(most).map(|line| line.change.name.as_str()).collect();
        match self.lines.len().saturating_sub(most) {
            0 => names.join(", "),
            more => format!("{} … and {more} more", names.join(", ")),
        }
    }

    /// `[drift]`; nothing where the whole plan is yours.
    pub(crate) fn mark(&self) -> Option<String> {
        let line = self.first();
        self.mixed.then(|| format!("[{}]", whose(line)))
    }

    /// `replaces: its name can only be set at creation; undo: …`
    pub(crate) fn verdict(&self) -> String {
        let line = self.first();
        match line.change.action {
            // Nothing is done, so nothing has to be undone.
            Action::Leave => format!("{}: {}", line.risk.word(), line.reason),
            _ => format!("{}: {}; {}", line.risk.word(), line.reason, undo(line.undo)),
        }
    }

    /// Whether there is nothing to weigh: something new.
    pub(crate) fn is_plain_creation(&self) -> bool {
        let line = self.first();
        line.change.action == Action::Create
            && line.change.unverified.is_none()
            && line.change.properties.is_empty()
            && line.risk == Risk::Safe
    }

    pub(crate) fn details(&self) -> Vec<Detail<'a>> {
        let line = self.first();
        let several = self.lines.len() > 1;
        let properties = line.change.properties.iter().map(|property| {
            let meaning = line.meaning.get(&property.path);
            let summary = match (meaning, property.path.as_str()) {
                (Some(meaning), _) => meaning.summary.clone(),
                (None, CODE) if several => "a new package for each".to_owned(),
                (None, TRAFFIC) if several => match &property.after {
                    Some(after) => format!("→ {}", value(property, Some(after))),
                    None => "moves".to_owned(),
                },
                (None, _) => transition(property),
            };
            Detail {
                path: &property.path,
                summary,
                cause: (property.cause != line.change.cause).then(|| cause(property.cause)),
                items: meaning.map_or(&[][..], |meaning| &meaning.items),
            }
        });
        properties.collect()
    }
}

/// What is worst about the plan, and what others have changed: what belongs beside the counts.
pub(crate) fn verdict(plan: &Plan) -> String {
    let worst = match plan.risk() {
        Risk::Safe => "nothing risky".to_owned(),
        risk => format!("worst: {}", risk.word()),
    };
    let drifted = match plan.lines.iter().filter(|line| has_drift(line)).count() {
        0 => String::new(),
        count => format!("; {count} changed outside of the stack file"),
    };
    let unverified = match plan.unverified() {
        0 => String::new(),
        count => format!("; {count} not verified"),
    };
    format!("{worst}{drifted}{unverified}")
}

/// The line of a step that is no change of a resource, for the list of steps.
pub(crate) fn step(step: &Step) -> Option<String> {
    match step {
        Step::CreateBucket { bucket } => Some(format!("make the artifact bucket {bucket}")),
        Step::Upload { function, size, .. } => Some(format!("upload {function} ({})", bytes(*size))),
        Step::Configure { function, properties, .. } => {
            let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
            Some(format!("set {} of {function} by Lambda's own API", keys.join(", ")))
        }
        Step::LetGo(_) => Some("let the stack forget what was deleted by hand, so that it makes it again".to_owned()),
        Step::Repair { name, again: true, .. } => Some(format!("make {name} again by its service's own API")),
        Step::Repair { name, changed, .. } => {
            Some(format!("put {} of {name} right by its service's own API", changed.join(", ")))
        }
        Step::Remove { name, .. } => Some(format!("remove {name}")),
        Step::Check { function, checks, .. } => {
            let asks: Vec<&str> = checks.iter().map(|check| check.asks.as_str()).collect();
            Some(format!("call the new version of {function} before any traffic moves: {}", asks.join(", ")))
        }
        Step::Gradual(step) => Some(gradual(step)),
        Step::Provision { function, executions: Some(executions), .. } => {
            Some(format!("keep {executions} executions of {function} warm"))
        }
        Step::Provision { function, executions: None, .. } => Some(format!("keep no executions of {function} warm")),
        Step::Protect { on } => Some(format!("switch termination protection {}", if *on { "on" } else { "off" })),
        Step::Settle { records } => {
            let each = records.iter().map(|record| match &record.outcome {
                Outcome::Failed { reason } => format!("release {}: failed, {reason}", record.number),
                outcome => format!("release {}: {}", record.number, outcome.word()),
            });
            Some(format!("record {}", each.collect::<Vec<_>>().join("; ")))
        }
        Step::DropChangeSets { names } => Some(format!("delete the change set {}", names.join(", "))),
        Step::DeleteStack { .. } => Some("delete the stack".to_owned()),
        Step::ContinueRollback { skip } if skip.is_empty() => Some("let CloudFormation go on going back".to_owned()),
        Step::ContinueRollback { skip } => {
            let skip: Vec<&str> = skip.iter().map(LogicalId::as_str).collect();
            Some(format!("let CloudFormation go on going back, and leave {} as it is", skip.join(", ")))
        }
        Step::Shift { name, from: Some(from), to: Some(to), .. } if from == to => {
            Some(format!("put all traffic of {name} on version {to}"))
        }
        Step::DropVersions { name, versions } => {
            let versions: Vec<&str> = versions.iter().map(FunctionVersion::as_str).collect();
            Some(format!("delete the versions {} of {name}", versions.join(", ")))
        }
        Step::DropObjects { bucket, keys } => Some(format!("delete {} objects from {bucket}", keys.len())),
        Step::EmptyBucket { bucket, .. } => Some(format!("delete every object in {bucket}")),
        _ => None,
    }
}

/// `move a, b by canary 10% for 5m; c all-at-once; watched by alarms x, y`
fn gradual(step: &Gradual) -> String {
    let mut paces: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for one in &step.moves {
        paces.entry(&one.strategy).or_default().push(&one.function);
    }
    let paces: Vec<String> = paces.iter().map(|(pace, names)| format!("{} {pace}", names.join(", "))).collect();
    let alarms: Vec<&str> = step
        .alarms
        .iter()
        .map(|alarm| alarm.name.as_deref().or(alarm.id.as_ref().map(LogicalId::as_str)).unwrap_or_default())
        .collect();
    let watched = match alarms.as_slice() {
        [] => "watched by no alarm".to_owned(),
        alarms => format!("watched by {}: in ALARM, all go back", alarms.join(", ")),
    };
    format!("move traffic: {}; {watched}", paces.join("; "))
}

/// `12.3 MB`, `0.7 kB`
pub(crate) fn bytes(bytes: u64) -> String {
    let (unit, name) = if bytes < 100_000 { (1_000.0, "kB") } else { (1_000_000.0, "MB") };
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let size = bytes as f64 / unit;
    format!("{size:.1} {name}")
}

/// Whether any property of the line deserves a word about its cause.
pub(crate) fn has_drift(line: &Line) -> bool {
    line.change.cause != Cause::Yours && line.change.action != Action::Import
}
