//! What an SDK's operation needs: actions always, and actions with some of its parameters.
//!
//! An operation needs the action of its name, unless it stands in the tables here. An action that is needed with some
//! parameters alone counts where there is evidence in the code: the builder's method that sets such a parameter, or the
//! type that is built for it. Knows no binary and no stack.

use super::actions;
use super::reach::Operation;

/// The actions that an operation needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Needs {
    /// Always.
    pub(crate) core: Vec<String>,
    /// With some of its parameters.
    pub(crate) conditional: Vec<Conditional>,
}

/// An action that is needed with some parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conditional {
    pub(crate) action: &'static str,
    /// Each is evidence alone. A word is a builder's method, also as `set_<word>`; what holds `::`, `"` or `=` is a piece of the
    /// source. Empty: nothing in the code tells.
    pub(crate) evidence: &'static [&'static str],
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

/// Operations whose actions are not called like them: SDK, operation, actions.
///
/// Sources: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/access-control-identity-based.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.access.html>,
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/security_iam_id-based-policies.html>,
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html> (read 2026-11).
const EXCEPTIONS: &[(&str, &str, &[&str])] = &[
    ("apigatewaymanagement", "delete_connection", &["execute-api:ManageConnections"]),
    ("apigatewaymanagement", "get_connection", &["execute-api:ManageConnections"]),
    ("apigatewaymanagement", "post_to_connection", &["execute-api:ManageConnections"]),
    ("bedrockruntime", "converse", &["bedrock:InvokeModel"]),
    ("bedrockruntime", "converse_stream", &["bedrock:InvokeModelWithResponseStream"]),
    ("dynamodb", "batch_execute_statement", &[]),
    ("dynamodb", "execute_statement", &[]),
    ("dynamodb", "execute_transaction", &[]),
    ("dynamodb", "transact_get_items", &["dynamodb:GetItem"]),
    ("dynamodb", "transact_write_items", &[]),
    ("kms", "re_encrypt", &["kms:ReEncryptFrom", "kms:ReEncryptTo"]),
    ("lambda", "invoke", &["lambda:InvokeFunction"]),
    ("lambda", "invoke_async", &["lambda:InvokeFunction"]),
    ("lambda", "invoke_with_response_stream", &["lambda:InvokeFunction"]),
    ("rdsdata", "batch_execute_statement", &["rds-data:BatchExecuteStatement", "secretsmanager:GetSecretValue"]),
    ("rdsdata", "begin_transaction", &["rds-data:BeginTransaction", "secretsmanager:GetSecretValue"]),
    ("rdsdata", "commit_transaction", &["rds-data:CommitTransaction", "secretsmanager:GetSecretValue"]),
    ("rdsdata", "execute_statement", &["rds-data:ExecuteStatement", "secretsmanager:GetSecretValue"]),
    ("rdsdata", "rollback_transaction", &["rds-data:RollbackTransaction", "secretsmanager:GetSecretValue"]),
    ("s3", "complete_multipart_upload", &["s3:PutObject"]),
    ("s3", "copy_object", &["s3:GetObject", "s3:PutObject"]),
    ("s3", "create_multipart_upload", &["s3:PutObject"]),
    ("s3", "delete_bucket_analytics_configuration", &["s3:PutAnalyticsConfiguration"]),
    ("s3", "delete_bucket_cors", &["s3:PutBucketCORS"]),
    ("s3", "delete_bucket_encryption", &["s3:PutEncryptionConfiguration"]),
    ("s3", "delete_bucket_intelligent_tiering_configuration", &["s3:PutIntelligentTieringConfiguration"]),
    ("s3", "delete_bucket_inventory_configuration", &["s3:PutInventoryConfiguration"]),
    ("s3", "delete_bucket_lifecycle", &["s3:PutLifecycleConfiguration"]),
    ("s3", "delete_bucket_metrics_configuration", &["s3:PutMetricsConfiguration"]),
    ("s3", "delete_bucket_ownership_controls", &["s3:PutBucketOwnershipControls"]),
    ("s3", "delete_bucket_replication", &["s3:PutReplicationConfiguration"]),
    ("s3", "delete_bucket_tagging", &["s3:PutBucketTagging"]),
    ("s3", "delete_objects", &["s3:DeleteObject"]),
    ("s3", "delete_public_access_block", &["s3:PutBucketPublicAccessBlock"]),
    ("s3", "get_bucket_accelerate_configuration", &["s3:GetAccelerateConfiguration"]),
    ("s3", "get_bucket_analytics_configuration", &["s3:GetAnalyticsConfiguration"]),
    ("s3", "get_bucket_encryption", &["s3:GetEncryptionConfiguration"]),
    ("s3", "get_bucket_intelligent_tiering_configuration", &["s3:GetIntelligentTieringConfiguration"]),
    ("s3", "get_bucket_inventory_configuration", &["s3:GetInventoryConfiguration"]),
    ("s3", "get_bucket_lifecycle_configuration", &["s3:GetLifecycleConfiguration"]),
    ("s3", "get_bucket_metrics_configuration", &["s3:GetMetricsConfiguration"]),
    ("s3", "get_bucket_notification_configuration", &["s3:GetBucketNotification"]),
    ("s3", "get_bucket_replication", &["s3:GetReplicationConfiguration"]),
    ("s3", "get_object_lock_configuration", &["s3:GetBucketObjectLockConfiguration"]),
    ("s3", "get_public_access_block", &["s3:GetBucketPublicAccessBlock"]),
    ("s3", "head_bucket", &["s3:ListBucket"]),
    ("s3", "head_object", &["s3:GetObject"]),
    ("s3", "list_bucket_analytics_configurations", &["s3:GetAnalyticsConfiguration"]),
    ("s3", "list_bucket_intelligent_tiering_configurations", &["s3:GetIntelligentTieringConfiguration"]),
    ("s3", "list_bucket_inventory_configurations", &["s3:GetInventoryConfiguration"]),
    ("s3", "list_bucket_metrics_configurations", &["s3:GetMetricsConfiguration"]),
    ("s3", "list_buckets", &["s3:ListAllMyBuckets"]),
    ("s3", "list_directory_buckets", &["s3express:ListAllMyDirectoryBuckets"]),
    ("s3", "list_multipart_uploads", &["s3:ListBucketMultipartUploads"]),
    ("s3", "list_object_versions", &["s3:ListBucketVersions"]),
    ("s3", "list_objects", &["s3:ListBucket"]),
    ("s3", "list_objects_v2", &["s3:ListBucket"]),
    ("s3", "list_parts", &["s3:ListMultipartUploadParts"]),
    ("s3", "put_bucket_accelerate_configuration", &["s3:PutAccelerateConfiguration"]),
    ("s3", "put_bucket_analytics_configuration", &["s3:PutAnalyticsConfiguration"]),
    ("s3", "put_bucket_encryption", &["s3:PutEncryptionConfiguration"]),
    ("s3", "put_bucket_intelligent_tiering_configuration", &["s3:PutIntelligentTieringConfiguration"]),
    ("s3", "put_bucket_inventory_configuration", &["s3:PutInventoryConfiguration"]),
    ("s3", "put_bucket_lifecycle_configuration", &["s3:PutLifecycleConfiguration"]),
    ("s3", "put_bucket_metrics_configuration", &["s3:PutMetricsConfiguration"]),
    ("s3", "put_bucket_notification_configuration", &["s3:PutBucketNotification"]),
    ("s3", "put_bucket_replication", &["s3:PutReplicationConfiguration"]),
    ("s3", "put_object_lock_configuration", &["s3:PutBucketObjectLockConfiguration"]),
    ("s3", "put_public_access_block", &["s3:PutBucketPublicAccessBlock"]),
    ("s3", "select_object_content", &["s3:GetObject"]),
    ("s3", "upload_part", &["s3:PutObject"]),
    ("s3", "upload_part_copy", &["s3:GetObject", "s3:PutObject"]),
    ("s3", "write_get_object_response", &["s3-object-lambda:WriteGetObjectResponse"]),
    ("scheduler", "create_schedule", &["iam:PassRole", "scheduler:CreateSchedule"]),
    ("scheduler", "update_schedule", &["iam:PassRole", "scheduler:UpdateSchedule"]),
    ("sns", "publish_batch", &["sns:Publish"]),
    ("sqs", "change_message_visibility_batch", &["sqs:ChangeMessageVisibility"]),
    ("sqs", "delete_message_batch", &["sqs:DeleteMessage"]),
    ("sqs", "send_message_batch", &["sqs:SendMessage"]),
];

const ACL: &[&str] = &["acl", "grant_full_control", "grant_read", "grant_read_acp", "grant_write_acp"];
const LOCK: &[&str] = &["object_lock_mode", "object_lock_retain_until_date"];
const WRITES: &[&str] = &["copy_object", "create_multipart_upload", "put_object"];

/// Actions that operations need with some parameters: SDK, operations, action, evidence ([`Conditional::evidence`]).
///
/// Sources: those of [`EXCEPTIONS`], <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html>,
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/> under "dependent actions" (read 2026-11).
const CONDITIONS: &[(&str, &[&str], &str, &[&str])] = &[
    ("dynamodb", PARTIQL, "dynamodb:PartiQLDelete", &["\"DELETE FROM "]),
    ("dynamodb", PARTIQL, "dynamodb:PartiQLInsert", &["\"INSERT INTO "]),
    ("dynamodb", PARTIQL, "dynamodb:PartiQLSelect", &["\"SELECT "]),
    ("dynamodb", PARTIQL, "dynamodb:PartiQLUpdate", &["\"UPDATE "]),
    ("dynamodb", &["transact_write_items"], "dynamodb:ConditionCheckItem", &["ConditionCheck::builder"]),
    ("dynamodb", &["transact_write_items"], "dynamodb:DeleteItem", &["Delete::builder"]),
    ("dynamodb", &["transact_write_items"], "dynamodb:PutItem", &["Put::builder"]),
    ("dynamodb", &["transact_write_items"], "dynamodb:UpdateItem", &["Update::builder"]),
    ("ecs", &["run_task", "start_task"], "iam:PassRole", &[]),
    ("eventbridge", &["put_targets"], "iam:PassRole", &["role_arn"]),
    ("iotdataplane", &["publish"], "iot:RetainPublish", &["retain"]),
    ("lambda", &["create_function"], "iam:PassRole", &["role"]),
    ("lambda", &["update_function_configuration"], "iam:PassRole", &["role"]),
    ("s3", &["copy_object", "upload_part_copy"], "s3:GetObjectVersion", &["versionId="]),
    ("s3", &["copy_object"], "s3:GetObjectTagging", &[]),
    (
        "s3",
        &["delete_object", "delete_objects", "put_object_retention"],
        "s3:BypassGovernanceRetention",
        &["bypass_governance_retention"],
    ),
    ("s3", &["delete_object", "delete_objects"], "s3:DeleteObjectVersion", &["version_id"]),
    ("s3", &["delete_object_tagging"], "s3:DeleteObjectVersionTagging", &["version_id"]),
    ("s3", &["get_object", "head_object", "select_object_content"], "kms:Decrypt", &[]),
    ("s3", &["get_object", "head_object"], "s3:GetObjectVersion", &["version_id"]),
    ("s3", &["get_object_acl"], "s3:GetObjectVersionAcl", &["version_id"]),
    ("s3", &["get_object_attributes"], "s3:GetObjectVersionAttributes", &["version_id"]),
    ("s3", &["get_object_tagging"], "s3:GetObjectVersionTagging", &["version_id"]),
    ("s3", &["put_object_acl"], "s3:PutObjectVersionAcl", &["version_id"]),
    ("s3", &["put_object_tagging"], "s3:PutObjectVersionTagging", &["version_id"]),
    ("s3", WRITES, "kms:Decrypt", &[]),
    ("s3", WRITES, "kms:GenerateDataKey", &["ssekms_key_id"]),
    ("s3", WRITES, "s3:PutObjectAcl", ACL),
    ("s3", WRITES, "s3:PutObjectLegalHold", &["object_lock_legal_hold_status"]),
    ("s3", WRITES, "s3:PutObjectRetention", LOCK),
    ("s3", WRITES, "s3:PutObjectTagging", &["tagging"]),
    ("secretsmanager", &["create_secret"], "secretsmanager:TagResource", &["tags"]),
    ("secretsmanager", &["get_secret_value"], "kms:Decrypt", &[]),
    ("sesv2", &["send_email"], "ses:SendRawEmail", &["Attachment::builder", "RawMessage::builder", "attachments"]),
    ("sesv2", &["send_email"], "ses:SendTemplatedEmail", &["Template::builder", "template"]),
    ("sfn", &["create_state_machine", "update_state_machine"], "iam:PassRole", &["role_arn"]),
    ("sns", &["create_topic"], "sns:TagResource", &["tags"]),
    ("sqs", &["create_queue"], "sqs:TagQueue", &["tags"]),
    ("sqs", &["receive_message"], "kms:Decrypt", &[]),
    ("ssm", &["get_parameter", "get_parameters", "get_parameters_by_path"], "kms:Decrypt", &[]),
    ("ssm", &["put_parameter"], "kms:Encrypt", &["key_id"]),
    ("ssm", &["put_parameter"], "ssm:AddTagsToResource", &["tags"]),
    ("sts", &["assume_role"], "sts:TagSession", &["tags"]),
];

const PARTIQL: &[&str] = &["batch_execute_statement", "execute_statement", "execute_transaction"];

/// What an operation needs; `None` when neither the tables nor the name leads to an action that exists.
pub(crate) fn needs(operation: &Operation) -> Option<Needs> {
    let is_this = |sdk: &str, names: &[&str]| sdk == operation.sdk && names.contains(&operation.name.as_str());
    let conditional = CONDITIONS.iter().filter(|(sdk, names, ..)| is_this(sdk, names));
    let conditional = conditional.map(|(_, _, action, evidence)| Conditional { action, evidence }).collect();
    if let Some((_, _, core)) = EXCEPTIONS.iter().find(|(sdk, name, _)| is_this(sdk, &[name])) {
        return Some(Needs { core: core.iter().map(|action| (*action).to_owned()).collect(), conditional });
    }
    let prefix = PREFIXES.iter().find(|(sdk, _)| *sdk == operation.sdk).map_or(operation.sdk.as_str(), |(_, own)| own);
    let action = actions::service(prefix)?.action(&operation.name.replace('_', ""))?;
    Some(Needs { core: vec![format!("{prefix}:{}", action.name)], conditional })
}

/// Every conditional action with its operations, for the documentation.
#[allow(dead_code, reason = "the documentation comes next")]
pub(crate) fn conditions() -> impl Iterator<Item = (String, Conditional)> {
    CONDITIONS.iter().map(|(sdk, names, action, evidence)| {
        let operations: Vec<String> = names.iter().map(|name| Operation::new(sdk, name).to_string()).collect();
        (operations.join(", "), Conditional { action, evidence })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_lead_to_actions_that_exist() {
        let core = EXCEPTIONS.iter().flat_map(|(_, _, core)| *core);
        for action in core.copied().chain(CONDITIONS.iter().map(|(_, _, action, _)| *action)) {
            let (prefix, name) = action.split_once(':').expect("service:Action");
            let known = actions::service(prefix).and_then(|service| service.action(name));
            assert_eq!(known.map(|known| known.name), Some(name), "{action}");
        }
        let core = |sdk, name| needs(&Operation::new(sdk, name)).map(|needs| needs.core);
        assert_eq!(core("secretsmanager", "get_secret_value"), Some(vec!["secretsmanager:GetSecretValue".to_owned()]));
        assert_eq!(core("s3", "no_such_thing"), None);
    }

    #[test]
    fn what_is_needed_with_some_parameters_hangs_on_operations_that_exist() {
        for (sdk, names, ..) in CONDITIONS {
            for name in *names {
                assert!(needs(&Operation::new(sdk, name)).is_some(), "{sdk}.{name}");
            }
        }
        let put = needs(&Operation::new("s3", "put_object")).expect("it is known");
        assert!(
            put.conditional.iter().any(|more| more.action == "s3:PutObjectTagging" && more.evidence == ["tagging"])
        );
    }

    #[test]
    fn no_exception_says_what_the_name_says_already() {
        for (sdk, name, core) in EXCEPTIONS {
            let prefix = PREFIXES.iter().find(|(known, _)| known == sdk).map_or(*sdk, |(_, own)| own);
            let named = actions::service(prefix).and_then(|service| service.action(&name.replace('_', "")));
            let named = named.map(|action| format!("{prefix}:{}", action.name));
            assert!(named.is_none_or(|named| *core != [named.as_str()]), "{sdk}.{name}");
        }
    }
}
