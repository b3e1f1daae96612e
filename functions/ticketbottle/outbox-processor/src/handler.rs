//! One run: how much waits in the outbox.
//!
//! Does not publish yet: what waits stays where it is and is reported, so nothing is lost meanwhile.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::Context;
use serde::Serialize;
use serde_json::Value;
use shared::Problem;
use ticketbottle_outbox::retention::backlog;

use crate::deps::Deps;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Report {
    pub published: u64,
    pub unpublished: i64,
}

pub async fn handle(_event: EventBridgeEvent<Value>, _context: Context, deps: &Deps) -> Result<Report, Problem> {
    let session = deps.database.session().await.map_err(|error| Problem::internal("reach the database", error))?;
    let state = backlog(&session).await.map_err(|error| Problem::internal("count what is unpublished", error))?;
    tracing::info!(unpublished = state.unpublished, "outbox read");
    Ok(Report { published: 0, unpublished: state.unpublished })
}
