//! What the handler needs: where the tickets go, and what their codes point to.

use aws_types::SdkConfig;
use shared::{ConfigError, Env, StartError, clients, queue::DeadLetters};

use crate::text::Fonts;

#[derive(Debug)]
pub struct Deps {
    pub s3: aws_sdk_s3::Client,
    pub bucket: String,
    /// Without a slash at its end.
    pub qr_code_base_url: String,
    pub dead_letters: Option<DeadLetters>,
    pub fonts: Fonts,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        Ok(Self::from_env(Env::plain(), &config)?)
    }

    pub fn from_env(mut env: Env, config: &SdkConfig) -> Result<Self, ConfigError> {
        let qr_code_base_url = env.text("QR_CODE_BASE_URL").trim_end_matches('/').to_owned();
        if !qr_code_base_url.is_empty()
            && !["https://", "http://"].iter().any(|scheme| qr_code_base_url.starts_with(scheme))
        {
            env.mistake("QR_CODE_BASE_URL must begin with https://");
        }
        let deps = Self {
            s3: aws_sdk_s3::Client::new(config),
            bucket: env.text("S3_BUCKET_TICKETS"),
            qr_code_base_url,
            dead_letters: DeadLetters::from_env(&env, config),
            fonts: Fonts::embedded(),
        };
        env.finish(deps)
    }
}
