//! Comfrt from end to end: its stack in the sandbox, with IAM enforced, and Shopify's API over graphql-js. One deployment
//! for all of it.

use crate::aws::{self, Answer};
use crate::harness::repository;
use crate::system::System;
use serde_json::{Value, json};
use std::thread;
use testkit::Shopify;

const SHOP: &str = "comfrt-vip-test.myshopify.com";
const TOKEN: &str = "shpat_of_the_test_store";
const API_TOKEN: &str = "what-callers-know";

/// Comfrt, deployed, and the Shopify that it talks to.
pub(crate) struct Comfrt {
    pub(crate) system: System,
    pub(crate) shopify: Shopify,
}

impl Comfrt {
    pub(crate) fn deploy() -> Self {
        let schema = repository().join("functions/comfrt/tag-vips/graphql/schema.graphql");
        let shopify = Shopify::start(&schema);
        let line = format!(
            "    override: {{ functions: {{ tag-vips: {{ env: {{ SHOPIFY_ENDPOINT: \"{}\" }} }} }} }}\n",
            shopify.endpoint()
        );
        let system = System::deploy("comfrt", "us-east-1", &line);
        system.set_secret("shopify-test", TOKEN);
        system.set_secret("api-token", API_TOKEN);
        Self { system, shopify }
    }

    /// Fills the store: that many customers, one in ten of them a VIP; and that many points a second.
    pub(crate) fn fill(&self, customers: u32, maximum: u32, restore: u32) {
        let recent = jiff::Timestamp::now().to_string();
        let crowd = json!({"count": customers, "vipEvery": 10});
        self.shopify.command(&json!({"shop": SHOP, "token": TOKEN, "maximum": maximum, "restore": restore,
                                     "recent": recent, "crowd": crowd}));
    }

    pub(crate) fn post(&self, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Content-Type", "application/json"), ("Authorization", bearer.as_str())];
        aws::send("POST", &format!("{}tag-vip-customers", self.system.url), &headers, &body.to_string())
    }
}

fn read(answer: &Answer) -> (u16, Value) {
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}")))
}

fn done(total: u32, vips: u32, updated: u32) -> (u16, Value) {
    let summary = json!({"totalCustomers": total, "vipsIdentified": vips, "customersUpdated": updated});
    (200, json!({"success": true, "summary": summary, "errors": []}))
}

#[test]
fn vips_are_tagged_on_demand_and_by_schedule_and_what_never_works_is_put_aside() {
    let comfrt = Comfrt::deploy();
    let (system, shopify) = (&comfrt.system, &comfrt.shopify);
    comfrt.fill(655, 100_000, 10_000);
    let order = json!({"shopDomain": SHOP, "dryRun": false, "batchSize": 250});

    let refused = read(&comfrt.post("guessed", &order));
    assert_eq!((refused.0, &refused.1["code"]), (401, &json!("UNAUTHORIZED")), "{refused:?}");
    assert_eq!(read(&comfrt.post(API_TOKEN, &json!({"shopDomain": "evil.example"}))).0, 404);
    assert_eq!(read(&comfrt.post(API_TOKEN, &json!({"shopDomain": SHOP, "dryRun": true}))), done(655, 66, 0));
    assert_eq!(shopify.state(SHOP)["mutations"], 0);
    assert_eq!(read(&comfrt.post(API_TOKEN, &order)), done(655, 66, 66));
    assert_eq!(read(&comfrt.post(API_TOKEN, &order)), done(655, 66, 0));
    assert_eq!(shopify.state(SHOP)["tags"], json!({"VIP": 66}));

    // Several at once, each in a process of its own, with hardly any points: the table keeps them apart.
    comfrt.fill(2_000, 1_000, 500);
    let at_once: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| read(&comfrt.post(API_TOKEN, &order)))).collect();
        runs.into_iter().map(|run| run.join().expect("answered")).collect()
    });
    for (status, answer) in &at_once {
        let found = (*status, &answer["summary"]["vipsIdentified"]);
        assert_eq!(found, (200, &json!(200)), "{answer}\n{}", system.log("tag-vips"));
    }
    let state = shopify.state(SHOP);
    assert_eq!((&state["tags"], state["throttled"].as_u64() <= Some(1)), (&json!({"VIP": 200}), true), "{state}");
    let points = system.table("GetItem", "points", json!({"Key": {"shop": {"S": SHOP}}}));
    assert_eq!(points["Item"]["maximum"]["N"], "1000", "what Shopify told is kept for the next run: {points}");

    // By schedule, on a bad day.
    comfrt.fill(300, 100_000, 10_000);
    shopify.command(&json!({"faults": SHOP, "status": {"code": 502, "every": 4}}));
    let schedule = include_str!("../functions/comfrt/tag-vips/events/schedule.json");
    let report = system.invoke("tag-vips", &serde_json::from_str(schedule).expect("the example is JSON"));
    assert_eq!(report, json!({"queued": 1}));
    system.eventually("the queued run tags them", "tag-vips", || {
        (shopify.state(SHOP)["tags"] == json!({"VIP": 30})).then_some(())
    });

    // What can never be done is put aside at once, with the reason.
    for (message, reason) in [
        ("hello", "the message is no run: expected value at line 1 column 1"),
        (r#"{"order":{"shopDomain":"gone.example"}}"#, "no store `gone.example` here"),
    ] {
        system.sqs("SendMessage", "runs", json!({ "MessageBody": message }));
        let found = system.eventually("poison is put aside", "tag-vips", || system.message("runs-dead"));
        assert_eq!(found, (message.to_owned(), reason.to_owned()));
    }

    // A store that is away: the caller is told, nothing of it is in the answer.
    shopify.command(&json!({"faults": SHOP, "status": {"code": 503}, "down": true}));
    assert_eq!(
        read(&comfrt.post(API_TOKEN, &order)),
        (500, json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"}))
    );
    let log = system.log("tag-vips");
    assert!(log.contains("the store does not answer: HTTP 503"), "{log}");
    assert!(!log.contains(TOKEN) && !log.contains(API_TOKEN), "a secret stands in the log");
    system.is_settled();
}
