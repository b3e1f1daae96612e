//! The rows of a report, page by page, straight from the tables' indexes by day.
//!
//! A page is what DynamoDB answers with: up to 1 MB. Nothing is kept but the place to go on at, and the sums.

use std::collections::{BTreeMap, VecDeque};

use aws_sdk_dynamodb::Client;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    activity::{SHARDS, entry},
    money::Currency,
    table::{Item, get, integer, reason, text},
};

#[derive(Debug)]
pub struct Tables {
    pub client: Client,
    pub bookings: String,
    pub payments: String,
    pub activity: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Bookings,
    Payments,
    Activity,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Bookings => "bookings",
            Self::Payments => "payments",
            Self::Activity => "activity",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Bookings => "Bookings",
            Self::Payments => "Payments",
            Self::Activity => "Activity",
        }
    }

    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Bookings => &["at", "id", "company", "service", "customer", "status", "amount", "currency"],
            Self::Payments => &["at", "id", "kind", "status", "provider", "customer", "booking", "amount", "currency"],
            Self::Activity => &["at", "user", "kind", "data"],
        }
    }
}

/// One report's rows.
#[derive(Debug)]
pub struct Rows<'a> {
    tables: &'a Tables,
    kind: Kind,
    /// Partitions of the index that are still to be read, and where in the first.
    partitions: VecDeque<String>,
    after: Option<Item>,
    count: u64,
    sums: BTreeMap<String, i64>,
}

impl<'a> Rows<'a> {
    pub fn new(tables: &'a Tables, kind: Kind, from: Date, to: Date) -> Self {
        let days = from.series(jiff::ToSpan::day(1)).take_while(|day| *day <= to);
        let partitions = match kind {
            Kind::Activity => days.flat_map(|day| (0..SHARDS).map(move |number| entry::shard(day, number))).collect(),
            _ => days.map(|day| day.to_string()).collect(),
        };
        Self { tables, kind, partitions, after: None, count: 0, sums: BTreeMap::new() }
    }

    /// Rows that were read so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Currency and sum in decimals: what was captured less what was given back, or what was booked.
    pub fn totals(&self) -> Vec<(String, String)> {
        let decimal = |code: &str, minor: i64| {
            let currency = Currency::try_from(code.to_owned()).ok();
            let digits =
                currency.map_or_else(|| minor.unsigned_abs().to_string(), |it| it.decimal(minor.unsigned_abs()));
            if minor < 0 { format!("-{digits}") } else { digits }
        };
        self.sums.iter().map(|(code, minor)| (code.clone(), decimal(code, *minor))).collect()
    }

    /// The next rows, in the order of the columns; `None` after the last.
    ///
    /// # Errors
    /// DynamoDB's code.
    pub async fn page(&mut self) -> Result<Option<Vec<Vec<String>>>, String> {
        let Some(partition) = self.partitions.front() else { return Ok(None) };
        let (table, index, key) = match self.kind {
            Kind::Bookings => (&self.tables.bookings, "by-day", "day"),
            Kind::Payments => (&self.tables.payments, "by-day", "day"),
            Kind::Activity => (&self.tables.activity, "by-shard", "shard"),
        };
        let query = self.tables.client.query().table_name(table).index_name(index);
        let query = query
            .key_condition_expression("#key = :key")
            .expression_attribute_names("#key", key)
            .expression_attribute_values(":key", text(partition));
        let output = query.set_exclusive_start_key(self.after.take()).send().await;
        let output = output.map_err(|error| reason(&error))?;
        self.after = output.last_evaluated_key;
        if self.after.is_none() {
            self.partitions.pop_front();
        }
        let items = output.items.unwrap_or_default();
        self.count += items.len() as u64;
        let rows = items.iter().map(|item| {
            self.add_up(item);
            self.kind.columns().iter().map(|column| cell(item, column)).collect()
        });
        Ok(Some(rows.collect()))
    }

    fn add_up(&mut self, item: &Item) {
        let Some(amount) = integer::<i64>(item, "amount") else { return };
        let sign = match (self.kind, get(item, "kind"), get(item, "status")) {
            (Kind::Payments, "payment", "captured") => 1,
            (Kind::Payments, "refund", "refunded") => -1,
            (Kind::Bookings, _, status) if status != "cancelled" => 1,
            _ => return,
        };
        *self.sums.entry(get(item, "currency").to_owned()).or_default() += sign * amount;
    }
}

/// What stands in a column. Amounts are decimals, with their sign.
fn cell(item: &Item, column: &str) -> String {
    if column != "amount" {
        return get(item, column).to_owned();
    }
    let currency = Currency::try_from(get(item, "currency").to_owned()).ok();
    let decimal = currency.zip(integer::<u64>(item, "amount")).map(|(currency, minor)| currency.decimal(minor));
    let decimal = decimal.unwrap_or_else(|| get(item, "amount").to_owned());
    if get(item, "kind") == "refund" { format!("-{decimal}") } else { decimal }
}
