//! The processor against a real PostgreSQL.

use std::sync::Arc;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::Context;
use outbox_processor::{deps::Deps, handler::handle};
use shared::{Env, Secrets};
use testkit::Postgres;
use ticketbottle_outbox::migrations::migrate;
use tokio_postgres::NoTls;

#[tokio::test]
async fn what_waits_is_counted() {
    let database = Postgres::shared().database("processor").await;
    let (mut client, connection) = tokio_postgres::connect(&database.url, NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    migrate(&mut client).await.expect("an empty database takes the schema");
    let sql = "INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, payload) VALUES (gen_random_uuid(), 'order', '1', 'payment.completed', '{}')";
    client.execute(sql, &[]).await.expect("inserts");

    let secrets = Arc::new(Secrets::none());
    let pairs = [
        ("DATABASE_URL", database.url.as_str()),
        ("KAFKA_BROKERS", "127.0.0.1:1"),
        ("KAFKA_TOPIC_PAYMENT_COMPLETED", "payment.completed"),
        ("KAFKA_TOPIC_PAYMENT_FAILED", "payment.failed"),
    ];
    let env = Env::from_variables(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())), &secrets, &["DATABASE_URL"]).await;
    let deps = Deps::from_env(env, secrets).expect("all variables are right");
    let event: EventBridgeEvent<serde_json::Value> =
        serde_json::from_str(include_str!("../events/every-minute.json")).expect("a real event");
    let report = handle(event, Context::default(), &deps).await.expect("works");
    assert_eq!((report.published, report.unpublished), (0, 1));
}
