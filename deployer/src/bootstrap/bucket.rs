//! The artifact bucket: encrypted, versioned, TLS only, private, owner-enforced. What lies in it never expires; only what
//! was overwritten or deleted does.

use super::BUCKET;
use crate::cfn::{Resource, Template, append, reference, sub};
use crate::iam::policy;
use crate::ids::LogicalId;
use serde_json::{Value, json};

/// Days for which one can go back from a `prune`, or look at a record as it was opened.
const OLD_VERSIONS_DAYS: u32 = 30;

pub(super) fn add(template: &mut Template, region: &str) {
    let name = format!("deployer-${{AWS::AccountId}}-{region}");
    let bucket = Resource::new(
        "AWS::S3::Bucket",
        json!({
            "BucketName": sub(&*name),
            "BucketEncryption": { "ServerSideEncryptionConfiguration": [
                { "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } },
            ] },
            "VersioningConfiguration": { "Status": "Enabled" },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": true, "BlockPublicPolicy": true,
                "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
            },
            "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
            "LifecycleConfiguration": { "Rules": lifecycle() },
        }),
    );
    let bucket = bucket.kept(true).skip("CKV_AWS_18", "access logging needs a log bucket of its own");
    let arn = sub(format!("arn:${{AWS::Partition}}:s3:::{name}"));
    let tls = policy::tls_only("s3:*", json!([arn, append(&arn, "/*")]));
    let own = json!({
        "Bucket": reference(BUCKET),
        "PolicyDocument": { "Version": "2012-10-17", "Statement": [tls] },
    });
    template.resources.insert(LogicalId::new(BUCKET), bucket);
    template
        .resources
        .insert(LogicalId::new("ArtifactBucketPolicy"), Resource::new("AWS::S3::BucketPolicy", own).kept(true));
}

/// Artifacts, templates and records stay for as long as they are the current version of their key: `prune` alone knows
/// which of them a kept release needs. A lease is renewed every half minute, and nobody reads what it was.
fn lifecycle() -> Vec<Value> {
    vec![
        json!({
            "Id": "unfinished-uploads", "Status": "Enabled",
            "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 },
        }),
        json!({
            "Id": "old-leases", "Status": "Enabled", "Prefix": "leases/",
            "NoncurrentVersionExpiration": { "NoncurrentDays": 1 },
        }),
        json!({
            "Id": "old-versions", "Status": "Enabled",
            "NoncurrentVersionExpiration": { "NoncurrentDays": OLD_VERSIONS_DAYS },
            "ExpiredObjectDeleteMarker": true,
        }),
    ]
}
