//! An accepted webhook becomes one event, once.
//!
//! The webhook's identity (provider, transaction, outcome) and the outbox row are written in one
//! transaction, so neither exists without the other. A repetition, also one that arrives while the first
//! is still being written, finds the identity taken and writes nothing.

use sha2::{Digest as _, Sha256};
use tokio_postgres::{Client, Error, Transaction, types::Json};

use crate::event::{Order, PaymentEvent};

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// The row was written.
    New,
    /// It was accepted before; nothing was written.
    Duplicate {
        /// Whether the signed content was the same then.
        same_content: bool,
    },
}

/// Writes `event`, unless its webhook was accepted before. `content` is what the provider signed.
///
/// The order's snapshot, where the shop left one, is read in the same transaction and put into the row.
///
/// # Errors
/// When the database cannot do it; then nothing is written.
pub async fn accept(
    client: &mut Client,
    event: &PaymentEvent,
    content: &[u8],
    trace_header: Option<&str>,
) -> Result<Accepted, Error> {
    let transaction = client.transaction().await?;
    let kind = event.event_type.as_str();
    let content_sha256 = Sha256::digest(content).to_vec();
    // Waits for a concurrent insert of the same identity to end: then it is there, or it is ours.
    let inserted = transaction
        .execute(
            "INSERT INTO payment_webhooks (provider, transaction_id, event_type, event_id, content_sha256)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            &[&event.provider, &event.transaction_id, &kind, &event.event_id, &content_sha256],
        )
        .await?;
    if inserted == 0 {
        let row = transaction
            .query_one(
                "SELECT content_sha256 FROM payment_webhooks WHERE provider = $1 AND transaction_id = $2 AND event_type = $3",
                &[&event.provider, &event.transaction_id, &kind],
            )
            .await?;
        return Ok(Accepted::Duplicate { same_content: row.get::<_, Vec<u8>>(0) == content_sha256 });
    }
    let event = PaymentEvent { order: snapshot(&transaction, &event.order_id).await?, ..event.clone() };
    transaction
        .execute(
            "INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, payload, trace_header)
             VALUES ($1, 'order', $2, $3, $4, $5)",
            &[&event.event_id, &event.order_id, &kind, &Json(&event), &trace_header],
        )
        .await?;
    transaction.commit().await?;
    Ok(Accepted::New)
}

/// A snapshot that is no [`Order`] is left out rather than holding up a payment.
async fn snapshot(transaction: &Transaction<'_>, order_id: &str) -> Result<Option<Order>, Error> {
    let row = transaction.query_opt("SELECT snapshot FROM order_snapshots WHERE order_id = $1", &[&order_id]).await?;
    let Some(row) = row else { return Ok(None) };
    let order = serde_json::from_value(row.get(0));
    if let Err(error) = &order {
        tracing::warn!(order_id, %error, "the order's snapshot is not in the agreed form; the event goes without it");
    }
    Ok(order.ok())
}
