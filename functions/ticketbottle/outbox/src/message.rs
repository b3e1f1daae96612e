//! A Kafka record as an EventBridge Pipe delivers it to a queue, and the event inside.
//!
//! The pipe puts each record into one SQS message, its key and its value in base64. Delivery is at least
//! once, so one event may arrive in several messages.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kafka.html> (read 2026-11).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::event::PaymentEvent;

/// What this reads of a record; there is more (partition, offset, headers).
#[derive(Debug, Deserialize)]
struct Record {
    value: String,
}

/// Why a message can never be handled, however often it comes.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("the message is not a Kafka record from a pipe: {0}")]
    Envelope(serde_json::Error),
    #[error("the record's value is not base64")]
    Base64,
    #[error("the record's value is not a payment event: {0}")]
    Event(serde_json::Error),
}

/// The event in a queue message's body.
///
/// # Errors
/// When it is none: poison.
pub fn payment_event(body: &str) -> Result<PaymentEvent, MessageError> {
    let record: Record = serde_json::from_str(body).map_err(MessageError::Envelope)?;
    let value = STANDARD.decode(record.value).map_err(|_| MessageError::Base64)?;
    serde_json::from_slice(&value).map_err(MessageError::Event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(value: &[u8]) -> String {
        json!({"eventSource": "aws:kafka", "topic": "payment.completed", "partition": 0, "offset": 7, "timestamp": 1_795_140_000_000_i64,
               "timestampType": "CREATE_TIME", "key": STANDARD.encode("240817"), "value": STANDARD.encode(value), "headers": []})
        .to_string()
    }

    #[test]
    fn the_event_comes_out_of_its_two_wrappings() {
        let event = json!({"event_id": "018c0f6e-0000-7000-8000-000000000001", "event_type": "payment.completed", "occurred_at": "2026-11-20T02:00:12Z",
                           "provider": "payos", "transaction_id": "t", "order_id": "240817", "amount": 1, "currency": "VND", "of_tomorrow": true});
        let read = payment_event(&message(event.to_string().as_bytes())).expect("right");
        assert_eq!((read.order_id.as_str(), read.order), ("240817", None));
    }

    #[test]
    fn poison_is_told_apart() {
        assert!(matches!(payment_event("hello"), Err(MessageError::Envelope(_))));
        assert!(matches!(payment_event(r#"{"value":"*"}"#), Err(MessageError::Base64)));
        assert!(matches!(payment_event(&message(b"{}")), Err(MessageError::Event(_))));
    }
}
