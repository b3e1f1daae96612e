//! Secrets Manager: values go in, never out.

use super::{AwsError, Explain};
use aws_sdk_secretsmanager::Client;

/// When a secret's value was last set by a person or a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretInfo {
    pub(crate) arn: String,
    pub(crate) changed: Option<String>,
}

/// Stores a new value.
pub(crate) async fn put(client: &Client, id: &str, value: String) -> Result<(), AwsError> {
    client
        .put_secret_value()
        .secret_id(id)
        .secret_string(value)
        .send()
        .await
        .explain("secretsmanager:PutSecretValue")
        .map(drop)
}

/// What is known of a secret without reading it; `None` when there is none.
pub(crate) async fn describe(client: &Client, id: &str) -> Result<Option<SecretInfo>, AwsError> {
    match client.describe_secret().secret_id(id).send().await.explain("secretsmanager:DescribeSecret") {
        Ok(answer) => Ok(Some(SecretInfo {
            arn: answer.arn.unwrap_or_default(),
            changed: answer.last_changed_date.map(|date| date.to_string()),
        })),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}
