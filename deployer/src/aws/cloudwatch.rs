//! CloudWatch: the state of a stack's alarms.

use super::{AwsError, Explain};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::AlarmType;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AlarmState {
    pub(crate) name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`
    pub(crate) state: String,
    pub(crate) reason: String,
}

/// Alarms, metric and composite, whose names begin with `prefix`.
pub(crate) async fn alarms(client: &Client, prefix: &str) -> Result<Vec<AlarmState>, AwsError> {
    let mut found = Vec::new();
    let mut pages = client
        .describe_alarms()
        .alarm_name_prefix(prefix)
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.explain("cloudwatch:DescribeAlarms")?;
        let metric = page.metric_alarms.unwrap_or_default().into_iter();
        let metric = metric.map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason));
        let composite = page.composite_alarms.unwrap_or_default().into_iter();
        let composite = composite.map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason));
        found.extend(metric.chain(composite).map(|(name, state, reason)| AlarmState {
            name: name.unwrap_or_default(),
            state: state.map_or_else(String::new, |state| state.as_str().to_owned()),
            reason: reason.unwrap_or_default(),
        }));
    }
    Ok(found)
}
