//! What the handler needs: a database and two keys, from the environment.

use std::sync::Arc;

use shared::{ConfigError, Database, Env, Secrets, StartError, clients, secrets::Source};

#[derive(Debug)]
pub struct Deps {
    pub secrets: Arc<Secrets>,
    pub database: Database,
    /// ZaloPay's key2, which signs callbacks (key1 signs requests to ZaloPay and is not needed here).
    pub zalopay_key2: Source,
    pub payos_checksum_key: Source,
}

/// Variables that may hold the ARN of a secret.
const SECRETS: &[&str] = &["DATABASE_URL", "ZALOPAY_KEY2", "PAYOS_CHECKSUM_KEY"];

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let secrets = Arc::new(Secrets::new(&clients::sdk_config().await));
        let env = Env::load(&secrets, SECRETS).await;
        Ok(Self::from_env(env, secrets)?)
    }

    pub fn from_env(mut env: Env, secrets: Arc<Secrets>) -> Result<Self, ConfigError> {
        let deps = Self {
            database: Database::new(env.secret_source("DATABASE_URL"), secrets.clone()),
            zalopay_key2: env.secret_source("ZALOPAY_KEY2"),
            payos_checksum_key: env.secret_source("PAYOS_CHECKSUM_KEY"),
            secrets,
        };
        env.finish(deps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_missing_variables_are_named_together() {
        let secrets = Arc::new(Secrets::none());
        let env = Env::from_variables([], &secrets, SECRETS).await;
        let error = Deps::from_env(env, secrets).expect_err("nothing is set");
        assert_eq!(
            error.to_string(),
            "configuration: DATABASE_URL is not set; ZALOPAY_KEY2 is not set; PAYOS_CHECKSUM_KEY is not set"
        );
    }
}
