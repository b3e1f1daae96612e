//! Each message of a batch: one mail for its event, once, with the tickets where there are some.
//!
//! The tickets are made by another function from the same event, at about the same time. So a mail waits
//! for them: some seconds within an invocation, then over two more deliveries; after that it goes out
//! without them and says so. An error after which SES certainly has nothing gives the right to send back;
//! after an uncertain one the right stays taken until this invocation must have ended.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_sesv2::{
    primitives::Blob,
    types::{Attachment, AttachmentContentTransferEncoding, Destination, EmailContent, Message},
};
use jiff::Timestamp;
use lambda_runtime::Context;
use shared::{
    Deadline, Problem,
    mail::{self, Certainty, Letter},
    queue::{Failure, deliveries, handle_batch},
};
use ticketbottle_outbox::{EventType, Order, PaymentEvent, message::payment_event};

use crate::{
    deps::Deps,
    once::{Claim, Once, Right, reason},
};

/// How often the tickets are looked for in one invocation, a second apart.
const LOOKS: u32 = 6;

/// From this delivery on, a mail goes out without its tickets.
const PATIENCE: u32 = 3;

/// Added to the invocation's own end before another may send: clocks differ a little.
const MARGIN: Duration = Duration::from_secs(5);

/// How often the memory of a sent mail is tried to be written.
const REMEMBER: u32 = 3;

pub async fn handle(event: SqsEvent, context: Context, deps: &Deps) -> Result<SqsBatchResponse, Problem> {
    let until = Deadline::of(&context);
    // Waiting for the network most of the time; SES allows 14 a second to begin with.
    Ok(handle_batch(&event, until, 5, deps.dead_letters.as_ref(), async |message| {
        handle_message(message, until, deps).await
    })
    .await)
}

async fn handle_message(message: &SqsMessage, until: Deadline, deps: &Deps) -> Result<(), Failure> {
    let event = payment_event(message.body.as_deref().unwrap_or_default())
        .map_err(|error| Failure::never(error.to_string()))?;
    let event_id = event.event_id;
    let order = match (event.event_type, &event.order) {
        (EventType::PaymentCompleted, _) => event.paid_order().map_err(Failure::never)?,
        (EventType::PaymentFailed, Some(order)) => order,
        (EventType::PaymentFailed, None) => {
            tracing::info!(%event_id, order_id = event.order_id, "nobody to write to: the shop left no snapshot of the order");
            return Ok(());
        }
    };
    if !mail::is_address(&order.buyer.email) {
        return Err(Failure::never("the buyer's address is not a mail address"));
    }
    let tickets = tickets(&event, order, deliveries(message), deps).await?;
    let mail = deps
        .templates
        .mail(&event, order, tickets.is_some())
        .map_err(|error| Failure::never(format!("mail template: {error}")))?;

    let once = Once { s3: &deps.s3, bucket: &deps.bucket };
    let claim = once.claim(event_id, until.left() + MARGIN, Timestamp::now()).await;
    let right = match claim.map_err(|error| Failure::later(error.to_string()))? {
        Claim::Granted(right) => right,
        Claim::Sent => {
            tracing::info!(%event_id, "the mail was sent before");
            return Ok(());
        }
        Claim::Busy => return Err(Failure::later("another invocation is sending this mail, or died while it was")),
    };
    let is_attached = tickets.is_some();
    match send(&event, order, mail, tickets, deps).await {
        Ok(message_id) => {
            tracing::info!(%event_id, order_id = event.order_id, message_id, is_attached, "mail sent");
            remember(&once, &right, &message_id).await;
            Ok(())
        }
        Err((failure, certainty)) => {
            if certainty == Certainty::NotSent
                && let Err(error) = once.give_back(&right).await
            {
                tracing::warn!(%event_id, %error, "the right to send was not given back; it ends with its lease");
            }
            Err(failure)
        }
    }
}

/// The PDF, `None` when there is nothing to attach or no use in waiting longer.
async fn tickets(event: &PaymentEvent, order: &Order, delivery: u32, deps: &Deps) -> Result<Option<Vec<u8>>, Failure> {
    if event.event_type != EventType::PaymentCompleted || order.tickets.is_empty() {
        return Ok(None);
    }
    let key = event.tickets_key();
    for look in 1..=LOOKS {
        match deps.s3.get_object().bucket(&deps.bucket).key(&key).send().await {
            Ok(output) => {
                let bytes =
                    output.body.collect().await.map_err(|error| Failure::later(format!("read {key}: {error}")))?;
                return Ok(Some(bytes.into_bytes().to_vec()));
            }
            // Without the permission to list, S3 says of a missing object that access is denied.
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "AccessDenied")) => {
                if delivery >= PATIENCE {
                    tracing::warn!(event_id = %event.event_id, key, code = error.code(), "no tickets after {delivery} deliveries; the mail goes without them");
                    return Ok(None);
                }
                if look < LOOKS {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Err(error) => return Err(Failure::later(format!("read {key}: {}", reason(&error)))),
        }
    }
    Err(Failure::later("the tickets are not there yet"))
}

async fn send(
    event: &PaymentEvent,
    order: &Order,
    mail: Letter,
    tickets: Option<Vec<u8>>,
    deps: &Deps,
) -> Result<String, (Failure, Certainty)> {
    let built = content(event, mail, tickets)
        .map_err(|error| (Failure::never(format!("mail: {error}")), Certainty::NotSent))?;
    let request = deps
        .ses
        .send_email()
        .from_email_address(&deps.from_email)
        .destination(Destination::builder().to_addresses(&order.buyer.email).build())
        .content(EmailContent::builder().simple(built).build());
    match request.send().await {
        Ok(output) => Ok(output.message_id.unwrap_or_default()),
        Err(error) => Err(mail::judge(&error)),
    }
}

fn content(
    event: &PaymentEvent,
    mail: Letter,
    tickets: Option<Vec<u8>>,
) -> Result<Message, aws_sdk_sesv2::error::BuildError> {
    let mut message = mail::message(mail)?;
    if let Some(pdf) = tickets {
        let order: String = event
            .order_id
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter))
            .take(64)
            .collect();
        let attachment = Attachment::builder()
            .file_name(format!("tickets-{order}.pdf"))
            .content_type("application/pdf")
            .content_transfer_encoding(AttachmentContentTransferEncoding::Base64)
            .raw_content(Blob::new(pdf))
            .build()?;
        message = message.attachments(attachment);
    }
    Ok(message.build())
}

/// Tried several times: what is forgotten here is sent twice.
async fn remember(once: &Once<'_>, right: &Right, message_id: &str) {
    for attempt in 1..=REMEMBER {
        match once.sent(right, message_id, Timestamp::now()).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(message_id, attempt, %error, "the mail was sent, but that could not be written down")
            }
        }
    }
}
