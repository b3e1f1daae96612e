//! Values of metrics over time, by `GetMetricData`.

use super::{AwsError, Explain};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy};

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

    fn query(&self, index: usize) -> MetricDataQuery {
        let dimensions =
            self.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
        let metric = Metric::builder()
            .namespace(&self.namespace)
            .metric_name(&self.metric)
            .set_dimensions(Some(dimensions.collect()))
            .build();
        let stat = MetricStat::builder().metric(metric).period(self.period).stat(&self.statistic).build();
        MetricDataQuery::builder().id(format!("m{index}")).metric_stat(stat).build()
    }
}

/// The points of each series from `from` to `to` (seconds of the epoch), oldest first; empty where nothing was counted.
pub(crate) async fn read(client: &Client, series: &[Series], from: i64, to: i64) -> Result<Vec<Vec<Point>>, AwsError> {
    let mut all = Vec::new();
    for group in series.chunks(QUERIES_PER_CALL) {
        let queries = group.iter().enumerate().map(|(index, one)| one.query(index)).collect();
        let mut found: Vec<Vec<Point>> = vec![Vec::new(); group.len()];
        let call = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries))
            .start_time(DateTime::from_secs(from))
            .end_time(DateTime::from_secs(to))
            .scan_by(ScanBy::TimestampAscending);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            for result in page.explain("cloudwatch:GetMetricData")?.metric_data_results.unwrap_or_default() {
                let index = result.id.as_deref().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let times = result.timestamps.unwrap_or_default().into_iter().map(|time| time.secs());
                let points = times.zip(result.values.unwrap_or_default());
                if let Some(found) = index.and_then(|index| found.get_mut(index)) {
                    found.extend(points);
                }
            }
        }
        found.iter_mut().for_each(|points| points.sort_by_key(|(time, _)| *time));
        all.append(&mut found);
    }
    Ok(all)
}
