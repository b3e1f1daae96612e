//! One callback: check the signature, write the event, acknowledge.
//!
//! Every outcome is an HTTP answer; the provider repeats whatever is not acknowledged, so an answer of 500
//! is the right one while the database is away.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use jiff::Timestamp;
use lambda_runtime::Context;
use serde_json::{Value, json};
use shared::{Problem, http, http::Response, secrets::Source, telemetry};
use ticketbottle_outbox::intake::{Accepted, accept};

use crate::{
    deps::Deps,
    payment::{Refusal, Verified},
    payos, zalopay,
};

/// Largest body that is looked at. Bytes. ZaloPay's fields add up to less than 5,000, payOS's to less.
const BODY_LIMIT: usize = 64 * 1024;

/// A payment provider: who signs how, and what each outcome is called in its language.
struct Provider {
    verify: fn(&[u8], &str, Timestamp) -> Result<Verified, Refusal>,
    acknowledgement: fn() -> Value,
    refusal: fn(&Refusal) -> Value,
    try_again: fn() -> Value,
}

static ZALOPAY: Provider = Provider {
    verify: zalopay::verify,
    acknowledgement: zalopay::acknowledgement,
    refusal: zalopay::refusal,
    try_again: zalopay::try_again,
};

/// payOS documents no body for a refusal: the status says it.
static PAYOS: Provider = Provider {
    verify: payos::verify,
    acknowledgement: payos::acknowledgement,
    refusal: |_| json!({}),
    try_again: || json!({}),
};

/// Never fails: a problem is an answer too.
pub async fn handle(request: ApiGatewayV2httpRequest, context: Context, deps: &Deps) -> Result<Response, Problem> {
    let trace_header = telemetry::trace_header(&context);
    Ok(answer(&request, trace_header.as_deref(), deps).await.unwrap_or_else(|problem| problem.respond()))
}

async fn answer(
    request: &ApiGatewayV2httpRequest,
    trace_header: Option<&str>,
    deps: &Deps,
) -> Result<Response, Problem> {
    let name = request.path_parameters.get("provider").map(String::as_str).unwrap_or_default();
    let (provider, key): (&Provider, &Source) = match name {
        zalopay::PROVIDER => (&ZALOPAY, &deps.zalopay_key2),
        payos::PROVIDER => (&PAYOS, &deps.payos_checksum_key),
        _ => return Err(Problem::not_found("no such payment provider; there are zalopay and payos")),
    };
    let malformed = |problem: Problem| {
        let refusal = Refusal::Malformed(problem.to_string());
        problem.with((provider.refusal)(&refusal))
    };
    let body = http::body(request, BODY_LIMIT).map_err(malformed)?;
    let later = |doing: &str, error: Box<dyn std::error::Error + Send + Sync>| {
        Problem::internal(doing, error).with((provider.try_again)())
    };

    let key = deps.secrets.value(key).await.map_err(|error| later("read the provider's key", error.into()))?;
    let verified = (provider.verify)(&body, key.expose(), Timestamp::now()).map_err(|refusal| {
        let said = (provider.refusal)(&refusal);
        refusal.into_problem().with(said)
    })?;
    match verified {
        Verified::Notice { what } => tracing::info!(provider = name, what, "acknowledged without an event"),
        Verified::Payment { event, signed } => {
            let mut session =
                deps.database.session().await.map_err(|error| later("reach the database", error.into()))?;
            let accepted = accept(&mut session, &event, &signed, trace_header).await;
            let accepted = accepted.map_err(|error| later("write the event", error.into()))?;
            let (event_id, order_id, event_type) = (event.event_id, &event.order_id, event.event_type);
            match accepted {
                Accepted::New => {
                    tracing::info!(provider = name, %event_id, order_id, %event_type, "payment event written")
                }
                Accepted::Duplicate { same_content: true } => {
                    tracing::info!(provider = name, %event_id, order_id, %event_type, "repeated callback; nothing written");
                }
                Accepted::Duplicate { same_content: false } => {
                    tracing::warn!(provider = name, %event_id, order_id, %event_type, "repeated callback with other content; the first one stands");
                }
            }
        }
    }
    Ok(Response::json(200, &(provider.acknowledgement)()))
}
