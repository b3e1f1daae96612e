//! Every way to send an operation, each with one of its own; and ways that lead to none.

use aws_sdk_s3::Client as S3;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::operation::send_message::builders::SendMessageInputBuilder;
use std::time::Duration;

type Done = Result<(), Box<dyn std::error::Error>>;

async fn paginator(s3: &S3) -> Done {
    let mut pages = s3.list_objects_v2().bucket("b").into_paginator().send();
    while let Some(page) = pages.next().await {
        drop(page?);
    }
    Ok(())
}

async fn waiter(s3: &S3) -> Done {
    use aws_sdk_s3::client::Waiters as _;
    s3.wait_until_object_exists().bucket("b").key("k").wait(Duration::from_secs(1)).await?;
    Ok(())
}

async fn presigned(s3: &S3) -> Done {
    let config = PresigningConfig::expires_in(Duration::from_secs(60))?;
    drop(s3.get_object().bucket("b").key("k").presigned(config).await?);
    Ok(())
}

async fn send_with(sqs: &Sqs) -> Done {
    drop(SendMessageInputBuilder::default().queue_url("q").message_body("m").send_with(sqs).await?);
    Ok(())
}

async fn customized(sqs: &Sqs) -> Done {
    drop(sqs.receive_message().queue_url("q").customize().send().await?);
    Ok(())
}

trait Store {
    async fn keep(&self) -> Done;
}

struct Kept<'a>(&'a S3);

impl Store for Kept<'_> {
    async fn keep(&self) -> Done {
        drop(self.0.put_object().bucket("b").key("k").send().await?);
        Ok(())
    }
}

/// Nobody makes one: `s3.delete_object` is not reached.
#[allow(dead_code, reason = "the case")]
struct Gone<'a>(&'a S3);

impl Store for Gone<'_> {
    async fn keep(&self) -> Done {
        drop(self.0.delete_object().bucket("b").key("k").send().await?);
        Ok(())
    }
}

async fn generic(store: &impl Store) -> Done {
    store.keep().await
}

/// A trait object whose method is called.
trait Named {
    fn name(&self, sqs: Sqs) -> std::pin::Pin<Box<dyn Future<Output = Done>>>;
}

struct Found;

impl Named for Found {
    fn name(&self, sqs: Sqs) -> std::pin::Pin<Box<dyn Future<Output = Done>>> {
        Box::pin(async move {
            drop(sqs.get_queue_url().queue_name("q").send().await?);
            Ok(())
        })
    }
}

/// A builder that is never sent: `sqs.purge_queue` is not reached.
fn unsent(sqs: &Sqs) -> bool {
    sqs.purge_queue().queue_url("q").get_queue_url().is_some()
}

/// Nobody calls it: `sqs.delete_queue` is not reached.
#[allow(dead_code, reason = "the case")]
async fn uncalled(sqs: &Sqs) -> Done {
    drop(sqs.delete_queue().queue_url("q").send().await?);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let s3 = S3::from_conf(aws_sdk_s3::Config::builder().behavior_version_latest().build());
    let sqs = Sqs::from_conf(aws_sdk_sqs::Config::builder().behavior_version_latest().build());
    paginator(&s3).await?;
    waiter(&s3).await?;
    presigned(&s3).await?;
    send_with(&sqs).await?;
    customized(&sqs).await?;
    generic(&Kept(&s3)).await?;
    let named: Box<dyn Named> = Box::new(Found);
    named.name(sqs.clone()).await?;
    std::process::exit(i32::from(unsent(&sqs)))
}
