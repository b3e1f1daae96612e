//! One run through a store: page after page, in memory no more than two of them.
//!
//! While the customers of a page are changed, the next page is fetched. A page counts when all of it is done, so a run that
//! stops (the time is up) goes on with the page in which it stopped: what was changed already needs no change then.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt as _, future::join, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::telemetry;

use crate::{
    operations::{
        AddTags, CustomerPage, CustomerTotal, ExchangeTags, RemoveTags, add_tags, customer_page, customer_total,
        exchange_tags, remove_tags,
    },
    store::{Store, StoreError},
    tier::{Customer, Rules, Standing},
};

/// Most customers on a page: Shopify's limit.
pub const LARGEST_BATCH: u16 = 250;

/// Customers that are changed at once.
const AT_ONCE: usize = 8;

/// Errors that are told one by one; of the rest only the number. They travel in a queue's message of 256 KB at most.
const ITEMISED: usize = 500;

/// So many customers in a row that cannot be changed for lack of an answer, and the run ends: it is the store.
const HOPELESS: u32 = 5;

/// What a run is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    pub shop_domain: String,
    /// Says what would be done, in the log, and does nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Customers per page, 1 to [`LARGEST_BATCH`].
    #[serde(default = "largest")]
    pub batch_size: u16,
}

fn largest() -> u16 {
    LARGEST_BATCH
}

/// How far a run has come; travels with it when it goes on elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// The last page that is done.
    pub after: Option<String>,
    pub total_customers: Option<i64>,
    pub vips_identified: u64,
    pub customers_updated: u64,
    pub errors: Vec<CustomerError>,
    /// Errors beyond those that are itemised.
    pub more_errors: u64,
}

/// A customer that could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerError {
    pub customer_id: String,
    pub error: String,
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Complete,
    /// The time is up; [`Progress`] says where to go on.
    TimeIsUp,
}

impl Progress {
    /// The answer that the endpoint's callers know.
    pub fn answer(&self) -> Value {
        let mut errors: Vec<Value> = self.errors.iter().map(|error| json!(error)).collect();
        if self.more_errors > 0 {
            errors.push(json!({"error": format!("and {} more, which are in the log", self.more_errors)}));
        }
        json!({
            "success": errors.is_empty(),
            "summary": {
                "totalCustomers": self.total_customers.unwrap_or_default(),
                "vipsIdentified": self.vips_identified,
                "customersUpdated": self.customers_updated,
            },
            "errors": errors,
        })
    }

    fn failed(&mut self, customer_id: String, error: &StoreError) {
        tracing::warn!(customer_id, %error, "not changed");
        if self.errors.len() < ITEMISED {
            self.errors.push(CustomerError { customer_id, error: error.to_string() });
        } else {
            self.more_errors += 1;
        }
    }
}

struct Page {
    customers: Vec<Customer>,
    /// Where the next page begins, if there is one.
    next: Option<String>,
}

/// Runs `order` from where `progress` says.
///
/// # Errors
/// When the store, or the table of points, does not let the run go on. What was done before stays done.
pub async fn run(
    store: &Store<'_>,
    rules: &Rules,
    order: &Order,
    progress: &mut Progress,
    now: Timestamp,
) -> Result<End, StoreError> {
    match pages(store, rules, order, progress, now).await {
        Ok(()) => Ok(End::Complete),
        Err(StoreError::OutOfTime) => Ok(End::TimeIsUp),
        Err(error) => Err(error),
    }
}

async fn pages(
    store: &Store<'_>,
    rules: &Rules,
    order: &Order,
    progress: &mut Progress,
    now: Timestamp,
) -> Result<(), StoreError> {
    if progress.total_customers.is_none() {
        let total = store.ask::<CustomerTotal>(10.0, customer_total::Variables {}).await?;
        progress.total_customers = total.customers_count.map(|count| count.count);
    }
    let query = rules.candidates();
    let fetch = async |after: Option<String>| fetch(store, order.batch_size, &query, after).await;
    let mut page = fetch(progress.after.clone()).await?;
    loop {
        let next = page.next.clone();
        let following = async {
            match next.clone() {
                Some(after) => fetch(Some(after)).await.map(Some),
                None => Ok(None),
            }
        };
        let (done, following) = join(settle(store, rules, order, page, progress, now), following).await;
        done?;
        progress.after.clone_from(&next);
        match following? {
            Some(following) => page = following,
            None => return Ok(()),
        }
    }
}

async fn fetch(store: &Store<'_>, batch: u16, query: &str, after: Option<String>) -> Result<Page, StoreError> {
    let variables = customer_page::Variables { first: i64::from(batch), after, query: Some(query.to_owned()) };
    // Three objects per customer, at two points and the connection's own: what Shopify asks at most.
    let estimate = f64::from(batch) * 3.0 + 4.0;
    let page = store.ask::<CustomerPage>(estimate, variables).await?.customers;
    let next = page.page_info.end_cursor.filter(|_| page.page_info.has_next_page);
    let customers: Result<Vec<_>, _> = page.nodes.into_iter().map(customer).collect();
    Ok(Page { customers: customers.map_err(StoreError::Refused)?, next })
}

fn customer(node: customer_page::CustomerPageCustomersNodes) -> Result<Customer, String> {
    let orders = node.number_of_orders.parse();
    Ok(Customer {
        orders: orders.map_err(|_| format!("{}: `{}` is no number of orders", node.id, node.number_of_orders))?,
        spent: node.amount_spent.amount.parse()?,
        last_order: node.last_order.map(|order| order.created_at),
        id: node.id,
        tags: node.tags,
    })
}

/// Changes who has to be changed on one page.
async fn settle(
    store: &Store<'_>,
    rules: &Rules,
    order: &Order,
    page: Page,
    progress: &mut Progress,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut vips = 0;
    let mut changes = Vec::new();
    for customer in page.customers {
        let standing = rules.standing(&customer, now);
        vips += u64::from(standing.is_vip);
        if standing.is_settled() {
            continue;
        }
        if order.dry_run {
            let (add, remove) = (standing.add.join(","), standing.remove.join(","));
            tracing::info!(shop = store.shop, customer_id = customer.id, add, remove, "would be changed");
        } else {
            changes.push((customer.id, standing));
        }
    }
    // Once the run has to end nothing more is begun; but what was sent is waited for, so that it is counted.
    let (mut unanswered, mut ended) = (0, None);
    let is_over = AtomicBool::new(false);
    let is_over = &is_over;
    let changed = stream::iter(changes)
        .map(async |(id, standing)| match is_over.load(Ordering::Relaxed) {
            true => (id, None),
            false => (id.clone(), Some(change(store, id, standing).await)),
        })
        .buffer_unordered(AT_ONCE);
    let mut changed = std::pin::pin!(changed);
    while let Some((id, outcome)) = changed.next().await {
        match outcome {
            None => {}
            Some(Ok(())) => {
                progress.customers_updated += 1;
                unanswered = 0;
            }
            Some(Err(error @ StoreError::Refused(_))) => progress.failed(id, &error),
            Some(Err(error @ StoreError::Unavailable(_))) if unanswered + 1 < HOPELESS => {
                unanswered += 1;
                progress.failed(id, &error);
            }
            Some(Err(error)) => {
                is_over.store(true, Ordering::Relaxed);
                ended = Some(error);
            }
        }
    }
    if let Some(error) = ended {
        return Err(error);
    }
    progress.vips_identified += vips;
    Ok(())
}

async fn change(store: &Store<'_>, id: String, standing: Standing) -> Result<(), StoreError> {
    let Standing { add, remove, .. } = standing;
    let mut said = Vec::new();
    match (add.is_empty(), remove.is_empty()) {
        (false, true) => {
            let answer = store.ask::<AddTags>(10.0, add_tags::Variables { id, add }).await?;
            said.extend(answer.tags_add.into_iter().flat_map(|payload| payload.user_errors).map(|error| error.message));
        }
        (true, _) => {
            let answer = store.ask::<RemoveTags>(10.0, remove_tags::Variables { id, remove }).await?;
            let payload = answer.tags_remove.into_iter();
            said.extend(payload.flat_map(|payload| payload.user_errors).map(|error| error.message));
        }
        (false, false) => {
            let variables = exchange_tags::Variables { id, add, remove };
            let answer = store.ask::<ExchangeTags>(20.0, variables).await?;
            let payload = answer.tags_remove.into_iter();
            said.extend(payload.flat_map(|payload| payload.user_errors).map(|error| error.message));
            said.extend(answer.tags_add.into_iter().flat_map(|payload| payload.user_errors).map(|error| error.message));
        }
    }
    if said.is_empty() { Ok(()) } else { Err(StoreError::Refused(said.join("; "))) }
}

/// The run's metrics, as one log line.
#[expect(clippy::cast_precision_loss, reason = "a metric's value is a double; counts of customers are far below 2^53")]
pub fn metrics(namespace: &str, store: &Store<'_>, progress: &Progress, took_millis: u64) -> Value {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64;
    let errors = progress.errors.len() as u64 + progress.more_errors;
    let values = [
        ("Customers", "Count", progress.total_customers.unwrap_or_default() as f64),
        ("Vips", "Count", progress.vips_identified as f64),
        ("Updated", "Count", progress.customers_updated as f64),
        ("CustomerErrors", "Count", errors as f64),
        ("Requests", "Count", count(&store.counts.requests)),
        ("Throttled", "Count", count(&store.counts.throttled)),
        ("Repeated", "Count", count(&store.counts.repeated)),
        ("WaitedForPoints", "Milliseconds", count(&store.counts.waited)),
        ("RunTime", "Milliseconds", took_millis as f64),
    ];
    let dimensions = [("Function", "tag-vips"), ("Store", store.shop)];
    telemetry::metrics(namespace, &dimensions, &values, Timestamp::now().as_millisecond())
}
