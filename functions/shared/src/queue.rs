//! A batch of SQS messages: each is handled, put off, or given up.
//!
//! The answer names the messages that must come again, so the others of the batch do not (the mapping needs
//! `ReportBatchItemFailures`). A message that can never be handled goes to the dead-letter queue at once,
//! with the reason as an attribute, instead of failing until the queue moves it there without one. Where
//! no dead-letter queue is configured, or it refuses, the message comes again like the others.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html> (read 2026-11).

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::MessageAttributeValue;
use aws_types::SdkConfig;
use futures::{StreamExt as _, stream};

use crate::{config::Env, invoke::Deadline};

/// With less time than this left, a message is not begun.
const LEAST: Duration = Duration::from_secs(2);

/// Longest reason that is sent along. Characters.
const REASON: usize = 500;

/// Why a message was not handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may work next time.
    Later(String),
    /// It never will.
    Never(String),
}

impl Failure {
    pub fn later(reason: impl Into<String>) -> Self {
        Self::Later(reason.into())
    }

    pub fn never(reason: impl Into<String>) -> Self {
        Self::Never(reason.into())
    }
}

/// Where messages go that can never be handled.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl DeadLetters {
    pub fn new(config: &SdkConfig, url: impl Into<String>) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), url: url.into() }
    }

    /// From `DEAD_LETTER_QUEUE_URL`, where that is set.
    pub fn from_env(env: &Env, config: &SdkConfig) -> Option<Self> {
        env.optional("DEAD_LETTER_QUEUE_URL").map(|url| Self::new(config, url))
    }

    async fn send(&self, message: &SqsMessage, reason: &str) -> Result<(), String> {
        let text = |value: &str| {
            let kept: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON).collect();
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(if kept.is_empty() { "-".into() } else { kept })
                .build()
        };
        let attribute = |value: &str| text(value).map_err(|error| error.to_string());
        let sent = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.body.as_deref().unwrap_or_default())
            .message_attributes("Reason", attribute(reason)?)
            .message_attributes("SourceMessageId", attribute(message.message_id.as_deref().unwrap_or_default())?)
            .message_attributes("SourceQueue", attribute(message.event_source_arn.as_deref().unwrap_or_default())?)
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| match error.as_service_error() {
            Some(service) => service.meta().code().unwrap_or("unknown error").to_owned(),
            None => "SQS could not be reached".to_owned(),
        })
    }
}

/// How often this message has been delivered, this time included; at least 1.
pub fn deliveries(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Handles every message of `event`, at most `at_once` at a time, and names those that must come again.
pub async fn handle_batch<H>(
    event: &SqsEvent,
    until: Deadline,
    at_once: usize,
    dead_letters: Option<&DeadLetters>,
    handle: H,
) -> SqsBatchResponse
where
    H: AsyncFn(&SqsMessage) -> Result<(), Failure>,
{
    let handle = &handle;
    let comes_again = stream::iter(&event.records)
        .map(|message| async move {
            let outcome = if until.left() < LEAST {
                Err(Failure::later("no time left in this invocation"))
            } else {
                handle(message).await
            };
            let id = message.message_id.clone().unwrap_or_default();
            settle(message, &id, outcome, dead_letters).await.then_some(id)
        })
        .buffered(at_once)
        .filter_map(async |id| id)
        .collect::<Vec<_>>()
        .await;
    let mut response = SqsBatchResponse::default();
    response.set_failures(comes_again);
    response
}

/// Whether the message must come again.
async fn settle(
    message: &SqsMessage,
    message_id: &str,
    outcome: Result<(), Failure>,
    dead_letters: Option<&DeadLetters>,
) -> bool {
    match outcome {
        Ok(()) => false,
        Err(Failure::Later(reason)) => {
            tracing::warn!(message_id, reason, delivery = deliveries(message), "put off");
            true
        }
        Err(Failure::Never(reason)) => {
            tracing::error!(message_id, reason, "given up");
            let Some(dead_letters) = dead_letters else { return true };
            let sent = dead_letters.send(message, &reason).await;
            if let Err(error) = &sent {
                tracing::error!(message_id, error, "the dead-letter queue did not take it; it comes again");
            }
            sent.is_err()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn event(bodies: &[&str]) -> SqsEvent {
        let mut event = SqsEvent::default();
        for body in bodies {
            let mut message = SqsMessage::default();
            message.message_id = Some(format!("id-{body}"));
            message.body = Some((*body).to_owned());
            event.records.push(message);
        }
        event
    }

    async fn check(bodies: &[&str], left: Duration, expected_again: &[&str]) -> Vec<String> {
        let handled = Mutex::new(Vec::new());
        let response = handle_batch(&event(bodies), Deadline::after(left), 2, None, async |message| {
            let body = message.body.clone().unwrap_or_default();
            handled.lock().expect("no test panics here").push(body.clone());
            match body.as_str() {
                "later" => Err(Failure::later("throttled")),
                "never" => Err(Failure::never("poison")),
                _ => Ok(()),
            }
        })
        .await;
        let again: Vec<_> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        assert_eq!(again, expected_again);
        handled.into_inner().expect("no test panics here")
    }

    #[tokio::test]
    async fn only_what_failed_comes_again() {
        let handled = check(&["a", "later", "b", "never"], Duration::from_secs(60), &["id-later", "id-never"]).await;
        assert_eq!(handled.len(), 4, "one bad message does not stop the others");
    }

    #[tokio::test]
    async fn without_time_nothing_is_begun() {
        assert!(check(&["a", "b"], Duration::from_secs(1), &["id-a", "id-b"]).await.is_empty());
    }
}
