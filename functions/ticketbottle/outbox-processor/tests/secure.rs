//! The processor and a cluster that wants TLS and a login, as Amazon MSK does.

use std::{sync::Arc, time::Duration};

use outbox_processor::{
    deps::Deps,
    handler::{BATCH, Report, run},
};
use shared::{Deadline, Env, Secrets};
use testkit::{Kafka, Postgres, SecureKafka};
use ticketbottle_outbox::migrations::migrate;
use tokio_postgres::NoTls;

const TOPIC: &str = "payment.completed";
const PASSWORD: &str = "correct horse";

/// One run of one event against a cluster that speaks `mechanism`, with `changed` variables.
async fn check(name: &str, mechanism: &'static str, changed: &[(&str, &str)]) -> (Report, usize) {
    let database = Postgres::shared().database(name).await;
    let (mut client, connection) = tokio_postgres::connect(&database.url, NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    migrate(&mut client).await.expect("an empty database takes the schema");
    let sql = "INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, payload) VALUES (gen_random_uuid(), 'order', '1', 'payment.completed', '{}')";
    client.execute(sql, &[]).await.expect("inserts");

    let kafka = Kafka::start(&[(TOPIC, 3), ("payment.failed", 1)]);
    let secure = SecureKafka::in_front_of(&kafka, mechanism, "ticketbottle", PASSWORD);
    let brokers = secure.brokers();
    let mut pairs = vec![
        ("DATABASE_URL", database.url.as_str()),
        ("KAFKA_BROKERS", brokers.as_str()),
        ("KAFKA_SSL", "true"),
        ("KAFKA_SSL_CA", secure.authority.authority.as_str()),
        ("KAFKA_SASL_USERNAME", "ticketbottle"),
        ("KAFKA_SASL_PASSWORD", PASSWORD),
        ("KAFKA_SASL_MECHANISM", mechanism),
        ("KAFKA_TOPIC_PAYMENT_COMPLETED", TOPIC),
        ("KAFKA_TOPIC_PAYMENT_FAILED", "payment.failed"),
    ];
    for (name, value) in changed {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    let secrets = Arc::new(Secrets::none());
    let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let env =
        Env::from_variables(variables, &secrets, &["DATABASE_URL", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"]).await;
    let deps = Deps::from_env(env, secrets).expect("all variables are right");
    let report = run(Deadline::after(Duration::from_secs(30)), BATCH, &deps).await.expect("the database is fine");
    (report, kafka.records(TOPIC).len())
}

#[tokio::test]
async fn each_mechanism_lets_the_right_password_in() {
    for (name, mechanism) in [("scram512", "SCRAM-SHA-512"), ("scram256", "SCRAM-SHA-256"), ("plain", "PLAIN")] {
        let (report, records) = check(name, mechanism, &[]).await;
        assert_eq!((report.published, report.broker_error, records), (1, None, 1), "{mechanism}");
    }
}

#[tokio::test]
async fn a_wrong_password_publishes_nothing_and_is_not_repeated_in_the_error() {
    for (name, mechanism) in [("scram512_wrong", "SCRAM-SHA-512"), ("plain_wrong", "PLAIN")] {
        let (report, records) = check(name, mechanism, &[("KAFKA_SASL_PASSWORD", "hunter2")]).await;
        assert_eq!((report.published, report.failed, records), (0, 1, 0), "{mechanism}");
        let error = report.broker_error.expect("says why");
        assert!(error.contains("Sasl") && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_broker_that_cannot_show_a_trusted_certificate_is_refused() {
    let (report, records) = check("untrusted", "SCRAM-SHA-512", &[("KAFKA_SSL_CA", "")]).await;
    assert_eq!((report.published, report.failed, records), (0, 1, 0));
}
