//! Events per second from a local PostgreSQL to a local cluster:
//! `cargo run --release -p ticketbottle-outbox-processor --example outbox-throughput [EVENTS]`

use std::{
    io::{Write as _, stdout},
    sync::Arc,
    time::{Duration, Instant},
};

use outbox_processor::{
    deps::Deps,
    handler::{BATCH, run},
};
use shared::{Deadline, Env, Secrets, StartError};
use testkit::{Kafka, Postgres};
use ticketbottle_outbox::migrations::migrate;
use tokio_postgres::NoTls;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let events: i32 = std::env::args().nth(1).map_or(Ok(20_000), |count| count.parse())?;
    let database = Postgres::shared().database("throughput").await;
    let (mut client, connection) = tokio_postgres::connect(&database.url, NoTls).await?;
    tokio::spawn(connection);
    migrate(&mut client).await?;
    let sql = "INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, payload)
               SELECT gen_random_uuid(), 'order', 'order-' || (n % 5000), 'payment.completed', jsonb_build_object('n', n, 'padding', repeat('x', 700))
               FROM generate_series(1, $1) AS n";
    client.execute(sql, &[&events]).await?;
    client.batch_execute("ANALYZE outbox_events").await?;

    let kafka = Kafka::start(&[("payment.completed", 6), ("payment.failed", 6)]);
    let brokers = kafka.brokers();
    let secrets = Arc::new(Secrets::none());
    let pairs = [
        ("DATABASE_URL", database.url.as_str()),
        ("KAFKA_BROKERS", brokers.as_str()),
        ("KAFKA_TOPIC_PAYMENT_COMPLETED", "payment.completed"),
        ("KAFKA_TOPIC_PAYMENT_FAILED", "payment.failed"),
    ];
    let env = Env::from_variables(
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())),
        &secrets,
        &["DATABASE_URL"],
    )
    .await;
    let deps = Deps::from_env(env, secrets)?;

    let began = Instant::now();
    let report = run(Deadline::after(Duration::from_secs(900)), BATCH, &deps).await?;
    let seconds = began.elapsed().as_secs_f64();
    writeln!(
        stdout(),
        "{report:?}\n{events} events of about 800 bytes in {seconds:.2} s: {:.0} events per second",
        f64::from(events) / seconds
    )?;
    Ok(())
}
