//! Rules for queues, and for queues together with what consumes them.

use super::Rule;
use crate::diag::Diagnostics;
use crate::model::Stack;
use crate::model::function::Function;
use crate::model::queue::Queue;
use crate::model::reference::Target;
use crate::model::trigger::{QueueTrigger, Trigger, TriggerKind};
use crate::source::{Span, Spanned};
use crate::units::show_duration;
use std::time::Duration;

/// Timeout of a function that says nothing, here and in `defaults`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Every trigger by a declared queue: the function, the trigger, the queue.
fn consumers(stack: &Stack) -> impl Iterator<Item = (&Function, &Trigger, &QueueTrigger, &Queue)> {
    stack.file.functions.values().flat_map(move |function| {
        function.triggers.iter().filter_map(move |trigger| {
            let TriggerKind::Queue(queue) = &trigger.kind else { return None };
            let Target::Name(name) = &queue.name else { return None };
            Some((function, trigger, queue, stack.file.queues.get(name.as_str())?))
        })
    })
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html> (read 2026-11).
pub(super) fn visibility(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (function, trigger, _, queue) in consumers(stack) {
        let Some(visibility) = &queue.visibility else { continue };
        let written = function.timeout.as_ref().or(stack.file.defaults.timeout.as_ref());
        let timeout = written.map_or(DEFAULT_TIMEOUT, |timeout| timeout.value);
        if visibility.value >= timeout {
            continue;
        }
        let working = format!("… while the function may still be working, for up to {}", show_duration(timeout));
        // Six times may be more than SQS takes; then the most is what can be said.
        let advised = (timeout * 6).min(Duration::from_secs(12 * 3600));
        diagnostics.push(
            rule.error()
                .at(visibility.span, format!("messages reappear after {} …", show_duration(visibility.value)))
                .at(written.map_or(trigger.span, |timeout| timeout.span), working)
                .help(format!(
                    "set visibility to {} (AWS advises six times the function timeout)",
                    show_duration(advised)
                )),
        );
    }
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues.html> (read 2026-11).
pub(super) fn fifo(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let queues = stack.file.queues.values().map(|queue| (queue.fifo, queue.name.as_ref()));
    let topics = stack.file.topics.values().map(|topic| (topic.fifo, topic.name.as_ref()));
    for (is_fifo, name) in queues.chain(topics) {
        if let Some(name) = name.filter(|name| name.ends_with(".fifo") != is_fifo) {
            let help =
                if is_fifo { "add `.fifo` to the name" } else { "add `fifo: true`, or take `.fifo` off the name" };
            diagnostics.push(rule.error().at(name.span, "exactly FIFO names end in `.fifo`").help(help));
        }
    }
    for queue in stack.file.queues.values() {
        let Some(Target::Name(name)) = queue.dead_letter.as_ref().and_then(|it| it.queue.as_ref()) else { continue };
        if stack.file.queues.get(name.as_str()).is_some_and(|dead| dead.fifo != queue.fifo) {
            let text =
                if queue.fifo { "a standard queue behind a FIFO one" } else { "a FIFO queue behind a standard one" };
            diagnostics.push(
                rule.error()
                    .at(name.span, text)
                    .help("make both the same, or leave `queue` away: one is made that fits"),
            );
        }
    }
    for (_, trigger, consumer, queue) in consumers(stack) {
        if !queue.fifo {
            continue;
        }
        if consumer.batch.value > 10 {
            let span = consumer.batch.span.or(trigger.span);
            diagnostics.push(rule.error().at(span, "a FIFO queue gives at most 10 messages").help("set batch to 10"));
        }
        if let Some(window) = &consumer.window {
            diagnostics.push(rule.error().at(window.span, "a FIFO queue has no window").help("remove `window`"));
        }
    }
}

pub(super) fn dead_letter_cycles(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let next = |name: &str| -> Option<&Spanned<String>> {
        match stack.file.queues.get(name)?.dead_letter.as_ref()?.queue.as_ref()? {
            Target::Name(name) => Some(name),
            Target::Outside(_) => None,
        }
    };
    let mut reported: Vec<Span> = Vec::new();
    for start in stack.file.queues.keys() {
        let mut path: Vec<&Spanned<String>> = Vec::new();
        let mut here = start.as_str();
        while let Some(step) = next(here) {
            if path.iter().any(|seen| seen.value == step.value) {
                break;
            }
            path.push(step);
            here = step.as_str();
        }
        // Back where it began: a circle. One that is only led to is reported from inside.
        if path.last().is_some_and(|last| last.as_str() == start) && !reported.contains(&path[0].span) {
            reported.extend(path.iter().map(|step| step.span));
            let mut diagnostic = rule.error().help("a dead-letter queue is where messages stay: remove one of these");
            for step in path {
                diagnostic = diagnostic.at(step.span, "moves messages on");
            }
            diagnostics.push(diagnostic);
        }
    }
}
