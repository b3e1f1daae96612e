//! Shopify's Admin API of one store, for one run: takes points before it asks, tries again what is worth it, and stops
//! when the time is up.
//!
//! Throttling is an answer like another here: it is tried again after the wait that the bucket tells, until the deadline. What
//! fails otherwise is tried [`ATTEMPTS`] times with growing, random pauses. All that is sent may be sent twice: adding and
//! removing tags has the same outcome then.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use graphql_client::GraphQLQuery;
use reqwest::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use shared::{Deadline, Secret, https};
use uuid::Uuid;

use crate::{
    bucket::{Learned, ThrottleStatus},
    ledger::{Ledger, LedgerError, now},
};

/// How often a request is made that fails by no fault of its own.
pub const ATTEMPTS: u32 = 6;

/// The first pause after a failure; each is twice as long as the one before, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The token does not suffice, or the store is closed: nothing works until somebody does something.
    #[error("the store refuses us: {0}")]
    Denied(String),
    /// This one request is not accepted; others may be.
    #[error("{0}")]
    Refused(String),
    /// Tried [`ATTEMPTS`] times.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// What it takes comes after the deadline.
    #[error("no time left")]
    OutOfTime,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What one run did, for its metrics.
#[derive(Debug, Default)]
pub struct Counts {
    pub requests: AtomicU64,
    /// Answers that said `THROTTLED`.
    pub throttled: AtomicU64,
    /// Requests made again for other reasons.
    pub repeated: AtomicU64,
    /// Milliseconds spent waiting for points.
    pub waited: AtomicU64,
}

impl Counts {
    fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

/// One store, asked by one run.
#[derive(Debug)]
pub struct Store<'a> {
    pub http: &'a reqwest::Client,
    /// The whole address.
    pub endpoint: String,
    pub shop: &'a str,
    pub token: Secret,
    pub ledger: &'a Ledger,
    pub until: Deadline,
    pub counts: Counts,
    learned: Mutex<Learned>,
    /// What each operation cost when it was asked last, by its name.
    prices: Mutex<HashMap<&'static str, f64>>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<GraphQlError>,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Deserialize)]
struct GraphQlError {
    message: String,
    #[serde(default)]
    extensions: ErrorExtensions,
}

#[derive(Default, Deserialize)]
struct ErrorExtensions {
    #[serde(default)]
    code: String,
}

#[derive(Default, Deserialize)]
struct Extensions {
    cost: Option<Cost>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    requested_query_cost: f64,
    actual_query_cost: Option<f64>,
    throttle_status: ThrottleStatus,
}

enum Attempt<T> {
    Answer(T),
    Throttled,
    Again { reason: String, after: Option<Duration> },
    Never(StoreError),
}

impl<'a> Store<'a> {
    pub fn new(
        http: &'a reqwest::Client,
        endpoint: String,
        shop: &'a str,
        token: Secret,
        ledger: &'a Ledger,
        until: Deadline,
    ) -> Self {
        let (counts, learned, prices) = Default::default();
        Self { http, endpoint, shop, token, ledger, until, counts, learned, prices }
    }

    /// Asks `Q`. `estimate` is what it costs at most, in points, until an answer has told.
    ///
    /// # Errors
    /// As [`StoreError`] says.
    pub async fn ask<Q: GraphQLQuery>(
        &self,
        estimate: f64,
        variables: Q::Variables,
    ) -> Result<Q::ResponseData, StoreError> {
        let question = Q::build_query(variables);
        let name = question.operation_name;
        let body = serde_json::to_vec(&question).map_err(|error| StoreError::Refused(error.to_string()))?;
        let (mut failures, mut throttled) = (0, 0);
        loop {
            let price = *lock(&self.prices).get(name).unwrap_or(&estimate);
            self.take(price).await?;
            match self.attempt(name, price, body.clone()).await {
                Attempt::Answer(data) => return Ok(data),
                Attempt::Throttled => {
                    throttled += 1;
                    Counts::add(&self.counts.throttled, 1);
                    tracing::warn!(shop = self.shop, operation = name, "throttled");
                    self.wait(backoff(throttled)).await?;
                }
                Attempt::Again { reason, after } => {
                    failures += 1;
                    tracing::warn!(shop = self.shop, operation = name, failures, reason, "no answer");
                    if failures == ATTEMPTS {
                        return Err(StoreError::Unavailable(reason));
                    }
                    Counts::add(&self.counts.repeated, 1);
                    self.wait(after.unwrap_or_default().max(backoff(failures))).await?;
                }
                Attempt::Never(error) => return Err(error),
            }
        }
    }

    /// Waits until `price` points are there.
    async fn take(&self, price: f64) -> Result<(), StoreError> {
        let learned = std::mem::take(&mut *lock(&self.learned));
        let wait = self.ledger.take(self.shop, price, &learned).await?;
        Counts::add(&self.counts.waited, u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let waited = self.wait(wait).await;
        if waited.is_err() {
            self.give_back(price);
        }
        waited
    }

    /// Learns that points were not used. The next request of this run tells the others; if there is none, the store's
    /// answers tell them.
    fn give_back(&self, unused: f64) {
        lock(&self.learned).add(unused, None, 0);
    }

    async fn wait(&self, time: Duration) -> Result<(), StoreError> {
        if time >= self.until.left() {
            return Err(StoreError::OutOfTime);
        }
        pause(time).await;
        Ok(())
    }

    async fn attempt<T: DeserializeOwned>(&self, name: &'static str, price: f64, body: Vec<u8>) -> Attempt<T> {
        Counts::add(&self.counts.requests, 1);
        let sent = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/json")
            .header("x-shopify-access-token", self.token.expose())
            .body(body)
            .send()
            .await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return again(https::reason(error)),
        };
        let status = answer.status();
        if status != StatusCode::OK {
            self.give_back(price);
            let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let reason = format!("HTTP {status}");
            return match status.as_u16() {
                429 | 500.. => Attempt::Again { reason, after: after.map(Duration::from_secs_f64) },
                401 | 402 | 403 | 404 | 423 => Attempt::Never(StoreError::Denied(reason)),
                _ => Attempt::Never(StoreError::Refused(reason)),
            };
        }
        let bytes = match answer.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return again(https::reason(error)),
        };
        match serde_json::from_slice::<Envelope<T>>(&bytes) {
            Ok(envelope) => self.read(name, price, envelope),
            Err(error) => again(format!("an answer that cannot be read: {error}")),
        }
    }

    fn read<T>(&self, name: &'static str, price: f64, envelope: Envelope<T>) -> Attempt<T> {
        if let Some(cost) = envelope.extensions.cost {
            lock(&self.prices).insert(name, cost.requested_query_cost);
            let unused = price - cost.actual_query_cost.unwrap_or_default();
            lock(&self.learned).add(unused, Some(cost.throttle_status), now());
        }
        let Some(error) = envelope.errors.into_iter().next() else {
            return envelope.data.map_or_else(|| again("an answer without data".to_owned()), Attempt::Answer);
        };
        let said = error.message;
        match error.extensions.code.as_str() {
            "THROTTLED" => Attempt::Throttled,
            "INTERNAL_SERVER_ERROR" | "TIMEOUT" => again(said),
            "ACCESS_DENIED" => Attempt::Never(StoreError::Denied(said)),
            _ => Attempt::Never(StoreError::Refused(said)),
        }
    }
}

fn again<T>(reason: String) -> Attempt<T> {
    Attempt::Again { reason, after: None }
}

/// The pause after failure number `failures`: a random time up to twice the one before, so that runs part.
fn backoff(failures: u32) -> Duration {
    let most = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
    let random = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    most.mul_f64(0.5 + random / 2.0)
}

/// Does nothing for a while.
async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_somewhere() {
        for failures in 1..40 {
            let most = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
            let found = backoff(failures);
            assert!(found >= most / 2 && found <= most, "{failures}: {found:?}");
        }
    }
}
