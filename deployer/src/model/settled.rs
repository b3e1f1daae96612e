//! What a thing ends up with: its own setting, else the stack's default, else the tool's.
//!
//! Every default that a reader of a template may wonder about is decided here and nowhere else.

use super::Stack;
use super::function::{Architecture, Destination, Function};
use super::network::Network;
use super::queue::DeadLetter;
use super::reference::{EnvValue, Target};
use super::release::{Course, Strategy};
use super::trigger::{QueueTrigger, TriggerKind};
use crate::source::Span;
use crate::units::Mebibytes;
use indexmap::IndexMap;
use std::time::Duration;

const SECOND: u64 = 1;
const DAY: u64 = 86_400;

/// Receives before a message goes to a dead-letter queue that nobody configured.
const DEAD_LETTER_AFTER: u32 = 5;

/// Longest visibility timeout that SQS allows: 12 hours.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html> (read 2026-11).
const LONGEST_VISIBILITY: Duration = Duration::from_secs(43_200 * SECOND);

impl Stack {
    pub(crate) fn memory(&self, function: &Function) -> Mebibytes {
        let settled = function.memory.as_ref().or(self.file.defaults.memory.as_ref());
        settled.map_or(Mebibytes(256), |memory| memory.value)
    }

    pub(crate) fn timeout(&self, function: &Function) -> Duration {
        let settled = function.timeout.as_ref().or(self.file.defaults.timeout.as_ref());
        settled.map_or(Duration::from_secs(30), |timeout| timeout.value)
    }

    pub(crate) fn storage(&self, function: &Function) -> Mebibytes {
        let settled = function.storage.as_ref().or(self.file.defaults.storage.as_ref());
        settled.map_or(Mebibytes(512), |storage| storage.value)
    }

    pub(crate) fn architecture(&self, function: &Function) -> Architecture {
        function.architecture.or(self.file.defaults.architecture).unwrap_or(Architecture::X86_64)
    }

    pub(crate) fn tracing(&self, function: &Function) -> bool {
        function.tracing.or(self.file.defaults.tracing).unwrap_or(true)
    }

    /// How long the function's logs are kept.
    pub(crate) fn log_retention(&self, function: &Function) -> Duration {
        let settled = function.logs.as_ref().or(self.file.defaults.logs.as_ref());
        settled.map_or(Duration::from_secs(30 * DAY), |logs| logs.value)
    }

    /// The stack's variables, then the function's own, which win.
    pub(crate) fn environment<'a>(&'a self, function: &'a Function) -> IndexMap<&'a str, &'a EnvValue> {
        let both = self.file.defaults.env.iter().chain(&function.env);
        both.map(|(name, value)| (name.as_str(), &value.value)).collect()
    }

    pub(crate) fn network(&self, function: &Function) -> Option<&Network> {
        let name = function.network.as_ref().or(self.file.defaults.network.as_ref())?;
        self.file.networks.get(name.value.as_str())
    }

    /// The permissions boundary of a function's role, as it is written; of any other role the stack makes with `None`.
    pub(crate) fn permissions_boundary<'a>(&'a self, function: Option<&'a Function>) -> Option<&'a str> {
        let own = function.and_then(|function| function.permissions_boundary.as_ref());
        own.or(self.file.defaults.permissions_boundary.as_ref()).map(|boundary| boundary.value.as_str())
    }

    /// How traffic moves to a new version of the function.
    pub(crate) fn course<'a>(&'a self, function: &'a Function) -> &'a Course {
        static ALL_AT_ONCE: Course = Course::of(Strategy::AllAtOnce);
        let settled = function.release.as_ref().or(self.file.defaults.release.as_ref());
        settled.map_or(&ALL_AT_ONCE, |release| &release.value)
    }

    /// Tags of everything in the stack.
    pub(crate) fn tags(&self) -> IndexMap<String, String> {
        let own = [("deployer:stack", &self.file.stack.value), ("deployer:stage", &self.stage)];
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value.clone()));
        own.chain(self.file.tags.clone()).collect()
    }

    /// Tags of the function and its role.
    pub(crate) fn function_tags(&self, function: &Function) -> IndexMap<String, String> {
        let mut tags = self.tags();
        tags.extend(self.file.defaults.tags.clone());
        tags.extend(function.tags.clone());
        tags
    }

    /// The triggers that consume a declared queue, with their functions.
    pub(crate) fn consumers<'a>(
        &'a self,
        queue: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Function, &'a QueueTrigger)> {
        self.file.functions.iter().flat_map(move |(name, function)| {
            function.triggers.iter().filter_map(move |trigger| match &trigger.kind {
                TriggerKind::Queue(trigger) if is_named(&trigger.name, queue) => {
                    Some((name.as_str(), function, trigger))
                }
                _ => None,
            })
        })
    }

    /// How long a message that was received stays hidden. Unless written: six times the longest timeout of the
    /// consumers plus their batching window, as AWS advises, and 30 s without consumers.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html> (read 2026-11).
    pub(crate) fn visibility(&self, queue: &str) -> Duration {
        let written = self.file.queues.get(queue).and_then(|queue| queue.visibility.as_ref());
        if let Some(written) = written {
            return written.value;
        }
        let advised = self.consumers(queue).map(|(_, function, trigger)| {
            self.timeout(function) * 6 + trigger.window.as_ref().map_or(Duration::ZERO, |window| window.value)
        });
        advised.max().unwrap_or(Duration::from_secs(30)).min(LONGEST_VISIBILITY)
    }

    /// The redrive policy of a declared queue; `None` where messages are never moved away.
    pub(crate) fn dead_letter(&self, queue: &str) -> Option<DeadLetter> {
        match self.file.queues.get(queue)?.dead_letter.as_ref() {
            Some(written) => (written.after > 0).then(|| written.value.clone()),
            None => self.consumers(queue).next().is_some().then(|| DeadLetter {
                after: DEAD_LETTER_AFTER,
                queue: None,
                span: Span::default(),
            }),
        }
    }

    /// The declared queues whose dead letters go to the declared queue `queue`.
    pub(crate) fn dead_letter_sources<'a>(&'a self, queue: &'a str) -> impl Iterator<Item = &'a str> {
        self.file.queues.keys().map(String::as_str).filter(move |source| {
            self.dead_letter(source).and_then(|dead| dead.queue).is_some_and(|target| is_named(&target, queue))
        })
    }

    /// Whether something puts what failed into the declared queue `queue`: another queue, a rule, a topic, a function.
    pub(super) fn takes_failures(&self, queue: &str) -> bool {
        let is_here = |destination: &Option<Destination>| {
            destination.as_ref().and_then(|place| place.queue.as_ref()).is_some_and(|target| is_named(target, queue))
        };
        self.dead_letter_sources(queue).next().is_some()
            || self.file.functions.values().any(|function| {
                function
                    .on_failure()
                    .is_some_and(|place| place.queue.as_ref().is_some_and(|name| is_named(name, queue)))
                    || function.triggers.iter().any(|trigger| match &trigger.kind {
                        TriggerKind::Event(event) => is_here(&event.dead_letter),
                        TriggerKind::Topic(topic) => is_here(&topic.dead_letter),
                        _ => false,
                    })
            })
    }

    /// How long messages of a declared queue are kept: 4 days, and 14 where they are what failed elsewhere.
    pub(crate) fn queue_retention(&self, queue: &str) -> Duration {
        let written = self.file.queues.get(queue).and_then(|queue| queue.retention.as_ref());
        let days = if self.takes_failures(queue) { 14 } else { 4 };
        written.map_or(Duration::from_secs(days * DAY), |written| written.value)
    }
}

impl Function {
    /// Whether something invokes it asynchronously, so that a failed event would be lost after the last retry.
    pub(crate) fn is_asynchronous(&self) -> bool {
        self.triggers.iter().any(|trigger| {
            matches!(
                trigger.kind,
                TriggerKind::Schedule(_) | TriggerKind::Topic(_) | TriggerKind::Event(_) | TriggerKind::Bucket(_)
            )
        })
    }

    /// Where failed events go by the file's word.
    pub(crate) fn on_failure(&self) -> Option<&Destination> {
        self.asynchronous.as_ref()?.on_failure.as_ref()
    }

    /// Whether a queue for failed events is made: something invokes it asynchronously and no place is named.
    /// `on_failure: {}` names none on purpose.
    pub(crate) fn has_failed_queue(&self) -> bool {
        self.is_asynchronous() && self.on_failure().is_none()
    }
}

/// Whether `target` is the declared thing called `name`.
pub(crate) fn is_named(target: &Target, name: &str) -> bool {
    matches!(target, Target::Name(declared) if declared.value == name)
}
