//! The naming scheme. Frozen: a renamed id is a replaced resource.

use crate::ids::LogicalId;

/// Parameter that holds the name of the artifact bucket.
pub(crate) const ARTIFACT_BUCKET: &str = "ArtifactBucket";

/// `payment-webhook-handler` → `PaymentWebhookHandler`.
pub(crate) fn pascal(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect()
}

/// The function itself.
pub(crate) fn function(name: &str) -> LogicalId {
    LogicalId::new(format!("{}Function", pascal(name)))
}

/// Its alias `live`.
pub(crate) fn alias(name: &str) -> LogicalId {
    LogicalId::new(format!("{}Live", pascal(name)))
}

/// Parameter: key of the artifact in the artifact bucket, or the image's URI.
pub(crate) fn code_parameter(name: &str) -> String {
    format!("{}Code", pascal(name))
}

/// Parameter: the version that the alias is created on; `$LATEST` at first and left alone ever after.
pub(crate) fn version_parameter(name: &str) -> String {
    format!("{}Version", pascal(name))
}
