//! What each of Taly's functions does, one by one, for `prove.rs`: each time for other events, payments and entries.

use super::{BUCKET, REGION, Taly};
use crate::aws::Server;
use crate::prove::World;
use serde_json::{Value, json};

/// Deploys Taly. Its schedules are switched off: a scene says itself when a function runs.
pub(crate) fn world() -> Box<dyn World> {
    let taly = Taly::deploy();
    let rules = taly.system.server.json(REGION, "events", "AWSEvents.ListRules", &json!({ "NamePrefix": "taly-" }));
    for rule in rules["Rules"].as_array().cloned().unwrap_or_default() {
        taly.system.server.json(REGION, "events", "AWSEvents.DisableRule", &json!({ "Name": rule["Name"] }));
    }
    Box::new(taly)
}

impl World for Taly {
    fn server(&self) -> &'static Server {
        self.system.server
    }

    fn region(&self) -> &'static str {
        REGION
    }

    fn template(&self) -> Value {
        serde_json::from_str(&self.system.deployer(&["synth", "taly"]).stdout).expect("a template in JSON")
    }

    fn scene(&self, function: &str, run: u32, call: &dyn Fn(&Value) -> Result<Value, String>) -> Result<(), String> {
        match function.strip_prefix("taly-dev-").unwrap_or(function) {
            "send-email" => self.mailing(run, call),
            "process-payment" => self.paying(run, call),
            "generate-reports" => self.reporting(call),
            "cleanup-temp-files" => self.cleaning(run, call),
            "user-activity-logger" => logging(run, call),
            other => Err(format!("no scene for {other}: add it to tests/taly/prove.rs")),
        }
    }
}

type Call<'a> = &'a dyn Fn(&Value) -> Result<Value, String>;

impl Taly {
    /// A booking is confirmed once; what is throttled waits in the queue; what is no event is put aside.
    fn mailing(&self, run: u32, call: Call<'_>) -> Result<(), String> {
        let to = format!("proof-{run}@example.com");
        let event = |id: &str, to: &str| {
            json!({ "event_id": format!("{id}-{run}"), "type": "booking.confirmed", "to": { "name": "Ana", "email": to },
                    "booking": "1", "company": "Salon", "service": "Cut", "starts_at": "14:30", "place": "Lyon" })
        };
        let batch = |body: &str| json!({ "Records": [{ "messageId": "m-1", "body": body, "attributes": {}, "messageAttributes": {} }] });
        for _ in 0..2 {
            let answer = call(&batch(&event("proof", &to).to_string()))?;
            is(answer["batchItemFailures"] == json!([]) && self.mails_to(&to).len() == 1, &answer)?;
        }
        let sns =
            json!({ "MessageId": "m-2", "TopicArn": "t", "Message": event("slow", &format!("slow-{to}")).to_string() });
        call(&json!({ "Records": [{ "Sns": sns }] }))?;
        is(!self.is_empty("mails") || !self.mails_to(&format!("slow-{to}")).is_empty(), &json!("nothing waits"))?;
        self.system.sqs("PurgeQueue", "mails-dead", json!({}));
        let answer = call(&batch("poison"))?;
        is(answer["batchItemFailures"] == json!([]) && self.system.message("mails-dead").is_some(), &answer)
    }

    /// Both providers are paid, one payment is given back, one is ended by a webhook.
    fn paying(&self, run: u32, call: Call<'_>) -> Result<(), String> {
        let to = format!("payer-{run}@example.com");
        let pay = |provider: &str, method: &str| {
            let customer = json!({ "id": "u", "name": "Ana", "email": to });
            let charge = json!({ "provider": provider, "amount": 1_500, "currency": "EUR", "method": method, "customer": customer });
            let answer = call(&http("POST /payments", &format!("proof-{provider}-{run}"), &charge.to_string()))?;
            is(answer["statusCode"] == 200, &answer)?;
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
            Ok::<_, String>(body["id"].as_str().unwrap_or_default().to_owned())
        };
        let paid = pay("stripe", "pm_card_visa")?;
        let mut refund = http("POST /payments/{id}/refunds", &format!("proof-{run}"), "{\"amount\": 500}");
        refund["pathParameters"] = json!({ "id": paid });
        for _ in 0..2 {
            let answer = call(&refund)?;
            is(answer["statusCode"] == 200, &answer)?;
        }
        let pending = pay("paypal", "later1")?;
        let (headers, event) = self.paypal.webhook(&pending, "PAYMENT.CAPTURE.COMPLETED", "WH-SANDBOX");
        let mut told = http("POST /webhooks/{provider}", "-", &event);
        told["pathParameters"] = json!({ "provider": "paypal" });
        for (name, value) in headers {
            told["headers"][name] = json!(value);
        }
        let answer = call(&told)?;
        is(answer["statusCode"] == 200, &answer)
    }

    /// A report of each kind, and a summary by mail.
    fn reporting(&self, call: Call<'_>) -> Result<(), String> {
        let day = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        for kind in ["bookings", "payments", "activity"] {
            let order = json!({ "kind": kind, "format": "csv", "from": day, "to": day }).to_string();
            let answer = call(&http("POST /reports", "-", &order))?;
            is(answer["statusCode"] == 200, &answer)?;
        }
        let scheduled =
            json!({ "report": "activity", "format": "csv", "period": "yesterday", "mail_to": "proof@example.com" });
        call(&scheduled).map(|_| ())
    }

    /// A file goes, and is listed.
    fn cleaning(&self, run: u32, call: Call<'_>) -> Result<(), String> {
        self.put_object(&format!("temp/proof-{run}"));
        // S3 counts whole seconds.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        let report = call(&json!({ "max_age_hours": 0 }))?;
        let list =
            report["list"].as_str().and_then(|key| self.system.server.object(REGION, BUCKET, key)).unwrap_or_default();
        is(String::from_utf8_lossy(&list).contains(&format!("temp/proof-{run},")), &report)
    }
}

/// An entry is written and read.
fn logging(run: u32, call: Call<'_>) -> Result<(), String> {
    let now = jiff::Timestamp::now();
    let entry = json!({ "id": format!("e-{run}"), "user": "u-proof", "kind": "proof", "at": now });
    let answer = call(&http("POST /activity", "-", &json!({ "entries": [entry] }).to_string()))?;
    is(answer["statusCode"] == 202, &answer)?;
    let mut query = http("GET /activity/{user}", "-", "");
    query["pathParameters"] = json!({ "user": "u-proof" });
    query["queryStringParameters"] = json!({ "day": now.strftime("%Y-%m-%d").to_string() });
    let answer = call(&query)?;
    is(answer["body"].as_str().is_some_and(|body| body.contains("\"kind\":\"proof\"")), &answer)
}

/// A request as the HTTP API hands it on.
fn http(route: &str, key: &str, body: &str) -> Value {
    json!({ "version": "2.0", "routeKey": route, "rawPath": "/", "headers": { "idempotency-key": key }, "isBase64Encoded": false,
            "requestContext": { "http": { "method": "POST" }, "timeEpoch": 0 }, "body": body })
}

fn is(holds: bool, found: &Value) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found.to_string()) }
}
