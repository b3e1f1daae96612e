//! What the handler needs: who the mails are from, where SES is, where the tickets are.

use shared::{ConfigError, Env, Secrets, StartError};

#[derive(Debug)]
pub struct Deps {
    pub from_email: String,
    pub ses_region: String,
    pub bucket: String,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        Ok(Self::from_env(Env::load(&Secrets::none(), &[]).await)?)
    }

    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let deps = Self {
            from_email: env.text("SES_FROM_EMAIL"),
            ses_region: env.text("SES_REGION"),
            bucket: env.text("S3_BUCKET_TICKETS"),
        };
        env.finish(deps)
    }
}
