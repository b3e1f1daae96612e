//! Each message of a batch: read the event, draw its tickets, store them.
//!
//! The object's key follows from the event, and its bytes do too, so a repeated message finds the object
//! there and has nothing left to do. Failed payments have no tickets and are passed over.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_s3::primitives::ByteStream;
use lambda_runtime::Context;
use shared::{
    Deadline, Problem,
    queue::{Failure, handle_batch},
};
use ticketbottle_outbox::{EventType, message::payment_event};

use crate::{deps::Deps, ticket};

pub async fn handle(event: SqsEvent, context: Context, deps: &Deps) -> Result<SqsBatchResponse, Problem> {
    // One at a time: drawing needs the processor, and there is one.
    Ok(handle_batch(&event, Deadline::of(&context), 1, deps.dead_letters.as_ref(), async |message| {
        handle_message(message, deps).await
    })
    .await)
}

async fn handle_message(message: &SqsMessage, deps: &Deps) -> Result<(), Failure> {
    let event = payment_event(message.body.as_deref().unwrap_or_default())
        .map_err(|error| Failure::never(error.to_string()))?;
    let event_id = event.event_id;
    if event.event_type != EventType::PaymentCompleted {
        tracing::info!(%event_id, "no payment, no tickets");
        return Ok(());
    }
    let order = event.paid_order().map_err(Failure::never)?;
    if order.tickets.is_empty() {
        tracing::info!(%event_id, order_id = event.order_id, "the order has no tickets");
        return Ok(());
    }
    let pdf = ticket::pdf(&event, order, &deps.qr_code_base_url, &deps.fonts)
        .map_err(|error| Failure::never(error.to_string()))?;
    let (key, bytes) = (event.tickets_key(), pdf.len());
    let put = deps
        .s3
        .put_object()
        .bucket(&deps.bucket)
        .key(&key)
        .content_type("application/pdf")
        .if_none_match("*")
        .body(ByteStream::from(pdf))
        .send()
        .await;
    match put {
        Ok(_) => {
            tracing::info!(%event_id, order_id = event.order_id, key, bytes, pages = order.tickets.len(), "tickets stored")
        }
        Err(error) => match error.as_service_error().and_then(|service| service.meta().code()) {
            Some("PreconditionFailed") => tracing::info!(%event_id, key, "the tickets were there already"),
            Some(code) => return Err(Failure::later(format!("store {key}: {code}"))),
            None => return Err(Failure::later(format!("store {key}: S3 could not be reached"))),
        },
    }
    Ok(())
}
