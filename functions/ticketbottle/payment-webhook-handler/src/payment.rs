//! What both providers' bodies become, and why one is refused.

use jiff::Timestamp;
use shared::Problem;
use ticketbottle_outbox::{EventType, PaymentEvent};
use uuid::Uuid;

/// A body whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// A payment ended. `signed` is what the signature covers.
    Payment { event: Box<PaymentEvent>, signed: Vec<u8> },
    /// Nothing to write down: `what` says why, for the log.
    Notice { what: &'static str },
}

/// A body that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not in the documented form. The text says what is missing, in the provider's words.
    Malformed(String),
    BadSignature,
}

impl Refusal {
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Malformed(what) => Problem::bad_request(what),
            Self::BadSignature => Problem::unauthorized("the signature does not match"),
        }
    }
}

pub fn malformed(what: impl Into<String>) -> Refusal {
    Refusal::Malformed(what.into())
}

/// Of this repository; any fixed value would do. Made once at random.
const NAMESPACE: Uuid = Uuid::from_u128(0x1f0c_5b5e_7d3a_4c39_9a54_20d7_0b6e_61a8);

/// The event's identity follows from the transaction, so even two databases would agree on it.
pub fn event_id(provider: &str, transaction_id: &str, event_type: EventType) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{provider}\n{transaction_id}\n{event_type}").as_bytes())
}

/// The members that both providers share, put together.
#[derive(Debug)]
pub struct Facts {
    pub provider: &'static str,
    pub transaction_id: String,
    pub order_id: String,
    pub amount: u64,
    pub currency: String,
    pub occurred_at: Timestamp,
    pub failure: Option<String>,
}

impl Facts {
    pub fn into_event(self) -> PaymentEvent {
        let event_type = if self.failure.is_none() { EventType::PaymentCompleted } else { EventType::PaymentFailed };
        PaymentEvent {
            event_id: event_id(self.provider, &self.transaction_id, event_type),
            event_type,
            occurred_at: self.occurred_at,
            provider: self.provider.into(),
            transaction_id: self.transaction_id,
            order_id: self.order_id,
            amount: self.amount,
            currency: self.currency,
            reason: self.failure,
            order: None,
        }
    }
}
