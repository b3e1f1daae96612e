//! What alarm sets and dashboards are written over: functions and queues as their templates see them.

use super::Stack;
use super::function::Function;
use serde_json::{Value, json};

/// A queue, declared or made for what failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueThing {
    /// The name under `queues`; of a queue that is made for another thing, that thing's and a word.
    pub(crate) key: String,
    /// SQS's name.
    pub(crate) name: String,
    /// Whether messages come here that failed elsewhere.
    pub(crate) is_dead: bool,
    /// Functions that consume it.
    pub(crate) consumers: Vec<String>,
}

impl QueueThing {
    /// As templates see it.
    pub(crate) fn value(&self) -> Value {
        json!({ "key": self.key, "name": self.name, "dead_letters": self.is_dead, "consumers": self.consumers })
    }
}

impl Stack {
    /// Every queue of the stack: the declared ones, each followed by the one made for its dead letters, then those made for
    /// events that functions failed on.
    pub(crate) fn queue_things(&self) -> Vec<QueueThing> {
        let dead = |key: String, name: String| QueueThing { key, name, is_dead: true, consumers: Vec::new() };
        let mut all = Vec::new();
        for key in self.file.queues.keys() {
            all.push(QueueThing {
                key: key.clone(),
                name: self.queue_name(key),
                is_dead: self.takes_failures(key),
                consumers: self.consumers(key).map(|(function, _, _)| function.to_owned()).collect(),
            });
            all.extend(self.dead_queue_name(key).map(|name| dead(format!("{key}-dead"), name)));
        }
        let failed = self.file.functions.iter().filter(|(_, function)| function.has_failed_queue());
        all.extend(failed.map(|(key, _)| dead(format!("{key}-failed"), self.failed_queue_name(key))));
        all
    }

    /// A function as templates see it: names, its number in the stack file from 1, limits, what starts it. `baseline` in milliseconds and `reserved` are none
    /// where nothing is written.
    pub(crate) fn function_value(&self, key: &str, function: &Function) -> Value {
        let triggers: Vec<&str> = function.triggers.iter().map(|trigger| trigger.kind.word()).collect();
        let reserved = function.concurrency.as_ref().and_then(|concurrency| concurrency.reserved.as_ref());
        json!({
            "key": key,
            "number": self.file.functions.get_index_of(key).map(|index| index + 1),
            "name": self.function_name(key),
            "description": function.description,
            "log_group": self.log_group_name(key),
            "log_namespace": self.log_namespace(key),
            "memory": self.memory(function).0,
            "timeout": self.timeout(function).as_secs(),
            "baseline": function.baseline.as_ref().map(|baseline| baseline.as_millis() as u64),
            "reserved": reserved.map(|reserved| reserved.value),
            "triggers": triggers,
        })
    }

    /// Namespace of the metrics that are read from a function's log. One of its own: the records that a runtime writes do
    /// not name the function, so no dimension could tell functions apart.
    pub(crate) fn log_namespace(&self, function: &str) -> String {
        format!("Lambda/{}", self.function_name(function))
    }
}
