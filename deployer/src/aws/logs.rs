//! CloudWatch Logs: log groups, and the filters that hang on them.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, built, covered, place, some};
use super::{AwsError, Explain};
use crate::state::{Known, Properties};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::{
    Distribution, LogGroup, LogGroupClass, MetricFilter, MetricTransformation, StandardUnit, SubscriptionFilter,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Log groups in one `DescribeLogGroups`.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html> (read 2026-11).
const GROUPS_PER_CALL: usize = 50;

const GROUP: &str = "AWS::Logs::LogGroup";
const METRIC_FILTER: &str = "AWS::Logs::MetricFilter";
pub(crate) const KINDS: &[&str] = &[GROUP, METRIC_FILTER, "AWS::Logs::SubscriptionFilter"];

pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    let (groups, filters): (Vec<&Wanted>, Vec<&Wanted>) = wanted.into_iter().partition(|wanted| wanted.kind == GROUP);
    let (groups, filters) =
        futures::join!(read_groups(client, groups), kinds::each(filters, |wanted| filter(client, wanted)));
    groups.into_iter().chain(filters).collect()
}

/// By name, fifty in a call.
async fn read_groups(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    let names: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.physical_id.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let batches = names.chunks(GROUPS_PER_CALL).map(|names| groups(client, names));
    let found: Result<BTreeMap<String, Properties>, AwsError> =
        futures::future::try_join_all(batches).await.map(|found| found.into_iter().flatten().collect());
    let reading = |wanted: &Wanted| match &found {
        Ok(found) => Ok(found.get(&wanted.physical_id).cloned().map_or(Known::Absent, Known::Present)),
        Err(error) => Err(error.clone()),
    };
    wanted.into_iter().map(|wanted| (wanted.id.clone(), reading(wanted))).collect()
}

/// Log groups by name. Names that are not there are left out.
async fn groups(client: &Client, names: &[&str]) -> Result<Vec<(String, Properties)>, AwsError> {
    let mut found = Vec::new();
    let identifiers = names.iter().map(|name| (*name).to_owned()).collect();
    let call = client.describe_log_groups().set_log_group_identifiers(Some(identifiers));
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.explain("logs:DescribeLogGroups")?;
        let asked = |(name, _): &(String, Properties)| names.contains(&name.as_str());
        found.extend(page.log_groups.unwrap_or_default().into_iter().filter_map(group).filter(asked));
    }
    Ok(found)
}

fn group(group: LogGroup) -> Option<(String, Properties)> {
    let properties = covered(json!({
        "RetentionInDays": group.retention_in_days,
        "KmsKeyId": some(group.kms_key_id),
        "LogGroupClass": group.log_group_class.map(|class| class.as_str().to_owned()),
    }));
    Some((group.log_group_name?, properties))
}

async fn filter(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let (group, name) = (place(&wanted.declared, "LogGroupName")?, wanted.physical_id.as_str());
    let found = match wanted.kind.as_str() {
        METRIC_FILTER => metric_filter(client, &group, name).await,
        _ => subscription_filter(client, &group, name).await,
    };
    match found {
        Ok(found) => Ok(found.map_or(Known::Absent, Known::Present)),
        // The group is gone, and its filters with it.
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

async fn metric_filter(client: &Client, group: &str, name: &str) -> Result<Option<Properties>, AwsError> {
    let call = client.describe_metric_filters().log_group_name(group).filter_name_prefix(name);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let filters = page.explain("logs:DescribeMetricFilters")?.metric_filters.unwrap_or_default();
        if let Some(filter) = filters.into_iter().find(|filter| filter.filter_name.as_deref() == Some(name)) {
            return Ok(Some(of_metric_filter(filter, group)));
        }
    }
    Ok(None)
}

fn of_metric_filter(filter: MetricFilter, group: &str) -> Properties {
    let transformations = filter.metric_transformations.unwrap_or_default().into_iter().map(|found| {
        let dimensions = found.dimensions.unwrap_or_default().into_iter();
        let dimensions: Vec<Value> = dimensions.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        json!({
            "MetricName": found.metric_name,
            "MetricNamespace": found.metric_namespace,
            "MetricValue": found.metric_value,
            "DefaultValue": found.default_value,
            "Dimensions": dimensions,
            "Unit": found.unit.map(|unit| unit.as_str().to_owned()),
        })
    });
    covered(json!({
        "LogGroupName": group,
        "FilterPattern": filter.filter_pattern.unwrap_or_default(),
        "MetricTransformations": transformations.collect::<Vec<_>>(),
        "ApplyOnTransformedLogs": filter.apply_on_transformed_logs,
    }))
}

async fn subscription_filter(client: &Client, group: &str, name: &str) -> Result<Option<Properties>, AwsError> {
    let call = client.describe_subscription_filters().log_group_name(group).filter_name_prefix(name);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let filters = page.explain("logs:DescribeSubscriptionFilters")?.subscription_filters.unwrap_or_default();
        if let Some(filter) = filters.into_iter().find(|filter| filter.filter_name.as_deref() == Some(name)) {
            return Ok(Some(of_subscription_filter(filter, group)));
        }
    }
    Ok(None)
}

fn of_subscription_filter(filter: SubscriptionFilter, group: &str) -> Properties {
    covered(json!({
        "LogGroupName": group,
        "FilterPattern": filter.filter_pattern.unwrap_or_default(),
        "DestinationArn": filter.destination_arn,
        "RoleArn": some(filter.role_arn),
        "Distribution": filter.distribution.map(|distribution| distribution.as_str().to_owned()),
        "ApplyOnTransformedLogs": filter.apply_on_transformed_logs,
    }))
}

/// Makes it what `desired` says, in its normal form. What is gone is made again.
pub(crate) async fn put(
    client: &Client,
    kind: &str,
    name: &str,
    desired: &Properties,
    changed: &[String],
) -> Result<(), AwsError> {
    match kind {
        GROUP => put_group(client, name, desired, changed).await,
        METRIC_FILTER => put_metric_filter(client, name, desired).await,
        _ => put_subscription_filter(client, name, desired).await,
    }
}

async fn put_group(client: &Client, name: &str, desired: &Properties, changed: &[String]) -> Result<(), AwsError> {
    let class = desired.text("LogGroupClass").map(|class| LogGroupClass::from(class.as_str()));
    let live = groups(client, &[name]).await?.into_iter().next().map(|(_, live)| live);
    let key = desired.text("KmsKeyId");
    match &live {
        None => {
            let call = client.create_log_group().log_group_name(name).set_kms_key_id(key).set_log_group_class(class);
            call.send().await.explain("logs:CreateLogGroup")?;
        }
        Some(live) => {
            if changed.iter().any(|property| property == "LogGroupClass") {
                let message = format!("the class of {name} cannot be changed: AWS sets it when a log group is made");
                return Err(AwsError::unable(message));
            }
            match key {
                Some(key) if live.text("KmsKeyId").as_ref() != Some(&key) => {
                    let call = client.associate_kms_key().log_group_name(name).kms_key_id(key);
                    call.send().await.explain("logs:AssociateKmsKey")?;
                }
                None if live.text("KmsKeyId").is_some() => {
                    let call = client.disassociate_kms_key().log_group_name(name);
                    call.send().await.explain("logs:DisassociateKmsKey")?;
                }
                _ => {}
            }
        }
    }
    match desired.int("RetentionInDays") {
        Some(days) => {
            let call = client.put_retention_policy().log_group_name(name).retention_in_days(days);
            call.send().await.explain("logs:PutRetentionPolicy").map(drop)
        }
        None if live.is_some_and(|live| live.int("RetentionInDays").is_some()) => {
            let call = client.delete_retention_policy().log_group_name(name);
            call.send().await.explain("logs:DeleteRetentionPolicy").map(drop)
        }
        None => Ok(()),
    }
}

async fn put_metric_filter(client: &Client, name: &str, desired: &Properties) -> Result<(), AwsError> {
    let transformations = desired.items("MetricTransformations").into_iter().map(|wanted| {
        let dimensions: Option<HashMap<String, String>> = wanted.pairs("Dimensions").filter(|map| !map.is_empty());
        built(
            MetricTransformation::builder()
                .set_metric_name(wanted.text("MetricName"))
                .set_metric_namespace(wanted.text("MetricNamespace"))
                .set_metric_value(wanted.text("MetricValue"))
                .set_default_value(wanted.real("DefaultValue"))
                .set_dimensions(dimensions)
                .set_unit(wanted.text("Unit").map(|unit| StandardUnit::from(unit.as_str())))
                .build(),
        )
    });
    client
        .put_metric_filter()
        .log_group_name(place(desired, "LogGroupName")?)
        .filter_name(name)
        .filter_pattern(desired.text("FilterPattern").unwrap_or_default())
        .set_metric_transformations(Some(transformations.collect::<Result<_, _>>()?))
        // Said only where it is not the default.
        .set_apply_on_transformed_logs(desired.flag("ApplyOnTransformedLogs").filter(|apply| *apply))
        .send()
        .await
        .explain("logs:PutMetricFilter")
        .map(drop)
}

async fn put_subscription_filter(client: &Client, name: &str, desired: &Properties) -> Result<(), AwsError> {
    client
        .put_subscription_filter()
        .log_group_name(place(desired, "LogGroupName")?)
        .filter_name(name)
        .filter_pattern(desired.text("FilterPattern").unwrap_or_default())
        .set_destination_arn(desired.text("DestinationArn"))
        .set_role_arn(desired.text("RoleArn"))
        .set_distribution(desired.text("Distribution").map(|word| Distribution::from(word.as_str())))
        .set_apply_on_transformed_logs(desired.flag("ApplyOnTransformedLogs").filter(|apply| *apply))
        .send()
        .await
        .explain("logs:PutSubscriptionFilter")
        .map(drop)
}
