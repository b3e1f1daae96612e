//! Numbers and durations within what AWS takes.

use super::Rule;
use crate::diag::Diagnostics;
use crate::model::Stack;
use crate::model::function::Function;
use crate::model::trigger::TriggerKind;
use crate::source::{Span, Spanned};
use crate::units::{Mebibytes, show_duration};
use std::ops::RangeInclusive;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

struct Ranges<'a> {
    rule: &'a Rule,
    diagnostics: &'a mut Diagnostics,
}

/// Sources, all read 2026-11: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html>,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>.
pub(super) fn ranges(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let mut ranges = Ranges { rule, diagnostics };
    let defaults = &stack.file.defaults;
    ranges.settings(defaults.memory.as_ref(), defaults.timeout.as_ref(), defaults.storage.as_ref());
    for function in stack.file.functions.values() {
        ranges.function(function);
    }
    for queue in stack.file.queues.values() {
        ranges.time(queue.visibility.as_ref(), 0..=12 * HOUR, 1, "a message stays hidden");
        ranges.time(queue.retention.as_ref(), MINUTE..=14 * DAY, 1, "a message is kept");
        ranges.time(queue.delay.as_ref(), 0..=15 * MINUTE, 1, "a message waits");
        if let Some(dead_letter) = &queue.dead_letter {
            ranges.number(dead_letter.after.into(), 0..=1_000, dead_letter.span, "receives");
        }
    }
    for bucket in stack.file.buckets.values() {
        ranges.time(bucket.expire.as_ref(), DAY..=DAY * 100_000, DAY, "an object is kept");
        ranges.time(bucket.expire_versions.as_ref(), DAY..=DAY * 100_000, DAY, "an old version is kept");
    }
    for capacity in stack.file.tables.values().filter_map(|table| table.capacity.as_ref()) {
        for (units, what) in [(&capacity.read, "reads a second"), (&capacity.write, "writes a second")] {
            ranges.number(units.value.into(), 1..=40_000, units.span, what);
        }
    }
    for pipe in stack.file.pipes.values() {
        ranges.number(pipe.batch.value.into(), 1..=10, pipe.batch.span.or(pipe.span), "records for a queue");
    }
}

impl Ranges<'_> {
    fn settings(
        &mut self,
        memory: Option<&Spanned<Mebibytes>>,
        timeout: Option<&Spanned<Duration>>,
        storage: Option<&Spanned<Mebibytes>>,
    ) {
        if let Some(memory) = memory {
            self.number(memory.value.0.into(), 128..=10_240, memory.span, "MiB of memory");
        }
        self.time(timeout, 1..=15 * MINUTE, 1, "a function runs");
        if let Some(storage) = storage {
            self.number(storage.value.0.into(), 512..=10_240, storage.span, "MiB of storage");
        }
    }

    fn function(&mut self, function: &Function) {
        self.settings(function.memory.as_ref(), function.timeout.as_ref(), function.storage.as_ref());
        if let Some(sixth) = function.layers.get(5) {
            self.number(function.layers.len() as u64, 0..=5, sixth.span, "layers");
        }
        if let Some(provisioned) = function.concurrency.as_ref().and_then(|it| it.provisioned.as_ref()) {
            self.number(provisioned.value.into(), 1..=100_000, provisioned.span, "executions kept warm");
        }
        if let Some(asynchronous) = &function.asynchronous {
            if let Some(retries) = &asynchronous.retries {
                self.number(retries.value.into(), 0..=2, retries.span, "retries");
            }
            self.time(asynchronous.max_age.as_ref(), MINUTE..=6 * HOUR, 1, "an event is tried");
        }
        for trigger in &function.triggers {
            let TriggerKind::Queue(queue) = &trigger.kind else { continue };
            self.number(queue.batch.value.into(), 1..=10_000, queue.batch.span.or(trigger.span), "messages at once");
            self.time(queue.window.as_ref(), 0..=5 * MINUTE, 1, "a batch is gathered");
            if let Some(concurrency) = &queue.concurrency {
                self.number(concurrency.value.into(), 2..=1_000, concurrency.span, "invocations at once");
            }
        }
    }

    fn number(&mut self, value: u64, range: RangeInclusive<u64>, span: Span, what: &str) {
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            self.diagnostics.push(
                self.rule.error().at(span, format!("{value} {what}")).help(format!("between {least} and {most}")),
            );
        }
    }

    /// `range` in seconds; `step` is the unit that AWS counts in, also in seconds.
    fn time(&mut self, value: Option<&Spanned<Duration>>, range: RangeInclusive<u64>, step: u64, what: &str) {
        let Some(value) = value else { return };
        let show =
            |seconds: u64| if seconds == 0 { "0s".to_owned() } else { show_duration(Duration::from_secs(seconds)) };
        let unit = if step == DAY { "whole days" } else { "whole seconds" };
        let is_whole = value.subsec_nanos() == 0 && value.as_secs().is_multiple_of(step);
        if !is_whole || !range.contains(&value.as_secs()) {
            self.diagnostics.push(self.rule.error().at(value.span, format!("how long {what}")).help(format!(
                "{unit} between {} and {}",
                show(*range.start()),
                show(*range.end())
            )));
        }
    }
}
