//! A plan as terminal text: signs and words first, colour second.

use super::style::{BAD, CHANGE, FAINT, GOOD, STRONG, paint};
use crate::diff::Action;
use crate::plan::{Line, Plan};
use crate::risk::Risk;
use anstyle::Style;
use std::fmt::Write as _;

/// Creations of one type that are listed by name before the rest is counted.
const CREATIONS_SHOWN: usize = 6;

/// The whole plan, worst first; `next` is the command to type after reading it.
pub(crate) fn plan(plan: &Plan, next: Option<&str>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint(STRONG, super::headline(plan)));
    if plan.lines.is_empty() {
        let _ = writeln!(out, "\n{}", super::summary(plan));
    }
    let (creations, others): (Vec<&Line>, Vec<&Line>) =
        plan.lines.iter().partition(|line| line.change.action == Action::Create && line.change.unverified.is_none());
    for line in others {
        out.push('\n');
        entry(&mut out, line);
    }
    if !creations.is_empty() {
        created(&mut out, &creations);
    }
    let steps: Vec<String> = plan.steps.iter().filter_map(super::step).collect();
    if !steps.is_empty() {
        let _ = writeln!(out, "\n{}", paint(FAINT, "Besides the stack:"));
        for step in steps {
            let _ = writeln!(out, "  {step}");
        }
    }
    for note in &plan.notes {
        let _ = writeln!(out, "\n{} {note}", paint(CHANGE, "note:"));
    }
    if plan.is_blocked() {
        let _ = writeln!(out, "\n{}", paint(BAD, "Blocked:"));
        for block in &plan.blocked {
            let _ = writeln!(out, "  {}\n    {}", block.what, block.way_out);
        }
    }
    if !plan.lines.is_empty() {
        let risk = match plan.risk() {
            Risk::Safe => "nothing risky".to_owned(),
            risk => format!("worst: {}", risk.word()),
        };
        let _ = writeln!(out, "\n{}; {risk}.", super::summary(plan));
    }
    if let Some(next) = next {
        let _ = writeln!(out, "\n  {next}");
    }
    out
}

fn colour(line: &Line) -> Style {
    match (line.risk, line.change.action) {
        (Risk::LosesData | Risk::Replaces, _) | (_, Action::Delete | Action::Recreate) => BAD,
        (_, Action::Create) => GOOD,
        _ => CHANGE,
    }
}

/// Three lines and one per property: what, how bad and why, how to undo.
fn entry(out: &mut String, line: &Line) {
    let change = &line.change;
    let style = colour(line);
    let drift = match super::has_drift(line) {
        true => format!("  [{}]", super::cause(change.cause)),
        false => String::new(),
    };
    let head = format!("{} {} {}", super::sign(change.action), super::word(change.action), super::kind(&change.kind));
    let _ = writeln!(out, "{} {}{drift}", paint(style, head), paint(STRONG, &change.name));
    let _ = writeln!(out, "    {}: {}; {}", line.risk.word(), line.reason, super::undo(line.undo));
    for property in &change.properties {
        let cause = match property.cause == change.cause {
            true => String::new(),
            false => format!("  [{}]", super::cause(property.cause)),
        };
        match super::long_difference(property) {
            None => drop(writeln!(out, "    {}: {}{cause}", property.path, super::transition(property))),
            Some(lines) => {
                let _ = writeln!(out, "    {}:{cause}", property.path);
                for line in lines {
                    let _ = writeln!(out, "      {line}");
                }
            }
        }
    }
}

/// Creations, grouped by type: nothing to weigh, so they are brief.
fn created(out: &mut String, lines: &[&Line]) {
    out.push('\n');
    for group in lines.chunk_by(|one, two| one.change.kind == two.change.kind) {
        let head = format!("+ create {}", super::kind(&group[0].change.kind));
        let names: Vec<&str> = group.iter().take(CREATIONS_SHOWN).map(|line| line.change.name.as_str()).collect();
        let more = match group.len().saturating_sub(CREATIONS_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(out, "{} {}{more}", paint(GOOD, head), names.join(", "));
    }
}
