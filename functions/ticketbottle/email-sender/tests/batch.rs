//! A real batch from the queue.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use email_sender::{deps::Deps, handler::handle};
use lambda_runtime::Context;
use shared::{Env, Secrets};

#[tokio::test]
async fn what_is_not_handled_comes_again() {
    let secrets = Arc::new(Secrets::none());
    let pairs = [
        ("SES_FROM_EMAIL", "tickets@example.com"),
        ("SES_REGION", "ap-southeast-1"),
        ("S3_BUCKET_TICKETS", "tickets"),
        ("QR_CODE_BASE_URL", "https://example.com/t"),
    ];
    let env = Env::from_variables(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())), &secrets, &[]).await;
    let deps = Deps::from_env(env).expect("all variables are set");
    let event: SqsEvent = serde_json::from_str(include_str!("../events/batch.json")).expect("a real event");
    let response = handle(event, Context::default(), &deps).await.expect("answers");
    let ids: Vec<_> = response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(ids, ["059f36b4-87a3-44ab-83d2-661975830a7d", "2e1424d4-f796-459a-8184-9c92662be6da"]);
}
