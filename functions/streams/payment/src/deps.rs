//! What the handler needs: the contract, the table of streams, the gateway, the keys of tokens.

use std::{sync::Arc, time::Duration};

use alloy_primitives::Address;
use aws_sdk_dynamodb::Client;
use reqwest::Url;
use shared::{Env, Problem, Secret, Secrets, StartError, clients, https, secrets::Source};
use streams_model::tokens::Keys;

use crate::{contract::Contract, wallet::Place};

/// Longest answer of a node or of the gateway.
const ANSWER: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub struct Deps {
    pub contract: Contract,
    pub dynamodb: Client,
    pub streams_table: String,
    pub http: reqwest::Client,
    pub gateway: Url,
    secrets: Arc<Secrets>,
    gateway_key: Source,
    jwt_keys: Source,
}

const SECRETS: &[&str] = &["RPC_URL"];

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        let secrets = Arc::new(Secrets::new(&config));
        // The node's address holds a key with most providers, so it may be a secret.
        let mut env = Env::load(&secrets, SECRETS).await;
        let rpc = env.secret("RPC_URL");
        let rpc = url(&mut env, "RPC_URL", rpc.expose());
        let gateway = env.optional("GATEWAY_URL").unwrap_or_else(|| "https://api.stripe.com/".to_owned());
        let gateway = url(&mut env, "GATEWAY_URL", &gateway);
        let place = Place {
            chain_id: env.parsed("CHAIN_ID", "a number"),
            contract: env.parsed::<Address>("PAYMENT_STREAM_CONTRACT_ADDRESS", "an address: 0x and 40 digits"),
        };
        let http = https::client(ANSWER)?;
        let deps = Self {
            contract: Contract::new(http.clone(), rpc, place),
            dynamodb: Client::new(&config),
            streams_table: env.text("STREAMS_TABLE"),
            http,
            gateway,
            // Read when they are needed: a wallet needs neither.
            gateway_key: Source::parse(&env.text("GATEWAY_KEY")),
            jwt_keys: Source::parse(&env.text("JWT_KEYS")),
            secrets,
        };
        Ok(env.finish(deps)?)
    }

    /// # Errors
    /// When it cannot be read.
    pub async fn gateway_key(&self) -> Result<Secret, Problem> {
        let key = self.secrets.value(&self.gateway_key).await;
        key.map_err(|error| Problem::internal("read the gateway's key", error))
    }

    /// # Errors
    /// When they cannot be read, or cannot be keys.
    pub async fn keys(&self) -> Result<Keys, Problem> {
        let secret = self.secrets.value(&self.jwt_keys).await;
        let secret = secret.map_err(|error| Problem::internal("read the token keys", error))?;
        Keys::parse(&secret).map_err(|error| Problem::internal("read the token keys", error))
    }
}

fn url(env: &mut Env, name: &str, text: &str) -> Url {
    text.parse().unwrap_or_else(|_| {
        if !text.is_empty() {
            env.mistake(format!("{name} must be an address such as https://node.example/"));
        }
        Url::parse("http://invalid./").expect("a constant")
    })
}
