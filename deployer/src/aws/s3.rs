//! The artifact bucket: artifacts, templates and the release ledger.

use super::{AwsError, Explain};
use crate::ids::StackName;
use crate::release::Release;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    VersioningConfiguration,
};
use futures::{StreamExt as _, TryStreamExt as _};
use std::path::Path;

/// Makes the artifact bucket: private, versioned, TLS only. S3 encrypts by itself since January 2023.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html> (read 2026-11).
pub(crate) async fn create_bucket(
    client: &Client,
    bucket: &str,
    region: &str,
    partition: &str,
) -> Result<(), AwsError> {
    let call = client.create_bucket().bucket(bucket);
    // us-east-1 is the one region that must not be named.
    let call = if region == "us-east-1" {
        call
    } else {
        let place = BucketLocationConstraint::from(region);
        call.create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build())
    };
    match call.send().await.explain("s3:CreateBucket") {
        Ok(_) => {}
        // Another deployment made it at the same moment; what follows sets the same again. us-east-1 says nothing.
        Err(error) if error.code == "BucketAlreadyOwnedByYou" => {}
        Err(error) => return Err(error),
    }
    let private = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    let call = client.put_public_access_block().bucket(bucket).public_access_block_configuration(private);
    call.send().await.explain("s3:PutBucketPublicAccessBlock")?;
    let versioned = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let call = client.put_bucket_versioning().bucket(bucket).versioning_configuration(versioned);
    call.send().await.explain("s3:PutBucketVersioning")?;
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:{partition}:s3:::{bucket}"), format!("arn:{partition}:s3:::{bucket}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    });
    let call = client.put_bucket_policy().bucket(bucket).policy(policy.to_string());
    call.send().await.explain("s3:PutBucketPolicy").map(drop)
}

pub(crate) async fn object_exists(client: &Client, bucket: &str, key: &str) -> Result<bool, AwsError> {
    match client.head_object().bucket(bucket).key(key).send().await.explain("s3:GetObject") {
        Ok(_) => Ok(true),
        Err(error) if error.is_missing() => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) async fn upload_file(client: &Client, bucket: &str, key: &str, path: &Path) -> Result<(), AwsError> {
    let action = "s3:PutObject";
    let body = ByteStream::from_path(path).await.map_err(|error| AwsError {
        action,
        code: "LocalFile".to_owned(),
        message: format!("cannot read {}: {error}", path.display()),
        request_id: None,
    })?;
    client.put_object().bucket(bucket).key(key).body(body).send().await.explain(action).map(drop)
}

pub(crate) async fn put_text(client: &Client, bucket: &str, key: &str, text: String) -> Result<(), AwsError> {
    let call =
        client.put_object().bucket(bucket).key(key).content_type("application/json").body(text.into_bytes().into());
    call.send().await.explain("s3:PutObject").map(drop)
}

pub(crate) async fn get_text(client: &Client, bucket: &str, key: &str) -> Result<String, AwsError> {
    let action = "s3:GetObject";
    let answer = client.get_object().bucket(bucket).key(key).send().await.explain(action)?;
    let broken = |message: String| AwsError { action, code: "Body".to_owned(), message, request_id: None };
    let bytes = answer.body.collect().await.map_err(|error| broken(error.to_string()))?.into_bytes();
    String::from_utf8(bytes.to_vec()).map_err(|error| broken(format!("{key} is not text: {error}")))
}

/// What must be so for an object to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Absent,
    /// The object's ETag.
    Is(String),
}

/// Text and ETag of an object; `None` when there is none in a bucket that exists.
pub(crate) async fn get_tagged(client: &Client, bucket: &str, key: &str) -> Result<Option<(String, String)>, AwsError> {
    let action = "s3:GetObject";
    let answer = match client.get_object().bucket(bucket).key(key).send().await.explain(action) {
        Ok(answer) => answer,
        Err(error) if error.code == "NoSuchKey" => return Ok(None),
        Err(error) => return Err(error),
    };
    let etag = answer.e_tag.unwrap_or_default();
    let broken = |message: String| AwsError { action, code: "Body".to_owned(), message, request_id: None };
    let bytes = answer.body.collect().await.map_err(|error| broken(error.to_string()))?.into_bytes();
    let text = String::from_utf8(bytes.to_vec()).map_err(|error| broken(format!("{key} is not text: {error}")))?;
    Ok(Some((text, etag)))
}

/// Writes an object provided that `condition` holds; its new ETag.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html> (read 2026-11).
///
/// # Errors
/// `is_conflict()` when it does not hold.
pub(crate) async fn put_if(
    client: &Client,
    bucket: &str,
    key: &str,
    text: String,
    condition: &Condition,
) -> Result<String, AwsError> {
    let call = client.put_object().bucket(bucket).key(key).content_type("application/json");
    let call = match condition {
        Condition::Absent => call.if_none_match("*"),
        Condition::Is(etag) => call.if_match(etag),
    };
    let answer = call.body(text.into_bytes().into()).send().await.explain("s3:PutObject")?;
    Ok(answer.e_tag.unwrap_or_default())
}

/// `releases/<stack>/<number>.json`, the number padded so that names sort as numbers do.
fn release_key(stack: &StackName, number: u32) -> String {
    format!("releases/{stack}/{number:08}.json")
}

/// Every release of the stack, oldest first. The bucket must exist.
pub(crate) async fn releases(client: &Client, bucket: &str, stack: &StackName) -> Result<Vec<Release>, AwsError> {
    // The newest are what anybody goes back to; older ones stay readable one by one.
    records(client, bucket, &format!("releases/{stack}/"), RELEASES_READ).await
}

/// Every release of every stack of the bucket.
pub(crate) async fn all_releases(client: &Client, bucket: &str) -> Result<Vec<Release>, AwsError> {
    records(client, bucket, "releases/", usize::MAX).await
}

/// Every key that begins with `prefix`, in order. The bucket must exist.
pub(crate) async fn keys(client: &Client, bucket: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
    let mut keys = Vec::new();
    let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.explain("s3:ListBucket")?;
        keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
    }
    keys.sort();
    Ok(keys)
}

async fn records(client: &Client, bucket: &str, prefix: &str, most: usize) -> Result<Vec<Release>, AwsError> {
    let mut keys = keys(client, bucket, prefix).await?;
    let recent = keys.split_off(keys.len().saturating_sub(most));
    futures::stream::iter(recent)
        .map(|key| async move {
            let text = get_text(client, bucket, &key).await?;
            serde_json::from_str(&text).map_err(|error| AwsError {
                action: "s3:GetObject",
                code: "NotARelease".to_owned(),
                message: format!("s3://{bucket}/{key} is no release record: {error}"),
                request_id: None,
            })
        })
        .buffered(16)
        .try_collect()
        .await
}

/// Releases that are read back, newest first; the ledger itself keeps them all.
const RELEASES_READ: usize = 50;

/// Claims the record's number.
///
/// # Errors
/// `is_conflict()` when another process has claimed it.
pub(crate) async fn open_release(client: &Client, bucket: &str, release: &Release) -> Result<(), AwsError> {
    let (key, text) = (release_key(&release.stack, release.number), record(release));
    match put_if(client, bucket, &key, text.clone(), &Condition::Absent).await {
        // An answer that was lost on the way: the SDK tried again and found the record of its own first try.
        Err(error) if error.is_conflict() => match get_text(client, bucket, &key).await {
            Ok(found) if found == text => Ok(()),
            _ => Err(error),
        },
        answer => answer.map(drop),
    }
}

/// Writes the outcome over the record that was opened.
pub(crate) async fn close_release(client: &Client, bucket: &str, release: &Release) -> Result<(), AwsError> {
    let key = release_key(&release.stack, release.number);
    let call = client
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type("application/json")
        .body(record(release).into_bytes().into());
    call.send().await.explain("s3:PutObject").map(drop)
}

fn record(release: &Release) -> String {
    serde_json::to_string_pretty(release).expect("a release holds only JSON values")
}

/// Deletes these objects; their old versions stay for as long as the bucket keeps them.
pub(crate) async fn delete_objects(client: &Client, bucket: &str, keys: &[String]) -> Result<(), AwsError> {
    for key in keys {
        client.delete_object().bucket(bucket).key(key).send().await.explain("s3:DeleteObject")?;
    }
    Ok(())
}

/// Deletes every object and every version. The bucket stays.
pub(crate) async fn empty_bucket(client: &Client, bucket: &str) -> Result<usize, AwsError> {
    use aws_sdk_s3::types::{Delete, ObjectIdentifier};
    let mut deleted = 0;
    loop {
        let page = client.list_object_versions().bucket(bucket).send().await.explain("s3:ListBucketVersions")?;
        let versions = page.versions.unwrap_or_default().into_iter().map(|object| (object.key, object.version_id));
        let markers = page.delete_markers.unwrap_or_default().into_iter().map(|marker| (marker.key, marker.version_id));
        let objects: Vec<_> = versions
            .chain(markers)
            .filter_map(|(key, version)| ObjectIdentifier::builder().key(key?).set_version_id(version).build().ok())
            .collect();
        if objects.is_empty() {
            return Ok(deleted);
        }
        deleted += objects.len();
        let Ok(batch) = Delete::builder().set_objects(Some(objects)).quiet(true).build() else { return Ok(deleted) };
        let action = "s3:DeleteObject";
        let answer = client.delete_objects().bucket(bucket).delete(batch).send().await.explain(action)?;
        // A locked object stays, and would be listed for ever.
        if let Some(kept) = answer.errors.unwrap_or_default().into_iter().next() {
            let message = format!("{}: {}", kept.key.unwrap_or_default(), kept.message.unwrap_or_default());
            return Err(AwsError { action, code: kept.code.unwrap_or_default(), message, request_id: None });
        }
    }
}

/// Address of an object as CloudFormation wants it for a template.
pub(crate) fn url(bucket: &str, key: &str, region: &str, partition: &str) -> String {
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://s3.{region}.{suffix}/{bucket}/{key}")
}
