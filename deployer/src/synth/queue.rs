//! Queues: encrypted, TLS only, with dead-letter queues; and the queue triggers of functions.

use super::draft::{Draft, tag_list};
use super::logical_ids as ids;
use crate::cfn::{self, Resource, get_att, reference};
use crate::iam::policy;
use crate::ids::LogicalId;
use crate::model::function::Destination;
use crate::model::reference::{Noun, Target};
use crate::model::settled::is_named;
use crate::model::trigger::{QueueTrigger, TriggerKind};
use serde_json::{Value, json};

/// 14 days: as long as SQS keeps a message. Seconds.
const LONGEST_RETENTION: u64 = 1_209_600;

/// Sources that a redrive allow policy can name; above that no policy is written.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html> (read 2026-11).
const MOST_REDRIVE_SOURCES: usize = 10;

pub(crate) fn queues(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (name, queue) in &stack.file.queues {
        let id = ids::queue(name);
        let key = queue.key.as_ref().map(|key| draft.raw_arn(key));
        let dead_name = stack.dead_queue_name(name);
        let redrive = stack.dead_letter(name).map(|dead| {
            let target = match &dead.queue {
                Some(target) => draft.arn(Noun::Queue, target),
                None => get_att(ids::dead_queue(name), "Arn"),
            };
            json!({ "deadLetterTargetArn": target, "maxReceiveCount": dead.after })
        });
        let sources: Vec<String> = stack.dead_letter_sources(name).map(|source| stack.queue_name(source)).collect();
        let properties = Queue {
            name: stack.queue_name(name),
            fifo: queue.fifo,
            retention: stack.queue_retention(name).as_secs(),
            key: key.clone(),
            sources,
        };
        let mut resource = properties.resource(draft);
        let more = [
            ("VisibilityTimeout", json!(stack.visibility(name).as_secs())),
            ("DelaySeconds", queue.delay.as_ref().map_or(Value::Null, |delay| json!(delay.as_secs()))),
            ("RedrivePolicy", redrive.unwrap_or(Value::Null)),
        ];
        for (property, value) in more.into_iter().filter(|(_, value)| !value.is_null()) {
            resource.properties.insert(property.to_owned(), value);
        }
        draft.add(id.clone(), resource);
        let senders = services_that_send_to(draft, name);
        queue_policy(draft, &id, senders);

        if let Some(dead_name) = dead_name {
            let id = ids::dead_queue(name);
            let dead = Queue {
                name: dead_name,
                fifo: queue.fifo,
                retention: LONGEST_RETENTION,
                key,
                sources: vec![stack.queue_name(name)],
            };
            let resource = dead.resource(draft);
            draft.add(id.clone(), resource);
            queue_policy(draft, &id, Vec::new());
        }
    }
}

/// The queue for events that `function` failed on.
pub(crate) fn failed_queue(draft: &mut Draft<'_>, function: &str) {
    let id = ids::failed_queue(function);
    let queue = Queue {
        name: draft.stack.failed_queue_name(function),
        fifo: false,
        retention: LONGEST_RETENTION,
        key: None,
        sources: Vec::new(),
    };
    let resource = queue.resource(draft);
    draft.add(id.clone(), resource);
    queue_policy(draft, &id, Vec::new());
}

/// What all queues have.
struct Queue {
    name: String,
    fifo: bool,
    /// Seconds.
    retention: u64,
    key: Option<Value>,
    /// Names of the queues whose dead letters it takes.
    sources: Vec<String>,
}

impl Queue {
    fn resource(self, draft: &Draft<'_>) -> Resource {
        let allow = (1..=MOST_REDRIVE_SOURCES).contains(&self.sources.len()).then(|| {
            // By text: the source refers to this queue already.
            let arns: Vec<Value> = self.sources.iter().map(|source| cfn::arn("sqs", source)).collect();
            json!({ "redrivePermission": "byQueue", "sourceQueueArns": arns })
        });
        let is_sqs_own = self.key.is_none();
        let resource = Resource::new(
            "AWS::SQS::Queue",
            json!({
                "QueueName": self.name,
                "FifoQueue": self.fifo.then_some(true),
                "ContentBasedDeduplication": self.fifo.then_some(true),
                "MessageRetentionPeriod": self.retention,
                "SqsManagedSseEnabled": self.key.is_none().then_some(true),
                "KmsMasterKeyId": self.key,
                "RedriveAllowPolicy": allow,
                "Tags": tag_list(&draft.stack.tags()),
            }),
        );
        match is_sqs_own {
            true => resource.skip("CKV_AWS_27", "encrypted by SQS's own key, which this check does not look for"),
            false => resource,
        }
    }
}

fn queue_policy(draft: &mut Draft<'_>, queue: &LogicalId, mut statements: Vec<Value>) {
    statements.insert(0, policy::tls_only("sqs:*", get_att(queue, "Arn")));
    let resource = Resource::new(
        "AWS::SQS::QueuePolicy",
        json!({
            "Queues": [reference(queue)],
            "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
        }),
    );
    draft.add(ids::policy(queue), resource);
}

/// Statements that let rules and topics send what they could not deliver to the declared queue `queue`.
fn services_that_send_to(draft: &mut Draft<'_>, queue: &str) -> Vec<Value> {
    let stack = draft.stack;
    let is_here = |dead: &Option<Destination>| {
        dead.as_ref().and_then(|dead| dead.queue.as_ref()).is_some_and(|target| is_named(target, queue))
    };
    let arn = get_att(ids::queue(queue), "Arn");
    let mut statements = Vec::new();
    for (name, function) in &stack.file.functions {
        let mut events = 0;
        for trigger in &function.triggers {
            let statement = match &trigger.kind {
                TriggerKind::Event(event) => {
                    events += 1;
                    is_here(&event.dead_letter).then(|| {
                        let rule = get_att(ids::event(name, events), "Arn");
                        policy::service("events.amazonaws.com", "sqs:SendMessage", arn.clone(), rule)
                    })
                }
                TriggerKind::Topic(topic) if is_here(&topic.dead_letter) => {
                    let source = draft.arn(Noun::Topic, &topic.name);
                    Some(policy::service("sns.amazonaws.com", "sqs:SendMessage", arn.clone(), source))
                }
                _ => None,
            };
            statements.extend(statement.filter(|statement| !statements.contains(statement)));
        }
    }
    statements
}

/// A function's mapping of a queue.
pub(crate) fn mapping(draft: &mut Draft<'_>, function: &str, trigger: &QueueTrigger) {
    let filters: Vec<Value> = trigger.filter.iter().map(|pattern| json!({ "Pattern": pattern.to_string() })).collect();
    let source = draft.arn(Noun::Queue, &trigger.name);
    let resource = Resource::new(
        "AWS::Lambda::EventSourceMapping",
        json!({
            "FunctionName": reference(ids::alias(function)),
            "EventSourceArn": source,
            "BatchSize": trigger.batch.value,
            "MaximumBatchingWindowInSeconds": trigger.window.as_ref().map(|window| window.as_secs()),
            "FunctionResponseTypes": trigger.partial.then(|| json!(["ReportBatchItemFailures"])),
            "ScalingConfig": trigger.concurrency.as_ref().map(|most| json!({ "MaximumConcurrency": most.value })),
            "FilterCriteria": (!filters.is_empty()).then(|| json!({ "Filters": filters })),
            "Enabled": trigger.enabled,
            "Tags": tag_list(&draft.stack.tags()),
        }),
    );
    draft.add(ids::queue_mapping(function, &trigger.name), resource);
}

/// The KMS key of a queue, when it has one of its own.
pub(crate) fn key(draft: &mut Draft<'_>, target: &Target) -> Option<Value> {
    let Target::Name(name) = target else { return None };
    let key = draft.stack.file.queues.get(name.value.as_str())?.key.as_ref()?;
    Some(draft.raw_arn(key))
}
