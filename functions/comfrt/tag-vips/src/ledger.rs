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
    types::AttributeValue,
};
use jiff::Timestamp;

use crate::{
    bucket::{Bucket, Learned, TooDear},
    store::pause,
};

/// How often an item is tried that others change at the same moment: with so many at once, each gets its turn.
const TURNS: u32 = 30;

/// After this long without a request the bucket is full again, so the item may go. Seconds.
const KEPT: i64 = 24 * 3_600;

/// Where points are counted.
#[derive(Debug)]
pub enum Ledger {
    Memory(Mutex<HashMap<String, Bucket>>),
    Table { client: Client, name: String },
}

/// Why no points could be taken.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    TooDear(#[from] TooDear),
    #[error("{doing} the points of {shop} in the table: {reason}")]
    Table { doing: &'static str, shop: String, reason: String },
}

impl Ledger {
    pub fn memory() -> Self {
        Self::Memory(Mutex::default())
    }

    /// Takes `cost` points of `shop`, after giving back what the run has `learned`; says how long to wait for them.
    ///
    /// # Errors
    /// When the store never has so many, or the table cannot be read or written.
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
            Self::Table { client, name } => Self::take_in_table(client, name, shop, cost, learned).await,
        }
    }

    async fn take_in_table(
        client: &Client,
        table: &str,
        shop: &str,
        cost: f64,
        learned: &Learned,
    ) -> Result<Duration, LedgerError> {
        let failed = |doing, reason: String| LedgerError::Table { doing, shop: shop.to_owned(), reason };
        for turn in 0..TURNS {
            let read = client.get_item().table_name(table).key("shop", text(shop)).consistent_read(true).send().await;
            let item = read.map_err(|error| failed("read", reason(&error)))?.item;
            let now = now();
            let known = item.as_ref().map(bucket);
            let bucket = known.map_or_else(|| Bucket::unknown(now), |(bucket, _)| bucket);
            let (bucket, wait) = bucket.settled(learned, now).take(cost, now)?;
            let version = known.map_or(0, |(_, version)| version);
            let put = client
                .put_item()
                .table_name(table)
                .item("shop", text(shop))
                .item("points", number(bucket.level))
                .item("maximum", number(bucket.maximum))
                .item("restore", number(bucket.restore))
                .item("at_ms", number(bucket.at))
                .item("version", number(version + 1))
                .item("expires_at", number(now / 1_000 + KEPT));
            let put = match known {
                None => put.condition_expression("attribute_not_exists(shop)"),
                Some(_) => put
                    .condition_expression("#version = :version")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", number(version)),
            };
            match put.send().await {
                Ok(_) => return Ok(wait),
                Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                    pause(Duration::from_millis(5) * turn.min(10)).await;
                }
                Err(error) => return Err(failed("write", reason(&error))),
            }
        }
        Err(failed("write", format!("others changed them {TURNS} times in a row")))
    }
}

/// What an item says, and how often it was written. A part that is no number counts as an empty bucket's.
fn bucket(item: &HashMap<String, AttributeValue>) -> (Bucket, i64) {
    fn read<T: std::str::FromStr + Default>(item: &HashMap<String, AttributeValue>, name: &str) -> T {
        let number = item.get(name).and_then(|value| value.as_n().ok());
        number.and_then(|number| number.parse().ok()).unwrap_or_default()
    }
    let bucket = Bucket {
        level: read(item, "points"),
        maximum: read(item, "maximum"),
        restore: read(item, "restore"),
        at: read(item, "at_ms"),
    };
    (bucket, read(item, "version"))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn reason<E, R>(error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> String
where
    E: std::error::Error + aws_sdk_dynamodb::error::ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    error.code().map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned)
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
