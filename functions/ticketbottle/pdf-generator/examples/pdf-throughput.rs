//! Orders of two tickets drawn per second, on one core:
//! `cargo run --release -p ticketbottle-pdf-generator --example pdf-throughput [ORDERS]`

use std::{
    io::{Write as _, stdout},
    time::Instant,
};

use aws_lambda_events::sqs::SqsEvent;
use pdf_generator::{text::Fonts, ticket};
use ticketbottle_outbox::message::payment_event;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orders: u32 = std::env::args().nth(1).map_or(Ok(500), |count| count.parse())?;
    let batch: SqsEvent = serde_json::from_str(include_str!("../events/batch.json"))?;
    let event = payment_event(batch.records[0].body.as_deref().unwrap_or_default())?;
    let (order, fonts) = (event.paid_order()?, Fonts::embedded());
    let began = Instant::now();
    let mut bytes = 0;
    for _ in 0..orders {
        bytes = ticket::pdf(&event, order, "https://tickets.example/check", &fonts)?.len();
    }
    let seconds = began.elapsed().as_secs_f64();
    writeln!(
        stdout(),
        "{orders} PDFs of two pages and {bytes} bytes in {seconds:.2} s: {:.0} per second",
        f64::from(orders) / seconds
    )?;
    Ok(())
}
