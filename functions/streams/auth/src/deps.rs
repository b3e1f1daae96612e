//! What the handler needs: the table of accounts, and the keys of tokens.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use shared::{Env, Problem, Secrets, StartError, clients, secrets::Source};
use streams_model::tokens::Keys;

use crate::{accounts::Accounts, passwords};

#[derive(Debug)]
pub struct Deps {
    pub accounts: Accounts,
    secrets: Arc<Secrets>,
    jwt_keys: Source,
    /// How long a token says who somebody is, and how long it can be exchanged for a new one. Seconds.
    pub token_lifetime: i64,
    pub session_lifetime: i64,
}

const SECRETS: &[&str] = &["JWT_KEYS"];

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        let secrets = Arc::new(Secrets::new(&config));
        let mut env = Env::load(&secrets, SECRETS).await;
        let hours = env.parsed_or("TOKEN_HOURS", "a number of hours", 24_u16);
        let days = env.parsed_or("SESSION_DAYS", "a number of days", 30_u16);
        if hours == 0 || days == 0 {
            env.mistake("TOKEN_HOURS and SESSION_DAYS must be at least 1");
        }
        let deps = Self {
            accounts: Accounts::new(Client::new(&config), env.text("ACCOUNTS_TABLE")),
            jwt_keys: env.secret_source("JWT_KEYS"),
            secrets,
            token_lifetime: i64::from(hours) * 3_600,
            session_lifetime: i64::from(days) * 86_400,
        };
        passwords::warm_up();
        Ok(env.finish(deps)?)
    }

    /// The keys as of now.
    ///
    /// # Errors
    /// When they cannot be read, or cannot be keys.
    pub async fn keys(&self) -> Result<Keys, Problem> {
        let secret = self.secrets.value(&self.jwt_keys).await;
        let secret = secret.map_err(|error| Problem::internal("read the token keys", error))?;
        Keys::parse(&secret).map_err(|error| Problem::internal("read the token keys", error))
    }
}
