//! Schedules: a rule of EventBridge, or a schedule of EventBridge Scheduler where a time zone is given.

use super::draft::{Draft, tag_list};
use super::event::permission;
use super::logical_ids as ids;
use crate::cfn::{Resource, arn, get_att, reference, without_nulls};
use crate::iam::policy::{Statement, document, trust};
use crate::ids::LogicalId;
use crate::model::trigger::Schedule;
use serde_json::json;

pub(crate) fn schedule(draft: &mut Draft<'_>, function: &str, ordinal: usize, trigger: &Schedule) {
    let id = ids::schedule(function, ordinal);
    let Some(expression) = trigger.cron.as_ref().or(trigger.rate.as_ref()) else { return };
    let input = trigger.input.as_ref().map(|input| input.to_string());
    let state = if trigger.enabled { "ENABLED" } else { "DISABLED" };
    let alias = reference(ids::alias(function));
    if let Some(timezone) = &trigger.timezone {
        let role = scheduler_role(draft, function, &id);
        let resource = Resource::new(
            "AWS::Scheduler::Schedule",
            json!({
                "ScheduleExpression": expression.value,
                "ScheduleExpressionTimezone": timezone.value,
                "FlexibleTimeWindow": { "Mode": "OFF" },
                "State": state,
                "Target": without_nulls(json!({ "Arn": alias, "RoleArn": get_att(role, "Arn"), "Input": input })),
            }),
        );
        draft.add(id, resource);
        return;
    }
    let target = without_nulls(json!({ "Id": "live", "Arn": alias, "Input": input }));
    let resource = Resource::new(
        "AWS::Events::Rule",
        json!({
            "Description": format!("Starts {}", draft.stack.function_name(function)),
            "ScheduleExpression": expression.value,
            "State": state,
            "Targets": [target],
            "Tags": tag_list(&draft.stack.tags()),
        }),
    );
    draft.add(id.clone(), resource);
    permission(draft, function, &id, "events.amazonaws.com", get_att(&id, "Arn"));
}

/// The role that a schedule invokes with. It is trusted for the account's default schedule group: a single schedule
/// cannot be named.
///
/// Source: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html> (read 2026-11).
fn scheduler_role(draft: &mut Draft<'_>, function: &str, schedule: &LogicalId) -> LogicalId {
    let id = ids::role_of(schedule);
    let condition = json!({
        "StringEquals": {
            "aws:SourceAccount": reference("AWS::AccountId"),
            "aws:SourceArn": arn("scheduler", "schedule-group/default"),
        },
    });
    let invoke = Statement::allow(["lambda:InvokeFunction"], vec![reference(ids::alias(function))]);
    let resource = Resource::new(
        "AWS::IAM::Role",
        json!({
            "Description": format!("Starts {} on schedule", draft.stack.function_name(function)),
            "AssumeRolePolicyDocument": trust("scheduler.amazonaws.com", Some(condition)),
            "Policies": [{ "PolicyName": "invoke", "PolicyDocument": document(&[invoke]) }],
            "PermissionsBoundary": super::role::boundary(draft.stack, None),
            "Tags": tag_list(&draft.stack.tags()),
        }),
    );
    draft.add(id.clone(), resource);
    id
}
