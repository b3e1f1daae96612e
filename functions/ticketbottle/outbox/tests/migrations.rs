//! The schema on a real PostgreSQL: applied once, from several places at once, never over a difference.

use futures::future::join_all;
use testkit::Postgres;
use ticketbottle_outbox::migrations::{MIGRATIONS, MigrationError, migrate};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn running_twice_and_at_once_applies_each_once() {
    let database = Postgres::shared().database("migrations_once").await;
    let outcomes = join_all(
        (0..4).map(|_| async { migrate(&mut connect(&database.url).await).await.expect("one after the other").len() }),
    )
    .await;
    assert_eq!(outcomes.iter().sum::<usize>(), MIGRATIONS.len(), "{outcomes:?}");
    assert!(migrate(&mut connect(&database.url).await).await.expect("again").is_empty());
}

#[tokio::test]
async fn a_changed_file_and_an_unknown_version_are_refused() {
    let database = Postgres::shared().database("migrations_changed").await;
    let mut client = connect(&database.url).await;
    migrate(&mut client).await.expect("applies");
    client.execute("UPDATE schema_migrations SET sha256 = 'another' WHERE version = 1", &[]).await.expect("updates");
    assert!(matches!(migrate(&mut client).await, Err(MigrationError::Changed { version: 1, .. })));
    client.execute("UPDATE schema_migrations SET version = 99 WHERE version = 1", &[]).await.expect("updates");
    assert!(matches!(migrate(&mut client).await, Err(MigrationError::Unknown(99))));
    // The lock was given back after each refusal.
    let sql = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
               WHERE locktype = 'advisory' AND datname = current_database()";
    let held: i64 = client.query_one(sql, &[]).await.expect("reads").get(0);
    assert_eq!(held, 0);
}

#[tokio::test]
async fn the_command_says_what_it_did() {
    let database = Postgres::shared().database("migrations_command").await;
    let run = |url: String| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_ticketbottle-migrate"))
            .env_clear()
            .env("DATABASE_URL", url)
            .output()
            .expect("runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    assert_eq!(run(database.url.clone()), (Some(0), "applied 0001 outbox\napplied 0002 claim_order\n".into()));
    assert_eq!(run(database.url.clone()), (Some(0), "the schema is up to date; nothing to apply\n".into()));
    assert_eq!(run(String::new()), (Some(1), "error: configuration: DATABASE_URL is not set\n".into()));
    let (code, text) = run("postgres://u:hunter2@127.0.0.1:1/d".into());
    assert!(code == Some(1) && text.contains("connect to PostgreSQL") && !text.contains("hunter2"), "{text}");
}
