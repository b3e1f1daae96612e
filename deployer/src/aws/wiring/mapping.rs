//! Event source mappings: read, put right, and those that nobody declared.

use super::super::lambda::ALIAS;
use super::super::{AwsError, Explain};
use super::{MAPPING, destinations, object, optional, qualified, short};
use crate::ids::LogicalId;
use crate::state::{Known, Properties, Stranger};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, Filter, FilterCriteria, FunctionResponseType, ScalingConfig,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) async fn mapping(client: &Client, uuid: &str) -> Result<Known<Properties>, AwsError> {
    match client.get_event_source_mapping().uuid(uuid).send().await.explain("lambda:GetEventSourceMapping") {
        Ok(answer) if answer.state.as_deref() == Some("Deleting") => Ok(Known::Absent),
        Ok(answer) => {
            let found = EventSourceMappingConfiguration::builder()
                .set_batch_size(answer.batch_size)
                .set_state(answer.state)
                .set_maximum_batching_window_in_seconds(answer.maximum_batching_window_in_seconds)
                .set_parallelization_factor(answer.parallelization_factor)
                .set_event_source_arn(answer.event_source_arn)
                .set_filter_criteria(answer.filter_criteria)
                .set_function_arn(answer.function_arn)
                .set_destination_config(answer.destination_config)
                .set_topics(answer.topics)
                .set_queues(answer.queues)
                .set_maximum_record_age_in_seconds(answer.maximum_record_age_in_seconds)
                .set_bisect_batch_on_function_error(answer.bisect_batch_on_function_error)
                .set_maximum_retry_attempts(answer.maximum_retry_attempts)
                .set_tumbling_window_in_seconds(answer.tumbling_window_in_seconds)
                .set_function_response_types(answer.function_response_types)
                .set_scaling_config(answer.scaling_config);
            Ok(Known::Present(mapped(&found.build())))
        }
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

/// Lambda's answer in the shape of `AWS::Lambda::EventSourceMapping`.
pub(super) fn mapped(found: &EventSourceMappingConfiguration) -> Properties {
    let enabled = found.state.as_deref().map(|state| matches!(state, "Enabled" | "Enabling" | "Creating" | "Updating"));
    let filters = found.filter_criteria.as_ref().and_then(|criteria| criteria.filters.as_ref());
    let filters = filters.filter(|filters| !filters.is_empty()).map(|filters| {
        let patterns = filters.iter().map(|filter| json!({ "Pattern": filter.pattern }));
        json!({ "Filters": patterns.collect::<Vec<_>>() })
    });
    let failure = found.destination_config.as_ref().and_then(|config| config.on_failure.as_ref()?.destination.clone());
    let responses = found
        .function_response_types
        .as_ref()
        .map(|types| types.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>());
    object(json!({
        "BatchSize": found.batch_size,
        "Enabled": enabled,
        "EventSourceArn": found.event_source_arn,
        "FunctionName": found.function_arn,
        "MaximumBatchingWindowInSeconds": found.maximum_batching_window_in_seconds,
        "ParallelizationFactor": found.parallelization_factor,
        "FilterCriteria": filters,
        "DestinationConfig": failure.map(|arn| json!({ "OnFailure": { "Destination": arn } })),
        "Topics": found.topics,
        "Queues": found.queues,
        "MaximumRecordAgeInSeconds": found.maximum_record_age_in_seconds,
        "BisectBatchOnFunctionError": found.bisect_batch_on_function_error,
        "MaximumRetryAttempts": found.maximum_retry_attempts,
        "TumblingWindowInSeconds": found.tumbling_window_in_seconds,
        "FunctionResponseTypes": responses,
        "ScalingConfig": found.scaling_config.as_ref().and_then(|scaling| scaling.maximum_concurrency)
            .map(|most| json!({ "MaximumConcurrency": most })),
    }))
}

pub(super) async fn put_mapping(client: &Client, uuid: &str, desired: &Properties) -> Result<(), AwsError> {
    let number = |key: &str| desired.get(key).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
    let filters = desired.get("FilterCriteria").and_then(|criteria| criteria.get("Filters")).and_then(Value::as_array);
    let filters = filters.into_iter().flatten().map(|filter| {
        let pattern = &filter["Pattern"];
        Filter::builder().pattern(pattern.as_str().map_or_else(|| pattern.to_string(), str::to_owned)).build()
    });
    let criteria = FilterCriteria::builder().set_filters(Some(filters.collect())).build();
    let responses = desired.get("FunctionResponseTypes").and_then(Value::as_array).into_iter().flatten();
    let responses = responses.filter_map(Value::as_str).map(FunctionResponseType::from).collect();
    let most = desired.get("ScalingConfig").and_then(|scaling| scaling["MaximumConcurrency"].as_i64());
    let scaling = ScalingConfig::builder().set_maximum_concurrency(most.and_then(|most| i32::try_from(most).ok()));
    let call = client
        .update_event_source_mapping()
        .uuid(uuid)
        .enabled(desired.get("Enabled").and_then(Value::as_bool).unwrap_or(true))
        .set_function_name(optional(desired, "FunctionName").map(str::to_owned))
        .set_batch_size(number("BatchSize"))
        .set_maximum_batching_window_in_seconds(number("MaximumBatchingWindowInSeconds"))
        .set_parallelization_factor(number("ParallelizationFactor"))
        .set_maximum_record_age_in_seconds(number("MaximumRecordAgeInSeconds"))
        .set_maximum_retry_attempts(number("MaximumRetryAttempts"))
        .set_tumbling_window_in_seconds(number("TumblingWindowInSeconds"))
        .set_bisect_batch_on_function_error(desired.get("BisectBatchOnFunctionError").and_then(Value::as_bool))
        .filter_criteria(criteria)
        .set_function_response_types(Some(responses))
        .set_destination_config(destinations(desired))
        .scaling_config(scaling.build());
    call.send().await.explain("lambda:UpdateEventSourceMapping").map(drop)
}

/// From this many functions on, one listing of the region's mappings is cheaper than two calls for each function.
const LISTED_FROM: usize = 4;

/// Mappings that call one of `functions`, by name or by alias, and perhaps others.
pub(super) async fn mappings(
    client: &Client,
    functions: &[(&LogicalId, &str)],
) -> Result<Vec<EventSourceMappingConfiguration>, AwsError> {
    let targets: Vec<Option<String>> = match functions.len() {
        0 => Vec::new(),
        count if count >= LISTED_FROM => vec![None],
        _ => {
            functions.iter().flat_map(|(_, name)| [Some((*name).to_owned()), Some(format!("{name}:{ALIAS}"))]).collect()
        }
    };
    let mut found: BTreeMap<String, EventSourceMappingConfiguration> = BTreeMap::new();
    for target in targets {
        let mut pages = client.list_event_source_mappings().set_function_name(target).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page.explain("lambda:ListEventSourceMappings") {
                Ok(page) => page,
                // Gone by hand: nothing hangs on it.
                Err(error) if error.is_missing() => break,
                Err(error) => return Err(error),
            };
            let all = page.event_source_mappings.unwrap_or_default().into_iter();
            found.extend(all.filter_map(|mapping| Some((mapping.uuid.clone()?, mapping))));
        }
    }
    Ok(found.into_values().collect())
}

pub(super) fn is_of(mapping: &EventSourceMappingConfiguration, function: &str) -> bool {
    let target = short(mapping.function_arn.as_deref().unwrap_or_default());
    qualified(&target).0 == function
}

pub(super) fn strange_mapping(
    owner: &LogicalId,
    mapping: &EventSourceMappingConfiguration,
    own: &[&str],
) -> Option<Stranger> {
    let uuid = mapping.uuid.clone()?;
    if own.contains(&uuid.as_str()) || mapping.state.as_deref() == Some("Deleting") {
        return None;
    }
    let mut properties = mapped(mapping);
    let telling = ["EventSourceArn", "Topics", "BatchSize", "Enabled"];
    properties.retain(|key, value| !value.is_null() && telling.contains(&key.as_str()));
    Some(Stranger { owner: owner.clone(), kind: MAPPING.to_owned(), identifier: uuid, properties })
}
