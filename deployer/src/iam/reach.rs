//! Which AWS operations a built binary can send, and the actions that these need.
//!
//! The AWS SDK for Rust keeps, for every operation that the linker could reach, the path of its source file in the read-only
//! data: `aws-sdk-<service>-<version>/src/operation/<operation>.rs`. Builders that are never sent and functions that are
//! never called are absent; the path survives optimisation and stripping. Tried with rustc 1.95 and the SDK of 2026-11.
//!
//! Pure: takes bytes. Over-approximates in two cases: a method behind `dyn` that is never called, and a constant-false branch
//! inside an async function. Sees nothing of code that signs requests itself ([`Reach::incomplete`]).

use super::actions;
use memchr::memmem;
use std::collections::{BTreeMap, BTreeSet};

/// An operation of an SDK crate: `s3`, `get_object`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub(crate) sdk: String,
    /// In snake case, as the client's method.
    pub(crate) name: String,
}

/// What a binary can send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    pub(crate) operations: BTreeSet<Operation>,
    /// Why there may be more, in words.
    pub(crate) incomplete: Vec<String>,
}

/// Linked with every client for credentials and sessions, whether or not anybody asks for them.
const ALWAYS: &[(&str, &str)] = &[
    ("s3", "create_session"),
    ("sso", "get_role_credentials"),
    ("ssooidc", "create_token"),
    ("sts", "assume_role"),
    ("sts", "assume_role_with_web_identity"),
];

/// Crates that sign requests themselves: what they send is not seen here.
const OTHERS: &[&str] = &["rusoto_core", "object_store", "rust-s3", "aws-sign-v4"];

/// Reads a binary.
pub(crate) fn of(binary: &[u8]) -> Reach {
    let mut reach = Reach::default();
    let mut linked = BTreeSet::new();
    let marker = b"aws-sdk-";
    for found in memmem::find_iter(binary, marker) {
        let Some((sdk, rest)) = word(&binary[found + marker.len()..]) else { continue };
        let rest = version(rest);
        if rest.starts_with(b"/src/") {
            linked.insert(sdk.to_owned());
        }
        let Some(rest) = rest.strip_prefix(b"/src/operation/") else { continue };
        if let Some((name, rest)) = word(rest)
            && rest.starts_with(b".rs")
            && !ALWAYS.contains(&(sdk, name))
        {
            reach.operations.insert(Operation { sdk: sdk.to_owned(), name: name.to_owned() });
        }
    }
    for crate_name in OTHERS {
        if memmem::find(binary, format!("/{crate_name}-").as_bytes()).is_some() {
            reach.incomplete.push(format!("{crate_name} signs requests by itself"));
        }
    }
    let always: BTreeSet<&str> = ALWAYS.iter().map(|(sdk, _)| *sdk).collect();
    let silent = linked.iter().filter(|sdk| {
        !always.contains(sdk.as_str()) && !reach.operations.iter().any(|operation| operation.sdk == **sdk)
    });
    reach.incomplete.extend(silent.map(|sdk| format!("aws-sdk-{sdk} is linked, but no operation of it was found")));
    reach
}

/// The letters, digits and `_` that `bytes` begins with, and the rest.
fn word(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_'))?;
    let word = std::str::from_utf8(&bytes[..end]).ok().filter(|word| !word.is_empty())?;
    Some((word, &bytes[end..]))
}

/// `-1.2.3` taken away; vendored sources have none.
fn version(bytes: &[u8]) -> &[u8] {
    match bytes.strip_prefix(b"-") {
        Some(rest) => {
            let end = rest.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'.')).unwrap_or(rest.len());
            &rest[end..]
        }
        None => bytes,
    }
}

/// The actions that an operation needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Needs {
    /// Always.
    pub(crate) core: Vec<String>,
    /// With some of its parameters.
    pub(crate) conditional: Vec<String>,
}

/// IAM prefixes of SDK crates that are called otherwise.
const PREFIXES: &[(&str, &str)] = &[
    ("apigatewaymanagement", "execute-api"),
    ("bedrockruntime", "bedrock"),
    ("cloudwatchlogs", "logs"),
    ("cognitoidentity", "cognito-identity"),
    ("cognitoidentityprovider", "cognito-idp"),
    ("costexplorer", "ce"),
    ("efs", "elasticfilesystem"),
    ("eventbridge", "events"),
    ("iotdataplane", "iot"),
    ("rdsdata", "rds-data"),
    ("sesv2", "ses"),
    ("sfn", "states"),
];

/// Operations whose actions are not called like them: SDK, operation, core, conditional.
///
/// Sources: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/access-control-identity-based.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>,
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html> (read 2026-11).
const EXCEPTIONS: &[(&str, &str, &[&str], &[&str])] = &[
    ("apigatewaymanagement", "delete_connection", &["execute-api:ManageConnections"], &[]),
    ("apigatewaymanagement", "get_connection", &["execute-api:ManageConnections"], &[]),
    ("apigatewaymanagement", "post_to_connection", &["execute-api:ManageConnections"], &[]),
    ("bedrockruntime", "converse", &["bedrock:InvokeModel"], &[]),
    ("bedrockruntime", "converse_stream", &["bedrock:InvokeModelWithResponseStream"], &[]),
    ("dynamodb", "transact_get_items", &["dynamodb:GetItem"], &[]),
    (
        "dynamodb",
        "transact_write_items",
        &[],
        &["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
    ),
    ("iotdataplane", "publish", &["iot:Publish"], &["iot:RetainPublish"]),
    ("kms", "re_encrypt", &["kms:ReEncryptFrom", "kms:ReEncryptTo"], &[]),
    ("lambda", "invoke", &["lambda:InvokeFunction"], &[]),
    ("lambda", "invoke_async", &["lambda:InvokeFunction"], &[]),
    ("lambda", "invoke_with_response_stream", &["lambda:InvokeFunction"], &[]),
    ("s3", "complete_multipart_upload", &["s3:PutObject"], &[]),
    ("s3", "copy_object", &["s3:GetObject", "s3:PutObject"], &["s3:GetObjectTagging", "s3:PutObjectTagging"]),
    ("s3", "create_multipart_upload", &["s3:PutObject"], &["s3:PutObjectAcl", "s3:PutObjectTagging"]),
    ("s3", "delete_bucket_cors", &["s3:PutBucketCORS"], &[]),
    ("s3", "delete_bucket_lifecycle", &["s3:PutLifecycleConfiguration"], &[]),
    ("s3", "get_bucket_encryption", &["s3:GetEncryptionConfiguration"], &[]),
    ("s3", "get_bucket_lifecycle_configuration", &["s3:GetLifecycleConfiguration"], &[]),
    ("s3", "get_bucket_notification_configuration", &["s3:GetBucketNotification"], &[]),
    ("s3", "get_public_access_block", &["s3:GetBucketPublicAccessBlock"], &[]),
    ("s3", "put_bucket_encryption", &["s3:PutEncryptionConfiguration"], &[]),
    ("s3", "put_bucket_lifecycle_configuration", &["s3:PutLifecycleConfiguration"], &[]),
    ("s3", "put_bucket_notification_configuration", &["s3:PutBucketNotification"], &[]),
    ("s3", "put_public_access_block", &["s3:PutBucketPublicAccessBlock"], &[]),
    ("s3", "delete_object", &["s3:DeleteObject"], &["s3:DeleteObjectVersion"]),
    ("s3", "delete_objects", &["s3:DeleteObject"], &["s3:DeleteObjectVersion"]),
    ("s3", "get_object", &["s3:GetObject"], &["s3:GetObjectVersion"]),
    ("s3", "head_bucket", &["s3:ListBucket"], &[]),
    ("s3", "head_object", &["s3:GetObject"], &["s3:GetObjectVersion"]),
    ("s3", "list_buckets", &["s3:ListAllMyBuckets"], &[]),
    ("s3", "list_multipart_uploads", &["s3:ListBucketMultipartUploads"], &[]),
    ("s3", "list_object_versions", &["s3:ListBucketVersions"], &[]),
    ("s3", "list_objects", &["s3:ListBucket"], &[]),
    ("s3", "list_objects_v2", &["s3:ListBucket"], &[]),
    ("s3", "list_parts", &["s3:ListMultipartUploadParts"], &[]),
    ("s3", "put_object", &["s3:PutObject"], &["s3:PutObjectAcl", "s3:PutObjectTagging"]),
    ("s3", "upload_part", &["s3:PutObject"], &[]),
    ("s3", "upload_part_copy", &["s3:GetObject", "s3:PutObject"], &[]),
    ("sesv2", "send_email", &["ses:SendEmail"], &["ses:SendRawEmail", "ses:SendTemplatedEmail"]),
    ("sns", "publish_batch", &["sns:Publish"], &[]),
    ("sqs", "change_message_visibility_batch", &["sqs:ChangeMessageVisibility"], &[]),
    ("sqs", "delete_message_batch", &["sqs:DeleteMessage"], &[]),
    ("sqs", "send_message_batch", &["sqs:SendMessage"], &[]),
];

/// What an operation needs; `None` when neither the table nor the name leads to an action that exists.
pub(crate) fn needs(operation: &Operation) -> Option<Needs> {
    let owned = |actions: &[&str]| actions.iter().map(|action| (*action).to_owned()).collect();
    let exception = EXCEPTIONS.iter().find(|(sdk, name, ..)| *sdk == operation.sdk && *name == operation.name);
    if let Some((_, _, core, conditional)) = exception {
        return Some(Needs { core: owned(core), conditional: owned(conditional) });
    }
    let prefix = PREFIXES.iter().find(|(sdk, _)| *sdk == operation.sdk).map_or(operation.sdk.as_str(), |(_, own)| own);
    let name = operation.name.replace('_', "");
    let action = actions::service(prefix)?.action(&name)?;
    Some(Needs { core: vec![format!("{prefix}:{}", action.name)], conditional: Vec::new() })
}

/// What is granted against what is reachable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Comparison {
    /// Needed and not granted: by operation.
    pub(crate) missing: BTreeMap<String, Operation>,
    /// Granted, and nothing reaches it.
    pub(crate) excess: Vec<String>,
    /// Operations that lead to no known action.
    pub(crate) unknown: Vec<Operation>,
}

/// Compares. `granted` are the actions that the code was given, wildcards included; `besides` those that the role has for
/// Lambda's own sake, which the code may use as well.
pub(crate) fn compare<'a>(
    reach: &Reach,
    granted: impl IntoIterator<Item = &'a str>,
    besides: &BTreeSet<String>,
) -> Comparison {
    let granted: BTreeSet<&str> = granted.into_iter().collect();
    let mut comparison = Comparison::default();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for operation in &reach.operations {
        let Some(needs) = needs(operation) else {
            comparison.unknown.push(operation.clone());
            continue;
        };
        for action in &needs.core {
            let by = granted.iter().filter(|pattern| covers(pattern, action)).copied().collect::<Vec<_>>();
            if by.is_empty() && !besides.iter().any(|pattern| covers(pattern, action)) {
                comparison.missing.insert(action.clone(), operation.clone());
            }
            used.extend(by);
        }
        for action in &needs.conditional {
            used.extend(granted.iter().filter(|pattern| covers(pattern, action)));
        }
    }
    comparison.excess =
        granted.iter().filter(|action| !used.contains(*action)).map(|action| (*action).to_owned()).collect();
    comparison
}

/// Whether a granted action, which may hold wildcards, allows `action`.
fn covers(pattern: &str, action: &str) -> bool {
    let (Some((service, name)), Some((own, wanted))) = (pattern.split_once(':'), action.split_once(':')) else {
        return pattern == "*";
    };
    service == own
        && (name.eq_ignore_ascii_case(wanted)
            || (name.contains(['*', '?'])
                && actions::service(own)
                    .is_some_and(|known| known.matching(name).any(|action| action.name.eq_ignore_ascii_case(wanted)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: &[u8] = b"\0junk aws-sdk-s3-1.157.0/src/operation/get_object.rs\0/x/aws-sdk-sqs-1.119.0/src/operation/send_message_batch.rs\
        aws-sdk-s3-1.157.0/src/operation/create_session.rs aws-sdk-sts-1.124.0/src/operation/assume_role.rs\
        vendor/aws-sdk-sns/src/operation/publish.rs aws-sdk-kms-1.2.3/src/config.rs aws-sdk-";

    fn names(reach: &Reach) -> Vec<String> {
        reach.operations.iter().map(|operation| format!("{}.{}", operation.sdk, operation.name)).collect()
    }

    #[test]
    fn operations_are_read_from_the_paths_that_the_linker_kept() {
        let reach = of(BINARY);
        assert_eq!(names(&reach), ["s3.get_object", "sns.publish", "sqs.send_message_batch"]);
        assert_eq!(reach.incomplete, ["aws-sdk-kms is linked, but no operation of it was found"]);
        assert_eq!(of(b"nothing"), Reach::default());
    }

    #[test]
    fn operations_lead_to_actions_that_exist() {
        for (sdk, name, core, conditional) in EXCEPTIONS {
            for action in core.iter().chain(*conditional) {
                let (prefix, action) = action.split_once(':').expect("service:Action");
                let known = actions::service(prefix).and_then(|service| service.action(action));
                assert_eq!(known.map(|known| known.name), Some(action), "{sdk} {name}");
            }
        }
        let plain = Operation { sdk: "secretsmanager".to_owned(), name: "get_secret_value".to_owned() };
        assert_eq!(needs(&plain).map(|needs| needs.core), Some(vec!["secretsmanager:GetSecretValue".to_owned()]));
        assert_eq!(needs(&Operation { sdk: "s3".to_owned(), name: "no_such_thing".to_owned() }), None);
    }

    #[test]
    fn missing_and_excess_are_told_apart() {
        let reach = of(BINARY);
        let found = compare(&reach, ["s3:Get*", "sqs:SendMessage", "sqs:PurgeQueue"], &BTreeSet::new());
        assert_eq!(found.missing.keys().collect::<Vec<_>>(), ["sns:Publish"]);
        assert_eq!(found.excess, ["sqs:PurgeQueue"]);
        let besides = BTreeSet::from(["sns:Publish".to_owned()]);
        assert_eq!(compare(&reach, ["s3:GetObject", "sqs:SendMessage"], &besides), Comparison::default());
    }
}
