//! EventBridge: rules with their targets, buses and what others may do with them.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, built, covered, document, place, place_or, some};
use super::{AwsError, Explain};
use crate::state::{Known, Properties};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{
    AppSyncParameters, DeadLetterConfig, HttpParameters, InputTransformer, KinesisParameters, RetryPolicy, RuleState,
    SqsParameters, Target,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const RULE: &str = "AWS::Events::Rule";
const BUS: &str = "AWS::Events::EventBus";
pub(crate) const KINDS: &[&str] = &[RULE, BUS, "AWS::Events::EventBusPolicy"];

/// Parameters of targets that are neither read nor put here.
const UNREAD: [&str; 5] = [
    "BatchParameters",
    "EcsParameters",
    "RedshiftDataParameters",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
];

/// The bus of an account.
const DEFAULT_BUS: &str = "default";

pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    kinds::each(wanted, |wanted| async {
        let found = match wanted.kind.as_str() {
            RULE => rule(client, wanted).await,
            BUS => bus(client, wanted).await,
            _ => statement(client, wanted).await,
        };
        match found {
            Err(error) if error.is_missing() => Ok(Known::Absent),
            other => other,
        }
    })
    .await
}

/// Bus and name of a rule. On a bus of one's own, CloudFormation's id of a rule is `bus|rule`.
///
/// Source: <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1131> (read 2026-11).
pub(super) fn rule_place(id: &str, properties: &Properties) -> Result<(String, String), AwsError> {
    match id.split_once('|') {
        Some((bus, name)) => Ok((bus.to_owned(), name.to_owned())),
        None => Ok((place_or(properties, "EventBusName", DEFAULT_BUS)?, id.to_owned())),
    }
}

async fn rule(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let (bus, name) = rule_place(&wanted.physical_id, &wanted.declared)?;
    let described =
        async { client.describe_rule().name(&name).event_bus_name(&bus).send().await.explain("events:DescribeRule") };
    let (rule, targets) = futures::join!(described, targets(client, &bus, &name));
    let (rule, targets) = (rule?, targets?);
    let mut found = covered(json!({
        "Description": some(rule.description),
        "EventPattern": some(rule.event_pattern).map(document),
        "ScheduleExpression": some(rule.schedule_expression),
        "State": rule.state.map(|state| state.as_str().to_owned()),
        "RoleArn": some(rule.role_arn),
    }));
    // What is not read would be taken away by putting the rest back.
    if !targets.iter().any(is_unread) {
        let targets: Vec<Value> = targets.into_iter().map(of_target).collect();
        found.extend(covered(json!({ "Targets": targets })));
    }
    found.extend(wanted.declared.get("EventBusName").map(|bus| ("EventBusName".to_owned(), bus.clone())));
    Ok(Known::Present(found))
}

async fn targets(client: &Client, bus: &str, rule: &str) -> Result<Vec<Target>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let call = client.list_targets_by_rule().rule(rule).event_bus_name(bus).set_next_token(token);
        let page = call.send().await.explain("events:ListTargetsByRule")?;
        found.extend(page.targets.unwrap_or_default());
        token = some(page.next_token);
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn is_unread(target: &Target) -> bool {
    target.batch_parameters.is_some()
        || target.ecs_parameters.is_some()
        || target.redshift_data_parameters.is_some()
        || target.run_command_parameters.is_some()
        || target.sage_maker_pipeline_parameters.is_some()
}

fn of_target(target: Target) -> Value {
    let transformer = target
        .input_transformer
        .map(|own| json!({ "InputPathsMap": own.input_paths_map.map(sorted), "InputTemplate": own.input_template }));
    let http = target.http_parameters.map(|own| {
        json!({
            "PathParameterValues": own.path_parameter_values,
            "HeaderParameters": own.header_parameters.map(sorted),
            "QueryStringParameters": own.query_string_parameters.map(sorted),
        })
    });
    let retries = target.retry_policy.map(|own| {
        json!({
            "MaximumRetryAttempts": own.maximum_retry_attempts,
            "MaximumEventAgeInSeconds": own.maximum_event_age_in_seconds,
        })
    });
    json!({
        "Id": target.id,
        "Arn": target.arn,
        "RoleArn": some(target.role_arn),
        "Input": some(target.input).map(document),
        "InputPath": some(target.input_path),
        "InputTransformer": transformer,
        "KinesisParameters": target.kinesis_parameters.map(|own| json!({ "PartitionKeyPath": own.partition_key_path })),
        "SqsParameters": target.sqs_parameters.map(|own| json!({ "MessageGroupId": own.message_group_id })),
        "HttpParameters": http,
        "AppSyncParameters": target.app_sync_parameters.map(|own| json!({ "GraphQLOperation": own.graph_ql_operation })),
        "DeadLetterConfig": target.dead_letter_config.map(|own| json!({ "Arn": own.arn })),
        "RetryPolicy": retries,
    })
}

fn sorted(map: std::collections::HashMap<String, String>) -> BTreeMap<String, String> {
    map.into_iter().collect()
}

async fn bus(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let call = client.describe_event_bus().name(&wanted.physical_id);
    let bus = call.send().await.explain("events:DescribeEventBus")?;
    let mut found = covered(json!({
        "Description": some(bus.description),
        "KmsKeyIdentifier": some(bus.kms_key_identifier),
        "DeadLetterConfig": bus.dead_letter_config.and_then(|own| own.arn).map(|arn| json!({ "Arn": arn })),
    }));
    // Statements may come from resources of their own; the whole is compared only where the bus declares the whole.
    if wanted.declared.contains_key("Policy") {
        found.insert("Policy".to_owned(), some(bus.policy).map_or(Value::Null, document));
    }
    Ok(Known::Present(found))
}

/// One statement of a bus's policy, found by its id.
async fn statement(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let bus = place_or(&wanted.declared, "EventBusName", DEFAULT_BUS)?;
    let sid = place(&wanted.declared, "StatementId")?;
    if !wanted.declared.contains_key("Statement") {
        return Err(AwsError::unable("it is declared by Action and Principal, which are not compared here".to_owned()));
    }
    let Some(found) = policy(client, &bus).await?.into_iter().find(|statement| statement["Sid"] == *sid) else {
        return Ok(Known::Absent);
    };
    let found = json!({ "EventBusName": bus, "StatementId": sid, "Statement": found });
    Ok(Known::Present(covered(found)))
}

/// The statements of a bus's policy.
async fn policy(client: &Client, bus: &str) -> Result<Vec<Value>, AwsError> {
    let answer = client.describe_event_bus().name(bus).send().await.explain("events:DescribeEventBus")?;
    let policy = some(answer.policy).map_or(Value::Null, document);
    Ok(match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => Vec::new(),
    })
}

/// Makes it what `desired` says, in its normal form. What is gone is made again.
pub(crate) async fn put(client: &Client, kind: &str, id: &str, desired: &Properties) -> Result<(), AwsError> {
    match kind {
        RULE => put_rule(client, id, desired).await,
        BUS => put_bus(client, id, desired).await,
        _ => put_statement(client, desired).await,
    }
}

/// `PutRule` replaces the whole rule but its targets, which are put and removed one by one.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html> (read 2026-11).
async fn put_rule(client: &Client, id: &str, desired: &Properties) -> Result<(), AwsError> {
    let (bus, name) = rule_place(id, desired)?;
    let wanted = desired.inner("Targets").into_iter().flatten();
    let wanted: Vec<Target> = wanted
        .map(|(id, target)| to_target(id, target.as_object().unwrap_or(&Properties::new())))
        .collect::<Result<_, _>>()?;
    client
        .put_rule()
        .name(&name)
        .event_bus_name(&bus)
        .description(desired.text("Description").unwrap_or_default())
        .set_event_pattern(desired.json("EventPattern"))
        .set_schedule_expression(desired.text("ScheduleExpression"))
        .set_state(desired.text("State").map(|word| RuleState::from(word.as_str())))
        .set_role_arn(desired.text("RoleArn"))
        .send()
        .await
        .explain("events:PutRule")?;
    let live = targets(client, &bus, &name).await?;
    // Not covered, so not touched.
    if live.iter().any(is_unread) {
        return Ok(());
    }
    let stale: Vec<String> = live
        .iter()
        .filter(|target| !wanted.iter().any(|wanted| wanted.id == target.id))
        .map(|target| target.id.clone())
        .collect();
    if !stale.is_empty() {
        let call = client.remove_targets().rule(&name).event_bus_name(&bus).set_ids(Some(stale));
        let answer = call.send().await.explain("events:RemoveTargets")?;
        refused(
            "events:RemoveTargets",
            answer
                .failed_entries
                .unwrap_or_default()
                .into_iter()
                .map(|failed| (failed.error_code, failed.error_message)),
        )?;
    }
    let fresh: Vec<Target> = wanted.into_iter().filter(|wanted| !live.contains(wanted)).collect();
    for batch in fresh.chunks(TARGETS_PER_CALL) {
        let call = client.put_targets().rule(&name).event_bus_name(&bus).set_targets(Some(batch.to_vec()));
        let answer = call.send().await.explain("events:PutTargets")?;
        refused(
            "events:PutTargets",
            answer
                .failed_entries
                .unwrap_or_default()
                .into_iter()
                .map(|failed| (failed.error_code, failed.error_message)),
        )?;
    }
    Ok(())
}

/// Targets in one `PutTargets`.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html> (read 2026-11).
const TARGETS_PER_CALL: usize = 100;

/// The first of the entries that a call which went well did not take.
fn refused(
    action: &'static str,
    mut entries: impl Iterator<Item = (Option<String>, Option<String>)>,
) -> Result<(), AwsError> {
    let Some((code, message)) = entries.next() else { return Ok(()) };
    Err(AwsError { action, code: code.unwrap_or_default(), message: message.unwrap_or_default(), request_id: None })
}

fn to_target(id: &str, target: &Properties) -> Result<Target, AwsError> {
    if let Some(part) = UNREAD.iter().find(|part| target.contains_key(**part)) {
        return Err(AwsError::unable(format!("{part} of a rule's target is neither read nor put here")));
    }
    let transformer = target.inner("InputTransformer").map(|own| {
        let own = InputTransformer::builder()
            .set_input_paths_map(own.pairs("InputPathsMap"))
            .set_input_template(own.text("InputTemplate"));
        built(own.build())
    });
    let http = target.inner("HttpParameters").map(|own| {
        HttpParameters::builder()
            .set_path_parameter_values(own.some_texts("PathParameterValues"))
            .set_header_parameters(own.pairs("HeaderParameters"))
            .set_query_string_parameters(own.pairs("QueryStringParameters"))
            .build()
    });
    let retries = target.inner("RetryPolicy").map(|own| {
        RetryPolicy::builder()
            .set_maximum_retry_attempts(own.int("MaximumRetryAttempts"))
            .set_maximum_event_age_in_seconds(own.int("MaximumEventAgeInSeconds"))
            .build()
    });
    let kinesis = target
        .inner("KinesisParameters")
        .map(|own| built(KinesisParameters::builder().set_partition_key_path(own.text("PartitionKeyPath")).build()));
    let sqs = target.inner("SqsParameters");
    let app_sync = target.inner("AppSyncParameters");
    let dead_letters = target.inner("DeadLetterConfig");
    built(
        Target::builder()
            .id(id)
            .set_arn(target.text("Arn"))
            .set_role_arn(target.text("RoleArn"))
            .set_input(target.json("Input"))
            .set_input_path(target.text("InputPath"))
            .set_input_transformer(transformer.transpose()?)
            .set_kinesis_parameters(kinesis.transpose()?)
            .set_sqs_parameters(
                sqs.map(|own| SqsParameters::builder().set_message_group_id(own.text("MessageGroupId")).build()),
            )
            .set_http_parameters(http)
            .set_app_sync_parameters(
                app_sync.map(|own| {
                    AppSyncParameters::builder().set_graph_ql_operation(own.text("GraphQLOperation")).build()
                }),
            )
            .set_dead_letter_config(
                dead_letters.map(|own| DeadLetterConfig::builder().set_arn(own.text("Arn")).build()),
            )
            .set_retry_policy(retries)
            .build(),
    )
}

async fn put_bus(client: &Client, name: &str, desired: &Properties) -> Result<(), AwsError> {
    let text = |key: &str| desired.text(key);
    let dead_letters = desired.inner("DeadLetterConfig");
    let dead_letters = dead_letters.map(|own| DeadLetterConfig::builder().set_arn(own.text("Arn")).build());
    let call = client
        .update_event_bus()
        .name(name)
        .description(text("Description").unwrap_or_default())
        .kms_key_identifier(text("KmsKeyIdentifier").unwrap_or_default())
        .dead_letter_config(dead_letters.clone().unwrap_or_else(|| DeadLetterConfig::builder().build()));
    match call.send().await.explain("events:UpdateEventBus") {
        Ok(_) => {}
        Err(error) if error.is_missing() => {
            let call = client
                .create_event_bus()
                .name(name)
                .set_description(text("Description"))
                .set_kms_key_identifier(text("KmsKeyIdentifier"))
                .set_dead_letter_config(dead_letters);
            call.send().await.explain("events:CreateEventBus")?;
        }
        Err(error) => return Err(error),
    }
    match desired.json("Policy") {
        Some(policy) => {
            let call = client.put_permission().event_bus_name(name).policy(policy);
            call.send().await.explain("events:PutPermission").map(drop)
        }
        None => Ok(()),
    }
}

/// Puts one statement back among the others.
async fn put_statement(client: &Client, desired: &Properties) -> Result<(), AwsError> {
    let bus = place_or(desired, "EventBusName", DEFAULT_BUS)?;
    let sid = place(desired, "StatementId")?;
    let Some(Value::Object(mut statement)) = desired.get("Statement").cloned() else {
        return Err(AwsError::unable("the statement of a bus's policy is not known".to_owned()));
    };
    statement.insert("Sid".to_owned(), json!(sid));
    let mut statements = policy(client, &bus).await?;
    statements.retain(|statement| statement["Sid"] != *sid);
    statements.push(Value::Object(statement));
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let call = client.put_permission().event_bus_name(&bus).policy(policy.to_string());
    call.send().await.explain("events:PutPermission").map(drop)
}
