//! Points taken by all runs at once: one item per store in a DynamoDB table, changed under the condition that nobody
//! else changed it in between.
//!
//! Without a table, as in tests of one run, the same in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata as _},
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;

use crate::{
    bucket::{Bucket, Learned, TooDear},
    store::{backoff, pause},
};

/// How often an item is tried that others change at the same moment. The pauses are short at first and longer in the end.
const TURNS: u32 = 40;

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
    /// The items as they were last seen, and how often they were written. Whoever writes over another's item is refused, and
    /// told what is there: so nothing is ever read.
    known: tokio::sync::Mutex<HashMap<String, (Bucket, i64)>>,
}

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
        Self::Table(Table { client, name, known: tokio::sync::Mutex::default() })
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
                let (bucket, wait) = bucket.settled(learned, now).take(cost, now)?;
                buckets.insert(shop.to_owned(), bucket);
                Ok(wait)
            }
            Self::Table(table) => table.take(shop, cost, learned).await,
        }
    }
}

impl Table {
    async fn take(&self, shop: &str, cost: f64, learned: &Learned) -> Result<Duration, LedgerError> {
        let failed = |reason: String| LedgerError::Table { shop: shop.to_owned(), reason };
        // One after the other within this process, so that only other processes are in the way.
        let mut known = self.known.lock().await;
        for turn in 1..=TURNS {
            let now = now();
            let seen = known.get(shop).copied();
            let bucket = seen.map_or_else(|| Bucket::unknown(now), |(bucket, _)| bucket);
            let (bucket, wait) = bucket.settled(learned, now).take(cost, now)?;
            let version = seen.map_or(0, |(_, version)| version);
            let put = self
                .client
                .put_item()
                .table_name(&self.name)
                .item("shop", AttributeValue::S(shop.to_owned()))
                .item("points", number(bucket.level))
                .item("maximum", number(bucket.maximum))
                .item("restore", number(bucket.restore))
                .item("at_ms", number(bucket.at))
                .item("version", number(version + 1))
                .item("expires_at", number(now / 1_000 + KEPT))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let put = match seen {
                None => put.condition_expression("attribute_not_exists(shop)"),
                Some(_) => put
                    .condition_expression("#version = :version")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", number(version)),
            };
            let Err(error) = put.send().await else {
                known.insert(shop.to_owned(), (bucket, version + 1));
                return Ok(wait);
            };
            let Some(PutItemError::ConditionalCheckFailedException(others)) = error.as_service_error() else {
                return Err(failed(
                    error.code().map_or_else(|| DisplayErrorContext(&error).to_string(), str::to_owned),
                ));
            };
            match others.item() {
                Some(item) => known.insert(shop.to_owned(), read(item)),
                None => known.remove(shop),
            };
            pause(backoff(1) / (TURNS - turn + 1)).await;
        }
        Err(failed(format!("others changed them {TURNS} times in a row")))
    }
}

/// What an item says, and how often it was written. A part that is no number counts as an empty bucket's.
fn read(item: &HashMap<String, AttributeValue>) -> (Bucket, i64) {
    let part = |name: &str| item.get(name).and_then(|value| value.as_n().ok());
    let points = |name: &str| part(name).and_then(|number| number.parse().ok()).unwrap_or(0.0);
    let whole = |name: &str| part(name).and_then(|number| number.parse().ok()).unwrap_or(0);
    let bucket =
        Bucket { level: points("points"), maximum: points("maximum"), restore: points("restore"), at: whole("at_ms") };
    (bucket, whole("version"))
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
