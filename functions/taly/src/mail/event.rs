//! What may come from the topics: the booking service's events, and process-payment's receipts.

use serde::{Deserialize, Serialize};

use crate::money::Currency;

/// One event, one mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Up to 128 characters; the same event has the same, however often it is told.
    pub event_id: String,
    pub to: Recipient,
    #[serde(flatten)]
    pub notice: Notice,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recipient {
    pub name: String,
    pub email: String,
}

/// What it is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Notice {
    #[serde(rename = "booking.confirmed")]
    Booking(Booking),
    #[serde(rename = "booking.reminder")]
    Reminder(Booking),
    #[serde(rename = "payment.receipt")]
    Receipt(Receipt),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Booking {
    pub booking: String,
    pub company: String,
    pub service: String,
    /// As the customer should read it, in the time of the place.
    pub starts_at: String,
    pub place: String,
    /// `https://…`; others are left out.
    pub manage_url: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    pub payment: String,
    pub booking: Option<String>,
    pub description: Option<String>,
    /// In minor units.
    pub amount: u64,
    pub currency: Currency,
}

impl Notice {
    /// Name of the template.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Booking(_) => "booking",
            Self::Reminder(_) => "reminder",
            Self::Receipt(_) => "receipt",
        }
    }
}

/// # Errors
/// What is wrong with it, without any of its values.
pub fn parse(text: &str) -> Result<Event, String> {
    let event: Event = serde_json::from_str(text)
        .map_err(|error| format!("not an event of ours, at column {}: {:?}", error.column(), error.classify()))?;
    match event.event_id.len() {
        1..=128 => Ok(event),
        length => Err(format!("an event_id of {length} bytes")),
    }
}
