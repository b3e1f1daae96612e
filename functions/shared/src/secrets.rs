//! Values that live in Secrets Manager and are named by their ARN.
//!
//! A variable holds either a plain value or a reference: `arn:aws:secretsmanager:…`, and for a secret
//! whose value is a JSON object `arn:…#key` for one member of it. [`Secrets::value`] reads a
//! reference and keeps it for [`TTL`], so that a rotated secret arrives without a deployment;
//! when Secrets Manager cannot be reached, the last known value keeps serving.
//!
//! [`Secret`] never shows its content: neither `Debug` nor a log line can leak one.

use std::{
    collections::HashMap,
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use aws_types::SdkConfig;

/// How long a value that was read is used without asking again.
pub const TTL: Duration = Duration::from_secs(300);

/// A value that must not be shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Where a value comes from: as it stands, or by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Plain(Secret),
    Reference { arn: String, key: Option<String> },
}

impl Default for Source {
    fn default() -> Self {
        Self::Plain(Secret::default())
    }
}

impl Source {
    /// Tells a reference from a plain value by the ARN's partition and service.
    pub fn parse(value: &str) -> Self {
        let mut parts = value.splitn(4, ':');
        let is_reference = parts.next() == Some("arn")
            && parts.next().is_some_and(|partition| partition.starts_with("aws"))
            && parts.next() == Some("secretsmanager");
        if !is_reference {
            return Self::Plain(Secret::new(value));
        }
        match value.split_once('#') {
            Some((arn, key)) => Self::Reference { arn: arn.to_owned(), key: Some(key.to_owned()) },
            None => Self::Reference { arn: value.to_owned(), key: None },
        }
    }
}

/// Why a reference gave no value. Never contains any part of one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    #[error("read secret {arn}: {reason}")]
    Read { arn: String, reason: String },
    #[error("secret {arn} holds no text, only binary")]
    Binary { arn: String },
    #[error("secret {arn} is not a JSON object, so it has no member `{key}`")]
    NotAnObject { arn: String, key: String },
    #[error("secret {arn} has no member `{key}`")]
    NoMember { arn: String, key: String },
}

/// Reads references, each ARN at most once per [`TTL`].
#[derive(Debug)]
pub struct Secrets {
    client: Option<aws_sdk_secretsmanager::Client>,
    ttl: Duration,
    cache: Mutex<HashMap<String, (Instant, Secret)>>,
}

impl Secrets {
    pub fn new(config: &SdkConfig) -> Self {
        Self::with_ttl(config, TTL)
    }

    /// The same with another time than [`TTL`].
    pub fn with_ttl(config: &SdkConfig, ttl: Duration) -> Self {
        Self { client: Some(aws_sdk_secretsmanager::Client::new(config)), ttl, cache: Mutex::default() }
    }

    /// Knows plain values only; any reference is an error. For tests, and for functions that have no secret.
    pub fn none() -> Self {
        Self { client: None, ttl: TTL, cache: Mutex::default() }
    }

    /// The value behind `source`, from the cache while that is fresh.
    ///
    /// # Errors
    /// When the secret cannot be read and was never read before, or lacks the member asked for.
    pub async fn value(&self, source: &Source) -> Result<Secret, SecretError> {
        match source {
            Source::Plain(value) => Ok(value.clone()),
            Source::Reference { arn, key } => {
                let whole = self.whole(arn).await?;
                match key {
                    None => Ok(whole),
                    Some(key) => member(arn, key, &whole),
                }
            }
        }
    }

    /// Forgets what was read, so that the next [`Self::value`] asks again: a value that was just refused
    /// elsewhere (a changed password) may have been rotated.
    pub fn forget(&self, source: &Source) {
        if let Source::Reference { arn, .. } = source {
            self.lock().remove(arn);
        }
    }

    async fn whole(&self, arn: &str) -> Result<Secret, SecretError> {
        let known = self.lock().get(arn).cloned();
        if let Some((read_at, value)) = &known
            && read_at.elapsed() < self.ttl
        {
            return Ok(value.clone());
        }
        match (self.read(arn).await, known) {
            (Ok(value), _) => {
                self.lock().insert(arn.to_owned(), (Instant::now(), value.clone()));
                Ok(value)
            }
            (Err(error), Some((_, value))) => {
                tracing::warn!(%error, "secret not refreshed; the last known value keeps serving");
                Ok(value)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn read(&self, arn: &str) -> Result<Secret, SecretError> {
        let failed = |reason: String| SecretError::Read { arn: arn.to_owned(), reason };
        let client = self.client.as_ref().ok_or_else(|| failed("no Secrets Manager client here".into()))?;
        let output = client.get_secret_value().secret_id(arn).send().await.map_err(|error| {
            let denied = error.as_service_error().map(|service| {
                let code = service.meta().code().unwrap_or("unknown error");
                let hint =
                    if code.contains("AccessDenied") { " (the role needs secretsmanager:GetSecretValue)" } else { "" };
                format!("{code}{hint}")
            });
            failed(denied.unwrap_or_else(|| "Secrets Manager could not be reached".into()))
        })?;
        match output.secret_string() {
            Some(text) => Ok(Secret::new(text)),
            None => Err(SecretError::Binary { arn: arn.to_owned() }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Secret)>> {
        self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn member(arn: &str, key: &str, whole: &Secret) -> Result<Secret, SecretError> {
    let (arn, key) = (arn.to_owned(), key.to_owned());
    match serde_json::from_str::<serde_json::Value>(whole.expose()) {
        Ok(serde_json::Value::Object(members)) => match members.get(&key) {
            Some(serde_json::Value::String(text)) => Ok(Secret::new(text.clone())),
            Some(other) if !other.is_null() => Ok(Secret::new(other.to_string())),
            _ => Err(SecretError::NoMember { arn, key }),
        },
        _ => Err(SecretError::NotAnObject { arn, key }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:ticketbottle/database-url-AbCdEf";

    #[test]
    fn only_an_arn_of_secrets_manager_is_a_reference() {
        assert_eq!(Source::parse(ARN), Source::Reference { arn: ARN.into(), key: None });
        assert_eq!(
            Source::parse(&format!("{ARN}#password")),
            Source::Reference { arn: ARN.into(), key: Some("password".into()) }
        );
        assert!(matches!(Source::parse("arn:aws-cn:secretsmanager:cn-north-1:1:secret:x"), Source::Reference { .. }));
        for plain in ["", "postgres://u:p#w@h/d", "arn:aws:ssm:eu-west-1:1:parameter/x", "arn:aws"] {
            assert_eq!(Source::parse(plain), Source::Plain(Secret::new(plain)));
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let shown = format!("{:?} {:?}", Secret::new("hunter2"), Source::parse("hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_member_of_a_json_secret_is_its_text_or_its_number() {
        let whole = Secret::new(r#"{"username":"tickets","port":5432,"gone":null}"#);
        assert_eq!(member(ARN, "username", &whole).expect("is there").expose(), "tickets");
        assert_eq!(member(ARN, "port", &whole).expect("is there").expose(), "5432");
        assert!(matches!(member(ARN, "gone", &whole), Err(SecretError::NoMember { .. })));
        assert!(matches!(member(ARN, "port", &Secret::new("5432")), Err(SecretError::NotAnObject { .. })));
    }

    #[tokio::test]
    async fn without_a_client_a_reference_is_an_error_that_names_it() {
        let error = Secrets::none().value(&Source::parse(ARN)).await.expect_err("no client");
        assert!(error.to_string().contains(ARN), "{error}");
    }
}
