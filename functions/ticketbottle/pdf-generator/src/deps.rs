//! What the handler needs: where the tickets go, and what their codes point to.

use shared::{ConfigError, Env, Secrets, StartError};

#[derive(Debug)]
pub struct Deps {
    pub bucket: String,
    /// Without a slash at its end.
    pub qr_code_base_url: String,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        Ok(Self::from_env(Env::load(&Secrets::none(), &[]).await)?)
    }

    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let deps = Self {
            bucket: env.text("S3_BUCKET_TICKETS"),
            qr_code_base_url: env.text("QR_CODE_BASE_URL").trim_end_matches('/').to_owned(),
        };
        env.finish(deps)
    }
}
