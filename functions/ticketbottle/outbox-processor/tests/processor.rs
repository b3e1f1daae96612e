//! The processor between a real PostgreSQL and a Kafka cluster, in good and in bad times.

use std::{
    collections::{BTreeMap, HashSet},
    io::{Read as _, Write as _},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::Context;
use outbox_processor::{
    deps::Deps,
    handler::{BATCH, Report, handle, run},
};
use shared::{Deadline, Env, Secrets};
use testkit::{Kafka, Postgres, TestDatabase};
use ticketbottle_outbox::migrations::migrate;
use tokio_postgres::{Client, NoTls};

const COMPLETED: &str = "payment.completed";
const FAILED: &str = "payment.failed";

struct Shop {
    database: TestDatabase,
    client: Client,
    kafka: Kafka,
    deps: Deps,
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    client
}

async fn deps(url: &str, brokers: &str) -> Deps {
    let secrets = Arc::new(Secrets::none());
    let pairs = [
        ("DATABASE_URL", url),
        ("KAFKA_BROKERS", brokers),
        ("KAFKA_TOPIC_PAYMENT_COMPLETED", COMPLETED),
        ("KAFKA_TOPIC_PAYMENT_FAILED", FAILED),
    ];
    let env = Env::from_variables(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())), &secrets, &["DATABASE_URL"]).await;
    Deps::from_env(env, secrets).expect("all variables are right")
}

async fn shop(name: &str) -> Shop {
    shop_in(Postgres::shared(), name).await
}

async fn shop_in(server: Arc<Postgres>, name: &str) -> Shop {
    let database = server.database(name).await;
    let mut client = connect(&database.url).await;
    migrate(&mut client).await.expect("an empty database takes the schema");
    let kafka = Kafka::start(&[(COMPLETED, 3), (FAILED, 2)]);
    let deps = deps(&database.url, &kafka.brokers()).await;
    Shop { database, client, kafka, deps }
}

fn time() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

impl Shop {
    async fn insert(&self, aggregate: &str, event_type: &str, payload: &str) {
        let sql = "INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, payload, trace_header)
                   VALUES (gen_random_uuid(), 'order', $1, $2, $3::text::jsonb, 'Root=1-2-3')";
        self.client.execute(sql, &[&aggregate, &event_type, &payload]).await.expect("inserts");
    }

    /// `per_aggregate` numbered events for each of so many aggregates, interleaved.
    async fn fill(&self, aggregates: i32, per_aggregate: i32) {
        let sql = "INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, payload)
                   SELECT gen_random_uuid(), 'order', 'order-' || a, 'payment.completed', jsonb_build_object('n', n)
                   FROM generate_series(1, $2) AS n, generate_series(1, $1) AS a ORDER BY n, a";
        self.client.execute(sql, &[&aggregates, &per_aggregate]).await.expect("inserts");
    }

    /// (unpublished, most attempts, one of the errors)
    async fn state(&self) -> (i64, i32, Option<String>) {
        let client = connect(&self.database.url).await;
        let sql = "SELECT count(*) FILTER (WHERE published_at IS NULL), coalesce(max(attempts), 0), max(last_error) FROM outbox_events";
        let row = client.query_one(sql, &[]).await.expect("reads");
        (row.get(0), row.get(1), row.get(2))
    }

    /// What each aggregate's records say, in the order of their offsets.
    fn by_aggregate(&self) -> BTreeMap<String, Vec<i64>> {
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for record in self.kafka.records(COMPLETED) {
            let payload: serde_json::Value = serde_json::from_slice(&record.value).expect("JSON");
            found.entry(record.key).or_default().push(payload["n"].as_i64().expect("a number"));
        }
        found
    }
}

fn published(count: u64) -> Report {
    Report { published: count, failed: 0, complete: true, broker_error: None }
}

#[tokio::test]
async fn each_type_goes_to_its_topic_keyed_by_its_aggregate() {
    let shop = shop("topics").await;
    shop.insert("240817", COMPLETED, r#"{"order_id": "240817", "amount": 9007199254740993}"#).await;
    shop.insert("240818", FAILED, "{}").await;
    let event: EventBridgeEvent<serde_json::Value> =
        serde_json::from_str(include_str!("../events/every-minute.json")).expect("a real event");
    let mut context = Context::default();
    context.deadline = u64::MAX / 2;
    assert_eq!(handle(event, context, &shop.deps).await.expect("works"), published(2));
    assert_eq!(shop.state().await, (0, 1, None));

    let [record] = &shop.kafka.records(COMPLETED)[..] else { panic!("one record") };
    assert_eq!(
        (record.key.as_str(), record.value.as_slice()),
        ("240817", br#"{"amount": 9007199254740993, "order_id": "240817"}"#.as_slice())
    );
    assert_eq!(
        (record.headers["event_type"].as_str(), record.headers["X-Amzn-Trace-Id"].as_str()),
        (COMPLETED, "Root=1-2-3")
    );
    let [record] = &shop.kafka.records(FAILED)[..] else { panic!("one record") };
    assert_eq!(record.key, "240818");
    assert_eq!(run(time(), BATCH, &shop.deps).await.expect("works"), published(0), "nothing is left");
}

#[tokio::test]
async fn order_within_an_aggregate_holds_over_batches_and_partitions() {
    let shop = shop("ordered").await;
    shop.fill(20, 10).await;
    assert_eq!(run(time(), 7, &shop.deps).await.expect("works"), published(200));
    let found = shop.by_aggregate();
    assert_eq!(found.len(), 20);
    assert!(found.values().all(|numbers| numbers.iter().copied().eq(1..=10)), "{found:?}");
    let partitions: HashSet<_> = shop.kafka.records(COMPLETED).iter().map(|record| record.partition).collect();
    assert_eq!(partitions.len(), 3, "the aggregates spread over all partitions");
}

#[tokio::test]
async fn two_at_once_publish_each_event_once_and_in_order() {
    let shop = shop("two").await;
    shop.fill(40, 5).await;
    let other = deps(&shop.database.url, &shop.kafka.brokers()).await;
    let (one, two) = tokio::join!(run(time(), 10, &shop.deps), run(time(), 10, &other));
    let (one, two) = (one.expect("works"), two.expect("works"));
    assert_eq!(one.published + two.published, 200, "{one:?} {two:?}");
    assert!(one.published > 0 && two.published > 0, "both had work: {one:?} {two:?}");
    let found = shop.by_aggregate();
    assert!(found.len() == 40 && found.values().all(|numbers| numbers.iter().copied().eq(1..=5)), "{found:?}");
}

#[tokio::test]
async fn a_broker_that_is_down_loses_nothing_and_is_counted() {
    let shop = shop("down").await;
    shop.fill(3, 2).await;
    shop.kafka.pause();
    let report = run(Deadline::after(Duration::from_secs(7)), BATCH, &shop.deps).await.expect("the database is fine");
    assert_eq!((report.published, report.failed, report.complete), (0, 6, false));
    let (unpublished, attempts, error) = shop.state().await;
    assert_eq!((unpublished, attempts), (6, 1));
    assert!(error.as_deref().is_some_and(|error| error.contains("Kafka")), "{error:?}");

    let event: EventBridgeEvent<serde_json::Value> =
        serde_json::from_str(include_str!("../events/every-minute.json")).expect("a real event");
    let mut context = Context::default();
    let in_six_seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970")
        + Duration::from_secs(6);
    context.deadline = u64::try_from(in_six_seconds.as_millis()).expect("fits");
    let problem = handle(event, context, &shop.deps).await.expect_err("so that the error metric shows it");
    assert!(problem.to_string().contains("0 published, 6 not"), "{problem}");

    shop.kafka.resume();
    assert_eq!(run(time(), BATCH, &shop.deps).await.expect("works"), published(6));
    assert_eq!(shop.state().await, (0, 3, None), "the third attempt succeeded and took the error away");
    let found = shop.by_aggregate();
    assert!(found.len() == 3 && found.values().all(|numbers| numbers == &[1, 2]), "each once, in order: {found:?}");
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_is_tried_again() {
    let shop = shop("hang_up").await;
    shop.fill(1, 3).await;
    shop.kafka.hang_up_on_produce();
    assert_eq!(run(time(), BATCH, &shop.deps).await.expect("works"), published(3));
    assert_eq!(shop.by_aggregate()["order-1"], [1, 2, 3]);
}

#[tokio::test]
async fn an_event_without_a_topic_holds_up_its_own_aggregate_only() {
    let shop = shop("unroutable").await;
    shop.insert("a", "refund.completed", "{}").await;
    shop.insert("a", COMPLETED, r#"{"n": 2}"#).await;
    shop.insert("b", COMPLETED, r#"{"n": 1}"#).await;
    for attempt in 1..=2 {
        let report = run(time(), BATCH, &shop.deps).await.expect("works");
        assert_eq!(
            (report.failed, report.complete, &report.broker_error),
            (1, true, &None),
            "once per run, and no alarm about the broker"
        );
        let (unpublished, attempts, error) = shop.state().await;
        assert_eq!((unpublished, attempts), (2, attempt));
        assert!(error.as_deref().is_some_and(|error| error.contains("refund.completed")), "{error:?}");
    }
    assert_eq!(shop.by_aggregate(), BTreeMap::from([("b".to_owned(), vec![1])]));
}

#[tokio::test]
async fn a_record_that_the_broker_refuses_is_found_out_and_left_behind() {
    let shop = shop("refused").await;
    shop.insert("order-1", COMPLETED, r#"{"n": 1}"#).await;
    shop.insert("order-1", COMPLETED, r#"{"n": 2}"#).await;
    // The batch, and then its first record alone.
    shop.kafka.refuse_as_too_large(2);
    let report = run(time(), BATCH, &shop.deps).await.expect("works");
    assert_eq!((report.published, report.failed), (0, 1));
    assert_eq!(shop.kafka.records(COMPLETED), [], "the second did not overtake the first");
    assert_eq!(run(time(), BATCH, &shop.deps).await.expect("works"), published(2));
    assert_eq!(shop.by_aggregate()["order-1"], [1, 2]);
}

#[tokio::test]
async fn what_cannot_be_published_does_not_starve_the_rest() {
    let shop = shop("starving").await;
    for n in 0..10 {
        shop.insert(&format!("bad-{n}"), "refund.completed", "{}").await;
    }
    run(time(), 5, &shop.deps).await.expect("works");
    shop.insert("good", COMPLETED, r#"{"n": 1}"#).await;
    let report = run(time(), 5, &shop.deps).await.expect("works");
    assert_eq!((report.published, report.failed, report.complete), (1, 10, true));
}

#[tokio::test]
async fn it_stops_before_the_deadline_and_the_next_run_goes_on() {
    let shop = shop("deadline").await;
    shop.fill(30, 1).await;
    let report = run(Deadline::after(Duration::from_secs(4)), 10, &shop.deps).await.expect("works");
    assert_eq!(report, Report::default(), "too little time for even one batch: nothing is begun");
    assert_eq!(shop.state().await, (30, 0, None));

    shop.kafka.slow_down(Duration::from_millis(400));
    let report = run(Deadline::after(Duration::from_millis(7_500)), 1, &shop.deps).await.expect("works");
    assert!(report.published > 0 && report.published < 30 && !report.complete, "{report:?}");
    shop.kafka.slow_down(Duration::ZERO);
    let rest = run(time(), 10, &shop.deps).await.expect("works");
    assert_eq!((report.published + rest.published, rest.complete), (30, true));
    assert!(shop.by_aggregate().values().all(|numbers| numbers == &[1]), "none twice");
}

/// The one window in which an event can be published twice. What is killed is the function itself, as Lambda runs it.
#[tokio::test]
async fn a_process_killed_between_acknowledgement_and_mark_publishes_again_with_the_same_id() {
    let shop = shop("killed").await;
    shop.fill(1, 2).await;
    // Claims need no more than a row lock and pass; marking waits for this lock.
    shop.client.batch_execute("BEGIN; LOCK TABLE outbox_events IN SHARE MODE").await.expect("locks");
    let mut doomed = function(&shop.database.url, &shop.kafka.brokers());
    while shop.kafka.records(COMPLETED).is_empty() {
        assert!(doomed.try_wait().expect("it is a child").is_none(), "it ended by itself");
    }
    // SIGKILL.
    doomed.kill().expect("it runs");
    doomed.wait().expect("it is gone");
    shop.client.batch_execute("COMMIT").await.expect("unlocks");

    // PostgreSQL takes a moment to notice that nobody is there any more, and then gives the rows free.
    let mut again = 0;
    while again == 0 {
        again = run(time(), BATCH, &shop.deps).await.expect("works").published;
    }
    assert_eq!((again, shop.state().await.0), (2, 0));
    let records = shop.kafka.records(COMPLETED);
    let ids: HashSet<_> = records.iter().map(|record| record.headers["event_id"].clone()).collect();
    assert_eq!((records.len(), ids.len()), (4, 2), "each twice, and a consumer can tell");
    assert_eq!(shop.by_aggregate()["order-1"], [1, 2, 1, 2]);
}

/// The function as a process, with one scheduled event to handle: this stands in for Lambda's runtime interface.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> (read 2026-11).
fn function(database: &str, brokers: &str) -> Child {
    let lambda = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let address = lambda.local_addr().expect("is bound").to_string();
    thread::spawn(move || {
        let (mut asks, _) = lambda.accept().expect("the function asks for an event");
        let _ = asks.read(&mut [0; 4096]);
        let event = include_str!("../events/every-minute.json");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\
             Lambda-Runtime-Deadline-Ms: {}\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\n\r\n",
            event.len(),
            u64::MAX / 2
        );
        asks.write_all(format!("{head}{event}").as_bytes()).expect("it takes the event");
        // Until the function is gone: no other event comes.
        let _ = asks.read(&mut [0; 4096]);
    });
    let own = [
        ("DATABASE_URL", database),
        ("KAFKA_BROKERS", brokers),
        ("KAFKA_TOPIC_PAYMENT_COMPLETED", COMPLETED),
        ("KAFKA_TOPIC_PAYMENT_FAILED", FAILED),
        ("AWS_LAMBDA_RUNTIME_API", &address),
        ("AWS_LAMBDA_FUNCTION_NAME", "outbox-processor"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_REGION", "ap-southeast-1"),
    ];
    Command::new(env!("CARGO_BIN_EXE_ticketbottle-outbox-processor"))
        .env_clear()
        .envs(own)
        .stdout(Stdio::null())
        .spawn()
        .expect("the function starts")
}

#[tokio::test]
async fn a_database_restarted_between_runs_is_noticed() {
    let shop = shop_in(Arc::new(Postgres::start()), "restarted").await;
    shop.fill(1, 1).await;
    assert_eq!(run(time(), BATCH, &shop.deps).await.expect("works"), published(1));
    shop.database.server.pause();
    run(time(), BATCH, &shop.deps).await.expect_err("nobody is there");
    shop.database.server.resume();
    connect(&shop.database.url)
        .await
        .execute("UPDATE outbox_events SET published_at = NULL", &[])
        .await
        .expect("one more to do");
    assert_eq!(run(time(), BATCH, &shop.deps).await.expect("works"), published(1));
}

#[tokio::test]
async fn a_database_restarted_in_the_middle_of_a_run_loses_nothing() {
    let shop = shop_in(Arc::new(Postgres::start()), "restarted_within").await;
    shop.fill(2, 5).await;
    shop.kafka.slow_down(Duration::from_millis(150));
    let restart = async {
        while shop.state().await.0 == 10 {
            tokio::task::yield_now().await;
        }
        shop.database.server.pause();
        shop.database.server.resume();
    };
    let (outcome, ()) = tokio::join!(run(time(), 2, &shop.deps), restart);
    outcome.expect_err("its transaction is gone");
    shop.kafka.slow_down(Duration::ZERO);
    assert!(run(time(), BATCH, &shop.deps).await.expect("over a new connection").complete);
    assert_eq!(shop.state().await.0, 0);
    for (aggregate, mut numbers) in shop.by_aggregate() {
        // What was sent and not marked stands there again, behind its first appearance.
        let mut seen = HashSet::new();
        numbers.retain(|number| seen.insert(*number));
        assert_eq!(numbers, [1, 2, 3, 4, 5], "{aggregate}");
    }
}
