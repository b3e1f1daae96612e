//! The kept connection against a real PostgreSQL: trust, limits, and what happens when things go away.

use std::{io::Write as _, sync::Arc, time::Duration};

use shared::{
    Database, Secrets,
    database::Limits,
    secrets::{Secret, Source},
};
use testkit::{Authority, FakeAws, Postgres};
use tokio_postgres::error::SqlState;

fn plain(url: &str) -> Source {
    Source::Plain(Secret::new(url))
}

fn database(url: &str) -> Database {
    Database::new(plain(url), Arc::new(Secrets::none()))
}

/// Whether the connection is encrypted.
async fn is_encrypted(url: &str) -> Result<bool, String> {
    let database = database(url);
    let session = database.session().await.map_err(|error| format!("{error:?}"))?;
    Ok(session.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.expect("reads").get(0))
}

#[tokio::test]
async fn sslmode_decides_about_encryption_and_trust() {
    let shown = Authority::with_certificate_for("127.0.0.1");
    let server = Postgres::start_with_tls(&shown);
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(shown.authority.as_bytes()).expect("writes");
    let base = server.url("postgres").replace("?sslmode=disable", "");
    let root = format!("sslrootcert={}", file.path().display());
    for (settings, expected) in [
        ("sslmode=disable".to_owned(), Some(false)),
        ("application_name=x".to_owned(), Some(true)),
        ("sslmode=require".to_owned(), Some(true)),
        ("sslmode=verify-full".to_owned(), None),
        ("sslmode=verify-ca".to_owned(), None),
        (format!("sslmode=verify-full&{root}"), Some(true)),
        (format!("sslmode=verify-ca&{root}"), Some(true)),
    ] {
        let found = is_encrypted(&format!("{base}?{settings}")).await;
        assert_eq!(found.as_ref().ok().copied(), expected, "{settings}: {found:?}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_enough_for_verify_ca_only() {
    let shown = Authority::with_certificate_for("database.example");
    let server = Postgres::start_with_tls(&shown);
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(shown.authority.as_bytes()).expect("writes");
    let with = |mode: &str| {
        server
            .url("postgres")
            .replace("sslmode=disable", &format!("sslmode={mode}&sslrootcert={}", file.path().display()))
    };
    assert_eq!(is_encrypted(&with("verify-ca")).await, Ok(true));
    let error = is_encrypted(&with("verify-full")).await.expect_err("another name");
    assert!(error.contains("NotValidForName"), "{error}");
}

#[tokio::test]
async fn without_tls_on_the_server_require_refuses() {
    let server = Postgres::shared();
    let url = server.url("postgres").replace("disable", "require");
    assert!(is_encrypted(&url).await.is_err());
    assert_eq!(is_encrypted(&url.replace("require", "prefer")).await, Ok(false));
}

#[tokio::test]
async fn a_connection_is_kept_and_replaced_when_it_is_gone() {
    let server = Postgres::shared();
    let database = database(&server.url("postgres"));
    let process = async || -> i32 {
        let session = database.session().await.expect("connects");
        session.query_one("SELECT pg_backend_pid()", &[]).await.expect("reads").get(0)
    };
    let first = process().await;
    assert_eq!(process().await, first, "kept");
    let (other, connection) =
        tokio_postgres::connect(&server.url("postgres"), tokio_postgres::NoTls).await.expect("connects");
    tokio::spawn(connection);
    other.execute("SELECT pg_terminate_backend($1)", &[&first]).await.expect("ends it");
    assert_ne!(process().await, first, "replaced");
}

#[tokio::test]
async fn a_long_statement_is_ended_by_the_server() {
    let server = Postgres::shared();
    let limits = Limits { statement: Duration::from_millis(50), ..Limits::default() };
    let database = Database::with_limits(plain(&server.url("postgres")), Arc::new(Secrets::none()), limits);
    let session = database.session().await.expect("connects");
    let error = session.execute("SELECT pg_sleep(60)", &[]).await.expect_err("too long");
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
}

#[tokio::test]
async fn a_rotated_password_is_noticed_when_the_old_one_is_refused() {
    const ARN: &str = "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:database";
    let server = Postgres::shared();
    let (admin, connection) =
        tokio_postgres::connect(&server.url("postgres"), tokio_postgres::NoTls).await.expect("connects");
    tokio::spawn(connection);
    let url = |password: &str| server.url("postgres").replace("postgres@", &format!("with_password:{password}@"));
    let aws = FakeAws::default();

    admin.batch_execute("CREATE ROLE with_password LOGIN PASSWORD 'old'").await.expect("a new role");
    aws.set_secret(ARN, Some(&url("old")));
    let database = Database::new(Source::parse(ARN), Arc::new(Secrets::new(&aws.config())));
    drop(database.session().await.expect("the old password is right"));

    admin.batch_execute("ALTER ROLE with_password PASSWORD 'new'").await.expect("rotates");
    aws.set_secret(ARN, Some(&url("new")));
    admin
        .batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'with_password'")
        .await
        .expect("ends them");
    drop(database.session().await.expect("reads the secret again"));
    assert_eq!(aws.secret_reads(), 2, "once at first, once after the refusal");
}
