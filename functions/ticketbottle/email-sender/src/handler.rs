//! One batch of queue messages, each holding one event; the answer names those that must come again.
//!
//! Does not do its work yet: every message is named, so the queue keeps all of them and none is lost.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::Context;
use shared::Problem;
use ticketbottle_outbox::message::payment_event;

use crate::deps::Deps;

pub async fn handle(event: SqsEvent, _context: Context, _deps: &Deps) -> Result<SqsBatchResponse, Problem> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let message_id = message.message_id.unwrap_or_default();
        match payment_event(message.body.as_deref().unwrap_or_default()) {
            Ok(event) => tracing::warn!(message_id, event_id = %event.event_id, "not handled; it comes again"),
            Err(error) => tracing::error!(message_id, %error, "poison; it comes again until the queue gives it up"),
        }
        response.add_failure(message_id);
    }
    Ok(response)
}
