//! Buckets: private, encrypted, owner-enforced, TLS only; and the bucket triggers of functions.
//!
//! A bucket waits for the permissions of the functions it notifies; functions know buckets by name only, so that this
//! makes no circle.

use super::draft::{Draft, tag_list, text};
use super::logical_ids as ids;
use crate::cfn::{Resource, append, reference, without_nulls};
use crate::iam::policy;
use crate::ids::LogicalId;
use crate::model::storage::Bucket;
use crate::model::trigger::{BucketTrigger, TriggerKind};
use serde_json::{Value, json};
use std::time::Duration;

/// Days after which the parts of an upload that was never finished are deleted.
const UNFINISHED_UPLOADS_DAYS: u32 = 7;

pub(crate) fn buckets(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (name, bucket) in &stack.file.buckets {
        let id = ids::bucket(name);
        let key = bucket.key.as_ref().map(|key| draft.raw_arn(key));
        let encryption = match key {
            Some(key) => json!({
                "ServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key },
                "BucketKeyEnabled": true,
            }),
            None => json!({ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } }),
        };
        let (notifications, permissions) = notifications(draft, name);
        let notification = without_nulls(json!({
            "LambdaConfigurations": (!notifications.is_empty()).then_some(notifications),
            "EventBridgeConfiguration": bucket.events.then(|| json!({ "EventBridgeEnabled": true })),
        }));
        let mut resource = Resource::new(
            "AWS::S3::Bucket",
            json!({
                "BucketName": text(stack.bucket_name(name)),
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": true, "BlockPublicPolicy": true,
                    "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
                },
                "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
                "BucketEncryption": { "ServerSideEncryptionConfiguration": [encryption] },
                "VersioningConfiguration": bucket.versioned.then(|| json!({ "Status": "Enabled" })),
                "LifecycleConfiguration": { "Rules": lifecycle(bucket) },
                "NotificationConfiguration": notification.as_object().filter(|map| !map.is_empty()),
                "Tags": tag_list(&stack.tags()),
            }),
        )
        .after(&permissions)
        .kept(bucket.retain)
        .skip("CKV_AWS_18", "access logging needs a log bucket of its own; `patch:` adds it");
        if !bucket.versioned {
            resource = resource.skip("CKV_AWS_21", "old versions are not wanted here; `versioned: true` keeps them");
        }
        let bucket_policy = Resource::new(
            "AWS::S3::BucketPolicy",
            json!({
                "Bucket": reference(&id),
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [policy::tls_only("s3:*", json!([
                        draft.bucket_arn(name), append(&draft.bucket_arn(name), "/*"),
                    ]))],
                },
            }),
        );
        draft.add(id.clone(), resource);
        draft.add(ids::policy(&id), bucket_policy);
    }
}

fn lifecycle(bucket: &Bucket) -> Vec<Value> {
    let days = |time: &Duration| time.as_secs().div_ceil(86_400).max(1);
    let mut rules = vec![json!({
        "Id": "unfinished-uploads", "Status": "Enabled",
        "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": UNFINISHED_UPLOADS_DAYS },
    })];
    if let Some(time) = &bucket.expire {
        rules.push(json!({ "Id": "expire", "Status": "Enabled", "ExpirationInDays": days(time) }));
    }
    if let Some(time) = &bucket.expire_versions {
        rules.push(json!({
            "Id": "expire-versions", "Status": "Enabled",
            "NoncurrentVersionExpiration": { "NoncurrentDays": days(time) },
        }));
    }
    rules
}

/// The notifications of a bucket, and the permissions that must be there before them.
fn notifications(draft: &Draft<'_>, bucket: &str) -> (Vec<Value>, Vec<LogicalId>) {
    let mut notifications = Vec::new();
    let mut permissions = Vec::new();
    for (name, function) in &draft.stack.file.functions {
        for trigger in &function.triggers {
            let TriggerKind::Bucket(trigger) = &trigger.kind else { continue };
            if trigger.name.value != bucket {
                continue;
            }
            let permission = ids::bucket_permission(name, bucket);
            if !permissions.contains(&permission) {
                permissions.push(permission);
            }
            let rules = [("prefix", &trigger.prefix), ("suffix", &trigger.suffix)];
            let rules: Vec<Value> = rules
                .into_iter()
                .filter_map(|(rule, value)| Some(json!({ "Name": rule, "Value": value.as_ref()? })))
                .collect();
            notifications.extend(trigger.events.iter().map(|event| {
                without_nulls(json!({
                    "Event": event_type(&event.value),
                    "Function": reference(ids::alias(name)),
                    "Filter": (!rules.is_empty()).then(|| json!({ "S3Key": { "Rules": rules } })),
                }))
            }));
        }
    }
    (notifications, permissions)
}

/// `created:*` and `ObjectCreated:*` → `s3:ObjectCreated:*`.
fn event_type(event: &str) -> String {
    let event = event.strip_prefix("s3:").unwrap_or(event);
    match event.split_once(':') {
        Some(("created", what)) => format!("s3:ObjectCreated:{what}"),
        Some(("removed", what)) => format!("s3:ObjectRemoved:{what}"),
        _ => format!("s3:{event}"),
    }
}

/// The permission of a bucket to invoke a function. A bucket's ARN holds no account, so the account is said besides.
pub(crate) fn permission(draft: &mut Draft<'_>, function: &str, trigger: &BucketTrigger) {
    let id = ids::bucket_permission(function, &trigger.name.value);
    if draft.template.resources.contains_key(&id) {
        return;
    }
    let resource = Resource::new(
        "AWS::Lambda::Permission",
        json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": reference(ids::alias(function)),
            "Principal": "s3.amazonaws.com",
            "SourceArn": draft.bucket_arn(&trigger.name.value),
            "SourceAccount": reference("AWS::AccountId"),
        }),
    );
    draft.add(id, resource);
}

#[cfg(test)]
mod tests {
    use super::event_type;

    #[test]
    fn event_types_have_a_short_form() {
        assert_eq!(event_type("created:*"), "s3:ObjectCreated:*");
        assert_eq!(event_type("removed:Delete"), "s3:ObjectRemoved:Delete");
        assert_eq!(event_type("ObjectRestore:Completed"), "s3:ObjectRestore:Completed");
        assert_eq!(event_type("s3:ObjectCreated:Put"), "s3:ObjectCreated:Put");
    }
}
