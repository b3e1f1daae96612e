//! process-payment: charges and refunds through Stripe or PayPal, each once, and what the two tell later.
//!
//! - [`request`]: what callers may ask for
//! - [`provider`]: what Stripe and PayPal have in common; [`stripe`], [`paypal`]
//! - [`ledger`]: the payments' table; [`refund`]: giving back
//!
//! | route | does |
//! | --- | --- |
//! | `POST /payments` | charges; needs the header `Idempotency-Key` |
//! | `POST /payments/{id}/refunds` | gives back a part or all; likewise |
//! | `POST /webhooks/{provider}` | takes what a provider tells, when its signature is right |
//!
//! The id of a payment follows from its key, and is the provider's key of idempotency: whoever dies between the charge and
//! writing it down is completed by the same request again, without a second charge. No body and no token is ever logged.

pub mod ledger;
pub mod paypal;
pub mod provider;
pub mod refund;
pub mod request;
pub mod stripe;

use std::{sync::Arc, sync::Mutex, time::Duration};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use serde_json::json;
use shared::{ConfigError, Deadline, Env, Problem, Secrets, StartError, clients, http, http::Response, https};
use uuid::Uuid;

use crate::{
    claims::{Claim, ClaimError, Claims, Right, fingerprint},
    mail::event::{Event, Notice, Receipt, Recipient},
    money::Currency,
    table::{Item, get, integer, number, reason, text},
};
use ledger::Ledger;
use provider::{Headers, Made, Order, Provider, Status, Told, Unavailable, WebhookError};
use request::{Charge, ProviderName, Refund};

/// Longest webhook that is looked at. Bytes. PayPal's largest events are below 64 KiB.
const WEBHOOK_LIMIT: usize = 256 * 1024;

/// Longest wait for a provider. Stripe advises more than its own 80 s only for batch work.
const PATIENCE: Duration = Duration::from_secs(20);

/// Added to the invocation's own end before another may try: clocks differ a little.
const MARGIN: Duration = Duration::from_secs(5);

/// Ids of payments and refunds are version 5 UUIDs in here.
const NAMESPACE: Uuid = Uuid::from_u128(0x7a3c_1f52_9f0e_4c6d_8b11_5d0e_74a1_9c31);

#[derive(Debug)]
pub struct Deps {
    pub ledger: Ledger,
    pub sns: aws_sdk_sns::Client,
    /// The topic for receipts.
    pub receipts: String,
    pub stripe: stripe::Stripe,
    pub paypal: paypal::PayPal,
}

/// Variables that may hold the ARN of a secret.
pub const SECRETS: &[&str] =
    &["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"];

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        let secrets = Arc::new(Secrets::new(&config));
        let env = Env::load(&secrets, SECRETS).await;
        Ok(Self::from_env(env, secrets, &config)?)
    }

    pub fn from_env(mut env: Env, secrets: Arc<Secrets>, config: &SdkConfig) -> Result<Self, ConfigError> {
        let http = https::client(PATIENCE).map_err(|error| ConfigError { mistakes: vec![error.to_string()] })?;
        let or = |given: Option<String>, default: &str| given.unwrap_or_else(|| default.to_owned());
        let deps = Self {
            ledger: Ledger { client: aws_sdk_dynamodb::Client::new(config), table: env.text("PAYMENTS_TABLE") },
            sns: aws_sdk_sns::Client::new(config),
            receipts: env.text("RECEIPTS_TOPIC"),
            stripe: stripe::Stripe {
                http: http.clone(),
                secrets: secrets.clone(),
                url: or(env.optional("STRIPE_URL"), "https://api.stripe.com"),
                key: env.secret_source("STRIPE_SECRET_KEY"),
                webhook_secret: env.secret_source("STRIPE_WEBHOOK_SECRET"),
            },
            paypal: paypal::PayPal {
                http,
                secrets,
                url: or(env.optional("PAYPAL_URL"), "https://api-m.paypal.com"),
                client_id: env.secret_source("PAYPAL_CLIENT_ID"),
                client_secret: env.secret_source("PAYPAL_CLIENT_SECRET"),
                webhook_id: env.text("PAYPAL_WEBHOOK_ID"),
                token: Mutex::default(),
            },
        };
        env.finish(deps)
    }

    fn provider(&self, name: ProviderName) -> &dyn Provider {
        match name {
            ProviderName::Stripe => &self.stripe,
            ProviderName::Paypal => &self.paypal,
        }
    }
}

/// A body in the form's encoding, with the header that says so.
fn form(request: reqwest::RequestBuilder, pairs: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let encoded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    request.header("Content-Type", "application/x-www-form-urlencoded").body(pairs.join("&"))
}

/// Never fails: a problem is an answer too.
pub async fn handle(request: ApiGatewayV2httpRequest, context: Context, deps: &Deps) -> Result<Response, Problem> {
    let until = Deadline::of(&context);
    Ok(answer(&request, until, deps).await.unwrap_or_else(|problem| problem.respond()))
}

async fn answer(request: &ApiGatewayV2httpRequest, until: Deadline, deps: &Deps) -> Result<Response, Problem> {
    let parameter = |name: &str| request.path_parameters.get(name).map(String::as_str).unwrap_or_default();
    match request.route_key.as_deref().unwrap_or_default() {
        "POST /payments" => {
            let key = request::idempotency_key(request)?;
            let charge = request::body::<Charge>(request)?.checked()?;
            pay(key, &charge, lease(until), deps).await
        }
        "POST /payments/{id}/refunds" => {
            let key = request::idempotency_key(request)?;
            let refund = request::body::<Refund>(request)?;
            refund::give_back(parameter("id"), key, &refund, lease(until), deps).await
        }
        "POST /webhooks/{provider}" => {
            let name = ProviderName::parse(parameter("provider"));
            let name = name.ok_or_else(|| Problem::not_found("no such provider; there are stripe and paypal"))?;
            take(name, request, deps).await
        }
        _ => Err(Problem::not_found("no such route")),
    }
}

fn lease(until: Deadline) -> Timestamp {
    let left = SignedDuration::try_from(until.left() + MARGIN).unwrap_or(SignedDuration::MAX);
    Timestamp::now().saturating_add(left).unwrap_or(Timestamp::MAX)
}

fn unclear(error: ClaimError) -> Problem {
    Problem::internal("remember the payment", error)
}

/// The caller repeats it with the same key, and nothing happens twice.
fn later(error: Unavailable) -> Problem {
    Problem::internal("ask the provider", error)
}

/// A payment as callers see it, with its HTTP status.
fn shown(item: &Item) -> Response {
    let status = get(item, "status");
    let mut body = json!({
        "success": status != "declined", "id": get(item, "id"), "kind": get(item, "kind"), "status": status,
        "provider": get(item, "provider"), "amount": integer::<u64>(item, "amount"), "currency": get(item, "currency"),
    });
    for name in ["payment", "booking", "declined"] {
        if !get(item, name).is_empty() {
            body[name] = json!(get(item, name));
        }
    }
    if status == "declined" {
        body["error"] = json!("the provider declined");
        body["code"] = json!("DECLINED");
    }
    Response::json(if status == "declined" { 402 } else { 200 }, &body)
}

fn replayed(item: &Item) -> Response {
    let mut response = shown(item);
    response.headers.insert("idempotent-replayed".to_owned(), "true".to_owned());
    response
}

fn busy() -> Response {
    let said = "this request is being worked on; ask again with the same key";
    Response::json(409, &json!({ "success": false, "error": said, "code": "CONFLICT" }))
}

fn other() -> Problem {
    Problem::bad_request("the Idempotency-Key was used for another request")
}

async fn pay(key: &str, charge: &Charge, lease: Timestamp, deps: &Deps) -> Result<Response, Problem> {
    let id = Uuid::new_v5(&NAMESPACE, format!("payment/{key}").as_bytes()).to_string();
    let print = fingerprint(&serde_json::to_vec(charge).expect("plain data"));
    let now = Timestamp::now();
    let mut item = Item::from(
        [
            ("kind", text("payment")),
            ("provider", text(charge.provider.word())),
            ("amount", number(charge.amount)),
            ("currency", text(charge.currency.code())),
            ("customer", text(&charge.customer.id)),
            ("name", text(&charge.customer.name)),
            ("email", text(&charge.customer.email)),
            ("at", text(now.to_string())),
            ("day", text(now.strftime("%Y-%m-%d").to_string())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    for (name, value) in [("booking", &charge.booking), ("description", &charge.description)] {
        item.extend(value.as_ref().map(|value| (name.to_owned(), text(value))));
    }
    let claims = deps.ledger.claims();
    let right = match claims.claim(&id, &print, lease, now, item.clone()).await.map_err(unclear)? {
        Claim::Granted(right) => right,
        Claim::Done(item) => return Ok(replayed(&item)),
        Claim::Busy => return Ok(busy()),
        Claim::Other => return Err(other()),
    };
    let order = Order {
        id: &id,
        from: &charge.method,
        amount: charge.amount,
        currency: charge.currency,
        description: charge.description.as_deref(),
    };
    let made = match deps.provider(charge.provider).charge(order).await {
        Ok(made) => made,
        Err(error) => return Err(given_back(&claims, &right, later(error)).await),
    };
    item.insert("id".to_owned(), text(&id));
    let mut outcome = outcome(&made);
    if let Made::Done(_) = made {
        outcome.insert("refundable".to_owned(), number(charge.amount));
        // Before it is written down: who dies in between does it again, and the event's id tells that it is the same.
        if let Err(problem) = send_receipt(&item, deps).await {
            return Err(given_back(&claims, &right, problem).await);
        }
    }
    claims.done(&right, outcome.clone()).await.map_err(unclear)?;
    item.extend(outcome);
    tracing::info!(payment = id, provider = charge.provider.word(), status = get(&item, "status"), "charged");
    Ok(shown(&item))
}

/// What is written down of what a provider made.
fn outcome(made: &Made) -> Item {
    let (status, member, value) = match made {
        Made::Done(reference) => (Status::Captured.word(), "reference", reference),
        Made::Pending(reference) => ("pending", "reference", reference),
        Made::Declined(code) => (Status::Declined.word(), "declined", code),
    };
    Item::from([("status".to_owned(), text(status)), (member.to_owned(), text(value))])
}

async fn given_back(claims: &Claims<'_>, right: &Right, problem: Problem) -> Problem {
    if let Err(error) = claims.release(right).await {
        tracing::warn!(%error, "the right ends with its lease");
    }
    problem
}

/// Tells the topic of a payment that was captured; send-email writes to the customer, once per payment.
async fn send_receipt(item: &Item, deps: &Deps) -> Result<(), Problem> {
    let failed = |reason: String| Problem::internal("publish the receipt", reason);
    let optional = |name: &str| Some(get(item, name).to_owned()).filter(|text| !text.is_empty());
    let currency = Currency::try_from(get(item, "currency").to_owned()).map_err(|error| failed(error.to_string()))?;
    let event = Event {
        event_id: format!("receipt-{}", get(item, "id")),
        to: Recipient { name: get(item, "name").to_owned(), email: get(item, "email").to_owned() },
        notice: Notice::Receipt(Receipt {
            payment: get(item, "id").to_owned(),
            booking: optional("booking"),
            description: optional("description"),
            amount: integer(item, "amount").unwrap_or_default(),
            currency,
        }),
    };
    let message = serde_json::to_string(&event).expect("plain data");
    let sent = deps.sns.publish().topic_arn(&deps.receipts).message(message).send().await;
    sent.map(|_| ()).map_err(|error| failed(reason(&error)))
}

async fn take(name: ProviderName, request: &ApiGatewayV2httpRequest, deps: &Deps) -> Result<Response, Problem> {
    let body = http::body(request, WEBHOOK_LIMIT)?;
    let now = Timestamp::now().as_second();
    let told = deps.provider(name).told(Headers(request), &body, now).await.map_err(|error| match error {
        WebhookError::Unavailable(error) => later(error),
        WebhookError::Forged => Problem::unauthorized(WebhookError::Forged.to_string()),
        WebhookError::Malformed => Problem::bad_request(WebhookError::Malformed.to_string()),
    })?;
    match told {
        Told::Nothing(kind) => tracing::info!(provider = name.word(), kind, "nothing to us"),
        Told::Payment { id, status } => settle(&id, status, deps).await?,
    }
    Ok(Response::json(200, &json!({ "success": true })))
}

/// Ends a payment that was pending. What ended already, or is nobody's here, stays as it is.
async fn settle(id: &str, status: Status, deps: &Deps) -> Result<(), Problem> {
    let failed = |error: String| Problem::internal("settle the payment", error);
    let found = deps.ledger.get(id).await.map_err(failed)?;
    let Some(item) = found.filter(|item| get(item, "status") == "pending") else {
        tracing::info!(payment = id, status = status.word(), "told of what is settled or not ours");
        return Ok(());
    };
    if status == Status::Captured {
        // First, as in `pay`: who dies after it is told again by the provider.
        send_receipt(&item, deps).await?;
    }
    let amount: u64 = integer(&item, "amount").unwrap_or_default();
    let refundable = if status == Status::Captured { amount } else { 0 };
    let is_settled = deps.ledger.settle(id, status.word(), refundable).await.map_err(failed)?;
    tracing::info!(payment = id, status = status.word(), is_settled, "told by the provider");
    Ok(())
}
