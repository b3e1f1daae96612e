//! Known to be seen although nobody sends it: a branch of an asynchronous function under a condition that is always false.

use aws_sdk_sqs::Client;

const PURGES: bool = false;

async fn send(client: &Client) -> bool {
    if PURGES && client.purge_queue().queue_url("q").send().await.is_err() {
        return false;
    }
    client.send_message().queue_url("q").message_body("m").send().await.is_ok()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client = Client::from_conf(aws_sdk_sqs::Config::builder().behavior_version_latest().build());
    std::process::exit(i32::from(send(&client).await))
}
