//! What a bucket tells others about, between S3's words and CloudFormation's.

use super::shape::{Shape as _, built};
use super::{AwsError, Explain};
use crate::state::Properties;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{
    Event, EventBridgeConfiguration, FilterRule, FilterRuleName, LambdaFunctionConfiguration,
    NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter, TopicConfiguration,
};
use serde_json::{Value, json};

/// In the shape of `NotificationConfiguration`, one entry for each event; `null` where there is none.
pub(super) fn of(found: GetBucketNotificationConfigurationOutput) -> Value {
    fn entries<'a>(events: &'a [Event], to: (&'a str, &'a str), filter: Option<Value>) -> impl Iterator<Item = Value> {
        events.iter().map(move |event| json!({ "Event": event.as_str(), to.0: to.1, "Filter": filter }))
    }
    let mut functions = Vec::new();
    for own in found.lambda_function_configurations() {
        functions.extend(entries(&own.events, ("Function", &own.lambda_function_arn), own.filter().map(of_filter)));
    }
    let mut queues = Vec::new();
    for own in found.queue_configurations() {
        queues.extend(entries(&own.events, ("Queue", &own.queue_arn), own.filter().map(of_filter)));
    }
    let mut topics = Vec::new();
    for own in found.topic_configurations() {
        topics.extend(entries(&own.events, ("Topic", &own.topic_arn), own.filter().map(of_filter)));
    }
    let events = found.event_bridge_configuration.is_some();
    if functions.is_empty() && queues.is_empty() && topics.is_empty() && !events {
        return Value::Null;
    }
    json!({
        "LambdaConfigurations": functions,
        "QueueConfigurations": queues,
        "TopicConfigurations": topics,
        "EventBridgeConfiguration": events.then(|| json!({ "EventBridgeEnabled": true })),
    })
}

fn of_filter(filter: &NotificationConfigurationFilter) -> Value {
    let rules = filter.key().map(S3KeyFilter::filter_rules).unwrap_or_default();
    let rules = rules.iter().map(|rule| {
        let name = rule.name.as_ref().map(FilterRuleName::as_str).unwrap_or_default().to_lowercase();
        json!({ "Name": name, "Value": rule.value })
    });
    json!({ "S3Key": { "Rules": rules.collect::<Vec<_>>() } })
}

/// Puts the whole, from its normal form.
pub(super) async fn put(client: &Client, bucket: &str, desired: Option<&Properties>) -> Result<(), AwsError> {
    let nothing = Properties::new();
    let desired = desired.unwrap_or(&nothing);
    let event = |entry: &Properties| entry.text("Event").map(|word| vec![Event::from(word.as_str())]);
    let functions = desired.items("LambdaConfigurations").into_iter().map(|entry| {
        let own = LambdaFunctionConfiguration::builder().set_lambda_function_arn(entry.text("Function"));
        built(own.set_events(event(entry)).set_filter(to_filter(entry)).build())
    });
    let queues = desired.items("QueueConfigurations").into_iter().map(|entry| {
        let own = QueueConfiguration::builder().set_queue_arn(entry.text("Queue"));
        built(own.set_events(event(entry)).set_filter(to_filter(entry)).build())
    });
    let topics = desired.items("TopicConfigurations").into_iter().map(|entry| {
        let own = TopicConfiguration::builder().set_topic_arn(entry.text("Topic"));
        built(own.set_events(event(entry)).set_filter(to_filter(entry)).build())
    });
    let events = desired.contains_key("EventBridgeConfiguration").then(|| EventBridgeConfiguration::builder().build());
    let configuration = NotificationConfiguration::builder()
        .set_lambda_function_configurations(Some(functions.collect::<Result<_, _>>()?))
        .set_queue_configurations(Some(queues.collect::<Result<_, _>>()?))
        .set_topic_configurations(Some(topics.collect::<Result<_, _>>()?))
        .set_event_bridge_configuration(events)
        .build();
    let call = client.put_bucket_notification_configuration().bucket(bucket).notification_configuration(configuration);
    call.send().await.explain("s3:PutBucketNotification").map(drop)
}

fn to_filter(entry: &Properties) -> Option<NotificationConfigurationFilter> {
    let rules = entry.inner("Filter")?.inner("S3Key")?.inner("Rules")?;
    let rules = rules.iter().map(|(name, value)| {
        let name = FilterRuleName::from(name.as_str());
        FilterRule::builder().name(name).set_value(value.as_str().map(str::to_owned)).build()
    });
    let key = S3KeyFilter::builder().set_filter_rules(Some(rules.collect())).build();
    Some(NotificationConfigurationFilter::builder().key(key).build())
}
