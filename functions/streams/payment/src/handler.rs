//! `POST /api/payment`: with a wallet's signature, the stream as the contract has it; with `"method": "gateway"` and a token, a
//! payment by gateway.
//!
//! What the contract told is kept in the table, from which the API serves everybody; an older block never replaces a newer one.

use alloy_primitives::{Address, U256};
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_sdk_dynamodb::{error::ProvideErrorMetadata as _, types::AttributeValue};
use jiff::Timestamp;
use lambda_runtime::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{Problem, http, http::Response};
use streams_model::stream::Stream;

use crate::{
    contract::{ContractError, lower},
    deps::Deps,
    gateway::{self, Payment},
    wallet::{Claim, Scheme, verify},
};

/// Largest body that is looked at. Bytes.
const BODY_LIMIT: usize = 4 * 1024;

/// Never fails: a problem is an answer too. None of these may be kept by a cache.
pub async fn handle(request: ApiGatewayV2httpRequest, _: Context, deps: &Deps) -> Result<Response, Problem> {
    let mut response = answer(&request, deps).await.unwrap_or_else(|problem| problem.respond());
    response.headers.insert("cache-control".into(), "no-store".into());
    Ok(response)
}

async fn answer(request: &ApiGatewayV2httpRequest, deps: &Deps) -> Result<Response, Problem> {
    if request.request_context.http.method.as_str() != "POST" {
        return Err(Problem::method_not_allowed());
    }
    let mut body: Value = http::json(request, BODY_LIMIT)?;
    let method = body.as_object_mut().and_then(|members| members.remove("method"));
    let data = match method.as_ref().map(Value::as_str) {
        None | Some(Some("wallet")) => by_wallet(read(body)?, deps).await?.json(),
        Some(Some("gateway")) => by_gateway(request, &read(body)?, deps).await?,
        Some(_) => return Err(Problem::bad_request("method is `wallet` or `gateway`")),
    };
    Ok(Response::json(200, &json!({"success": true, "data": data})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Signed {
    /// A number is a text too, since 256 bits are no number in JSON.
    stream_id: Value,
    wallet: Address,
    issued_at: String,
    #[serde(default)]
    scheme: Scheme,
    signature: String,
}

async fn by_wallet(asked: Signed, deps: &Deps) -> Result<Stream, Problem> {
    let stream_id = match &asked.stream_id {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<U256>().ok(),
        Value::Number(number) => number.as_u64().map(U256::from),
        _ => None,
    };
    let stream_id = stream_id.ok_or_else(|| Problem::bad_request("streamId must be a whole number"))?;
    let claim = Claim { stream_id, wallet: asked.wallet, issued_at: asked.issued_at, scheme: asked.scheme };
    verify(&claim, &asked.signature, &deps.contract.place, Timestamp::now()).map_err(|refused| {
        tracing::info!(wallet = %claim.wallet, %refused, "signature refused");
        Problem::unauthorized("Invalid signature")
    })?;
    let stream = deps.contract.stream(stream_id).await.map_err(|error| match error {
        ContractError::NotFound => Problem::not_found("Stream not found"),
        ContractError::Node(_) => Problem::internal("read the stream from its contract", error),
    })?;
    let wallet = lower(claim.wallet);
    if wallet != stream.sender && wallet != stream.recipient {
        return Err(Problem::unauthorized("this wallet has no part in the stream"));
    }
    keep(&stream, deps).await?;
    tracing::info!(stream_id = %stream.id, wallet, block = stream.block, "stream told");
    Ok(stream)
}

async fn keep(stream: &Stream, deps: &Deps) -> Result<(), Problem> {
    let put = deps
        .dynamodb
        .put_item()
        .table_name(&deps.streams_table)
        .set_item(Some(stream.item()))
        .condition_expression("attribute_not_exists(id) OR #block <= :block")
        .expression_attribute_names("#block", "block")
        .expression_attribute_values(":block", AttributeValue::N(stream.block.to_string()));
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
        Err(error) => Err(Problem::internal("keep the stream", error)),
    }
}

async fn by_gateway(request: &ApiGatewayV2httpRequest, payment: &Payment, deps: &Deps) -> Result<Value, Problem> {
    let token = http::bearer(request).ok_or_else(|| Problem::unauthorized("a bearer token is needed"))?;
    let claims = deps.keys().await?.verify(token, Timestamp::now().as_second());
    let claims = claims.map_err(|_| Problem::unauthorized("Invalid token"))?;
    payment.check()?;
    let key = deps.gateway_key().await?;
    let intent = gateway::create(&deps.http, &deps.gateway, &key, payment, &claims.user_id).await?;
    tracing::info!(payment = intent.id, status = intent.status, user_id = claims.user_id, "payment created");
    Ok(intent.json(payment))
}

fn read<T: for<'de> Deserialize<'de>>(body: Value) -> Result<T, Problem> {
    serde_json::from_value(body).map_err(|error| Problem::bad_request(format!("the body: {error}")))
}
