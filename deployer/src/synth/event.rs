//! Event triggers: rules of an EventBridge bus.

use super::draft::{Draft, tag_list};
use super::logical_ids as ids;
use crate::cfn::{Resource, get_att, reference, without_nulls};
use crate::ids::LogicalId;
use crate::model::reference::Noun;
use crate::model::trigger::EventTrigger;
use serde_json::{Value, json};

pub(crate) fn event(draft: &mut Draft<'_>, function: &str, ordinal: usize, trigger: &EventTrigger) {
    let id = ids::event(function, ordinal);
    // What `Ref` gives for a bus of this stack is its name, which is what a rule wants.
    let bus = trigger.bus.as_ref().map(|bus| draft.raw(bus, |_| None));
    let dead_letter = trigger.dead_letter.as_ref().and_then(|dead| dead.queue.as_ref());
    let dead_letter = dead_letter.map(|queue| json!({ "Arn": draft.arn(Noun::Queue, queue) }));
    let target = without_nulls(json!({
        "Id": "live",
        "Arn": reference(ids::alias(function)),
        "Input": trigger.input.as_ref().map(|input| input.to_string()),
        "DeadLetterConfig": dead_letter,
    }));
    let resource = Resource::new(
        "AWS::Events::Rule",
        json!({
            "Description": format!("Starts {}", draft.stack.function_name(function)),
            "EventBusName": bus,
            "EventPattern": trigger.pattern,
            "State": if trigger.enabled { "ENABLED" } else { "DISABLED" },
            "Targets": [target],
            "Tags": tag_list(&draft.stack.tags()),
        }),
    );
    draft.add(id.clone(), resource);
    permission(draft, function, &id, "events.amazonaws.com", get_att(&id, "Arn"));
}

/// Lets `service` invoke the alias on behalf of `source`, which `of` makes. The source's ARN names the account; a source
/// account besides would make EventBridge and SNS fail without a word, since only S3 and SES send one.
///
/// Source: <https://github.com/awsdocs/aws-cloudformation-user-guide/pull/481>, <https://github.com/aws/aws-cli/issues/1996>
/// (read 2026-11).
pub(crate) fn permission(draft: &mut Draft<'_>, function: &str, of: &LogicalId, service: &str, source: Value) {
    let resource = Resource::new(
        "AWS::Lambda::Permission",
        json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": reference(ids::alias(function)),
            "Principal": service,
            "SourceArn": source,
        }),
    );
    draft.add(ids::permission(of), resource);
}
