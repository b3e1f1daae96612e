//! Deletes in bounded batches until nothing old is left or the time is up, then reports.
//!
//! Each batch is a statement of its own, so locks are short and what is done stays done. The report comes
//! in every case, since it is what the alarms look at.

use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::Context;
use serde::Serialize;
use serde_json::Value;
use shared::{Deadline, Problem, telemetry};
use ticketbottle_outbox::retention::{Backlog, backlog, delete_published};

use crate::deps::Deps;

/// Rows of one statement: a fraction of a second, and never a lock that anyone notices.
const BATCH: u32 = 1_000;

/// Kept back for the report.
const RESERVE: Duration = Duration::from_secs(5);

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Report {
    pub deleted: u64,
    /// False when the time was up first; the next run goes on.
    pub complete: bool,
    pub unpublished: i64,
    pub stuck: i64,
    pub failed: i64,
}

pub async fn handle(_event: EventBridgeEvent<Value>, context: Context, deps: &Deps) -> Result<Report, Problem> {
    clean(Deadline::of(&context).earlier(RESERVE), BATCH, deps).await
}

/// The same with the batch's size and the time as arguments.
///
/// # Errors
/// When the database cannot be reached or refuses; what was deleted before stays deleted.
pub async fn clean(until: Deadline, batch: u32, deps: &Deps) -> Result<Report, Problem> {
    let session = deps.database.session().await.map_err(|error| Problem::internal("reach the database", error))?;
    let (mut deleted, mut complete) = (0, false);
    while !complete && !until.left().is_zero() {
        let gone = delete_published(&session, deps.retention_days, batch).await;
        let gone = gone.map_err(|error| Problem::internal("delete published events", error))?;
        deleted += gone;
        complete = gone < u64::from(batch);
    }
    let state = backlog(&session).await.map_err(|error| Problem::internal("count what is unpublished", error))?;
    let report = Report { deleted, complete, unpublished: state.unpublished, stuck: state.stuck, failed: state.failed };
    telemetry::emit(&metrics(&deps.namespace, deleted, &state));
    tracing::info!(
        deleted,
        complete,
        unpublished = state.unpublished,
        stuck = state.stuck,
        failed = state.failed,
        "cleanup done"
    );
    Ok(report)
}

#[expect(clippy::cast_precision_loss, reason = "a metric's value is a double; counts of rows are far below 2^53")]
fn metrics(namespace: &str, deleted: u64, state: &Backlog) -> Value {
    let values = [
        ("OutboxDeleted", "Count", deleted as f64),
        ("OutboxUnpublished", "Count", state.unpublished as f64),
        ("OutboxStuck", "Count", state.stuck as f64),
        ("OutboxFailed", "Count", state.failed as f64),
        ("OutboxOldestUnpublished", "Seconds", state.oldest_seconds),
    ];
    telemetry::metrics(namespace, &[("Function", "outbox-cleanup")], &values, jiff::Timestamp::now().as_millisecond())
}
