//! Points taken by all runs at once: one item per store in a DynamoDB table.
//!
//! Taking and giving back are additions, which DynamoDB does one after the other: nobody is refused, and nobody who is quicker
//! keeps others waiting. Only a correction (the brim is reached, Shopify tells of less) is written under the condition that
//! nothing has changed since; where that fails, whoever changed it has seen the same.
//!
//! Without a table, as in tests of one run, the same in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError},
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue},
};
use jiff::Timestamp;

use crate::bucket::{Bucket, Learned, TooDear};

/// After this long without a request the bucket is full again, so the item may go. Seconds.
const KEPT: i64 = 24 * 3_600;

/// Where points are counted.
#[derive(Debug)]
pub enum Ledger {
    Memory(Mutex<HashMap<String, Bucket>>),
    Table(Table),
}

/// A DynamoDB table with the key `shop`.
#[derive(Debug)]
pub struct Table {
    client: Client,
    name: String,
}

type Item = HashMap<String, AttributeValue>;

/// Why no points could be taken.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    TooDear(#[from] TooDear),
    #[error("write the points of {shop} into the table: {reason}")]
    Table { shop: String, reason: String },
}

impl Ledger {
    pub fn memory() -> Self {
        Self::Memory(Mutex::default())
    }

    pub fn table(client: Client, name: String) -> Self {
        Self::Table(Table { client, name })
    }

    /// Takes `cost` points of `shop`, after giving back what the run has `learned`; says how long to wait for them.
    ///
    /// # Errors
    /// When the store never has so many, or the table cannot be written.
    pub async fn take(&self, shop: &str, cost: f64, learned: &Learned) -> Result<Duration, LedgerError> {
        match self {
            Self::Memory(buckets) => {
                let now = now();
                let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
                let bucket = buckets.get(shop).copied().unwrap_or_else(|| Bucket::unknown(now));
                let taken = Bucket { level: bucket.level + learned.unused - cost, ..bucket };
                let settled = taken.settled(cost, learned, now);
                let wait = settled.wait(cost)?;
                buckets.insert(shop.to_owned(), settled);
                Ok(wait)
            }
            Self::Table(table) => table.take(shop, cost, learned).await,
        }
    }
}

impl Table {
    async fn take(&self, shop: &str, cost: f64, learned: &Learned) -> Result<Duration, LedgerError> {
        let item = self.add(shop, learned.unused - cost).await?;
        let now = now();
        let seen = read(&item, now);
        let settled = seen.settled(cost, learned, now);
        let wait = match settled.wait(cost) {
            Ok(wait) => wait,
            Err(error) => {
                self.add(shop, cost).await?;
                return Err(error.into());
            }
        };
        if !item.contains_key("at_ms") || seen.is_corrected(settled) {
            self.correct(shop, &item, settled).await?;
        }
        Ok(wait)
    }

    /// Adds `points` to what is there, and says what it has become.
    async fn add(&self, shop: &str, points: f64) -> Result<Item, LedgerError> {
        let expires = now() / 1_000 + KEPT;
        let added = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("shop", AttributeValue::S(shop.to_owned()))
            .update_expression("ADD points :points SET expires_at = :expires")
            .expression_attribute_values(":points", number(points))
            .expression_attribute_values(":expires", number(expires))
            .return_values(ReturnValue::AllNew);
        let added = added.send().await.map_err(|error| failed(shop, &error))?;
        Ok(added.attributes.unwrap_or_default())
    }

    /// Writes `settled` over `seen`, if that is still what is there.
    async fn correct(&self, shop: &str, seen: &Item, settled: Bucket) -> Result<(), LedgerError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("shop", AttributeValue::S(shop.to_owned()))
            .update_expression("SET points = :level, maximum = :maximum, restore_rate = :restore, at_ms = :at")
            .expression_attribute_values(":level", number(settled.level))
            .expression_attribute_values(":maximum", number(settled.maximum))
            .expression_attribute_values(":restore", number(settled.restore))
            .expression_attribute_values(":at", number(settled.at))
            // As DynamoDB wrote it, so that no digit is lost on the way.
            .expression_attribute_values(":seen", seen.get("points").cloned().unwrap_or_else(|| number(0)));
        let update = match seen.get("at_ms") {
            None => update.condition_expression("points = :seen AND attribute_not_exists(at_ms)"),
            Some(at) => update
                .condition_expression("points = :seen AND at_ms = :since")
                .expression_attribute_values(":since", at.clone()),
        };
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(failed(shop, &error)),
        }
    }
}

fn failed<R: std::fmt::Debug>(shop: &str, error: &SdkError<UpdateItemError, R>) -> LedgerError {
    let reason = error.code().map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned);
    LedgerError::Table { shop: shop.to_owned(), reason }
}

/// What an item says. One that was just made says only what was taken.
fn read(item: &Item, now: i64) -> Bucket {
    let part = |name: &str| item.get(name).and_then(|value| value.as_n().ok());
    let points = |name: &str| part(name).and_then(|number| number.parse().ok());
    let unknown = Bucket::unknown(now);
    let level = points("points").unwrap_or(0.0);
    match part("at_ms").and_then(|number| number.parse().ok()) {
        None => Bucket { level: unknown.level + level, ..unknown },
        Some(at) => Bucket {
            level,
            maximum: points("maximum").unwrap_or(unknown.maximum),
            restore: points("restore_rate").unwrap_or(unknown.restore),
            at,
        },
    }
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
