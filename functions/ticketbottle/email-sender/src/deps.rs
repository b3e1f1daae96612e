//! What the handler needs: who the mails are from, where SES is, where the tickets are.

use aws_types::SdkConfig;
use shared::{ConfigError, Env, StartError, clients, mail, queue::DeadLetters};

use crate::mail::Templates;

#[derive(Debug)]
pub struct Deps {
    pub s3: aws_sdk_s3::Client,
    pub ses: aws_sdk_sesv2::Client,
    pub from_email: String,
    pub bucket: String,
    pub dead_letters: Option<DeadLetters>,
    pub templates: Templates,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        Ok(Self::from_env(Env::plain(), &config)?)
    }

    pub fn from_env(mut env: Env, config: &SdkConfig) -> Result<Self, ConfigError> {
        // The queue repeats, and `once` decides.
        let ses = mail::client(config, env.text("SES_REGION"));
        let from_email = env.text("SES_FROM_EMAIL");
        if !from_email.is_empty() && !from_email.contains('@') {
            env.mistake("SES_FROM_EMAIL must be an address");
        }
        let deps = Self {
            s3: aws_sdk_s3::Client::new(config),
            ses,
            from_email,
            bucket: env.text("S3_BUCKET_TICKETS"),
            dead_letters: DeadLetters::from_env(&env, config),
            templates: Templates::embedded(),
        };
        env.finish(deps)
    }
}
