//! Known to be seen although nobody sends it: a method behind `dyn` that is never called. It stands in the table of the trait.

use aws_sdk_sqs::Client;
use std::pin::Pin;

type Sent = Pin<Box<dyn Future<Output = bool>>>;

trait Queue {
    fn send(&self) -> Sent;
    /// Never called: `sqs.purge_queue` is not sent.
    #[allow(dead_code, reason = "the case")]
    fn purge(&self) -> Sent;
}

impl Queue for Client {
    fn send(&self) -> Sent {
        let send = self.send_message().queue_url("q").message_body("m").send();
        Box::pin(async move { send.await.is_ok() })
    }

    fn purge(&self) -> Sent {
        let purge = self.purge_queue().queue_url("q").send();
        Box::pin(async move { purge.await.is_ok() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client = Client::from_conf(aws_sdk_sqs::Config::builder().behavior_version_latest().build());
    let queue: Box<dyn Queue> = Box::new(client);
    std::process::exit(i32::from(queue.send().await))
}
