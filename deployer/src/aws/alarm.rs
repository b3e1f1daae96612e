//! Alarms between CloudWatch's words and CloudFormation's, metric math and composites included.

use super::shape::{Shape as _, covered, some};
use super::{AwsError, Explain};
use crate::state::Properties;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, CompositeAlarm, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat, StandardUnit,
    Statistic,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Parts that an alarm may have, that are not read yet, and that a `PutMetricAlarm` without them would take away.
const UNREAD: [&str; 5] =
    ["EvaluationCriteria", "EvaluationInterval", "EvaluationWindow", "WarmUpConfiguration", "ActionConfiguration"];

/// In the shape of `AWS::CloudWatch::Alarm`.
///
/// # Errors
/// When it has a part of [`UNREAD`].
pub(super) fn of_metric(alarm: MetricAlarm) -> Result<Properties, AwsError> {
    let unread = [
        alarm.evaluation_criteria.is_some(),
        alarm.evaluation_interval.is_some(),
        alarm.evaluation_window.is_some(),
        alarm.warm_up_configuration.is_some(),
        alarm.action_configuration.is_some(),
    ];
    if let Some((part, _)) = UNREAD.iter().zip(unread).find(|(_, is_there)| *is_there) {
        return Err(unable(part));
    }
    let queries: Vec<Value> = alarm.metrics.unwrap_or_default().into_iter().map(of_query).collect();
    Ok(covered(json!({
        "AlarmDescription": some(alarm.alarm_description),
        "ActionsEnabled": alarm.actions_enabled,
        "AlarmActions": alarm.alarm_actions.unwrap_or_default(),
        "OKActions": alarm.ok_actions.unwrap_or_default(),
        "InsufficientDataActions": alarm.insufficient_data_actions.unwrap_or_default(),
        "ComparisonOperator": alarm.comparison_operator.map(|operator| operator.as_str().to_owned()),
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "Dimensions": of_dimensions(alarm.dimensions),
        "EvaluateLowSampleCountPercentile": some(alarm.evaluate_low_sample_count_percentile),
        "EvaluationPeriods": alarm.evaluation_periods,
        "ExtendedStatistic": some(alarm.extended_statistic),
        "MetricName": some(alarm.metric_name),
        "Metrics": queries,
        "Namespace": some(alarm.namespace),
        "Period": alarm.period,
        "Statistic": alarm.statistic.map(|statistic| statistic.as_str().to_owned()),
        "Threshold": alarm.threshold,
        "ThresholdMetricId": some(alarm.threshold_metric_id),
        "TreatMissingData": some(alarm.treat_missing_data),
        "Unit": alarm.unit.map(|unit| unit.as_str().to_owned()),
    })))
}

fn unable(part: &str) -> AwsError {
    AwsError::unable(format!("{part} of an alarm is neither read nor put here"))
}

fn of_query(query: MetricDataQuery) -> Value {
    let stat = query.metric_stat.map(|stat| {
        let metric = stat.metric.map(|metric| {
            json!({
                "Namespace": metric.namespace,
                "MetricName": metric.metric_name,
                "Dimensions": of_dimensions(metric.dimensions),
            })
        });
        json!({
            "Metric": metric,
            "Period": stat.period,
            "Stat": stat.stat,
            "Unit": stat.unit.map(|unit| unit.as_str().to_owned()),
        })
    });
    json!({
        "Id": query.id,
        "Expression": some(query.expression),
        "Label": some(query.label),
        "MetricStat": stat,
        "Period": query.period,
        "ReturnData": query.return_data,
        "AccountId": some(query.account_id),
    })
}

fn of_dimensions(dimensions: Option<Vec<Dimension>>) -> Vec<Value> {
    let dimensions = dimensions.unwrap_or_default().into_iter();
    dimensions.map(|dimension| json!({ "Name": dimension.name, "Value": dimension.value })).collect()
}

/// The functions that an alarm's metrics are about.
pub(super) fn functions(alarm: &MetricAlarm) -> BTreeSet<&str> {
    let within = alarm.metrics().iter().filter_map(|query| query.metric_stat()?.metric());
    let dimensions = alarm.dimensions().iter().chain(within.flat_map(Metric::dimensions));
    dimensions.filter(|dimension| dimension.name() == Some("FunctionName")).filter_map(Dimension::value).collect()
}

/// In the shape of `AWS::CloudWatch::CompositeAlarm`.
pub(super) fn of_composite(alarm: CompositeAlarm) -> Properties {
    covered(json!({
        "AlarmDescription": some(alarm.alarm_description),
        "AlarmRule": alarm.alarm_rule,
        "ActionsEnabled": alarm.actions_enabled,
        "AlarmActions": alarm.alarm_actions.unwrap_or_default(),
        "OKActions": alarm.ok_actions.unwrap_or_default(),
        "InsufficientDataActions": alarm.insufficient_data_actions.unwrap_or_default(),
        "ActionsSuppressor": some(alarm.actions_suppressor),
        "ActionsSuppressorWaitPeriod": alarm.actions_suppressor_wait_period,
        "ActionsSuppressorExtensionPeriod": alarm.actions_suppressor_extension_period,
    }))
}

/// Puts a metric alarm as a whole. Its state stays.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html> (read 2026-11).
pub(super) async fn put_metric(client: &Client, name: &str, desired: &Properties) -> Result<(), AwsError> {
    if let Some(part) = UNREAD.iter().find(|part| desired.contains_key(**part)) {
        return Err(unable(part));
    }
    let queries = desired.inner("Metrics").into_iter().flatten();
    let queries: Vec<MetricDataQuery> =
        queries.filter_map(|(id, query)| Some(to_query(id, query.as_object()?))).collect();
    // Dimensions of the alarm and metric math exclude each other.
    let dimensions = Some(to_dimensions(desired)).filter(|dimensions| !dimensions.is_empty());
    client
        .put_metric_alarm()
        .alarm_name(name)
        .set_alarm_description(desired.text("AlarmDescription"))
        .set_actions_enabled(desired.flag("ActionsEnabled"))
        .set_alarm_actions(Some(desired.texts("AlarmActions")))
        .set_ok_actions(Some(desired.texts("OKActions")))
        .set_insufficient_data_actions(Some(desired.texts("InsufficientDataActions")))
        .set_comparison_operator(desired.text("ComparisonOperator").map(|word| ComparisonOperator::from(word.as_str())))
        .set_datapoints_to_alarm(desired.int("DatapointsToAlarm"))
        .set_dimensions(dimensions)
        .set_evaluate_low_sample_count_percentile(desired.text("EvaluateLowSampleCountPercentile"))
        .set_evaluation_periods(desired.int("EvaluationPeriods"))
        .set_extended_statistic(desired.text("ExtendedStatistic"))
        .set_metric_name(desired.text("MetricName"))
        .set_metrics(Some(queries).filter(|queries| !queries.is_empty()))
        .set_namespace(desired.text("Namespace"))
        .set_period(desired.int("Period"))
        .set_statistic(desired.text("Statistic").map(|word| Statistic::from(word.as_str())))
        .set_threshold(desired.real("Threshold"))
        .set_threshold_metric_id(desired.text("ThresholdMetricId"))
        .set_treat_missing_data(desired.text("TreatMissingData"))
        .set_unit(desired.text("Unit").map(|word| StandardUnit::from(word.as_str())))
        .send()
        .await
        .explain("cloudwatch:PutMetricAlarm")
        .map(drop)
}

fn to_query(id: &str, query: &Properties) -> MetricDataQuery {
    let stat = query.inner("MetricStat").map(|stat| {
        let metric = stat.inner("Metric").map(|metric| {
            Metric::builder()
                .set_namespace(metric.text("Namespace"))
                .set_metric_name(metric.text("MetricName"))
                .set_dimensions(Some(to_dimensions(metric)))
                .build()
        });
        MetricStat::builder()
            .set_metric(metric)
            .set_period(stat.int("Period"))
            .set_stat(stat.text("Stat"))
            .set_unit(stat.text("Unit").map(|word| StandardUnit::from(word.as_str())))
            .build()
    });
    MetricDataQuery::builder()
        .id(id)
        .set_expression(query.text("Expression"))
        .set_label(query.text("Label"))
        .set_metric_stat(stat)
        .set_period(query.int("Period"))
        .set_return_data(query.flag("ReturnData"))
        .set_account_id(query.text("AccountId"))
        .build()
}

fn to_dimensions(of: &Properties) -> Vec<Dimension> {
    let dimensions = of.inner("Dimensions").into_iter().flatten();
    dimensions
        .filter_map(|(name, value)| Some(Dimension::builder().name(name).value(value.as_str()?).build()))
        .collect()
}

pub(super) async fn put_composite(client: &Client, name: &str, desired: &Properties) -> Result<(), AwsError> {
    client
        .put_composite_alarm()
        .alarm_name(name)
        .set_alarm_rule(desired.text("AlarmRule"))
        .set_alarm_description(desired.text("AlarmDescription"))
        .set_actions_enabled(desired.flag("ActionsEnabled"))
        .set_alarm_actions(Some(desired.texts("AlarmActions")))
        .set_ok_actions(Some(desired.texts("OKActions")))
        .set_insufficient_data_actions(Some(desired.texts("InsufficientDataActions")))
        .set_actions_suppressor(desired.text("ActionsSuppressor"))
        .set_actions_suppressor_wait_period(desired.int("ActionsSuppressorWaitPeriod"))
        .set_actions_suppressor_extension_period(desired.int("ActionsSuppressorExtensionPeriod"))
        .send()
        .await
        .explain("cloudwatch:PutCompositeAlarm")
        .map(drop)
}
