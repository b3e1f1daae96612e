//! Buckets of a stack: their configuration and their policy, as they are and as they ought to be. Never their objects.

use super::kinds::{self, Reading, Wanted};
use super::shape::{Shape as _, built, covered, document, place};
use super::{AwsError, Explain, lifecycle, notification};
use crate::state::{Known, Properties};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CorsConfiguration, CorsRule, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};
use serde_json::{Value, json};

const BUCKET: &str = "AWS::S3::Bucket";
pub(crate) const KINDS: &[&str] = &[BUCKET, "AWS::S3::BucketPolicy"];

/// What S3 answers where a part of a bucket's configuration is not set.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> (read 2026-11).
const UNSET: [&str; 6] = [
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
];

pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    kinds::each(wanted, |wanted| async {
        let found = match wanted.kind.as_str() {
            BUCKET => bucket(client, wanted).await,
            _ => policy(client, wanted).await,
        };
        match found {
            Err(error) if error.is_missing() => Ok(Known::Absent),
            other => other,
        }
    })
    .await
}

/// `None` where a part is not set.
fn set<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if UNSET.contains(&error.code.as_str()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Seven calls, side by side.
async fn bucket(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let bucket = wanted.physical_id.as_str();
    let (versioning, access, encryption, rules, notification, ownership, cors) = futures::join!(
        async { client.get_bucket_versioning().bucket(bucket).send().await.explain("s3:GetBucketVersioning") },
        async { client.get_public_access_block().bucket(bucket).send().await.explain("s3:GetBucketPublicAccessBlock") },
        async { client.get_bucket_encryption().bucket(bucket).send().await.explain("s3:GetEncryptionConfiguration") },
        async {
            let call = client.get_bucket_lifecycle_configuration().bucket(bucket);
            call.send().await.explain("s3:GetLifecycleConfiguration")
        },
        async {
            let call = client.get_bucket_notification_configuration().bucket(bucket);
            call.send().await.explain("s3:GetBucketNotification")
        },
        async {
            client.get_bucket_ownership_controls().bucket(bucket).send().await.explain("s3:GetBucketOwnershipControls")
        },
        async { client.get_bucket_cors().bucket(bucket).send().await.explain("s3:GetBucketCORS") },
    );
    let access = set(access)?.and_then(|answer| answer.public_access_block_configuration);
    let encryption = set(encryption)?.and_then(|answer| answer.server_side_encryption_configuration);
    let ownership = set(ownership)?.and_then(|answer| answer.ownership_controls);
    let cors = set(cors)?.and_then(|answer| answer.cors_rules);
    Ok(Known::Present(covered(json!({
        "VersioningConfiguration": versioning?.status.map(|status| json!({ "Status": status.as_str() })),
        // Nothing blocked, which is not what a new bucket has: said in full.
        "PublicAccessBlockConfiguration": json!({
            "BlockPublicAcls": access.as_ref().and_then(|own| own.block_public_acls).unwrap_or_default(),
            "BlockPublicPolicy": access.as_ref().and_then(|own| own.block_public_policy).unwrap_or_default(),
            "IgnorePublicAcls": access.as_ref().and_then(|own| own.ignore_public_acls).unwrap_or_default(),
            "RestrictPublicBuckets": access.as_ref().and_then(|own| own.restrict_public_buckets).unwrap_or_default(),
        }),
        "BucketEncryption": encryption.map(of_encryption),
        "LifecycleConfiguration": set(rules)?.map(|answer| lifecycle::of(answer, &wanted.declared)),
        "NotificationConfiguration": notification::of(notification?),
        "OwnershipControls": ownership.map(|own| {
            let rules = own.rules.into_iter().map(|rule| json!({ "ObjectOwnership": rule.object_ownership.as_str() }));
            json!({ "Rules": rules.collect::<Vec<_>>() })
        }),
        "CorsConfiguration": cors.map(|rules| {
            json!({ "CorsRules": rules.into_iter().map(of_cors).collect::<Vec<_>>() })
        }),
    }))))
}

fn of_encryption(found: ServerSideEncryptionConfiguration) -> Value {
    let rules = found.rules.into_iter().map(|rule| {
        let default = rule
            .apply_server_side_encryption_by_default
            .map(|own| json!({ "SSEAlgorithm": own.sse_algorithm.as_str(), "KMSMasterKeyID": own.kms_master_key_id }));
        json!({ "ServerSideEncryptionByDefault": default, "BucketKeyEnabled": rule.bucket_key_enabled })
    });
    json!({ "ServerSideEncryptionConfiguration": rules.collect::<Vec<_>>() })
}

fn of_cors(rule: CorsRule) -> Value {
    json!({
        "AllowedHeaders": rule.allowed_headers,
        "AllowedMethods": rule.allowed_methods,
        "AllowedOrigins": rule.allowed_origins,
        "ExposedHeaders": rule.expose_headers,
        "MaxAge": rule.max_age_seconds,
    })
}

async fn policy(client: &Client, wanted: &Wanted) -> Result<Known<Properties>, AwsError> {
    let bucket = place(&wanted.declared, "Bucket")?;
    let call = client.get_bucket_policy().bucket(&bucket);
    let found = set(call.send().await.explain("s3:GetBucketPolicy"))?.and_then(|answer| answer.policy);
    Ok(match found {
        Some(text) => Known::Present(covered(json!({ "Bucket": bucket, "PolicyDocument": document(text) }))),
        None => Known::Absent,
    })
}

/// Makes it what `desired` says, in its normal form. A bucket that is gone is made again, empty, under its name.
pub(crate) async fn put(
    client: &Client,
    kind: &str,
    id: &str,
    desired: &Properties,
    changed: &[String],
) -> Result<(), AwsError> {
    if kind != BUCKET {
        let policy = desired.json("PolicyDocument").unwrap_or_default();
        let call = client.put_bucket_policy().bucket(place(desired, "Bucket")?).policy(policy);
        return call.send().await.explain("s3:PutBucketPolicy").map(drop);
    }
    let is_new = match client.head_bucket().bucket(id).send().await.explain("s3:ListBucket") {
        Ok(_) => false,
        Err(error) if error.is_missing() => {
            create(client, id).await?;
            true
        }
        Err(error) => return Err(error),
    };
    let has = |name: &str| is_new || changed.iter().any(|property| property == name);
    if has("OwnershipControls") {
        put_ownership(client, id, desired).await?;
    }
    if has("PublicAccessBlockConfiguration") {
        put_access(client, id, desired).await?;
    }
    if has("VersioningConfiguration") {
        let status = desired.inner("VersioningConfiguration").and_then(|own| own.text("Status"));
        let status = status.map(|status| BucketVersioningStatus::from(status.as_str()));
        // What once had versions can only stop making them.
        if status.is_some() || !is_new {
            let configuration =
                VersioningConfiguration::builder().status(status.unwrap_or(BucketVersioningStatus::Suspended)).build();
            let call = client.put_bucket_versioning().bucket(id).versioning_configuration(configuration);
            call.send().await.explain("s3:PutBucketVersioning")?;
        }
    }
    if has("BucketEncryption") {
        put_encryption(client, id, desired).await?;
    }
    if has("LifecycleConfiguration") {
        lifecycle::put(client, id, desired.inner("LifecycleConfiguration")).await?;
    }
    if has("CorsConfiguration") {
        put_cors(client, id, desired).await?;
    }
    if has("NotificationConfiguration") {
        notification::put(client, id, desired.inner("NotificationConfiguration")).await?;
    }
    Ok(())
}

async fn create(client: &Client, bucket: &str) -> Result<(), AwsError> {
    use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
    let region = client.config().region().map(ToString::to_string);
    // us-east-1 is the one region that must not be named.
    let place = region.filter(|region| region != "us-east-1").map(|region| {
        let place = BucketLocationConstraint::from(region.as_str());
        CreateBucketConfiguration::builder().location_constraint(place).build()
    });
    let call = client.create_bucket().bucket(bucket).set_create_bucket_configuration(place);
    call.send().await.explain("s3:CreateBucket").map(drop)
}

async fn put_ownership(client: &Client, bucket: &str, desired: &Properties) -> Result<(), AwsError> {
    let rules = desired.inner("OwnershipControls").map(|own| own.items("Rules")).unwrap_or_default();
    let rules = rules.into_iter().map(|rule| {
        let owner = rule.text("ObjectOwnership").map(|word| ObjectOwnership::from(word.as_str()));
        built(OwnershipControlsRule::builder().set_object_ownership(owner).build())
    });
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    let controls = built(OwnershipControls::builder().set_rules(Some(rules)).build())?;
    let call = client.put_bucket_ownership_controls().bucket(bucket).ownership_controls(controls);
    call.send().await.explain("s3:PutBucketOwnershipControls").map(drop)
}

async fn put_access(client: &Client, bucket: &str, desired: &Properties) -> Result<(), AwsError> {
    let own = desired.inner("PublicAccessBlockConfiguration");
    let flag = |key: &str| own.and_then(|own| own.flag(key));
    let configuration = PublicAccessBlockConfiguration::builder()
        .set_block_public_acls(flag("BlockPublicAcls"))
        .set_block_public_policy(flag("BlockPublicPolicy"))
        .set_ignore_public_acls(flag("IgnorePublicAcls"))
        .set_restrict_public_buckets(flag("RestrictPublicBuckets"))
        .build();
    let call = client.put_public_access_block().bucket(bucket).public_access_block_configuration(configuration);
    call.send().await.explain("s3:PutBucketPublicAccessBlock").map(drop)
}

/// What kinds of encryption are blocked is no property here, and stays as it is.
async fn put_encryption(client: &Client, bucket: &str, desired: &Properties) -> Result<(), AwsError> {
    let live = client.get_bucket_encryption().bucket(bucket).send().await.explain("s3:GetEncryptionConfiguration");
    let live = set(live)?.and_then(|answer| answer.server_side_encryption_configuration);
    let blocked = live.and_then(|live| live.rules.into_iter().find_map(|rule| rule.blocked_encryption_types));
    let own = desired.inner("BucketEncryption");
    let rules = own.map(|own| own.items("ServerSideEncryptionConfiguration")).unwrap_or_default();
    let rules = rules.into_iter().map(|rule| {
        let default = rule.inner("ServerSideEncryptionByDefault").map(|own| {
            let algorithm = own.text("SSEAlgorithm").map(|word| ServerSideEncryption::from(word.as_str()));
            let default = ServerSideEncryptionByDefault::builder().set_sse_algorithm(algorithm);
            built(default.set_kms_master_key_id(own.text("KMSMasterKeyID")).build())
        });
        let rule = ServerSideEncryptionRule::builder()
            .set_apply_server_side_encryption_by_default(default.transpose()?)
            .set_bucket_key_enabled(rule.flag("BucketKeyEnabled"))
            .set_blocked_encryption_types(blocked.clone());
        Ok::<_, AwsError>(rule.build())
    });
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    let configuration = built(ServerSideEncryptionConfiguration::builder().set_rules(Some(rules)).build())?;
    let call = client.put_bucket_encryption().bucket(bucket).server_side_encryption_configuration(configuration);
    call.send().await.explain("s3:PutEncryptionConfiguration").map(drop)
}

async fn put_cors(client: &Client, bucket: &str, desired: &Properties) -> Result<(), AwsError> {
    let rules = desired.inner("CorsConfiguration").map(|own| own.items("CorsRules")).unwrap_or_default();
    if rules.is_empty() {
        let call = client.delete_bucket_cors().bucket(bucket);
        return call.send().await.explain("s3:PutBucketCORS").map(drop);
    }
    let rules = rules.into_iter().map(|rule| {
        built(
            CorsRule::builder()
                .set_allowed_headers(rule.some_texts("AllowedHeaders"))
                .set_allowed_methods(rule.some_texts("AllowedMethods"))
                .set_allowed_origins(rule.some_texts("AllowedOrigins"))
                .set_expose_headers(rule.some_texts("ExposedHeaders"))
                .set_max_age_seconds(rule.int("MaxAge"))
                .build(),
        )
    });
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    let configuration = built(CorsConfiguration::builder().set_cors_rules(Some(rules)).build())?;
    let call = client.put_bucket_cors().bucket(bucket).cors_configuration(configuration);
    call.send().await.explain("s3:PutBucketCORS").map(drop)
}
