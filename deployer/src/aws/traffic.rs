//! Traffic of functions: shares of an alias, calls of one version, executions kept warm, and the alarms and metrics that
//! tell how a version does.

use super::lambda::{self, ALIAS};
use super::{AwsError, Explain};
use crate::apply::gate;
use crate::checks::Answer;
use crate::ids::FunctionVersion;
use crate::state::LiveAlias;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, LogType, ProvisionedConcurrencyStatusEnum, State};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Gives `second` that share of the traffic, 1 to 99 per cent, and `first` the rest; provided that nobody moved the
/// alias since `revision_id`. The revision after it.
pub(crate) async fn weigh(
    client: &Client,
    name: &str,
    first: &FunctionVersion,
    second: &FunctionVersion,
    share: u8,
    revision_id: &str,
) -> Result<LiveAlias, AwsError> {
    let weights: BTreeMap<String, f64> = [(second.to_string(), f64::from(share) / 100.0)].into();
    let routing = AliasRoutingConfiguration::builder()
        .set_additional_version_weights(Some(weights.clone().into_iter().collect::<HashMap<_, _>>()))
        .build();
    let call = client
        .update_alias()
        .function_name(name)
        .name(ALIAS)
        .function_version(first.as_str())
        .routing_config(routing)
        .revision_id(revision_id);
    let answer = call.send().await.explain("lambda:UpdateAlias")?;
    Ok(LiveAlias { version: first.clone(), weights, revision_id: answer.revision_id.unwrap_or_default() })
}

/// Calls one version and waits for its answer.
pub(crate) async fn invoke(
    client: &Client,
    name: &str,
    version: &FunctionVersion,
    event: &Value,
) -> Result<Answer, AwsError> {
    active(client, name, version).await?;
    let call = client
        .invoke()
        .function_name(name)
        .qualifier(version.as_str())
        .log_type(LogType::Tail)
        .payload(Blob::new(event.to_string()));
    let answer = call.send().await.explain("lambda:InvokeFunction")?;
    let log = answer.log_result.and_then(|log| aws_smithy_types::base64::decode(log).ok()).unwrap_or_default();
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    Ok(Answer {
        payload: String::from_utf8_lossy(&payload).into_owned(),
        error: answer.function_error,
        log: String::from_utf8_lossy(&log).into_owned(),
        version: answer.executed_version.unwrap_or_default(),
    })
}

/// Waits until a version can be called.
async fn active(client: &Client, name: &str, version: &FunctionVersion) -> Result<(), AwsError> {
    let mut waited = Duration::ZERO;
    let wait = Duration::from_millis(500);
    loop {
        let answer = lambda::configuration(client, name, Some(version.as_str())).await?;
        if answer.state != Some(State::Pending) || waited >= LONGEST_WAIT {
            return Ok(());
        }
        tokio::time::sleep(wait).await;
        waited += wait;
    }
}

/// Executions that are kept warm for each of `versions`; one call for each.
pub(crate) async fn provisioned(
    client: &Client,
    name: &str,
    versions: &[FunctionVersion],
) -> Result<BTreeMap<String, u32>, AwsError> {
    let each = versions.iter().map(|version| async move {
        let call = client.get_provisioned_concurrency_config().function_name(name).qualifier(version.as_str());
        match call.send().await.explain("lambda:GetProvisionedConcurrencyConfig") {
            Ok(answer) => {
                Ok(answer.requested_provisioned_concurrent_executions.map(|count| (version.to_string(), count)))
            }
            Err(error) if error.is_missing() || error.code == "ProvisionedConcurrencyConfigNotFoundException" => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    });
    let found = futures::future::try_join_all(each).await?.into_iter().flatten();
    Ok(found.filter_map(|(version, count)| Some((version, u32::try_from(count).ok()?))).collect())
}

/// Longest time that warm executions and versions are waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Keeps executions of a version warm, and waits until they are; `tell` hears what it waits for.
pub(crate) async fn provision(
    client: &Client,
    name: &str,
    version: &FunctionVersion,
    executions: u32,
    tell: impl Fn(String),
) -> Result<(), AwsError> {
    let count = i32::try_from(executions).unwrap_or(i32::MAX);
    let call = client
        .put_provisioned_concurrency_config()
        .function_name(name)
        .qualifier(version.as_str())
        .provisioned_concurrent_executions(count);
    call.send().await.explain("lambda:PutProvisionedConcurrencyConfig")?;
    let action = "lambda:GetProvisionedConcurrencyConfig";
    let failed = |code: &str, message: String| AwsError { action, code: code.to_owned(), message, request_id: None };
    let mut waited = Duration::ZERO;
    let mut wait = Duration::from_millis(200);
    let mut told = None;
    loop {
        let call = client.get_provisioned_concurrency_config().function_name(name).qualifier(version.as_str());
        let answer = call.send().await.explain(action)?;
        let ready = answer.available_provisioned_concurrent_executions.unwrap_or_default();
        match answer.status {
            Some(ProvisionedConcurrencyStatusEnum::Ready) => return Ok(()),
            Some(ProvisionedConcurrencyStatusEnum::Failed) => {
                let reason = answer.status_reason.unwrap_or_default();
                return Err(failed(
                    "ProvisioningFailed",
                    format!("executions of {name}:{version} do not get warm: {reason}"),
                ));
            }
            _ if waited >= LONGEST_WAIT => {
                return Err(failed(
                    "StillInProgress",
                    format!("{ready} of {executions} executions of {name}:{version} are warm after 10 minutes"),
                ));
            }
            _ => {}
        }
        if told != Some(ready) {
            tell(format!("waiting for warm executions of {name}:{version}: {ready} of {executions}"));
            told = Some(ready);
        }
        tokio::time::sleep(wait).await;
        waited += wait;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}

/// Keeps no executions of a version warm any more.
pub(crate) async fn unprovision(client: &Client, name: &str, version: &FunctionVersion) -> Result<(), AwsError> {
    let call = client.delete_provisioned_concurrency_config().function_name(name).qualifier(version.as_str());
    match call.send().await.explain("lambda:DeleteProvisionedConcurrencyConfig") {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}

/// States of these alarms; those that do not exist are missing.
pub(crate) async fn alarms(
    client: &aws_sdk_cloudwatch::Client,
    names: &[String],
) -> Result<Vec<gate::Alarm>, AwsError> {
    Ok(described(client, names).await?.into_iter().map(|(alarm, _)| alarm).collect())
}

/// The metric of an alarm and when it goes off, in words; empty where it has more than one.
pub(crate) async fn described(
    client: &aws_sdk_cloudwatch::Client,
    names: &[String],
) -> Result<Vec<(gate::Alarm, Option<aws_sdk_cloudwatch::types::MetricAlarm>)>, AwsError> {
    use aws_sdk_cloudwatch::types::AlarmType;
    let mut found = Vec::new();
    for names in names.chunks(100) {
        let call = client
            .describe_alarms()
            .set_alarm_names(Some(names.to_vec()))
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .max_records(100);
        let answer = call.send().await.explain("cloudwatch:DescribeAlarms")?;
        let alarm = |name: Option<String>, state: Option<&str>, reason: Option<String>| gate::Alarm {
            name: name.unwrap_or_default(),
            state: state.unwrap_or_default().to_owned(),
            reason: reason.unwrap_or_default(),
        };
        for metric in answer.metric_alarms.unwrap_or_default() {
            let state = metric.state_value.as_ref().map(|state| state.as_str());
            found.push((alarm(metric.alarm_name.clone(), state, metric.state_reason.clone()), Some(metric)));
        }
        for composite in answer.composite_alarms.unwrap_or_default() {
            let state = composite.state_value.as_ref().map(|state| state.as_str());
            found.push((alarm(composite.alarm_name.clone(), state, composite.state_reason.clone()), None));
        }
    }
    Ok(found)
}
