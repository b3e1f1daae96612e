//! user-activity-logger: what users did, from the front end and from a bus; in order, each thing once, for a time.
//!
//! - [`entry`]: what may come, checked
//!
//! | from | what |
//! | --- | --- |
//! | `POST /activity` | up to 100 entries; all are right or none is written |
//! | the bus | one event of another service; one that is wrong fails, and ends in the queue for failed events |
//! | `GET /activity/{user}?day=2026-11-20` | that user's entries of that day in order, 100 at a time |
//!
//! An entry lies under its user and day, by its time and id: so a day is one query in order, and the same entry again takes
//! the same place. It goes by itself after its time.

pub mod entry;

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_sdk_dynamodb::{
    Client,
    types::{PutRequest, WriteRequest},
};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp, civil::Date};
use lambda_runtime::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{ConfigError, Deadline, Env, Problem, StartError, clients, http, http::Response};

use crate::table::{get, number, reason, text};
use entry::Entry;

/// Largest body of a batch. Bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// Most entries of a batch.
const MOST: usize = 100;
/// What DynamoDB writes at once.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html> (read 2026-11).
const WRITES: usize = 25;
/// Entries in one answer.
const PAGE: i32 = 100;
/// The days of all users lie in this many partitions each, since one takes 1,000 writes a second.
pub const SHARDS: u32 = 8;

#[derive(Debug)]
pub struct Deps {
    pub dynamodb: Client,
    pub table: String,
    pub retention: SignedDuration,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        Ok(Self::from_env(Env::plain(), &config)?)
    }

    pub fn from_env(mut env: Env, config: &SdkConfig) -> Result<Self, ConfigError> {
        let days: u32 = env.parsed("RETENTION_DAYS", "a number of days");
        let deps = Self {
            dynamodb: Client::new(config),
            table: env.text("ACTIVITY_TABLE"),
            retention: SignedDuration::from_hours(i64::from(days) * 24),
        };
        env.finish(deps)
    }
}

/// What starts the function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Incoming {
    Bus(entry::BusEvent),
    Http(Box<ApiGatewayV2httpRequest>),
}

pub async fn handle(incoming: Incoming, context: Context, deps: &Deps) -> Result<Value, Problem> {
    let now = Timestamp::now();
    let until = Deadline::of(&context);
    match incoming {
        Incoming::Bus(event) => {
            let entry = Entry::from_bus(event, now).map_err(Problem::bad_request)?;
            write(&[entry], until, now, deps).await?;
            Ok(json!({ "written": 1 }))
        }
        Incoming::Http(request) => {
            let answer = answer(&request, until, now, deps).await.unwrap_or_else(|problem| problem.respond());
            serde_json::to_value(answer).map_err(|error| Problem::internal("answer", error))
        }
    }
}

async fn answer(
    request: &ApiGatewayV2httpRequest,
    until: Deadline,
    now: Timestamp,
    deps: &Deps,
) -> Result<Response, Problem> {
    match request.route_key.as_deref().unwrap_or_default() {
        "POST /activity" => {
            let body = http::body(request, BODY_LIMIT)?;
            let entries = entry::batch(&body, MOST, now).map_err(Problem::bad_request)?;
            if let Some(own) = identity(request)
                && entries.iter().any(|entry| entry.user != own)
            {
                return Err(Problem::unauthorized("an entry of another user"));
            }
            let written = write(&entries, until, now, deps).await?;
            Ok(Response::json(202, &json!({ "success": true, "written": written })))
        }
        "GET /activity/{user}" => day(request, deps).await,
        _ => Err(Problem::not_found("no such route")),
    }
}

/// The user whom a front end's credentials belong to; services, which sign with a role, have none and write for all.
fn identity(request: &ApiGatewayV2httpRequest) -> Option<&str> {
    let iam = request.request_context.authorizer.as_ref()?.iam.as_ref()?;
    iam.cognito_identity.as_ref().and_then(|identity| identity.identity_id.as_deref())
}

/// Writes every entry; how many different ones there were.
async fn write(entries: &[Entry], until: Deadline, now: Timestamp, deps: &Deps) -> Result<usize, Problem> {
    // DynamoDB refuses a batch that names an item twice.
    let mut seen = std::collections::HashSet::new();
    let mut requests = Vec::with_capacity(entries.len());
    for entry in entries.iter().filter(|entry| seen.insert(entry.key())) {
        let (partition, sort) = entry.key();
        let expires = entry.at.saturating_add(deps.retention).unwrap_or(Timestamp::MAX);
        let put = PutRequest::builder()
            .item("user_day", text(partition))
            .item("at_id", text(sort))
            .item("shard", text(entry.shard()))
            .item("user", text(&entry.user))
            .item("kind", text(&entry.kind))
            .item("at", text(entry.at.to_string()))
            .item("data", text(entry.data.to_string()))
            .item("received", text(now.to_string()))
            .item("expires", number(expires.as_second()))
            .build();
        let put = put.map_err(|error| Problem::internal("write the entries", error))?;
        requests.push(WriteRequest::builder().put_request(put).build());
    }
    let written = requests.len();
    let batches = requests.chunks(WRITES).map(|batch| one_batch(batch.to_vec(), until, deps));
    futures::future::try_join_all(batches).await?;
    tracing::info!(written, "activity written");
    Ok(written)
}

/// Until DynamoDB has taken all of it: what it leaves over is tried again, more and more slowly.
async fn one_batch(mut requests: Vec<WriteRequest>, until: Deadline, deps: &Deps) -> Result<(), Problem> {
    let mut pause = Duration::from_millis(50);
    loop {
        let sent = deps.dynamodb.batch_write_item().request_items(&deps.table, requests).send().await;
        let output = sent.map_err(|error| Problem::internal("write the entries", reason(&error)))?;
        requests = output.unprocessed_items.and_then(|mut left| left.remove(&deps.table)).unwrap_or_default();
        if requests.is_empty() {
            return Ok(());
        }
        if until.left() < pause * 2 {
            let left = format!("DynamoDB left {} over", requests.len());
            return Err(Problem::internal("write the entries", left));
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// One user's day, in order.
async fn day(request: &ApiGatewayV2httpRequest, deps: &Deps) -> Result<Response, Problem> {
    let parameter = |name: &str| request.query_string_parameters.first(name).unwrap_or_default();
    let user = request.path_parameters.get("user").map(String::as_str).unwrap_or_default();
    if identity(request).is_some_and(|own| own != user) {
        return Err(Problem::unauthorized("another user's activity"));
    }
    let day: Date = parameter("day").parse().map_err(|_| Problem::bad_request("day: such as 2026-11-20"))?;
    let partition = entry::partition(user, day);
    let mut query = deps
        .dynamodb
        .query()
        .table_name(&deps.table)
        .key_condition_expression("user_day = :day AND at_id > :after")
        .expression_attribute_values(":day", text(partition))
        .limit(PAGE);
    let after = parameter("after");
    query = query.expression_attribute_values(":after", text(if after.is_empty() { "0" } else { after }));
    let output = query.send().await.map_err(|error| Problem::internal("read the day", reason(&error)))?;
    let next = output.last_evaluated_key().map(|key| get(key, "at_id").to_owned());
    let entries: Vec<Value> = output
        .items()
        .iter()
        .map(|item| {
            let (_, id) = get(item, "at_id").split_once('#').unwrap_or_default();
            let data: Value = serde_json::from_str(get(item, "data")).unwrap_or_default();
            json!({ "id": id, "at": get(item, "at"), "kind": get(item, "kind"), "data": data })
        })
        .collect();
    Ok(Response::json(
        200,
        &json!({ "success": true, "user": user, "day": day.to_string(), "entries": entries, "after": next }),
    ))
}
