//! Whole runs against Shopify's API over graphql-js: what is answered, what the customers are tagged with afterwards, and how
//! much was asked for it.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures::future::join_all;
use jiff::Timestamp;
use lambda_runtime::Context;
use serde_json::{Value, json};
use shared::{Deadline, Env, Secret, Secrets, https};
use tag_vips::{
    deps::Deps,
    handler::{Waiting, handle},
    ledger::Ledger,
    run::{End, Order, Progress, run},
    store::{Store, StoreError},
    tier::Rules,
};
use testkit::{FakeAws, Shopify};

const REQUEST: &str = include_str!("../events/request.json");
const SCHEDULE: &str = include_str!("../events/schedule.json");
const TIERS: &str = r#"[{"tag": "VIP", "orders": 4}, {"tag": "VIP Gold", "spend": "1000"}]"#;

/// One server for all tests; each has a store of its own.
static SHOPIFY: LazyLock<Shopify> =
    LazyLock::new(|| Shopify::start(&Path::new(env!("CARGO_MANIFEST_DIR")).join("graphql/schema.graphql")));

/// Puts a store there with room for everything, unless `more` says otherwise.
fn store(domain: &str, more: Value) {
    let mut command = json!({"shop": domain, "token": "shpat_1", "maximum": 1e9, "restore": 1e9, "recent": recent()});
    command.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    SHOPIFY.command(&command);
}

/// Yesterday.
fn recent() -> String {
    (Timestamp::now() - Duration::from_secs(86_400)).to_string()
}

fn customer(orders: u32, spent: &str, last: &str, tags: &[&str]) -> Value {
    json!({"orders": orders, "spent": spent, "last": last, "tags": tags})
}

/// A store with one customer of each kind.
fn small(domain: &str) {
    let recent = recent();
    let customers = json!([
        customer(1, "20.00", &recent, &["newsletter"]),
        customer(4, "80.00", &recent, &["newsletter"]),
        customer(2, "1000.00", &recent, &["VIP"]),
        customer(6, "90.00", "2020-01-01T00:00:00Z", &["VIP"]),
        customer(5, "50.00", &recent, &["VIP"]),
        customer(1, "10.00", &recent, &["VIP Gold", "b2b"]),
    ]);
    store(domain, json!({ "customers": customers }));
}

async fn deps(aws: &FakeAws, stores: &[&str]) -> Deps {
    let listed: Vec<String> = stores.iter().enumerate().map(|(key, domain)| format!("s{key}={domain}")).collect();
    let mut variables = vec![
        ("STORES".to_owned(), listed.join(" ")),
        ("SHOPIFY_ENDPOINT".to_owned(), SHOPIFY.endpoint()),
        ("VIP_TIERS".to_owned(), TIERS.to_owned()),
        ("LAPSED_TAG".to_owned(), "VIP Lapsed".to_owned()),
        ("API_TOKEN".to_owned(), "TOKEN".to_owned()),
        ("RUNS_QUEUE_URL".to_owned(), "http://queue/runs".to_owned()),
        ("DEAD_LETTER_QUEUE_URL".to_owned(), "http://queue/dead".to_owned()),
        ("CLOUDWATCH_NAMESPACE".to_owned(), "Comfrt".to_owned()),
    ];
    variables.extend((0..stores.len()).map(|key| (format!("STORE_TOKEN_S{key}"), "shpat_1".to_owned())));
    let env = Env::from_variables(variables, &Secrets::none(), &[]).await;
    let http = https::client(Duration::from_secs(30)).expect("TLS is compiled in");
    Deps::from_env(env, &aws.config(), Arc::new(Secrets::none()), http).expect("all variables are set")
}

/// An invocation that may take that long.
fn context(left: Duration) -> Context {
    let mut context = Context::default();
    let until = Timestamp::now().as_millisecond() + i64::try_from(left.as_millis()).expect("short");
    context.deadline = u64::try_from(until).expect("after 1970");
    context
}

const LONG: Duration = Duration::from_secs(600);

async fn post_event(deps: &Deps, event: Value, left: Duration) -> (u64, Value) {
    let answer = handle(event, context(left), deps).await.expect("every outcome is an answer");
    let body = answer["body"].as_str().expect("text");
    (answer["statusCode"].as_u64().expect("a status"), serde_json::from_str(body).expect("JSON"))
}

async fn post(deps: &Deps, body: Value) -> (u64, Value) {
    let mut event: Value = serde_json::from_str(REQUEST).expect("the example is JSON");
    event["body"] = json!(body.to_string());
    post_event(deps, event, LONG).await
}

/// Delivers a message; whether it must come again.
async fn deliver(deps: &Deps, body: &str) -> bool {
    let event = json!({"Records": [{"messageId": "m", "body": body, "attributes": {}, "messageAttributes": {}}]});
    let answer = handle(event, context(LONG), deps).await.expect("a batch is answered");
    !answer["batchItemFailures"].as_array().expect("a list").is_empty()
}

fn answer(total: u32, vips: u32, updated: u32) -> Value {
    json!({"success": true, "summary": {"totalCustomers": total, "vipsIdentified": vips, "customersUpdated": updated}, "errors": []})
}

#[tokio::test]
async fn tiers_are_given_moved_and_taken_and_a_second_run_changes_nothing() {
    let shop = "small.myshopify.com";
    small(shop);
    let deps = deps(&FakeAws::default(), &[shop]).await;
    let order = json!({"shopDomain": shop, "dryRun": false, "batchSize": 2});
    assert_eq!(post(&deps, order.clone()).await, (200, answer(6, 3, 4)));
    let tags: Vec<Value> = (1..=6).map(|id| SHOPIFY.tags(shop, id)).collect();
    let expected = [
        json!(["newsletter"]),
        json!(["newsletter", "VIP"]),
        json!(["VIP Gold"]),
        json!(["VIP Lapsed"]),
        json!(["VIP"]),
        json!(["b2b"]),
    ];
    assert_eq!(tags, expected);
    let mutations = SHOPIFY.state(shop)["mutations"].clone();
    assert_eq!(mutations, 6, "two that are exchanged at once, two of one kind");
    assert_eq!(post(&deps, order).await, (200, answer(6, 3, 0)));
    assert_eq!(SHOPIFY.state(shop)["mutations"], mutations);
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let shop = "dry.myshopify.com";
    small(shop);
    let deps = deps(&FakeAws::default(), &[shop]).await;
    assert_eq!(post(&deps, json!({"shopDomain": shop, "dryRun": true})).await, (200, answer(6, 3, 0)));
    assert_eq!(SHOPIFY.state(shop)["mutations"], 0);
}

#[tokio::test]
async fn only_who_knows_the_token_or_signed_the_request_is_let_in() {
    let shop = "closed.myshopify.com";
    small(shop);
    let deps = deps(&FakeAws::default(), &[shop]).await;
    let mut event: Value = serde_json::from_str(REQUEST).expect("the example is JSON");
    event["body"] = json!(json!({ "shopDomain": shop }).to_string());
    for header in [json!(null), json!("Bearer WRONG"), json!("Basic TOKEN")] {
        let mut refused = event.clone();
        refused["headers"]["authorization"] = header;
        refused["headers"].as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        let (status, body) = post_event(&deps, refused, LONG).await;
        assert_eq!((status, &body["code"]), (401, &json!("UNAUTHORIZED")), "{body}");
    }
    assert_eq!(SHOPIFY.state(shop)["requests"], 0);
    event["headers"] = json!({});
    event["requestContext"]["authorizer"] = json!({"iam": {"accessKey": "A", "accountId": "1", "callerId": "c", "cognitoIdentity": null, "principalOrgId": null, "userArn": "arn", "userId": "u"}});
    assert_eq!(post_event(&deps, event, LONG).await.0, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_and_nothing_is_asked_of_the_store() {
    let shop = "strict.myshopify.com";
    small(shop);
    let deps = deps(&FakeAws::default(), &[shop]).await;
    for (body, status, code, said) in [
        (json!({}), 400, "BAD_REQUEST", "missing field `shopDomain`"),
        (json!({"shopDomain": shop, "dryrun": true}), 400, "BAD_REQUEST", "unknown field `dryrun`"),
        (json!({"shopDomain": shop, "batchSize": 251}), 400, "BAD_REQUEST", "batchSize must be 1 to 250"),
        (json!({"shopDomain": shop, "batchSize": 0}), 400, "BAD_REQUEST", "batchSize must be 1 to 250"),
        (json!({"shopDomain": "evil.example"}), 404, "NOT_FOUND", "no store `evil.example` here"),
    ] {
        let (found, answer) = post(&deps, body).await;
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{answer}");
        assert!(answer["error"].as_str().is_some_and(|text| text.contains(said)), "{answer}");
    }
    let event: Value = serde_json::from_str(REQUEST).expect("the example is JSON");
    let mut get = event.clone();
    get["requestContext"]["http"]["method"] = json!("GET");
    assert_eq!(post_event(&deps, get, LONG).await.0, 405);
    let mut other = event;
    other["rawPath"] = json!("/");
    assert_eq!(post_event(&deps, other, LONG).await.0, 404);
    assert_eq!(SHOPIFY.state(shop)["requests"], 0);
}

#[tokio::test]
async fn faults_on_the_way_are_survived_and_nobody_is_left_out() {
    let shop = "bad-day.myshopify.com";
    store(shop, json!({"crowd": {"count": 2_000, "vipEvery": 20}}));
    let faults =
        json!({"faults": shop, "status": {"code": 503, "every": 7}, "reset": {"every": 11}, "garbage": {"every": 13}});
    SHOPIFY.command(&faults);
    let deps = deps(&FakeAws::default(), &[shop]).await;
    let found = post(&deps, json!({"shopDomain": shop, "batchSize": 20})).await;
    assert_eq!(found, (200, answer(2_000, 100, 100)));
    let state = SHOPIFY.state(shop);
    assert_eq!(state["tags"], json!({"VIP": 100}), "{state}");
}

#[tokio::test]
async fn customers_that_cannot_be_changed_are_itemised_and_the_others_are_changed() {
    let shop = "poison.myshopify.com";
    store(shop, json!({"crowd": {"count": 60, "vipEvery": 10}}));
    let id = |number: u32| format!("gid://shopify/Customer/{number}");
    SHOPIFY.command(&json!({"faults": shop, "poison": {(id(1)): "user", (id(11)): "http", (id(21)): "internal"}}));
    let deps = deps(&FakeAws::default(), &[shop]).await;
    let (status, found) = post(&deps, json!({"shopDomain": shop})).await;
    assert_eq!((status, &found["success"], &found["summary"]["customersUpdated"]), (200, &json!(false), &json!(3)));
    let mut errors = found["errors"].as_array().expect("a list").clone();
    errors.sort_by_key(|error| error["customerId"].to_string());
    let unanswered = |text: &str| format!("the store does not answer: {text}");
    let expected = [
        json!({"customerId": id(1), "error": "tagsAdd is not possible for this customer"}),
        json!({"customerId": id(11), "error": unanswered("HTTP 500 Internal Server Error")}),
        json!({"customerId": id(21), "error": unanswered("Internal error")}),
    ];
    assert_eq!(errors, expected);
}

#[tokio::test]
async fn a_store_that_is_away_fails_the_request_and_returns_the_message() {
    let shop = "away.myshopify.com";
    small(shop);
    SHOPIFY.command(&json!({"faults": shop, "down": true}));
    let aws = FakeAws::default();
    let deps = deps(&aws, &[shop]).await;
    let (status, body) = post(&deps, json!({ "shopDomain": shop })).await;
    assert_eq!((status, body), (500, json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"})));
    let message = json!({"order": {"shopDomain": shop}}).to_string();
    assert!(deliver(&deps, &message).await, "it comes again, and ends among the dead letters");
    SHOPIFY.command(&json!({ "faults": shop }));
    assert!(!deliver(&deps, &message).await);
    assert_eq!(SHOPIFY.tags(shop, 3), json!(["VIP Gold"]));
    assert_eq!(aws.messages(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_token_that_is_refused_ends_the_run_at_once() {
    let shop = "locked.myshopify.com";
    store(shop, json!({"token": "another", "crowd": {"count": 3}}));
    let deps = deps(&FakeAws::default(), &[shop]).await;
    assert_eq!(post(&deps, json!({ "shopDomain": shop })).await.0, 500);
    assert_eq!(SHOPIFY.state(shop)["requests"], 0, "none of them got past the door");
}

#[tokio::test]
async fn the_schedule_queues_a_run_per_store_and_poison_is_put_aside() {
    let aws = FakeAws::default();
    let shops = ["one.myshopify.com", "two.myshopify.com"];
    shops.iter().for_each(|shop| small(shop));
    let deps = deps(&aws, &shops).await;
    let schedule = serde_json::from_str(SCHEDULE).expect("the example is JSON");
    assert_eq!(handle(schedule, context(LONG), &deps).await.expect("queues"), json!({"queued": 2}));
    let messages = aws.messages();
    let queued: Vec<Waiting> = messages
        .iter()
        .map(|message| serde_json::from_str(message["MessageBody"].as_str().expect("text")).expect("a run"))
        .collect();
    let order = |shop: &str| Order { shop_domain: shop.to_owned(), dry_run: false, batch_size: 250 };
    assert_eq!(queued.iter().map(|one| one.order.clone()).collect::<Vec<_>>(), shops.map(order));
    for message in &messages {
        assert!(!deliver(&deps, message["MessageBody"].as_str().expect("text")).await);
    }
    assert!(shops.iter().all(|shop| SHOPIFY.tags(shop, 4) == json!(["VIP Lapsed"])));
    for (poison, reason) in [
        ("hello", "the message is no run"),
        (r#"{"order": {"shopDomain": "gone.myshopify.com"}}"#, "no store `gone.myshopify.com` here"),
    ] {
        assert!(!deliver(&deps, poison).await);
        let put_aside = aws.messages().pop().expect("a dead letter");
        assert_eq!(put_aside["QueueUrl"], "http://queue/dead");
        let said = put_aside["MessageAttributes"]["Reason"]["StringValue"].as_str().unwrap_or_default().to_owned();
        assert!(said.contains(reason), "{said}");
    }
}

#[tokio::test]
async fn a_run_whose_time_is_up_goes_on_where_it_stopped_and_counts_nobody_twice() {
    let shop = "long.myshopify.com";
    // All pages cost 2,432 points and all changes 4,000; what two seconds give is less than half of it.
    store(shop, json!({"maximum": 1_000, "restore": 1_000, "crowd": {"count": 800, "vipEvery": 2}}));
    let aws = FakeAws::default();
    let deps = deps(&aws, &[shop]).await;
    let mut event: Value = serde_json::from_str(REQUEST).expect("the example is JSON");
    event["body"] = json!(json!({"shopDomain": shop, "batchSize": 50}).to_string());
    // The reserve at the end of an invocation is 15 seconds of these.
    let (status, so_far) = post_event(&deps, event, Duration::from_secs(17)).await;
    assert_eq!((status, &so_far["continued"], &so_far["success"]), (202, &json!(true), &json!(true)), "{so_far}");
    let message = aws.messages().pop().expect("it goes on elsewhere");
    let message: Waiting = serde_json::from_str(message["MessageBody"].as_str().expect("text")).expect("a run");
    assert!(message.progress.customers_updated < 400, "{message:?}");
    let updated = message.progress.customers_updated;
    let before = SHOPIFY.state(shop)["tags"]["VIP"].as_u64().unwrap_or_default();
    assert_eq!(before, updated, "all that was changed is counted");
    let mut progress = message.progress.clone();
    let (ledger, rules) = (Ledger::memory(), rules());
    let rest = client(shop, &ledger);
    let end = run(&rest, &rules, &message.order, &mut progress, Timestamp::now()).await.expect("goes on");
    assert_eq!((end, progress.vips_identified, progress.customers_updated), (End::Complete, 400, 400));
    assert_eq!(SHOPIFY.state(shop)["tags"], json!({"VIP": 400}));
}

fn rules() -> Rules {
    Rules { tiers: Rules::tiers(TIERS).expect("right"), dropoff_months: 12, lapsed_tag: None }
}

fn client<'a>(shop: &'a str, ledger: &'a Ledger) -> Store<'a> {
    let http = Box::leak(Box::new(https::client(Duration::from_secs(30)).expect("TLS is compiled in")));
    let endpoint = SHOPIFY.endpoint().replace("{shop}", shop);
    Store::new(http, endpoint, shop, Secret::new("shpat_1"), ledger, Deadline::after(Duration::from_secs(300)))
}

/// Four runs at once through a store with few points; how often they were throttled.
async fn throttled(shop: &str, ledgers: [&Ledger; 4]) -> u64 {
    store(
        shop,
        json!({"maximum": 1_000, "restore": 1_000, "crowd": {"count": 400, "vipEvery": 1, "untaggedEvery": 10}}),
    );
    let rules = rules();
    let order = Order { shop_domain: shop.to_owned(), dry_run: false, batch_size: 100 };
    let runs = ledgers.into_iter().map(async |ledger| {
        let store = client(shop, ledger);
        let mut progress = Progress::default();
        run(&store, &rules, &order, &mut progress, Timestamp::now()).await.expect("ends");
        (progress.total_customers, progress.vips_identified)
    });
    assert_eq!(join_all(runs).await, [(Some(400), 400); 4]);
    let state = SHOPIFY.state(shop);
    assert_eq!(state["tags"], json!({"VIP": 400}), "{state}");
    state["throttled"].as_u64().expect("a number")
}

#[tokio::test]
async fn runs_that_share_a_bucket_wait_for_each_other_instead_of_being_throttled() {
    let (one, four) = (Ledger::memory(), [(); 4].map(|()| Ledger::memory()));
    let together = throttled("together.myshopify.com", [&one; 4]).await;
    // Each for itself they all come through as well, but by being refused again and again.
    let apart = throttled("apart.myshopify.com", four.each_ref()).await;
    assert!(together <= 1 && apart >= 4, "together {together}, apart {apart}");
}

#[tokio::test]
async fn a_page_that_costs_more_than_the_store_grants_says_what_helps() {
    let shop = "tiny.myshopify.com";
    store(shop, json!({"maximum": 100, "restore": 1_000, "crowd": {"count": 300, "vipEvery": 1}}));
    let (ledger, rules) = (Ledger::memory(), rules());
    let store = client(shop, &ledger);
    let order = Order { shop_domain: shop.to_owned(), dry_run: false, batch_size: 250 };
    let error = run(&store, &rules, &order, &mut Progress::default(), Timestamp::now()).await.expect_err("too dear");
    assert!(matches!(error, StoreError::Ledger(_)), "{error}");
    assert!(error.to_string().contains("a smaller batch costs less"), "{error}");
}

/// Kibibytes that this process had in memory at most, so far.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says so");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("there is a peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// In a process of its own, since a peak belongs to the whole process.
#[test]
fn a_hundred_thousand_customers_take_no_more_memory_than_five_hundred() {
    let this = std::env::current_exe().expect("a test is a program");
    let run = std::process::Command::new(this)
        .args(["--exact", "alone_a_hundred_thousand_customers", "--ignored", "--nocapture"])
        .output()
        .expect("it can be started again");
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&run.stderr));
}

#[tokio::test]
#[ignore = "started by the test above, alone in its process"]
async fn alone_a_hundred_thousand_customers() {
    let (few, many) = ("few.myshopify.com", "many.myshopify.com");
    store(few, json!({"crowd": {"count": 500, "vipEvery": 1}}));
    // All of them are candidates, so all of them are read; one in a hundred has to be changed.
    store(many, json!({"crowd": {"count": 100_000, "vipEvery": 1, "untaggedEvery": 100}}));
    let deps = deps(&FakeAws::default(), &[few, many]).await;
    assert_eq!(post(&deps, json!({ "shopDomain": few })).await, (200, answer(500, 500, 500)));
    let before = peak();
    assert_eq!(post(&deps, json!({ "shopDomain": many })).await, (200, answer(100_000, 100_000, 1_000)));
    assert_eq!(SHOPIFY.state(many)["pages"], 400);
    let grown = peak() - before;
    assert!(grown < 16 * 1_024, "{grown} KiB more");
}
