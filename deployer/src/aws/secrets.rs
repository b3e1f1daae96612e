//! Secrets Manager: values go in, never out.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, covered, gone, some};
use super::{AwsError, Explain};
use crate::ids::{LogicalId, PhysicalId};
use crate::state::{DeployedResource, Known, Properties};
use aws_sdk_secretsmanager::Client;
use indexmap::IndexMap;
use serde_json::json;

pub(crate) const KINDS: &[&str] = &["AWS::SecretsManager::Secret"];

/// The key that secrets are encrypted with where none is named.
///
/// Source: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html> (read 2026-11).
const OWN_KEY: &str = "alias/aws/secretsmanager";

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

/// What is said about secrets, never what they hold. One that waits for its deletion counts as gone.
pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    kinds::each(wanted, |wanted| async {
        let call = client.describe_secret().secret_id(&wanted.physical_id);
        match call.send().await.explain("secretsmanager:DescribeSecret") {
            Ok(answer) if answer.deleted_date.is_some() => Ok(Known::Absent),
            Ok(answer) => Ok(Known::Present(covered(json!({
                "Description": some(answer.description),
                "KmsKeyId": some(answer.kms_key_id),
            })))),
            Err(error) if error.is_missing() => Ok(Known::Absent),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Makes it what `desired` says, in its normal form. A secret that waits for its deletion is kept; one that is gone
/// is gone with its value.
pub(crate) async fn put_properties(client: &Client, id: &str, desired: &Properties) -> Result<(), AwsError> {
    let call = client.describe_secret().secret_id(id);
    match call.send().await.explain("secretsmanager:DescribeSecret") {
        Ok(live) => {
            if live.deleted_date.is_some() {
                let call = client.restore_secret().secret_id(id);
                call.send().await.explain("secretsmanager:RestoreSecret")?;
            }
            // Naming a key encrypts anew, so it is named only where it is another.
            let key = desired.text("KmsKeyId");
            let is_same = some(live.kms_key_id).filter(|key| key != OWN_KEY) == key;
            let key = (!is_same).then(|| key.unwrap_or_else(|| OWN_KEY.to_owned()));
            let text = desired.text("Description").unwrap_or_default();
            let call = client.update_secret().secret_id(id).description(text).set_kms_key_id(key);
            call.send().await.explain("secretsmanager:UpdateSecret").map(drop)
        }
        Err(error) if error.is_missing() => Err(gone("secret", id)),
        Err(error) => Err(error),
    }
}

/// Puts the ARN in the place of every secret's physical id that is a name, as MiniStack has it: on AWS it is the ARN.
pub(crate) async fn with_arns(client: &Client, resources: &mut IndexMap<LogicalId, DeployedResource>) {
    let named = |resource: &DeployedResource| {
        resource.kind == "AWS::SecretsManager::Secret" && !resource.physical_id.as_str().starts_with("arn:")
    };
    for resource in resources.values_mut().filter(|resource| named(resource)) {
        let call = client.describe_secret().secret_id(resource.physical_id.as_str());
        if let Some(arn) = call.send().await.ok().and_then(|answer| answer.arn) {
            resource.physical_id = PhysicalId::new(arn);
        }
    }
}
