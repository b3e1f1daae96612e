//! What starts a run: a request of somebody who waits for the answer, a message, or the schedule.
//!
//! The schedule puts one message per store into the queue of runs, so that each has an invocation of its own, is tried again
//! after a failure and ends among the dead letters when it never works. A run whose time is up puts a message there that says
//! where to go on.

use std::time::{Duration, Instant};

use aws_lambda_events::{
    apigw::ApiGatewayV2httpRequest,
    sqs::{SqsEvent, SqsMessage},
};
use jiff::Timestamp;
use lambda_runtime::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::{
    Deadline, Problem, StartError, http,
    http::Response,
    queue::{Failure, handle_batch},
    telemetry,
};

use crate::{
    bucket::TooDear,
    deps::Deps,
    ledger::LedgerError,
    run::{End, LARGEST_BATCH, Order, Progress, metrics, run},
    store::{Store, StoreError},
};

/// Largest body that is looked at. Bytes.
const BODY_LIMIT: usize = 4 * 1024;

/// Kept back at the end of an invocation, to say where the run goes on.
const RESERVE: Duration = Duration::from_secs(15);

/// The endpoint's only path.
const PATH: &str = "/tag-vip-customers";

/// A message of the queue of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub order: Order,
    #[serde(default)]
    pub progress: Progress,
}

/// Never fails for a request: a problem is an answer too.
pub async fn handle(event: Value, context: Context, deps: &Deps) -> Result<Value, Problem> {
    let until = Deadline::of(&context).earlier(RESERVE);
    if event.get("requestContext").is_some() {
        let request = read::<ApiGatewayV2httpRequest>(event)?;
        return written(&answer(&request, until, deps).await.unwrap_or_else(|problem| problem.respond()));
    }
    if event.get("Records").is_some() {
        let batch = read::<SqsEvent>(event)?;
        let done = handle_batch(&batch, Deadline::of(&context), 1, deps.dead_letters.as_ref(), async |message| {
            message_run(message, until, deps).await
        });
        return written(&done.await);
    }
    let mut queued = 0;
    for shop in deps.stores.keys() {
        let order = Order { shop_domain: shop.clone(), dry_run: false, batch_size: LARGEST_BATCH };
        queue(deps, &Waiting { order, progress: Progress::default() }).await?;
        queued += 1;
    }
    tracing::info!(queued, "runs of the schedule");
    Ok(json!({ "queued": queued }))
}

async fn answer(request: &ApiGatewayV2httpRequest, until: Deadline, deps: &Deps) -> Result<Response, Problem> {
    if request.raw_path.as_deref() != Some(PATH) {
        return Err(Problem::not_found(format!("there is only POST {PATH}")));
    }
    if request.request_context.http.method.as_str() != "POST" {
        return Err(Problem::method_not_allowed());
    }
    authorize(request, deps).await?;
    let order: Order = http::json(request, BODY_LIMIT)?;
    if !(1..=LARGEST_BATCH).contains(&order.batch_size) {
        return Err(Problem::bad_request(format!("batchSize must be 1 to {LARGEST_BATCH}")));
    }
    let mut progress = Progress::default();
    match complete(&order, &mut progress, until, deps).await? {
        End::Complete => Ok(Response::json(200, &progress.answer())),
        End::TimeIsUp => {
            let mut so_far = progress.answer();
            so_far["continued"] = json!(true);
            Ok(Response::json(202, &so_far))
        }
    }
}

/// Lets in whom AWS has asked for a signature already, and who knows the token.
async fn authorize(request: &ApiGatewayV2httpRequest, deps: &Deps) -> Result<(), Problem> {
    if request.request_context.authorizer.as_ref().is_some_and(|authorizer| authorizer.iam.is_some()) {
        return Ok(());
    }
    let refused = || Problem::unauthorized("a bearer token is needed, or a signed request");
    let (Some(source), Some(given)) = (&deps.api_token, http::bearer(request)) else { return Err(refused()) };
    let token = deps.secrets.value(source).await.map_err(|error| Problem::internal("read the API's token", error))?;
    if http::is_secret(given, &token) { Ok(()) } else { Err(refused()) }
}

async fn message_run(message: &SqsMessage, until: Deadline, deps: &Deps) -> Result<(), Failure> {
    let waiting: Waiting = serde_json::from_str(message.body.as_deref().unwrap_or_default())
        .map_err(|error| Failure::never(format!("the message is no run: {error}")))?;
    let Waiting { order, mut progress } = waiting;
    match complete(&order, &mut progress, until, deps).await {
        Ok(_) => Ok(()),
        Err(problem) if problem.kind == shared::problem::Kind::Internal => Err(Failure::later(problem.to_string())),
        Err(problem) => Err(Failure::never(problem.to_string())),
    }
}

/// Runs, and sees to it that a run whose time is up goes on.
async fn complete(order: &Order, progress: &mut Progress, until: Deadline, deps: &Deps) -> Result<End, Problem> {
    let shop = order.shop_domain.as_str();
    let token = deps.stores.get(shop).ok_or_else(|| Problem::not_found(format!("no store `{shop}` here")))?;
    let value = deps.secrets.value(token).await;
    let value = value.map_err(|error| Problem::internal("read the store's token", error))?;
    let endpoint = deps.endpoint.replace("{shop}", shop);
    let store = Store::new(&deps.http, endpoint, shop, value, &deps.ledger, until);
    let (began, before) = (Instant::now(), progress.clone());
    let end = run(&store, &deps.rules, order, progress, Timestamp::now()).await;
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    telemetry::emit(&metrics(&deps.namespace, &store, progress, took));
    let end = end.map_err(|error| match error {
        StoreError::Ledger(LedgerError::TooDear(error @ TooDear { .. })) => Problem::bad_request(error.to_string()),
        error => {
            if matches!(error, StoreError::Denied(_)) {
                // It may have been changed: the next run reads it anew.
                deps.secrets.forget(token);
            }
            Problem::internal(format!("run through {shop}"), error)
        }
    })?;
    let (vips, updated, errors) = (progress.vips_identified, progress.customers_updated, progress.errors.len());
    tracing::info!(shop, dry_run = order.dry_run, vips, updated, errors, took, complete = end == End::Complete, "run");
    if end == End::TimeIsUp {
        if (&progress.after, progress.customers_updated) == (&before.after, before.customers_updated) {
            return Err(Problem::internal(format!("run through {shop}"), "the time was up before anything was done"));
        }
        queue(deps, &Waiting { order: order.clone(), progress: progress.clone() }).await?;
    }
    Ok(end)
}

async fn queue(deps: &Deps, waiting: &Waiting) -> Result<(), Problem> {
    let failed = |error: StartError| Problem::internal("queue a run", error);
    let body = serde_json::to_string(waiting).map_err(|error| failed(error.into()))?;
    let sent = deps.sqs.send_message().queue_url(&deps.runs_queue_url).message_body(body).send().await;
    sent.map(|_| ()).map_err(|error| failed(error.into()))
}

fn read<T: DeserializeOwned>(event: Value) -> Result<T, Problem> {
    serde_json::from_value(event).map_err(|error| Problem::internal("read the event", error))
}

fn written(answer: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(answer).map_err(|error| Problem::internal("write the answer", error))
}
