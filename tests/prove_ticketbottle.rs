//! What each of TicketBottle's functions does, one by one, for `prove.rs`: invoked with the events that API Gateway, EventBridge
//! and SQS send, each time for another payment.

use crate::aws::Server;
use crate::harness::repository;
use crate::prove::World;
use crate::ticketbottle::{BUCKET, REGION, Shop, payos, zalopay};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Deploys the shop. Its schedules are switched off: a scene says itself when a function runs.
pub(crate) fn world() -> Box<dyn World> {
    let shop = Shop::deploy();
    let rules = shop.server.json(REGION, "events", "AWSEvents.ListRules", &json!({}));
    let rules = rules["Rules"].as_array().expect("two functions have a schedule").clone();
    for rule in rules {
        shop.server.json(REGION, "events", "AWSEvents.DisableRule", &json!({ "Name": rule["Name"] }));
    }
    Box::new(shop)
}

impl World for Shop {
    fn server(&self) -> &'static Server {
        self.server
    }

    fn region(&self) -> &'static str {
        REGION
    }

    fn template(&self) -> Value {
        serde_json::from_str(&self.deployer(&["synth", "ticketbottle"]).stdout).expect("a template in JSON")
    }

    fn scene(&self, function: &str, run: u32, call: &dyn Fn(&Value) -> Result<Value, String>) -> Result<(), String> {
        match function.strip_prefix("ticketbottle-dev-").unwrap_or(function) {
            "payment-webhook-handler" => self.payments(run, call),
            "outbox-processor" => self.publishing(run, call),
            "outbox-cleanup" => {
                let report = call(&event("outbox-cleanup/events/daily.json"))?;
                is(report["complete"] == true, &report)
            }
            "email-sender" => self.mailing(run, call),
            "pdf-generator" => self.drawing(run, call),
            other => Err(format!("no scene for {other}: add it to tests/prove_ticketbottle.rs")),
        }
    }
}

type Call<'a> = &'a dyn Fn(&Value) -> Result<Value, String>;

impl Shop {
    /// A callback of each provider is verified and accepted.
    fn payments(&self, run: u32, call: Call<'_>) -> Result<(), String> {
        let order = 900_000 + u64::from(run);
        for (provider, body) in
            [("zalopay", zalopay(&format!("261120_{order}"), 250_000)), ("payos", payos(order, 300_000, "00"))]
        {
            let mut callback = event(&format!("payment-webhook-handler/events/{provider}.json"));
            callback["body"] = json!(body);
            callback["isBase64Encoded"] = json!(false);
            let answer = call(&callback)?;
            is(answer["statusCode"] == 200, &answer)?;
        }
        Ok(())
    }

    /// A payment that came in is published.
    fn publishing(&self, run: u32, call: Call<'_>) -> Result<(), String> {
        let paid = zalopay(&format!("261120_{}", 800_000 + run), 250_000);
        let accepted = self.webhook("zalopay", &paid);
        is(accepted.status == 200, &json!(accepted.body))?;
        let report = call(&event("outbox-processor/events/every-minute.json"))?;
        is(report["complete"] == true && self.unpublished() == 0, &report)
    }

    /// A paid order is mailed with its tickets, once; what is no event is put aside.
    fn mailing(&self, run: u32, call: Call<'_>) -> Result<(), String> {
        let (id, batch) = paid("email-sender", run);
        let put = self.server.request(REGION, "s3", &format!("PUT /{BUCKET}/tickets/{id}.pdf"), &[], "%PDF-");
        is(put.status == 200, &json!(put.body))?;
        let before = self.mails().len();
        for time in ["once", "again"] {
            let answer = call(&batch)?;
            is(answer["batchItemFailures"] == json!([]), &answer)?;
            is(self.mails().len() == before + 1, &json!(format!("{time}: {} mails", self.mails().len() - before)))?;
        }
        let attached = self.server.object(REGION, BUCKET, &format!("mail/{id}.json")).unwrap_or_default();
        let marker: Value = serde_json::from_slice(&attached).unwrap_or_default();
        is(marker["state"] == "sent", &marker)?;
        self.put_aside("emails", batch, call)
    }

    /// A paid order's tickets are drawn; what is no event is put aside.
    fn drawing(&self, run: u32, call: Call<'_>) -> Result<(), String> {
        let (id, batch) = paid("pdf-generator", run);
        let answer = call(&batch)?;
        is(answer["batchItemFailures"] == json!([]), &answer)?;
        let drawn = self.server.object(REGION, BUCKET, &format!("tickets/{id}.pdf"));
        is(drawn.is_some_and(|bytes| bytes.starts_with(b"%PDF-")), &json!("no tickets"))?;
        self.put_aside("pdfs", batch, call)
    }

    fn put_aside(&self, queue: &str, mut batch: Value, call: Call<'_>) -> Result<(), String> {
        self.sqs("PurgeQueue", &format!("{queue}-dead"), json!({}));
        batch["Records"][0]["body"] = json!("hello");
        let answer = call(&batch)?;
        is(answer["batchItemFailures"] == json!([]), &answer)?;
        let dead = self.dead_letters(queue);
        is(dead.iter().any(|(body, _)| body == "hello"), &json!(dead))?;
        // And as it comes in AWS: through the queue, which Lambda polls.
        self.sqs("SendMessage", queue, json!({ "MessageBody": "through the queue" }));
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(15) {
            if self.dead_letters(queue).iter().any(|(body, _)| body == "through the queue") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("what was sent to the queue was not handled".to_owned())
    }
}

fn is(holds: bool, found: &Value) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found.to_string()) }
}

fn event(path: &str) -> Value {
    let path = repository().join("functions/ticketbottle").join(path);
    let text = std::fs::read_to_string(path).expect("the example is there");
    serde_json::from_str(&text).expect("the example is JSON")
}

/// The example's first record for another payment: its id, and the batch.
fn paid(function: &str, run: u32) -> (String, Value) {
    let mut batch = event(&format!("{function}/events/batch.json"));
    let mut record = batch["Records"][0].clone();
    let mut message: Value =
        serde_json::from_str(record["body"].as_str().expect("a body is text")).expect("a pipe sends JSON");
    let value = STANDARD.decode(message["value"].as_str().expect("the value is text")).expect("and in Base64");
    let mut payment: Value = serde_json::from_slice(&value).expect("an event is JSON");
    let id = format!("6f1c2f4e-62c1-5d59-9d0a-{:04x}{run:08x}", u16::from(function == "email-sender"));
    payment["event_id"] = json!(id);
    message["value"] = json!(STANDARD.encode(payment.to_string()));
    record["body"] = json!(message.to_string());
    record["attributes"]["ApproximateReceiveCount"] = json!("1");
    batch["Records"] = json!([record]);
    (id, batch)
}
