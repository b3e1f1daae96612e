//! SNS: topics, who may use them, and subscriptions.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, document, gone};
use super::{AwsError, Explain};
use crate::normalize::scalar_text;
use crate::state::{Known, Properties};
use aws_sdk_sns::Client;
use serde_json::{Value, json};
use std::collections::HashMap;

const TOPIC: &str = "AWS::SNS::Topic";
const POLICY: &str = "AWS::SNS::TopicPolicy";
pub(crate) const KINDS: &[&str] = &[TOPIC, POLICY, "AWS::SNS::Subscription"];

/// Attributes of a topic that are properties by the same name, and can be set.
const OF_TOPIC: [&str; 7] = [
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
];

/// Attributes of a subscription, likewise.
const OF_SUBSCRIPTION: [&str; 7] = [
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
];

/// What a topic's policy is called until somebody sets one.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html> (read 2026-11).
const UNTOUCHED_POLICY: &str = "__default_policy_ID";

pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    kinds::each(wanted, |wanted| async {
        match wanted.kind.as_str() {
            TOPIC => topic(client, wanted).await,
            POLICY => policy(client, wanted).await,
            _ => subscription(client, &wanted.physical_id).await,
        }
    })
    .await
}

type Attributes = HashMap<String, String>;

async fn topic_attributes(client: &Client, arn: &str) -> Result<Option<Attributes>, AwsError> {
    match client.get_topic_attributes().topic_arn(arn).send().await.explain("sns:GetTopicAttributes") {
        Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn topic(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let Some(found) = topic_attributes(client, &wanted.physical_id).await? else { return Ok(Known::Absent) };
    let mut properties = properties(&found, &OF_TOPIC);
    // Its default depends on when the topic was made.
    if !wanted.declared.contains_key("FifoThroughputScope") {
        properties.remove("FifoThroughputScope");
    }
    Ok(Known::Present(properties))
}

fn properties(found: &Attributes, names: &[&str]) -> Properties {
    let value = |name: &str| match found.get(name).map(String::as_str) {
        None | Some("" | "{}") => Value::Null,
        Some("true") => json!(true),
        Some("false") => json!(false),
        Some(text) if text.starts_with('{') => document(text),
        Some(text) => json!(text),
    };
    names.iter().map(|name| ((*name).to_owned(), value(name))).collect()
}

async fn policy(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let topics = kinds::all_texts(&wanted.declared, "Topics")?;
    let reads = topics.iter().map(|arn| topic_attributes(client, arn));
    let found = futures::future::try_join_all(reads).await?;
    let policies = found.into_iter().map(|found| {
        let text = found.and_then(|mut found| found.remove("Policy")).filter(|text| !text.is_empty());
        text.map(document).filter(|policy| policy["Id"] != UNTOUCHED_POLICY)
    });
    Ok(kinds::common_policy(wanted, "Topics", policies.collect()))
}

async fn subscription(client: &Client, arn: &str) -> Result<Known<Properties>, AwsError> {
    let call = client.get_subscription_attributes().subscription_arn(arn);
    match call.send().await.explain("sns:GetSubscriptionAttributes") {
        Ok(answer) => Ok(Known::Present(properties(&answer.attributes.unwrap_or_default(), &OF_SUBSCRIPTION))),
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

/// Makes it what `desired` says, in its normal form. A topic that is gone is made again under its name, without its
/// subscriptions.
pub(crate) async fn put(
    client: &Client,
    kind: &str,
    id: &str,
    desired: &Properties,
    changed: &[String],
) -> Result<(), AwsError> {
    match kind {
        TOPIC => put_topic(client, id, desired, changed).await,
        POLICY => {
            let policy = desired.json("PolicyDocument").unwrap_or_default();
            for arn in kinds::all_texts(desired, "Topics")? {
                set_topic(client, &arn, "Policy", policy.clone()).await?;
            }
            Ok(())
        }
        _ => put_subscription(client, id, desired, changed).await,
    }
}

async fn put_topic(client: &Client, arn: &str, desired: &Properties, changed: &[String]) -> Result<(), AwsError> {
    if topic_attributes(client, arn).await?.is_none() {
        let name = arn.rsplit(':').next().unwrap_or(arn);
        let own = OF_TOPIC.into_iter().filter_map(|name| Some((name.to_owned(), attribute(desired.get(name)?)?)));
        let mut own: Attributes = own.collect();
        if name.ends_with(".fifo") {
            own.insert("FifoTopic".to_owned(), "true".to_owned());
        }
        let call = client.create_topic().name(name).set_attributes(Some(own));
        return call.send().await.explain("sns:CreateTopic").map(drop);
    }
    for name in changed.iter().filter(|name| OF_TOPIC.contains(&name.as_str())) {
        set_topic(client, arn, name, desired.get(name).and_then(attribute).unwrap_or_default()).await?;
    }
    Ok(())
}

async fn set_topic(client: &Client, arn: &str, name: &str, value: String) -> Result<(), AwsError> {
    let call = client.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
    call.send().await.explain("sns:SetTopicAttributes").map(drop)
}

async fn put_subscription(
    client: &Client,
    arn: &str,
    desired: &Properties,
    changed: &[String],
) -> Result<(), AwsError> {
    // A policy is checked against its scope, so the scope goes first.
    let mut names: Vec<&String> = changed.iter().filter(|name| OF_SUBSCRIPTION.contains(&name.as_str())).collect();
    names.sort_by_key(|name| *name != "FilterPolicyScope");
    for name in names {
        let value = desired.get(name).and_then(attribute);
        let value = match (name.as_str(), value) {
            (_, Some(value)) => Some(value),
            ("FilterPolicy" | "DeliveryPolicy", None) => Some("{}".to_owned()),
            // No value at all is what takes it away.
            (_, None) => None,
        };
        let call = client.set_subscription_attributes().subscription_arn(arn);
        let call = call.attribute_name(name).set_attribute_value(value);
        match call.send().await.explain("sns:SetSubscriptionAttributes") {
            Ok(_) => {}
            Err(error) if error.is_missing() => return Err(gone("subscription", arn)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Attributes are text.
fn attribute(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Object(_) => Some(value.to_string()),
        scalar => scalar_text(scalar),
    }
}
