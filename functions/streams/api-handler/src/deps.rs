//! What the handler needs: the table of streams.

use aws_sdk_dynamodb::Client;
use shared::{Env, StartError, clients};

#[derive(Debug)]
pub struct Deps {
    pub dynamodb: Client,
    pub streams_table: String,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let mut env = Env::plain();
        let config = clients::sdk_config().await;
        let deps = Self { dynamodb: Client::new(&config), streams_table: env.text("STREAMS_TABLE") };
        Ok(env.finish(deps)?)
    }
}
