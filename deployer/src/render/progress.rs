//! What happens while a plan is applied, one line an event.

use super::style::{BAD, FAINT, GOOD, paint};
use crate::apply::Done;
use crate::apply::event::Event;
use crate::plan::{Plan, Step};
use std::time::Duration;

/// Whether `event` is about something that the plan names, or went wrong. An update may touch every resource of a stack
/// without changing it.
pub(crate) fn is_news(event: &Event, plan: &Plan) -> bool {
    let Event::Resource { logical_id, kind, status, .. } = event else { return true };
    kind == "AWS::CloudFormation::Stack"
        || status.contains("FAILED")
        || status.contains("ROLLBACK")
        || plan.lines.iter().any(|line| line.change.id.as_str() == logical_id)
}

/// The line for `event`; `None` where there is nothing to say. `elapsed` is since the start of the command.
pub(crate) fn line(event: &Event, elapsed: Duration) -> Option<String> {
    let time = paint(FAINT, format!("{:>6.1}s", elapsed.as_secs_f64()));
    let text = match event {
        Event::Phase { phase, steps } if *steps > 1 => format!("{} ({steps})", phase.title()),
        Event::Phase { phase, .. } => phase.title().to_owned(),
        Event::Resource { logical_id, kind, status, reason } => {
            let style = match status.as_str() {
                status if status.contains("FAILED") || status.contains("ROLLBACK") => BAD,
                status if status.ends_with("_COMPLETE") => GOOD,
                _ => FAINT,
            };
            let reason = reason.as_deref().map(|reason| format!("  {reason}")).unwrap_or_default();
            format!("  {} {logical_id} ({}){reason}", paint(style, status), super::kind(kind))
        }
        Event::Step { done: Done::Published { function, version }, .. } => format!("  {function}: version {version}"),
        Event::Step { step: Step::Shift { function, from, .. }, done: Done::Moved { back } } => {
            let to = match back.as_ref() {
                Step::Shift { from: Some(to), .. } => to.as_str(),
                _ => "?",
            };
            match from {
                Some(from) if from.as_str() != to => format!("  {function}: live {from} → {to}"),
                _ => format!("  {function}: live {to}"),
            }
        }
        Event::Note(text) => text.clone(),
        // Every move of it has been told.
        Event::Step { step: Step::Gradual(_), .. } => return None,
        Event::Step { step, .. } => format!("  {}", super::step(step)?),
    };
    Some(format!("{time} {text}"))
}
