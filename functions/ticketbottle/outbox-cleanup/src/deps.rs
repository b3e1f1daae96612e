//! What the handler needs: a database, how long to keep, where the metrics go.

use std::sync::Arc;

use shared::{ConfigError, Database, Env, Secrets, StartError, clients};

#[derive(Debug)]
pub struct Deps {
    pub database: Database,
    /// How long a published event is kept. Days, at least 1; default 7.
    pub retention_days: u32,
    /// The CloudWatch namespace of the metrics.
    pub namespace: String,
}

const SECRETS: &[&str] = &["DATABASE_URL"];

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let secrets = Arc::new(Secrets::new(&clients::sdk_config().await));
        let env = Env::load(&secrets, SECRETS).await;
        Ok(Self::from_env(env, secrets)?)
    }

    pub fn from_env(mut env: Env, secrets: Arc<Secrets>) -> Result<Self, ConfigError> {
        let expected = "a whole number of days, at least 1";
        let retention_days = env.parsed_or("RETENTION_DAYS", expected, 7);
        if env.optional("RETENTION_DAYS").as_deref() == Some("0") {
            env.mistake(format!("RETENTION_DAYS must be {expected}"));
        }
        let deps = Self {
            database: Database::new(env.secret_source("DATABASE_URL"), secrets),
            retention_days,
            namespace: env.text("CLOUDWATCH_NAMESPACE"),
        };
        env.finish(deps)
    }
}
