//! What is told to the rest of the system: a payment was completed, or it failed.
//!
//! The JSON here is the payload of the outbox row, of the Kafka record and of the queue message, so it
//! only ever grows: consumers ignore members that they do not know, and a member never changes its meaning.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What happened. The text is the row's `event_type` and selects the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "payment.completed")]
    PaymentCompleted,
    #[serde(rename = "payment.failed")]
    PaymentFailed,
}

impl EventType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PaymentCompleted => "payment.completed",
            Self::PaymentFailed => "payment.failed",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A payment's outcome, as its provider signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentEvent {
    /// The event's identity, the same in every repetition: consumers recognise duplicates by it.
    pub event_id: Uuid,
    pub event_type: EventType,
    /// When the provider says that it happened.
    pub occurred_at: Timestamp,
    /// `zalopay` or `payos`.
    pub provider: String,
    /// The provider's own name for the transaction.
    pub transaction_id: String,
    /// The shop's name for the order: the aggregate.
    pub order_id: String,
    /// In the currency's smallest unit; the dong has no smaller one.
    pub amount: u64,
    pub currency: String,
    /// The provider's reason, when the payment failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the shop wrote down at checkout; absent when it wrote nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

impl PaymentEvent {
    /// Where the order's tickets lie in the bucket: written by pdf-generator, read by email-sender.
    pub fn tickets_key(&self) -> String {
        format!("tickets/{}.pdf", self.event_id)
    }

    /// The order, if it is known and paid for in full.
    ///
    /// # Errors
    /// A sentence that says what is wrong: someone must look at it, trying again does not help.
    pub fn paid_order(&self) -> Result<&Order, String> {
        let order = self
            .order
            .as_ref()
            .ok_or_else(|| format!("order {} was paid, but the shop left no snapshot of it", self.order_id))?;
        if self.amount < order.total {
            let currency = &self.currency;
            return Err(format!(
                "order {} costs {} {currency}, and only {} was paid",
                self.order_id, order.total, self.amount
            ));
        }
        Ok(order)
    }
}

/// The shop's snapshot of an order: what its mail and its tickets say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub buyer: Buyer,
    /// What the tickets cost together, in the currency's smallest unit.
    pub total: u64,
    pub tickets: Vec<Ticket>,
    /// The language of the mail, such as `vi` or `en`.
    #[serde(default = "vietnamese")]
    pub locale: String,
}

fn vietnamese() -> String {
    "vi".into()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    pub name: String,
    pub email: String,
}

/// One admission. The id is what the door scans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: String,
    pub event: String,
    pub venue: String,
    /// Local time at the venue, as it is to be printed.
    pub starts_at: String,
    /// Such as `A-12`; absent where one stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    pub holder: String,
}
