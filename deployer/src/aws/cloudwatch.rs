//! CloudWatch: the state of a stack's alarms; alarms and dashboards as they are and as they ought to be.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, document};
use super::{AwsError, Explain, alarm};
use crate::state::{Known, Properties};
use crate::synth::dashboard::{marked, unmarked};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::AlarmType;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DASHBOARD: &str = "AWS::CloudWatch::Dashboard";
const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";
pub(crate) const KINDS: &[&str] = &["AWS::CloudWatch::Alarm", COMPOSITE, DASHBOARD];

/// Alarms in one `DescribeAlarms`.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html> (read 2026-11).
const ALARMS_PER_CALL: usize = 100;

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

pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    let (boards, alarms): (Vec<&Wanted>, Vec<&Wanted>) =
        wanted.into_iter().partition(|wanted| wanted.kind == DASHBOARD);
    let (alarms, boards) = futures::join!(
        read_alarms(client, alarms),
        kinds::each(boards, |wanted| dashboard(client, &wanted.physical_id))
    );
    alarms.into_iter().chain(boards).collect()
}

/// What an alarm is called, also where its ARN is given.
fn alarm_name(id: &str) -> &str {
    id.split_once(":alarm:").map_or(id, |(_, name)| name)
}

/// Alarms by name, a hundred in a call.
async fn read_alarms(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    let names: BTreeSet<&str> = wanted.iter().map(|wanted| alarm_name(&wanted.physical_id)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let batches = names.chunks(ALARMS_PER_CALL).map(|names| described(client, names));
    let found: Result<BTreeMap<String, Described>, AwsError> =
        futures::future::try_join_all(batches).await.map(|found| found.into_iter().flatten().collect());
    let reading = |wanted: &Wanted| match &found {
        Ok(found) => match found.get(alarm_name(&wanted.physical_id)) {
            Some(described) => described.clone().map(Known::Present),
            None => Ok(Known::Absent),
        },
        Err(error) => Err(error.clone()),
    };
    wanted.into_iter().map(|wanted| (wanted.id.clone(), reading(wanted))).collect()
}

/// An alarm's properties, or what of it is not known here.
type Described = Result<Properties, AwsError>;

async fn described(client: &Client, names: &[&str]) -> Result<Vec<(String, Described)>, AwsError> {
    let mut found = Vec::new();
    let mut pages = client
        .describe_alarms()
        .set_alarm_names(Some(names.iter().map(|name| (*name).to_owned()).collect()))
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.explain("cloudwatch:DescribeAlarms")?;
        for metric in page.metric_alarms.unwrap_or_default() {
            found.push((metric.alarm_name.clone().unwrap_or_default(), alarm::of_metric(metric)));
        }
        for composite in page.composite_alarms.unwrap_or_default() {
            found.push((composite.alarm_name.clone().unwrap_or_default(), Ok(alarm::of_composite(composite))));
        }
    }
    Ok(found)
}

async fn dashboard(client: &Client, name: &str) -> Result<Known<Properties>, AwsError> {
    match client.get_dashboard().dashboard_name(name).send().await.explain("cloudwatch:GetDashboard") {
        Ok(answer) => {
            // Markers of releases are written beside the template; they are nobody's change.
            let body = unmarked(answer.dashboard_body.map_or(Value::Null, document));
            Ok(Known::Present(Properties::from_iter([("DashboardBody".to_owned(), body)])))
        }
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

/// Puts a line for each of these releases (number, RFC 3339) into a dashboard, in the place of those that were there.
pub(crate) async fn mark(client: &Client, name: &str, releases: &[(u32, String)]) -> Result<(), AwsError> {
    let answer = client.get_dashboard().dashboard_name(name).send().await.explain("cloudwatch:GetDashboard")?;
    let body = marked(answer.dashboard_body.map_or(Value::Null, document), releases);
    let call = client.put_dashboard().dashboard_name(name).dashboard_body(body.to_string());
    call.send().await.explain("cloudwatch:PutDashboard").map(drop)
}

/// An alarm over a metric of a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watching {
    pub(crate) alarm: String,
    pub(crate) function: String,
    /// In the shape of `AWS::CloudWatch::Alarm`; empty where it has parts that are not known here.
    pub(crate) properties: Properties,
}

/// The account's metric alarms that watch one of these functions: by a dimension `FunctionName`, also within metric math.
/// One call for each hundred alarms of the account.
pub(crate) async fn watching(client: &Client, function_names: &[&str]) -> Result<Vec<Watching>, AwsError> {
    let mut found = Vec::new();
    if function_names.is_empty() {
        return Ok(found);
    }
    let mut pages = client.describe_alarms().alarm_types(AlarmType::MetricAlarm).into_paginator().send();
    while let Some(page) = pages.next().await {
        for metric in page.explain("cloudwatch:DescribeAlarms")?.metric_alarms.unwrap_or_default() {
            let names = alarm::functions(&metric);
            let Some(function) = function_names.iter().find(|name| names.contains(**name)) else { continue };
            found.push(Watching {
                alarm: metric.alarm_name.clone().unwrap_or_default(),
                function: (*function).to_owned(),
                properties: alarm::of_metric(metric).unwrap_or_default(),
            });
        }
    }
    Ok(found)
}

/// Makes it what `desired` says, in its normal form: each of the three is put as a whole, also where it is gone.
pub(crate) async fn put(client: &Client, kind: &str, id: &str, desired: &Properties) -> Result<(), AwsError> {
    match kind {
        DASHBOARD => {
            let call = client.put_dashboard().dashboard_name(id);
            let call = call.dashboard_body(desired.json("DashboardBody").unwrap_or_default());
            call.send().await.explain("cloudwatch:PutDashboard").map(drop)
        }
        COMPOSITE => alarm::put_composite(client, alarm_name(id), desired).await,
        _ => alarm::put_metric(client, alarm_name(id), desired).await,
    }
}
