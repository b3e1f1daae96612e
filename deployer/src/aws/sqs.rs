//! SQS: queues, and who may use them.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, document};
use super::{AwsError, Explain};
use crate::normalize::scalar_text;
use crate::state::{Known, Properties};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use std::collections::HashMap;

const QUEUE: &str = "AWS::SQS::Queue";
pub(crate) const KINDS: &[&str] = &[QUEUE, "AWS::SQS::QueuePolicy"];

/// Attributes of a queue that are properties by the same name.
const ATTRIBUTES: [&str; 14] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

/// What a queue's messages are limited to where nothing is said: before and since August 2025, bytes.
///
/// Source: <https://aws.amazon.com/about-aws/whats-new/2025/08/amazon-sqs-max-payload-size-1mib/> (read 2026-11).
const USUAL_MESSAGE_SIZES: [i64; 2] = [262_144, 1_048_576];

pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    kinds::each(wanted, |wanted| async {
        match wanted.kind.as_str() {
            QUEUE => queue(client, wanted).await,
            _ => policy(client, wanted).await,
        }
    })
    .await
}

/// Every attribute of a queue, or `None` when it is gone.
async fn attributes(
    client: &Client,
    url: &str,
    name: QueueAttributeName,
) -> Result<Option<HashMap<QueueAttributeName, String>>, AwsError> {
    let call = client.get_queue_attributes().queue_url(url).attribute_names(name);
    match call.send().await.explain("sqs:GetQueueAttributes") {
        Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn queue(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let Some(found) = attributes(client, &wanted.physical_id, QueueAttributeName::All).await? else {
        return Ok(Known::Absent);
    };
    let mut properties = Properties::new();
    for name in ATTRIBUTES {
        let text = found.get(&QueueAttributeName::from(name)).filter(|text| !text.is_empty());
        let value = match text {
            None => Value::Null,
            Some(text) if text.starts_with('{') => document(text.as_str()),
            // Numbers and flags; the id of a key may look like neither.
            Some(text) => text.parse().map(|number: i64| json!(number)).unwrap_or_else(|_| match text.as_str() {
                "true" => json!(true),
                "false" => json!(false),
                text => json!(text),
            }),
        };
        properties.insert(name.to_owned(), value);
    }
    let size = properties.long("MaximumMessageSize");
    if !wanted.declared.contains_key("MaximumMessageSize")
        && size.is_some_and(|bytes| USUAL_MESSAGE_SIZES.contains(&bytes))
    {
        properties.insert("MaximumMessageSize".to_owned(), Value::Null);
    }
    Ok(Known::Present(properties))
}

/// The policy of the queues that it is declared for. Where they differ, the first that is not as declared is told.
async fn policy(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let queues = kinds::all_texts(&wanted.declared, "Queues")?;
    let reads = queues.iter().map(|url| attributes(client, url, QueueAttributeName::Policy));
    let found = futures::future::try_join_all(reads).await?;
    let policies = found.into_iter().map(|found| {
        let text = found.and_then(|mut found| found.remove(&QueueAttributeName::Policy));
        text.filter(|text| !text.is_empty()).map(document)
    });
    Ok(kinds::common_policy(wanted, "Queues", policies.collect()))
}

/// Makes it what `desired` says, in its normal form. A queue that is gone is made again, empty, under its name.
pub(crate) async fn put(
    client: &Client,
    kind: &str,
    id: &str,
    desired: &Properties,
    changed: &[String],
) -> Result<(), AwsError> {
    if kind != QUEUE {
        let policy = desired.json("PolicyDocument").unwrap_or_default();
        for url in kinds::all_texts(desired, "Queues")? {
            let call = client.set_queue_attributes().queue_url(url).attributes(QueueAttributeName::Policy, &policy);
            call.send().await.explain("sqs:SetQueueAttributes")?;
        }
        return Ok(());
    }
    if attributes(client, id, QueueAttributeName::QueueArn).await?.is_none() {
        let name = id.rsplit('/').next().unwrap_or(id);
        let own = ATTRIBUTES.into_iter().filter_map(|name| Some((name, attribute(desired.get(name)?)?)));
        let own = own.map(|(name, value)| (QueueAttributeName::from(name), value)).collect();
        let call = client.create_queue().queue_name(name).set_attributes(Some(own));
        return call.send().await.explain("sqs:CreateQueue").map(drop);
    }
    let settable = changed.iter().filter(|name| ATTRIBUTES.contains(&name.as_str()) && *name != "FifoQueue");
    let fresh: HashMap<QueueAttributeName, String> = settable
        .map(|name| {
            let value = desired.get(name).and_then(attribute);
            let value = value.or_else(|| (name == "MaximumMessageSize").then(|| USUAL_MESSAGE_SIZES[1].to_string()));
            (QueueAttributeName::from(name.as_str()), value.unwrap_or_default())
        })
        .collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let call = client.set_queue_attributes().queue_url(id).set_attributes(Some(fresh));
    call.send().await.explain("sqs:SetQueueAttributes").map(drop)
}

/// Attributes are text.
fn attribute(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Object(_) => Some(value.to_string()),
        scalar => scalar_text(scalar),
    }
}
