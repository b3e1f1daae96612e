//! One stream or a page of them, as the table has them. What changed is told by a new ETag; who has it already gets 304.
//!
//! Everything here is on the chain for everybody to see, so nobody has to say who they are.

use std::collections::HashMap;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::Context;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::{Problem, http, http::Response};
use streams_model::stream::Stream;

use crate::deps::Deps;

/// Caches may keep an answer for five seconds, and show it for another thirty while they ask again.
const CACHING: &str = "public, max-age=5, stale-while-revalidate=30";

/// Streams on a page, and the most that can be asked for.
const PAGE: i32 = 20;
const LARGEST_PAGE: i32 = 100;

/// Never fails: a problem is an answer too, which no cache keeps.
pub async fn handle(request: ApiGatewayV2httpRequest, _: Context, deps: &Deps) -> Result<Response, Problem> {
    Ok(answer(&request, deps).await.unwrap_or_else(|problem| {
        let mut response = problem.respond();
        response.headers.insert("cache-control".into(), "no-store".into());
        response
    }))
}

async fn answer(request: &ApiGatewayV2httpRequest, deps: &Deps) -> Result<Response, Problem> {
    let path = request.raw_path.as_deref().unwrap_or_default();
    let path = path.trim_end_matches('/');
    let wanted = match path.rsplit_once("/api/streams") {
        Some((_, "")) => None,
        Some((_, rest)) if rest.starts_with('/') && !rest[1..].contains('/') => Some(&rest[1..]),
        _ => return Err(Problem::not_found("Not found")),
    };
    if request.request_context.http.method.as_str() != "GET" {
        return Err(Problem::method_not_allowed());
    }
    let body = match wanted {
        Some(id) => json!({"success": true, "data": one(id, deps).await?}),
        None => page(&request.query_string_parameters, deps).await?,
    };
    Ok(cached(request, &body))
}

async fn one(id: &str, deps: &Deps) -> Result<Value, Problem> {
    let key = AttributeValue::S(stream_id(id)?.to_owned());
    let found = deps.dynamodb.get_item().table_name(&deps.streams_table).key("id", key).send().await;
    let found = found.map_err(|error| Problem::internal("read the stream", error))?;
    let item = found.item.ok_or_else(|| Problem::not_found("Stream not found"))?;
    Ok(stream(&item)?.json())
}

type Item = HashMap<String, AttributeValue>;

/// A page of all streams, or of those that one address receives.
async fn page(parameters: &aws_lambda_events::query_map::QueryMap, deps: &Deps) -> Result<Value, Problem> {
    let limit = parameters.first("limit").map_or(Ok(PAGE), str::parse::<i32>);
    let limit = limit.ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
    let limit = limit.ok_or_else(|| Problem::bad_request(format!("limit must be 1 to {LARGEST_PAGE}")))?;
    let recipient = parameters.first("recipient").map(address).transpose()?;
    // The page goes on after that stream; of an index the key is both.
    let begin = parameters.first("cursor").map(stream_id).transpose()?.map(|id| {
        let mut key = Item::from([("id".to_owned(), AttributeValue::S(id.to_owned()))]);
        key.extend(recipient.clone().map(|recipient| ("recipient".to_owned(), AttributeValue::S(recipient))));
        key
    });
    let failed = |error: shared::StartError| Problem::internal("read the streams", error);
    let (items, last) = match recipient {
        Some(recipient) => {
            let query = deps.dynamodb.query().table_name(&deps.streams_table).index_name("by-recipient");
            let query = query
                .key_condition_expression("recipient = :recipient")
                .expression_attribute_values(":recipient", AttributeValue::S(recipient))
                .limit(limit)
                .set_exclusive_start_key(begin);
            let found = query.send().await.map_err(|error| failed(error.into()))?;
            (found.items, found.last_evaluated_key)
        }
        None => {
            let scan = deps.dynamodb.scan().table_name(&deps.streams_table).limit(limit);
            let found = scan.set_exclusive_start_key(begin).send().await.map_err(|error| failed(error.into()))?;
            (found.items, found.last_evaluated_key)
        }
    };
    let items = items.unwrap_or_default();
    let streams = items.iter().map(|item| Ok(stream(item)?.json())).collect::<Result<Vec<_>, Problem>>()?;
    let next = last.as_ref().and_then(|key| key.get("id")).and_then(|id| id.as_s().ok());
    Ok(json!({"success": true, "data": streams, "next": next}))
}

fn stream(item: &Item) -> Result<Stream, Problem> {
    Stream::from_item(item).map_err(|name| Problem::internal("read a stream's item", format!("`{name}` is wrong")))
}

/// A number of at most 256 bits, without anything in front: each stream has one address only.
fn stream_id(text: &str) -> Result<&str, Problem> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (1..=78).contains(&text.len());
    if is_number && (text == "0" || !text.starts_with('0')) {
        Ok(text)
    } else {
        Err(Problem::bad_request("a stream's id is a whole number"))
    }
}

fn address(text: &str) -> Result<String, Problem> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40);
    match digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some(_) => Ok(text.to_lowercase()),
        None => Err(Problem::bad_request("recipient must be an address: 0x and 40 hexadecimal digits")),
    }
}

/// The answer with its ETag, or 304 where the caller has it already.
fn cached(request: &ApiGatewayV2httpRequest, body: &Value) -> Response {
    let mut response = Response::json(200, body);
    let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&response.body)[..16]));
    let known = http::header(request, "if-none-match").unwrap_or_default();
    if known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == etag || one == "*") {
        response.status_code = 304;
        response.body.clear();
        response.headers.remove("content-type");
    }
    response.headers.insert("etag".into(), etag);
    response.headers.insert("cache-control".into(), CACHING.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_written_one_way() {
        for id in ["0", "7", "115792089237316195423570985008687907853269984665640564039457584007913129639935"] {
            assert_eq!(stream_id(id).expect("right"), id);
        }
        for id in ["", "07", "-1", "1e3", "0x1", "٣", &"9".repeat(79)] {
            assert!(stream_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn who_has_the_answer_already_is_told_so() {
        let body = json!({"success": true});
        let fresh = cached(&ApiGatewayV2httpRequest::default(), &body);
        assert_eq!((fresh.status_code, fresh.headers["cache-control"].as_str()), (200, CACHING));
        for known in [fresh.headers["etag"].clone(), format!("\"a\", W/{}", fresh.headers["etag"]), "*".to_owned()] {
            let mut request = ApiGatewayV2httpRequest::default();
            request.headers.insert("if-none-match", known.parse().expect("text"));
            let answer = cached(&request, &body);
            assert_eq!((answer.status_code, answer.body.as_str()), (304, ""), "{known}");
            assert_eq!(cached(&request, &json!({"success": known})).status_code, if known == "*" { 304 } else { 200 });
        }
    }
}
