//! The tickets of the example event on stdout, to look at:
//! `cargo run -p ticketbottle-pdf-generator --example sample_tickets > tickets.pdf`

use std::io::{Write as _, stdout};

use aws_lambda_events::sqs::SqsEvent;
use pdf_generator::{text::Fonts, ticket};
use ticketbottle_outbox::message::payment_event;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let batch: SqsEvent = serde_json::from_str(include_str!("../events/batch.json"))?;
    let event = payment_event(batch.records[0].body.as_deref().unwrap_or_default())?;
    let pdf = ticket::pdf(&event, event.paid_order()?, "https://tickets.example/check", &Fonts::embedded())?;
    Ok(stdout().write_all(&pdf)?)
}
