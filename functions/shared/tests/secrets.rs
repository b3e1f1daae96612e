//! References to secrets: read once, kept for a while, and kept on when nothing newer can be had.

use std::{sync::Arc, time::Duration};

use shared::{Env, Secrets, secrets::Source};
use testkit::FakeAws;

const ARN: &str = "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:keys-AbCdEf";

#[tokio::test]
async fn a_secret_is_read_once_for_all_its_members() {
    let aws = FakeAws::default();
    aws.set_secret(ARN, Some(r#"{"zalopay":"k2","payos":"ck"}"#));
    let secrets = Secrets::new(&aws.config());
    for (member, expected) in [("zalopay", "k2"), ("payos", "ck"), ("zalopay", "k2")] {
        let value = secrets.value(&Source::parse(&format!("{ARN}#{member}"))).await.expect("is there");
        assert_eq!(value.expose(), expected);
    }
    assert_eq!(aws.secret_reads(), 1);
}

#[tokio::test]
async fn an_old_value_is_refreshed_and_outlives_a_failure() {
    let aws = FakeAws::default();
    let secrets = Secrets::with_ttl(&aws.config(), Duration::ZERO);
    let read = async || secrets.value(&Source::parse(ARN)).await.map(|value| value.expose().to_owned());
    let error = read().await.expect_err("there is none yet");
    assert!(error.to_string().contains(ARN) && error.to_string().contains("ResourceNotFoundException"), "{error}");
    aws.set_secret(ARN, Some("one"));
    assert_eq!(read().await.expect("is there"), "one");
    aws.set_secret(ARN, Some("two"));
    assert_eq!(read().await.expect("is there"), "two");
    aws.set_secret(ARN, None);
    assert_eq!(read().await.expect("the last known one"), "two");
}

#[tokio::test]
async fn the_environment_holds_references_and_the_function_gets_values() {
    let aws = FakeAws::default();
    aws.set_secret(ARN, Some("k2"));
    let secrets = Arc::new(Secrets::new(&aws.config()));
    let variables = [
        ("KEY", ARN),
        ("MISSING", "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:other"),
        ("PLAIN", "as it stands"),
    ];
    let mut env = Env::from_variables(
        variables.map(|(k, v)| (k.to_owned(), v.to_owned())),
        &secrets,
        &["KEY", "MISSING", "PLAIN"],
    )
    .await;
    assert_eq!((env.secret("KEY").expose(), env.secret("PLAIN").expose()), ("k2", "as it stands"));
    env.secret("MISSING");
    let error = env.finish(()).expect_err("one cannot be read").to_string();
    assert!(error.contains("MISSING: read secret arn") && !error.contains("k2"), "{error}");
}
