//! Datapoints of CloudWatch metrics and metric math over a time that is past.

use super::{AwsError, Explain};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode};
use std::collections::BTreeMap;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    /// A small letter, then letters, digits and `_`.
    pub(crate) id: String,
    pub(crate) what: What,
    /// Seconds of one datapoint.
    pub(crate) period: u32,
    /// Whether its datapoints are wanted, or only what is computed from them.
    pub(crate) wanted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Metric {
        namespace: String,
        name: String,
        dimensions: Vec<(String, String)>,
        statistic: String,
    },
    /// An expression over the ids of others in the same call.
    Math(String),
}

/// What came back for one query.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Series {
    /// Seconds since 1970, the beginning of the period, and the value; in time order.
    pub(crate) points: Vec<(i64, f64)>,
    /// Why there is nothing, where the service says that it could not.
    pub(crate) problem: Option<String>,
}

/// Datapoints from `from` until `until` (seconds since 1970) by the ids of at most 500 queries.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html> (read 2026-11).
pub(crate) async fn read(
    client: &Client,
    queries: &[Query],
    from: i64,
    until: i64,
) -> Result<BTreeMap<String, Series>, AwsError> {
    let mut found: BTreeMap<String, Series> = BTreeMap::new();
    if queries.is_empty() {
        return Ok(found);
    }
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.iter().map(query).collect()))
        .start_time(DateTime::from_secs(from))
        .end_time(DateTime::from_secs(until))
        .scan_by(ScanBy::TimestampAscending)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for result in page.explain("cloudwatch:GetMetricData")?.metric_data_results.unwrap_or_default() {
            let series = found.entry(result.id.unwrap_or_default()).or_default();
            let times = result.timestamps.unwrap_or_default().into_iter().map(|time| time.secs());
            series.points.extend(times.zip(result.values.unwrap_or_default()));
            if matches!(result.status_code, Some(StatusCode::InternalError | StatusCode::Forbidden)) {
                let said = result.messages.unwrap_or_default().into_iter().filter_map(|message| message.value);
                series.problem = Some(said.collect::<Vec<_>>().join("; "));
            }
        }
    }
    for series in found.values_mut() {
        series.points.sort_by_key(|(time, _)| *time);
    }
    Ok(found)
}

fn query(query: &Query) -> MetricDataQuery {
    let asked = MetricDataQuery::builder().id(&query.id).return_data(query.wanted);
    let period = i32::try_from(query.period).unwrap_or(i32::MAX);
    match &query.what {
        What::Math(expression) => asked.expression(expression).period(period).build(),
        What::Metric { namespace, name, dimensions, statistic } => {
            let dimensions =
                dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
            let metric = Metric::builder().namespace(namespace).metric_name(name);
            let metric = metric.set_dimensions(Some(dimensions.collect())).build();
            let stat = MetricStat::builder().metric(metric).period(period).stat(statistic);
            asked.metric_stat(stat.build()).build()
        }
    }
}
