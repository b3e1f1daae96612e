//! The processor's rows: claimed under a lock, then marked as published or as tried in vain.
//!
//! A claim lives as long as its transaction. Order within an aggregate is kept like this: only the first
//! unpublished event of an aggregate (its head) is claimed with `SKIP LOCKED`, and whoever holds the head
//! takes what follows it. A second processor finds the head locked and passes the whole aggregate by; a
//! killed one loses its locks with its connection, and the next run takes over.

use jiff::Timestamp;
use tokio_postgres::{Client, Error, Transaction};
use uuid::Uuid;

/// A claimed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: Uuid,
    pub aggregate_id: String,
    pub event_type: String,
    /// The payload's JSON, as PostgreSQL writes it.
    pub payload: String,
    pub trace_header: Option<String>,
    pub created_at: Timestamp,
}

/// The server's clock, which `tried_before` in [`claim`] is compared with.
///
/// # Errors
/// When the database cannot say.
pub async fn now(client: &Client) -> Result<Timestamp, Error> {
    Ok(client.query_one("SELECT clock_timestamp()", &[]).await?.get(0))
}

/// Claims events of at most `limit` aggregates, and at most `limit` events, in the order of their insertion.
/// Leaves out the aggregates whose head was tried at or after `tried_before`: one run tries each once.
///
/// # Errors
/// When the database cannot do it; then nothing is claimed.
pub async fn claim(transaction: &Transaction<'_>, limit: u32, tried_before: Timestamp) -> Result<Vec<Row>, Error> {
    let limit = i64::from(limit);
    let heads = "SELECT event.aggregate_id FROM outbox_events AS event
                 WHERE event.published_at IS NULL
                   AND (event.last_attempt_at IS NULL OR event.last_attempt_at < $2)
                   AND NOT EXISTS (SELECT FROM outbox_events AS earlier
                                   WHERE earlier.published_at IS NULL AND earlier.aggregate_id = event.aggregate_id
                                     AND earlier.sequence < event.sequence)
                 ORDER BY event.attempts > 0, event.sequence
                 LIMIT $1 FOR UPDATE OF event SKIP LOCKED";
    let heads = transaction.query(heads, &[&limit, &tried_before]).await?;
    if heads.is_empty() {
        return Ok(Vec::new());
    }
    let aggregates: Vec<String> = heads.iter().map(|row| row.get(0)).collect();
    // Nobody else holds these: they would need the head.
    let rows = "SELECT id, aggregate_id, event_type, payload::text, trace_header, created_at FROM outbox_events
                WHERE published_at IS NULL AND aggregate_id = ANY($2) ORDER BY sequence LIMIT $1 FOR UPDATE";
    let rows = transaction.query(rows, &[&limit, &aggregates]).await?;
    Ok(rows
        .iter()
        .map(|row| Row {
            id: row.get(0),
            aggregate_id: row.get(1),
            event_type: row.get(2),
            payload: row.get(3),
            trace_header: row.get(4),
            created_at: row.get(5),
        })
        .collect())
}

/// The broker has acknowledged these.
///
/// # Errors
/// When the database cannot do it; then they will be published again.
pub async fn mark_published(transaction: &Transaction<'_>, ids: &[Uuid]) -> Result<u64, Error> {
    let sql = "UPDATE outbox_events SET published_at = clock_timestamp(), attempts = attempts + 1,
                      last_attempt_at = clock_timestamp(), last_error = NULL
               WHERE id = ANY($1)";
    transaction.execute(sql, &[&ids]).await
}

/// These were tried and not acknowledged; `error` says why, cut to 500 characters.
///
/// # Errors
/// When the database cannot do it; then the attempt is not counted.
pub async fn mark_failed(transaction: &Transaction<'_>, ids: &[Uuid], error: &str) -> Result<u64, Error> {
    let sql = "UPDATE outbox_events SET attempts = attempts + 1, last_attempt_at = clock_timestamp(), last_error = left($2, 500)
               WHERE id = ANY($1)";
    transaction.execute(sql, &[&ids, &error]).await
}
