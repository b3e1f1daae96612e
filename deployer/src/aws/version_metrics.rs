//! What CloudWatch counted for versions of functions, and the values behind an alarm.

use super::{AwsError, Explain};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat};
use std::collections::BTreeMap;

/// A number that CloudWatch keeps of a function; of one version of it where one is named.
///
/// Source: a call through an alias is counted under `Resource: <function>:<alias>` with `ExecutedVersion`;
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html> (read 2026-11).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counter {
    pub(crate) metric: &'static str,
    pub(crate) function: String,
    pub(crate) version: Option<String>,
}

/// Metrics in one `GetMetricData`.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html> (read 2026-11).
const QUERIES_PER_CALL: usize = 500;
/// Longest window that is asked for, in seconds: what data points of a minute are kept for would be longer.
const LONGEST_WINDOW: i64 = 86_400;

/// Sums since `since`, in seconds of the epoch; what was not counted is missing.
pub(crate) async fn sums(
    client: &Client,
    counters: &[Counter],
    since: i64,
    now: i64,
) -> Result<BTreeMap<Counter, f64>, AwsError> {
    let mut found = BTreeMap::new();
    let since = since.max(now - LONGEST_WINDOW);
    for group in counters.chunks(QUERIES_PER_CALL) {
        let queries = group.iter().enumerate().map(|(index, counter)| {
            let dimension = |name: &str, value: String| Dimension::builder().name(name).value(value).build();
            let mut metric = Metric::builder()
                .namespace("AWS/Lambda")
                .metric_name(counter.metric)
                .dimensions(dimension("FunctionName", counter.function.clone()));
            if let Some(version) = &counter.version {
                metric = metric
                    .dimensions(dimension("Resource", format!("{}:{}", counter.function, super::lambda::ALIAS)))
                    .dimensions(dimension("ExecutedVersion", version.clone()));
            }
            let stat = MetricStat::builder().metric(metric.build()).period(60).stat("Sum").build();
            MetricDataQuery::builder().id(format!("m{index}")).metric_stat(stat).build()
        });
        let mut pages = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            // Data points begin with their minute.
            .start_time(DateTime::from_secs(since - since.rem_euclid(60)))
            .end_time(DateTime::from_secs(now + 60))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for result in page.explain("cloudwatch:GetMetricData")?.metric_data_results.unwrap_or_default() {
                let index = result.id.as_deref().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let values = result.values.unwrap_or_default();
                if let Some(counter) = index.and_then(|index| group.get(index)).filter(|_| !values.is_empty()) {
                    *found.entry(counter.clone()).or_default() += values.iter().sum::<f64>();
                }
            }
        }
    }
    Ok(found)
}

/// `Errors Sum per 60 s: 0, 0, 5 (goes off at > 1)`: the last values of the metric behind an alarm.
pub(crate) async fn values(client: &Client, alarm: &MetricAlarm, now: i64) -> Result<String, AwsError> {
    let Some(name) = &alarm.metric_name else { return Ok("over several metrics".to_owned()) };
    let statistic = alarm.statistic.as_ref().map_or("Sum", |statistic| statistic.as_str());
    let statistic = alarm.extended_statistic.as_deref().unwrap_or(statistic);
    let period = alarm.period.unwrap_or(60).max(1);
    let metric = Metric::builder()
        .set_namespace(alarm.namespace.clone())
        .metric_name(name)
        .set_dimensions(alarm.dimensions.clone())
        .build();
    let stat = MetricStat::builder().metric(metric).period(period).stat(statistic).build();
    let window = i64::from(period) * i64::from(alarm.evaluation_periods.unwrap_or(1).max(5));
    let call = client
        .get_metric_data()
        .metric_data_queries(MetricDataQuery::builder().id("m0").metric_stat(stat).build())
        .start_time(DateTime::from_secs(now - window))
        .end_time(DateTime::from_secs(now + 1))
        .scan_by(aws_sdk_cloudwatch::types::ScanBy::TimestampAscending);
    let answer = call.send().await.explain("cloudwatch:GetMetricData")?;
    let found = answer.metric_data_results.unwrap_or_default().into_iter().next();
    let values: Vec<String> =
        found.and_then(|found| found.values).unwrap_or_default().iter().map(f64::to_string).collect();
    let values = if values.is_empty() { "no values".to_owned() } else { values.join(", ") };
    let sign = match alarm.comparison_operator.as_ref().map(|operator| operator.as_str()) {
        Some("GreaterThanOrEqualToThreshold") => "≥",
        Some("GreaterThanThreshold") => ">",
        Some("LessThanThreshold") => "<",
        Some("LessThanOrEqualToThreshold") => "≤",
        _ => "beyond",
    };
    let limit = alarm.threshold.map_or_else(|| "a band".to_owned(), |threshold| threshold.to_string());
    Ok(format!("{name} {statistic} per {period} s: {values} (goes off at {sign} {limit})"))
}
