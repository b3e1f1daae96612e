//! Topics: encrypted and TLS only; and the topic triggers of functions.

use super::draft::{Draft, tag_list};
use super::event::permission;
use super::logical_ids as ids;
use crate::cfn::{self, Resource, reference};
use crate::iam::policy;
use crate::model::reference::Noun;
use crate::model::settled::is_named;
use crate::model::trigger::{FilterScope, TopicTrigger};
use serde_json::{Value, json};

/// Why a topic that takes alarms has no key.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html> (read 2026-11).
const UNENCRYPTED: &str = "CloudWatch may not use SNS's own key; `key:` gives the topic one whose policy lets it";

/// CloudWatch's alarms of this account may publish to `topic`.
fn alarms_may_publish(topic: Value) -> Value {
    json!({
        "Sid": "Alarms", "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" },
        "Action": "sns:Publish", "Resource": topic,
        "Condition": {
            "StringEquals": { "aws:SourceAccount": reference("AWS::AccountId") },
            "ArnLike": { "aws:SourceArn": cfn::arn("cloudwatch", "alarm:*") },
        },
    })
}

pub(crate) fn topics(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (name, topic) in &stack.file.topics {
        let id = ids::topic(name);
        let takes_alarms = stack.alarm_targets().any(|target| is_named(target, name));
        let key = match &topic.key {
            Some(key) => Some(draft.raw_arn(key)),
            None => (!takes_alarms).then(|| json!("alias/aws/sns")),
        };
        let without_key = key.is_none();
        let mut resource = Resource::new(
            "AWS::SNS::Topic",
            json!({
                "TopicName": stack.topic_name(name),
                "DisplayName": topic.display_name,
                "FifoTopic": topic.fifo.then_some(true),
                "ContentBasedDeduplication": topic.fifo.then_some(true),
                "KmsMasterKeyId": key,
                "Tags": tag_list(&stack.tags()),
            }),
        );
        if without_key {
            resource = resource.skip("CKV_AWS_26", UNENCRYPTED);
        }
        let mut statements = vec![policy::tls_only("sns:Publish", reference(&id))];
        if takes_alarms {
            statements.push(alarms_may_publish(reference(&id)));
        }
        let topic_policy = Resource::new(
            "AWS::SNS::TopicPolicy",
            json!({
                "Topics": [reference(&id)],
                "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
            }),
        );
        draft.add(id.clone(), resource);
        draft.add(ids::policy(&id), topic_policy);
    }
}

/// A function's subscription to a topic.
pub(crate) fn subscription(draft: &mut Draft<'_>, function: &str, trigger: &TopicTrigger) {
    let id = ids::subscription(function, &trigger.name);
    let topic = draft.arn(Noun::Topic, &trigger.name);
    let dead_letter = trigger.dead_letter.as_ref().and_then(|dead| dead.queue.as_ref());
    let dead_letter = dead_letter.map(|queue| json!({ "deadLetterTargetArn": draft.arn(Noun::Queue, queue) }));
    let scope = match trigger.scope {
        FilterScope::Attributes => "MessageAttributes",
        FilterScope::Body => "MessageBody",
    };
    let resource = Resource::new(
        "AWS::SNS::Subscription",
        json!({
            "TopicArn": topic,
            "Protocol": "lambda",
            "Endpoint": reference(ids::alias(function)),
            "FilterPolicy": trigger.filter,
            "FilterPolicyScope": trigger.filter.as_ref().map(|_| scope),
            "RedrivePolicy": dead_letter,
        }),
    );
    draft.add(id.clone(), resource);
    permission(draft, function, &id, "sns.amazonaws.com", topic);
}
