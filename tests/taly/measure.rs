//! How long Taly's functions take to answer for the first time, and how large they are: see `tests/measure.rs`.
//!
//! `cargo test --workspace --test cli talys_cold_starts -- --ignored --nocapture` prints a table.

use super::{REGION, Taly};
use crate::measure::Starts;
use serde_json::{Value, json};

const FUNCTIONS: [&str; 5] =
    ["send-email", "process-payment", "generate-reports", "cleanup-temp-files", "user-activity-logger"];

#[test]
#[ignore = "a measurement, and it compiles everything for AWS first: minutes"]
fn talys_cold_starts() {
    let taly = Taly::deploy();
    let starts = Starts { project: &taly.system.project, server: taly.system.server, region: REGION, stack: "taly" };
    starts.measure(&FUNCTIONS, |start, function| (event(start, function), is_done));
}

/// What makes a function do one piece of its work.
fn event(start: usize, function: &str) -> Value {
    let http = |route: &str, body: Value| {
        json!({ "version": "2.0", "routeKey": route, "rawPath": "/", "headers": { "idempotency-key": format!("k-{start}") },
                "isBase64Encoded": false, "requestContext": { "http": { "method": "POST" }, "timeEpoch": 0 },
                "body": body.to_string() })
    };
    let now = jiff::Timestamp::now();
    let day = now.strftime("%Y-%m-%d").to_string();
    match function {
        "send-email" => {
            let message = json!({ "event_id": format!("e-{start}"), "type": "booking.confirmed", "booking": "1",
                "to": { "name": "Ana", "email": "ana@example.com" }, "company": "Salon", "service": "Cut",
                "starts_at": "14:30", "place": "Lyon" });
            json!({ "Records": [{ "messageId": "m", "body": message.to_string(), "attributes": {}, "messageAttributes": {} }] })
        }
        "process-payment" => http(
            "POST /payments",
            json!({ "provider": "stripe", "amount": 1_500, "currency": "EUR", "method": "pm_card_visa",
                    "customer": { "id": "u-1", "name": "Ana", "email": "ana@example.com" } }),
        ),
        "generate-reports" => {
            http("POST /reports", json!({ "kind": "payments", "format": "csv", "from": day, "to": day }))
        }
        "user-activity-logger" => http(
            "POST /activity",
            json!({ "entries": [{ "id": format!("e-{start}"), "user": "u-1", "kind": "booking.viewed", "at": now }] }),
        ),
        _ => json!({}),
    }
}

fn is_done(function: &str, answer: &Value) -> bool {
    match function {
        "send-email" => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
        "cleanup-temp-files" => answer["complete"] == true,
        _ => answer["statusCode"].as_u64().is_some_and(|status| status < 300),
    }
}
