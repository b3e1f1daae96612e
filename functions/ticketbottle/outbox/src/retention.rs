//! What the cleanup asks of the outbox: old published rows away, and how the rest is doing.

use tokio_postgres::{Client, Error};

/// Deletes at most `limit` events that were published more than `days` days ago; returns how many.
///
/// An unpublished event has no publication time and can therefore never match.
///
/// # Errors
/// When the database cannot do it; then nothing of this batch is deleted.
pub async fn delete_published(client: &Client, days: u32, limit: u32) -> Result<u64, Error> {
    let sql = "DELETE FROM outbox_events WHERE published_at IS NOT NULL AND id IN (
                   SELECT id FROM outbox_events WHERE published_at < now() - make_interval(days => $1)
                   ORDER BY published_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    // Beyond what PostgreSQL's integer holds, a retention is forever long.
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    client.execute(sql, &[&days, &i64::from(limit)]).await
}

/// The state of what is not published yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    pub unpublished: i64,
    /// Older than [`STUCK_AFTER_MINUTES`], so several runs of the processor have passed it by.
    pub stuck: i64,
    /// Tried at least once, without success.
    pub failed: i64,
    /// Age of the oldest. Seconds; 0 when nothing waits.
    pub oldest_seconds: f64,
}

/// The processor runs every minute: what is still there after fifteen will not go by itself. Minutes.
pub const STUCK_AFTER_MINUTES: i32 = 15;

/// # Errors
/// When the database cannot say.
pub async fn backlog(client: &Client) -> Result<Backlog, Error> {
    let sql = "SELECT count(*),
                      count(*) FILTER (WHERE created_at < now() - make_interval(mins => $1)),
                      count(*) FILTER (WHERE attempts > 0),
                      coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
               FROM outbox_events WHERE published_at IS NULL";
    let row = client.query_one(sql, &[&STUCK_AFTER_MINUTES]).await?;
    Ok(Backlog { unpublished: row.get(0), stuck: row.get(1), failed: row.get(2), oldest_seconds: row.get(3) })
}
