//! EventBridge Scheduler: schedules.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, built, covered, document, parsed_time, place_or, some, time};
use super::{AwsError, Explain};
use crate::state::{Known, Properties};
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, EventBridgeParameters, FlexibleTimeWindow, FlexibleTimeWindowMode,
    KinesisParameters, RetryPolicy, ScheduleState, SqsParameters, Target,
};
use serde_json::{Value, json};

pub(crate) const KINDS: &[&str] = &["AWS::Scheduler::Schedule"];

/// Parameters of targets that are neither read nor put here.
const UNREAD: [&str; 2] = ["EcsParameters", "SageMakerPipelineParameters"];

/// The group that every account has.
const DEFAULT_GROUP: &str = "default";

/// Schedules one by one: `ListSchedules` gives neither expression nor input.
pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    kinds::each(wanted, |wanted| async {
        let group = place_or(&wanted.declared, "GroupName", DEFAULT_GROUP)?;
        let Some(found) = schedule(client, &group, &wanted.physical_id).await? else { return Ok(Known::Absent) };
        let ours = |part: &str| wanted.declared.get("Target").is_some_and(|target| target.get(part).is_some());
        Ok(Known::Present(properties(found, &group, UNREAD.into_iter().any(ours))))
    })
    .await
}

async fn schedule(client: &Client, group: &str, name: &str) -> Result<Option<GetScheduleOutput>, AwsError> {
    let call = client.get_schedule().group_name(group).name(name);
    match call.send().await.explain("scheduler:GetSchedule") {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

fn properties(schedule: GetScheduleOutput, group: &str, unread: bool) -> Properties {
    let window = schedule.flexible_time_window.map(
        |window| json!({ "Mode": window.mode.as_str(), "MaximumWindowInMinutes": window.maximum_window_in_minutes }),
    );
    let mut found = covered(json!({
        "GroupName": group,
        "Description": some(schedule.description),
        "StartDate": schedule.start_date.as_ref().and_then(time),
        "EndDate": schedule.end_date.as_ref().and_then(time),
        "FlexibleTimeWindow": window,
        "KmsKeyArn": some(schedule.kms_key_arn),
        "ScheduleExpression": schedule.schedule_expression,
        "ScheduleExpressionTimezone": some(schedule.schedule_expression_timezone),
        "State": schedule.state.map(|state| state.as_str().to_owned()),
    }));
    let target = schedule
        .target
        .filter(|target| !unread && target.ecs_parameters.is_none() && target.sage_maker_pipeline_parameters.is_none());
    found.extend(target.map(|target| covered(json!({ "Target": of_target(target) }))).unwrap_or_default());
    found
}

fn of_target(target: Target) -> Value {
    let retries = target.retry_policy.map(|own| {
        json!({
            "MaximumRetryAttempts": own.maximum_retry_attempts,
            "MaximumEventAgeInSeconds": own.maximum_event_age_in_seconds,
        })
    });
    let bus = target.event_bridge_parameters;
    json!({
        "Arn": target.arn,
        "RoleArn": target.role_arn,
        "Input": some(target.input).map(document),
        "DeadLetterConfig": target.dead_letter_config.and_then(|own| own.arn).map(|arn| json!({ "Arn": arn })),
        "RetryPolicy": retries,
        "EventBridgeParameters": bus.map(|own| json!({ "DetailType": own.detail_type, "Source": own.source })),
        "KinesisParameters": target.kinesis_parameters.map(|own| json!({ "PartitionKey": own.partition_key })),
        "SqsParameters": target.sqs_parameters.map(|own| json!({ "MessageGroupId": own.message_group_id })),
    })
}

/// Puts the whole schedule, from `desired` in its normal form; makes it again where it is gone.
///
/// `UpdateSchedule` sets what is not said to its default. What happens after the last run is no property of every
/// template, so it stays as it is.
///
/// Source: <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html> (read 2026-11).
pub(crate) async fn put(client: &Client, name: &str, desired: &Properties) -> Result<(), AwsError> {
    let group = place_or(desired, "GroupName", DEFAULT_GROUP)?;
    let live = schedule(client, &group, name).await?;
    let target = match desired.inner("Target") {
        Some(target) => Some(to_target(target)?),
        // Not covered, so not touched.
        None => live.as_ref().and_then(|live| live.target.clone()),
    };
    let window = desired.inner("FlexibleTimeWindow").map(|window| {
        let mode = window.text("Mode").map(|mode| FlexibleTimeWindowMode::from(mode.as_str()));
        let longest = window.int("MaximumWindowInMinutes");
        built(FlexibleTimeWindow::builder().set_mode(mode).set_maximum_window_in_minutes(longest).build())
    });
    let window = window.transpose()?;
    let date = |key: &str| desired.text(key).as_deref().and_then(parsed_time);
    let state = desired.text("State").map(|state| ScheduleState::from(state.as_str()));
    let after: Option<ActionAfterCompletion> = live.as_ref().and_then(|live| live.action_after_completion.clone());
    macro_rules! send {
        ($call:expr, $action:literal) => {
            $call
                .group_name(&group)
                .name(name)
                .set_description(desired.text("Description"))
                .set_start_date(date("StartDate"))
                .set_end_date(date("EndDate"))
                .set_flexible_time_window(window)
                .set_kms_key_arn(desired.text("KmsKeyArn"))
                .set_schedule_expression(desired.text("ScheduleExpression"))
                .set_schedule_expression_timezone(desired.text("ScheduleExpressionTimezone"))
                .set_state(state)
                .set_target(target)
                .set_action_after_completion(after)
                .send()
                .await
                .explain($action)
                .map(drop)
        };
    }
    match live {
        Some(_) => send!(client.update_schedule(), "scheduler:UpdateSchedule"),
        None => send!(client.create_schedule(), "scheduler:CreateSchedule"),
    }
}

fn to_target(target: &Properties) -> Result<Target, AwsError> {
    if let Some(part) = UNREAD.iter().find(|part| target.contains_key(**part)) {
        return Err(AwsError::unable(format!("{part} of a schedule's target is neither read nor put here")));
    }
    let retries = target.inner("RetryPolicy").map(|own| {
        RetryPolicy::builder()
            .set_maximum_retry_attempts(own.int("MaximumRetryAttempts"))
            .set_maximum_event_age_in_seconds(own.int("MaximumEventAgeInSeconds"))
            .build()
    });
    let bus = target.inner("EventBridgeParameters").map(|own| {
        let own =
            EventBridgeParameters::builder().set_detail_type(own.text("DetailType")).set_source(own.text("Source"));
        built(own.build())
    });
    let kinesis = target
        .inner("KinesisParameters")
        .map(|own| built(KinesisParameters::builder().set_partition_key(own.text("PartitionKey")).build()));
    let sqs = target.inner("SqsParameters");
    let dead_letters = target.inner("DeadLetterConfig");
    built(
        Target::builder()
            .set_arn(target.text("Arn"))
            .set_role_arn(target.text("RoleArn"))
            .set_input(target.json("Input"))
            .set_dead_letter_config(
                dead_letters.map(|own| DeadLetterConfig::builder().set_arn(own.text("Arn")).build()),
            )
            .set_retry_policy(retries)
            .set_event_bridge_parameters(bus.transpose()?)
            .set_kinesis_parameters(kinesis.transpose()?)
            .set_sqs_parameters(
                sqs.map(|own| SqsParameters::builder().set_message_group_id(own.text("MessageGroupId")).build()),
            )
            .build(),
    )
}
