//! send-email: booking, reminder and receipt events become mails, each event once.
//!
//! - [`event`]: what may come, and what it says
//! - [`template`]: subject, text and HTML; no effects
//!
//! An event comes from a topic, alone, or from the queue `mails`, in a batch. What may work later goes from the topic to the
//! queue, which delivers it again by itself; what never will goes to the dead letters at once, with its reason.

pub mod event;
pub mod template;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use serde::Deserialize;
use shared::{
    ConfigError, Deadline, Env, Problem, StartError, clients,
    mail::{self, Certainty, is_address},
    queue::{DeadLetters, Failure, handle_batch},
};

use crate::{
    claims::{Claim, Claims, Right, fingerprint},
    table::{Item, number, reason, text},
};
use template::Templates;

/// Added to the invocation's own end before another may send: clocks differ a little.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a sent mail is remembered. Longer than any queue keeps a message (14 days) with a redrive after it.
const MEMORY: SignedDuration = SignedDuration::from_hours(45 * 24);

/// How long the queue waits before it gives out what a topic's delivery could not do. Seconds.
const PAUSE: i32 = 5;

/// How often the memory of a sent mail is tried to be written.
const REMEMBER: u32 = 3;

#[derive(Debug)]
pub struct Deps {
    pub ses: aws_sdk_sesv2::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Remembers who got what.
    pub table: String,
    pub from_email: String,
    /// Where what failed waits for another try.
    pub queue: String,
    pub dead_letters: Option<DeadLetters>,
    pub templates: Templates,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        Ok(Self::from_env(Env::plain(), &config)?)
    }

    pub fn from_env(mut env: Env, config: &SdkConfig) -> Result<Self, ConfigError> {
        let from_email = env.text("SES_FROM_EMAIL");
        if !from_email.is_empty() && !is_address(&from_email) {
            env.mistake("SES_FROM_EMAIL must be an address");
        }
        let deps = Self {
            ses: mail::client(config, env.text("SES_REGION")),
            sqs: aws_sdk_sqs::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            table: env.text("MAILS_TABLE"),
            from_email,
            queue: env.text("RETRY_QUEUE_URL"),
            dead_letters: DeadLetters::from_env(&env, config),
            templates: Templates::embedded(),
        };
        env.finish(deps)
    }
}

/// What starts the function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Incoming {
    Topic(TopicEvent),
    Queue(SqsEvent),
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html> (read 2026-11).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TopicEvent {
    records: Vec<TopicRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TopicRecord {
    sns: Notification,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message_id: String,
    topic_arn: String,
    message: String,
}

pub async fn handle(incoming: Incoming, context: Context, deps: &Deps) -> Result<SqsBatchResponse, Problem> {
    let until = Deadline::of(&context);
    match incoming {
        Incoming::Queue(event) => Ok(batch(&event, until, deps).await),
        Incoming::Topic(event) => {
            let event = as_batch(event);
            let failed = batch(&event, until, deps).await;
            for failure in failed.batch_item_failures {
                let message =
                    event.records.iter().find(|one| one.message_id.as_ref() == Some(&failure.item_identifier));
                let Some(message) = message else { continue };
                try_again_later(message, deps).await?;
            }
            Ok(SqsBatchResponse::default())
        }
    }
}

/// A topic's delivery in the shape of a queue's, so that one way of handling serves both.
fn as_batch(event: TopicEvent) -> SqsEvent {
    let mut batch = SqsEvent::default();
    batch.records = event
        .records
        .into_iter()
        .map(|record| {
            let mut message = SqsMessage::default();
            message.message_id = Some(record.sns.message_id);
            message.body = Some(record.sns.message);
            message.event_source_arn = Some(record.sns.topic_arn);
            message
        })
        .collect();
    batch
}

async fn batch(event: &SqsEvent, until: Deadline, deps: &Deps) -> SqsBatchResponse {
    // Waiting for the network most of the time; SES allows 14 a second to begin with.
    handle_batch(event, until, 5, deps.dead_letters.as_ref(), async |message| one(message, until, deps).await).await
}

/// # Errors
/// When the queue does not take it: then Lambda delivers the topic's event again.
async fn try_again_later(message: &SqsMessage, deps: &Deps) -> Result<(), Problem> {
    let body = message.body.as_deref().unwrap_or_default();
    let sent = deps.sqs.send_message().queue_url(&deps.queue).message_body(body).delay_seconds(PAUSE).send().await;
    sent.map(|_| ()).map_err(|error| Problem::internal("put the event aside for another try", reason(&error)))
}

async fn one(message: &SqsMessage, until: Deadline, deps: &Deps) -> Result<(), Failure> {
    let body = message.body.as_deref().unwrap_or_default();
    let event = event::parse(body).map_err(Failure::never)?;
    if !is_address(&event.to.email) {
        return Err(Failure::never("the recipient's address is not a mail address"));
    }
    let letter = deps.templates.letter(&event).map_err(|error| Failure::never(format!("mail template: {error}")))?;

    let claims = Claims { client: &deps.dynamodb, table: &deps.table };
    let now = Timestamp::now();
    let lease = now.saturating_add(SignedDuration::try_from(until.left() + MARGIN).unwrap_or(SignedDuration::MAX));
    let lease = lease.unwrap_or(Timestamp::MAX);
    let memory = now.saturating_add(MEMORY).unwrap_or(Timestamp::MAX);
    let with = Item::from([("expires".to_owned(), number(memory.as_second()))]);
    // The same event may differ in its bytes; that it is the same its id says.
    let print = fingerprint(event.event_id.as_bytes());
    let claim = claims.claim(&event.event_id, &print, lease, now, with).await;
    let right = match claim.map_err(|error| Failure::later(error.to_string()))? {
        Claim::Granted(right) => right,
        Claim::Done(_) => {
            tracing::info!(event_id = event.event_id, "the mail was sent before");
            return Ok(());
        }
        Claim::Busy => return Err(Failure::later("another invocation is sending this mail, or died while it was")),
        Claim::Other => return Err(Failure::never("something else has this event's id")),
    };
    match mail::send(&deps.ses, &deps.from_email, &event.to.email, letter).await {
        Ok(message_id) => {
            tracing::info!(event_id = event.event_id, message_id, kind = event.notice.kind(), "mail sent");
            remember(&claims, &right, &message_id).await;
            Ok(())
        }
        Err((failure, certainty)) => {
            if certainty == Certainty::NotSent
                && let Err(error) = claims.release(&right).await
            {
                tracing::warn!(event_id = event.event_id, %error, "the right to send ends with its lease");
            }
            Err(failure)
        }
    }
}

/// Tried several times: what is forgotten here is sent twice.
async fn remember(claims: &Claims<'_>, right: &Right, message_id: &str) {
    for attempt in 1..=REMEMBER {
        match claims.done(right, Item::from([("message_id".to_owned(), text(message_id))])).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(message_id, attempt, %error, "the mail was sent, but that could not be written down");
            }
        }
    }
}
