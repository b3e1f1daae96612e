//! What CloudWatch counted for versions of functions, and the values behind an alarm.

use super::AwsError;
use super::metric_data::{self, Series};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::MetricAlarm;
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

/// Longest window that is asked for, in seconds: what data points of a minute are kept for would be longer.
const LONGEST_WINDOW: i64 = 86_400;

/// Sums since `since`, in seconds of the epoch; what was not counted is missing.
pub(crate) async fn sums(
    client: &Client,
    counters: &[Counter],
    since: i64,
    now: i64,
) -> Result<BTreeMap<Counter, f64>, AwsError> {
    let since = since.max(now - LONGEST_WINDOW);
    let series: Vec<Series> = counters.iter().map(Counter::series).collect();
    // Data points begin with their minute.
    let points = metric_data::read(client, &series, since - since.rem_euclid(60), now + 60).await?;
    let found = counters.iter().zip(points).filter(|(_, points)| !points.is_empty());
    Ok(found.map(|(counter, points)| (counter.clone(), points.iter().map(|(_, value)| value).sum())).collect())
}

impl Counter {
    fn series(&self) -> Series {
        let mut series = Series::of_function(self.metric, &self.function, "Sum", 60);
        if let Some(version) = &self.version {
            let resource = format!("{}:{}", self.function, super::lambda::ALIAS);
            series
                .dimensions
                .extend([("Resource".to_owned(), resource), ("ExecutedVersion".to_owned(), version.clone())]);
        }
        series
    }
}

/// `Errors Sum per 60 s: 0, 0, 5 (goes off at > 1)`: the last values of the metric behind an alarm.
pub(crate) async fn values(client: &Client, alarm: &MetricAlarm, now: i64) -> Result<String, AwsError> {
    let Some(name) = &alarm.metric_name else { return Ok("over several metrics".to_owned()) };
    let statistic = alarm.statistic.as_ref().map_or("Sum", |statistic| statistic.as_str());
    let statistic = alarm.extended_statistic.as_deref().unwrap_or(statistic);
    let period = alarm.period.unwrap_or(60).max(1);
    let dimensions = alarm
        .dimensions
        .iter()
        .flatten()
        .filter_map(|dimension| Some((dimension.name.clone()?, dimension.value.clone()?)));
    let series = Series {
        namespace: alarm.namespace.clone().unwrap_or_default(),
        metric: name.clone(),
        dimensions: dimensions.collect(),
        statistic: statistic.to_owned(),
        period,
    };
    let window = i64::from(period) * i64::from(alarm.evaluation_periods.unwrap_or(1).max(5));
    let found = metric_data::read(client, &[series], now - window, now + 1).await?;
    let values: Vec<String> = found.iter().flatten().map(|(_, value)| value.to_string()).collect();
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
