//! One run: claim a batch, publish it, mark it; again, until nothing is left or the time is up.
//!
//! An event is marked as published only after the broker's acknowledgement, so what happens in between
//! (a crash, a lost answer) publishes it once more; its consumers know it by its id. What could not be
//! published stays, with the attempt counted and the reason beside it. An aggregate's later events never
//! overtake an earlier one that failed.

use std::{collections::HashSet, time::Duration};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use futures::future::join_all;
use lambda_runtime::Context;
use serde::Serialize;
use serde_json::Value;
use shared::{Deadline, Problem};
use ticketbottle_outbox::claim::{Row, claim, mark_failed, mark_published, now};
use uuid::Uuid;

use crate::{
    broker::{Broker, BrokerError},
    deps::Deps,
    route::{Lane, routes},
};

/// Events of one claim: what a broker takes in well under a second.
pub const BATCH: u32 = 500;

/// Kept back for marking what was published.
const RESERVE: Duration = Duration::from_secs(3);

/// With less than this before the reserve, no further batch is begun.
const LEAST: Duration = Duration::from_secs(2);

/// Longest wait for the broker within one batch; below the database's limit for an idle transaction.
const BROKER_LIMIT: Duration = Duration::from_secs(20);

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub published: u64,
    /// Tried and not acknowledged.
    pub failed: u64,
    /// False when the time was up first; the next run goes on.
    pub complete: bool,
    /// Why the broker as a whole could not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_error: Option<String>,
}

/// # Errors
/// When the database cannot be used, or the broker cannot: so that the function's error metric shows it. What
/// was published and counted before stays so.
pub async fn handle(_event: EventBridgeEvent<Value>, context: Context, deps: &Deps) -> Result<Report, Problem> {
    let report = run(Deadline::of(&context), BATCH, deps).await?;
    match &report.broker_error {
        None => Ok(report),
        Some(error) => Err(Problem::internal(
            format!("publish to Kafka ({} published, {} not)", report.published, report.failed),
            error.clone(),
        )),
    }
}

/// The same with the time and the batch's size as arguments, and a broker's failure in the report.
///
/// # Errors
/// When the database cannot be used; claims are undone by it.
pub async fn run(deadline: Deadline, batch: u32, deps: &Deps) -> Result<Report, Problem> {
    let until = deadline.earlier(RESERVE);
    let database = |error: tokio_postgres::Error| Problem::internal("use the outbox", error);
    let mut session = deps.database.session().await.map_err(|error| Problem::internal("reach the database", error))?;
    let began = now(&session).await.map_err(database)?;
    let mut report = Report::default();
    let mut broker: Option<Broker> = None;

    while until.left() >= LEAST {
        let transaction = session.transaction().await.map_err(database)?;
        let rows = claim(&transaction, batch, began).await.map_err(database)?;
        if rows.is_empty() {
            report.complete = true;
            break;
        }
        let mut batch = Batch::default();
        let connected = match broker.take() {
            Some(connected) => Ok(connected),
            None => Broker::connect(&deps.kafka, until.left().min(BROKER_LIMIT)).await,
        };
        match connected {
            Ok(connected) => {
                batch = publish(&connected, &rows, deps, until).await;
                broker = Some(connected);
            }
            Err(error) => batch.fail(&rows.iter().collect::<Vec<_>>(), &error),
        }
        mark_published(&transaction, &batch.published).await.map_err(database)?;
        for (reason, ids) in &batch.failed {
            mark_failed(&transaction, ids, reason).await.map_err(database)?;
        }
        transaction.commit().await.map_err(database)?;

        report.published += batch.published.len() as u64;
        report.failed += batch.failed.iter().map(|(_, ids)| ids.len() as u64).sum::<u64>();
        for (reason, ids) in &batch.failed {
            tracing::error!(events = ids.len(), first = %ids[0], reason, "not published");
        }
        if batch.broker_error.is_some() {
            report.broker_error = batch.broker_error;
            break;
        }
    }
    tracing::info!(published = report.published, failed = report.failed, complete = report.complete, "outbox run done");
    Ok(report)
}

/// What became of the rows of one claim; those in neither list were not tried.
#[derive(Debug, Default)]
struct Batch {
    published: Vec<Uuid>,
    failed: Vec<(String, Vec<Uuid>)>,
    broker_error: Option<String>,
}

impl Batch {
    fn fail(&mut self, rows: &[&Row], error: &BrokerError) {
        let reason = error.to_string();
        self.failed.push((reason.clone(), rows.iter().map(|row| row.id).collect()));
        if !matches!(error, BrokerError::Refused(_)) {
            self.broker_error = Some(reason);
        }
    }

    fn add(&mut self, other: Self) {
        self.published.extend(other.published);
        self.failed.extend(other.failed);
        self.broker_error = other.broker_error.or(self.broker_error.take());
    }
}

/// All partitions at once, the requests of each one after the other.
async fn publish(broker: &Broker, rows: &[Row], deps: &Deps, until: Deadline) -> Batch {
    let routes = routes(rows, &deps.topics, &broker.partitions);
    let limit = Deadline::after(until.left().min(BROKER_LIMIT));
    let mut batch = Batch::default();
    for (row, reason) in routes.unroutable {
        batch.failed.push((reason, vec![row.id]));
    }
    for of_lane in join_all(routes.lanes.iter().map(|lane| publish_lane(broker, lane, limit))).await {
        batch.add(of_lane);
    }
    batch
}

async fn publish_lane(broker: &Broker, lane: &Lane<'_>, until: Deadline) -> Batch {
    let mut batch = Batch::default();
    let mut waiting: HashSet<&str> = HashSet::new();
    for request in &lane.requests {
        let rows: Vec<&Row> =
            request.iter().copied().filter(|row| !waiting.contains(row.aggregate_id.as_str())).collect();
        match broker.send(lane.topic, lane.partition, &rows, until.left()).await {
            Ok(()) => batch.published.extend(rows.iter().map(|row| row.id)),
            // One of them is at fault: find out which by sending each alone.
            Err(BrokerError::Refused(_)) if rows.len() > 1 => {
                for row in rows {
                    if waiting.contains(row.aggregate_id.as_str()) {
                        continue;
                    }
                    match broker.send(lane.topic, lane.partition, &[row], until.left()).await {
                        Ok(()) => batch.published.push(row.id),
                        Err(error) => {
                            batch.fail(&[row], &error);
                            waiting.insert(&row.aggregate_id);
                        }
                    }
                    if batch.broker_error.is_some() {
                        return batch;
                    }
                }
            }
            Err(error) => {
                batch.fail(&rows, &error);
                waiting.extend(rows.iter().map(|row| row.aggregate_id.as_str()));
            }
        }
        // The next request of this lane would only wait as long again.
        if batch.broker_error.is_some() {
            return batch;
        }
    }
    batch
}
