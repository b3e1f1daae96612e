//! Values of metrics and of metric math over time, by `GetMetricData`.

use super::{AwsError, Explain};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode};
use std::collections::BTreeMap;

/// One metric under one statistic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) namespace: String,
    pub(crate) metric: String,
    /// Names and values.
    pub(crate) dimensions: Vec<(String, String)>,
    /// `Sum`, `Average`, `Maximum`, `p95`
    pub(crate) statistic: String,
    /// Seconds; a multiple of 60.
    pub(crate) period: i32,
}

/// A value and the beginning of its period, in seconds of the epoch.
pub(crate) type Point = (i64, f64);

/// Metrics in one `GetMetricData`.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html> (read 2026-11).
const QUERIES_PER_CALL: usize = 500;

impl Series {
    /// A metric that Lambda keeps of a function.
    pub(crate) fn of_function(metric: &str, function: &str, statistic: &str, period: i32) -> Self {
        Self {
            namespace: "AWS/Lambda".to_owned(),
            metric: metric.to_owned(),
            dimensions: vec![("FunctionName".to_owned(), function.to_owned())],
            statistic: statistic.to_owned(),
            period,
        }
    }
}

/// The points of each series from `from` to `to` (seconds of the epoch), oldest first; empty where nothing was counted.
pub(crate) async fn read(client: &Client, series: &[Series], from: i64, to: i64) -> Result<Vec<Vec<Point>>, AwsError> {
    let mut all = Vec::new();
    for group in series.chunks(QUERIES_PER_CALL) {
        let id = |index: usize| format!("m{index}");
        let query =
            |(index, one): (usize, &Series)| Query { id: id(index), what: What::Metric(one.clone()), wanted: true };
        let queries: Vec<Query> = group.iter().enumerate().map(query).collect();
        let mut found = answers(client, &queries, from, to).await?;
        all.extend((0..group.len()).map(|index| found.remove(&id(index)).unwrap_or_default().points));
    }
    Ok(all)
}

/// A metric or an expression, by a name that expressions can use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    /// A small letter, then letters, digits and `_`.
    pub(crate) id: String,
    pub(crate) what: What,
    /// Whether its points are wanted, or only what is computed from them.
    pub(crate) wanted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Metric(Series),
    /// Metric math over the ids of others in the same call; seconds of a period.
    Math(String, i32),
}

/// What came back for one query.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Answer {
    /// Oldest first.
    pub(crate) points: Vec<Point>,
    /// Why there is nothing, where the service says that it could not.
    pub(crate) problem: Option<String>,
}

/// Answers to at most 500 queries by their ids.
pub(crate) async fn answers(
    client: &Client,
    queries: &[Query],
    from: i64,
    to: i64,
) -> Result<BTreeMap<String, Answer>, AwsError> {
    let mut found: BTreeMap<String, Answer> = BTreeMap::new();
    if queries.is_empty() {
        return Ok(found);
    }
    let call = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.iter().map(query).collect()))
        .start_time(DateTime::from_secs(from))
        .end_time(DateTime::from_secs(to))
        .scan_by(ScanBy::TimestampAscending);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        for result in page.explain("cloudwatch:GetMetricData")?.metric_data_results.unwrap_or_default() {
            let answer = found.entry(result.id.unwrap_or_default()).or_default();
            let times = result.timestamps.unwrap_or_default().into_iter().map(|time| time.secs());
            answer.points.extend(times.zip(result.values.unwrap_or_default()));
            if matches!(result.status_code, Some(StatusCode::InternalError | StatusCode::Forbidden)) {
                let said = result.messages.unwrap_or_default().into_iter().filter_map(|message| message.value);
                answer.problem = Some(said.collect::<Vec<_>>().join("; "));
            }
        }
    }
    found.values_mut().for_each(|answer| answer.points.sort_by_key(|(time, _)| *time));
    Ok(found)
}

fn query(query: &Query) -> MetricDataQuery {
    let asked = MetricDataQuery::builder().id(&query.id).return_data(query.wanted);
    match &query.what {
        What::Math(expression, period) => asked.expression(expression).period(*period).build(),
        What::Metric(series) => {
            let dimensions = series.dimensions.iter();
            let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
            let metric = Metric::builder().namespace(&series.namespace).metric_name(&series.metric);
            let metric = metric.set_dimensions(Some(dimensions.collect())).build();
            let stat = MetricStat::builder().metric(metric).period(series.period).stat(&series.statistic);
            asked.metric_stat(stat.build()).build()
        }
    }
}
