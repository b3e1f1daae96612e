//! The cleanup against a real PostgreSQL.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::Context;
use outbox_cleanup::{
    deps::Deps,
    handler::{clean, handle},
};
use shared::{Deadline, Env, Secrets};
use testkit::{Postgres, TestDatabase};
use ticketbottle_outbox::migrations::migrate;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

async fn outbox(name: &str, days: &str) -> (TestDatabase, Client, Deps) {
    let database = Postgres::shared().database(name).await;
    let (mut client, connection) = tokio_postgres::connect(&database.url, NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    migrate(&mut client).await.expect("an empty database takes the schema");
    let secrets = Arc::new(Secrets::none());
    let pairs = [
        ("DATABASE_URL", database.url.as_str()),
        ("RETENTION_DAYS", days),
        ("CLOUDWATCH_NAMESPACE", "TicketBottle/Lambda"),
    ];
    let env = Env::from_variables(
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())),
        &secrets,
        &["DATABASE_URL"],
    )
    .await;
    let deps = Deps::from_env(env, secrets).expect("all variables are right");
    (database, client, deps)
}

/// `count` events, created and (where given) published so many days ago.
async fn insert(client: &Client, count: i32, created: f64, published: Option<f64>, attempts: i32) {
    let sql = "INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, payload, created_at, published_at, attempts)
               SELECT gen_random_uuid(), 'order', n::text, 'payment.completed', '{}', now() - $2 * interval '1 day', now() - $3 * interval '1 day', $4
               FROM generate_series(1, $1) AS n";
    client.execute(sql, &[&count, &created, &published, &attempts]).await.expect("inserts");
}

async fn left(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM outbox_events", &[]).await.expect("counts").get(0)
}

#[tokio::test]
async fn only_old_published_events_go() {
    let (_database, client, deps) = outbox("cleanup_old", "7").await;
    insert(&client, 25, 9.0, Some(8.0), 1).await;
    insert(&client, 3, 9.0, Some(6.0), 1).await;
    insert(&client, 2, 400.0, None, 5).await;
    insert(&client, 1, 0.0, None, 0).await;

    let event: EventBridgeEvent<serde_json::Value> =
        serde_json::from_str(include_str!("../events/daily.json")).expect("a real event");
    let mut context = Context::default();
    context.deadline = u64::MAX / 2;
    let report = handle(event, context, &deps).await.expect("works");
    assert_eq!((report.deleted, report.complete, report.unpublished, report.stuck, report.failed), (25, true, 3, 2, 2));
    assert_eq!(left(&client).await, 6);
}

#[tokio::test]
async fn batches_are_bounded_and_add_up() {
    let (_database, client, deps) = outbox("cleanup_batches", "1").await;
    insert(&client, 25, 9.0, Some(8.0), 1).await;
    let report = clean(Deadline::after(Duration::from_secs(60)), 10, &deps).await.expect("works");
    assert_eq!((report.deleted, report.complete), (25, true));
}

#[tokio::test]
async fn without_time_nothing_is_deleted_and_the_report_comes_all_the_same() {
    let (_database, client, deps) = outbox("cleanup_late", "7").await;
    insert(&client, 25, 9.0, Some(8.0), 1).await;
    insert(&client, 1, 1.0, None, 0).await;
    let report = clean(Deadline::after(Duration::ZERO), 10, &deps).await.expect("works");
    assert_eq!((report.deleted, report.complete, report.stuck), (0, false, 1));
    assert_eq!(left(&client).await, 26);
}

#[tokio::test]
async fn a_row_that_another_run_is_deleting_is_left_to_it() {
    let (database, mut client, deps) = outbox("cleanup_twice", "7").await;
    insert(&client, 5, 9.0, Some(8.0), 1).await;
    let other = client.transaction().await.expect("begins");
    let held: Uuid =
        other.query_one("SELECT id FROM outbox_events LIMIT 1 FOR UPDATE", &[]).await.expect("locks").get(0);
    let report = clean(Deadline::after(Duration::from_secs(60)), 10, &deps).await.expect("does not wait");
    assert_eq!(report.deleted, 4);
    let row: Uuid = other.query_one("SELECT id FROM outbox_events", &[]).await.expect("reads").get(0);
    assert_eq!(row, held);
    drop((other, database));
}

#[tokio::test]
async fn a_retention_of_no_days_is_refused_at_start() {
    for (days, right) in [("0", false), ("-1", false), ("1", true)] {
        let secrets = Arc::new(Secrets::none());
        let pairs = [("DATABASE_URL", "postgres://u@h/d"), ("RETENTION_DAYS", days), ("CLOUDWATCH_NAMESPACE", "N")];
        let env = Env::from_variables(
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())),
            &secrets,
            &["DATABASE_URL"],
        )
        .await;
        let outcome = Deps::from_env(env, secrets);
        assert_eq!(outcome.is_ok(), right, "{days}: {outcome:?}");
    }
}
