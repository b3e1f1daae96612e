//! The verbs of `access:`: which actions each stands for, and what becomes of the name of a thing that no section declares.
//!
//! A verb is as fine as an operation of the service. Knows no stack; [`super::grants`] makes statements of it.

/// What one verb of one noun stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verb {
    /// The key in a grant: `queue`, `bucket`, `email` …
    pub(crate) noun: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) actions: &'static [&'static str],
    /// What the resource's own KMS key must allow besides.
    pub(crate) key_actions: &'static [&'static str],
}

/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/> and, for the keys,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html> (read 2026-11).
pub(crate) static VERBS: &[Verb] = &[
    verb("queue", "send", &["sqs:SendMessage"], KEPT),
    verb("queue", "consume", &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], &["kms:Decrypt"]),
    verb("queue", "receive", &["sqs:ReceiveMessage"], &["kms:Decrypt"]),
    verb("queue", "delete", &["sqs:DeleteMessage"], &[]),
    verb("queue", "hide", &["sqs:ChangeMessageVisibility"], &[]),
    verb("queue", "purge", &["sqs:PurgeQueue"], &[]),
    verb("queue", "inspect", &["sqs:GetQueueAttributes"], &[]),
    verb("queue", "find", &["sqs:GetQueueUrl"], &[]),
    verb("topic", "publish", &["sns:Publish"], KEPT),
    verb("topic", "subscribe", &["sns:Subscribe"], &[]),
    verb("topic", "inspect", &["sns:GetTopicAttributes"], &[]),
    verb("bucket", "get", &["s3:GetObject"], &["kms:Decrypt"]),
    // A multipart upload decrypts its own parts.
    verb("bucket", "put", &["s3:PutObject"], KEPT),
    verb("bucket", "delete", &["s3:DeleteObject"], &[]),
    verb("bucket", "list", &["s3:ListBucket"], &[]),
    verb("bucket", "tag", &["s3:PutObjectTagging"], &[]),
    verb("bucket", "untag", &["s3:DeleteObjectTagging"], &[]),
    verb("bucket", "tags", &["s3:GetObjectTagging"], &[]),
    verb("bucket", "attributes", &["s3:GetObjectAttributes"], &["kms:Decrypt"]),
    verb("bucket", "acl", &["s3:PutObjectAcl"], &[]),
    verb("bucket", "restore", &["s3:RestoreObject"], &[]),
    verb("bucket", "get-version", &["s3:GetObjectVersion"], &["kms:Decrypt"]),
    verb("bucket", "delete-version", &["s3:DeleteObjectVersion"], &[]),
    verb("bucket", "list-versions", &["s3:ListBucketVersions"], &[]),
    verb("bucket", "abort-upload", &["s3:AbortMultipartUpload"], &[]),
    verb("bucket", "list-parts", &["s3:ListMultipartUploadParts"], &[]),
    verb("bucket", "list-uploads", &["s3:ListBucketMultipartUploads"], &[]),
    verb("table", "get", &["dynamodb:GetItem"], READ),
    verb("table", "batch-get", &["dynamodb:BatchGetItem"], READ),
    verb("table", "query", &["dynamodb:Query"], READ),
    verb("table", "scan", &["dynamodb:Scan"], READ),
    verb("table", "put", &["dynamodb:PutItem"], WRITE),
    verb("table", "update", &["dynamodb:UpdateItem"], WRITE),
    verb("table", "delete", &["dynamodb:DeleteItem"], WRITE),
    verb("table", "batch-write", &["dynamodb:BatchWriteItem"], WRITE),
    verb("table", "check", &["dynamodb:ConditionCheckItem"], READ),
    verb("table", "describe", &["dynamodb:DescribeTable"], &[]),
    verb("secret", "read", &["secretsmanager:GetSecretValue"], &["kms:Decrypt"]),
    verb("secret", "write", &["secretsmanager:PutSecretValue"], KEPT),
    verb("secret", "describe", &["secretsmanager:DescribeSecret"], &[]),
    verb("function", "invoke", &["lambda:InvokeFunction"], &[]),
    verb("email", "send", &["ses:SendEmail"], &[]),
    verb("email", "send-raw", &["ses:SendRawEmail"], &[]),
    verb("email", "send-template", &["ses:SendTemplatedEmail"], &[]),
    verb("metrics", "publish", &["cloudwatch:PutMetricData"], &[]),
    verb("parameter", "get", &["ssm:GetParameter"], &[]),
    verb("parameter", "get-several", &["ssm:GetParameters"], &[]),
    verb("parameter", "list", &["ssm:GetParametersByPath"], &[]),
    verb("parameter", "history", &["ssm:GetParameterHistory"], &[]),
    verb("parameter", "put", &["ssm:PutParameter"], &[]),
    verb("parameter", "delete", &["ssm:DeleteParameter"], &[]),
    verb("key", "encrypt", &["kms:Encrypt"], &[]),
    verb("key", "decrypt", &["kms:Decrypt"], &[]),
    verb("key", "generate", &["kms:GenerateDataKey"], &[]),
    verb("key", "re-encrypt", &["kms:ReEncryptFrom", "kms:ReEncryptTo"], &[]),
    verb("key", "sign", &["kms:Sign"], &[]),
    verb("key", "verify", &["kms:Verify"], &[]),
    verb("key", "mac", &["kms:GenerateMac"], &[]),
    verb("key", "verify-mac", &["kms:VerifyMac"], &[]),
    verb("key", "public", &["kms:GetPublicKey"], &[]),
    verb("key", "describe", &["kms:DescribeKey"], &[]),
    verb("bus", "publish", &["events:PutEvents"], &[]),
    verb("schedule", "create", &["scheduler:CreateSchedule"], &[]),
    verb("schedule", "get", &["scheduler:GetSchedule"], &[]),
    verb("schedule", "update", &["scheduler:UpdateSchedule"], &[]),
    verb("schedule", "delete", &["scheduler:DeleteSchedule"], &[]),
    verb("state_machine", "start", &["states:StartExecution"], &[]),
    verb("state_machine", "start-sync", &["states:StartSyncExecution"], &[]),
    verb("state_machine", "list", &["states:ListExecutions"], &[]),
    verb("state_machine", "describe", &["states:DescribeStateMachine"], &[]),
    verb("stream", "put", &["kinesis:PutRecord"], &[]),
    verb("stream", "put-several", &["kinesis:PutRecords"], &[]),
    verb("delivery", "put", &["firehose:PutRecord"], &[]),
    verb("delivery", "put-several", &["firehose:PutRecordBatch"], &[]),
    verb("user_pool", "get-user", &["cognito-idp:AdminGetUser"], &[]),
    verb("user_pool", "list-users", &["cognito-idp:ListUsers"], &[]),
    verb("user_pool", "create-user", &["cognito-idp:AdminCreateUser"], &[]),
    verb("user_pool", "update-user", &["cognito-idp:AdminUpdateUserAttributes"], &[]),
    verb("user_pool", "enable-user", &["cognito-idp:AdminEnableUser"], &[]),
    verb("user_pool", "disable-user", &["cognito-idp:AdminDisableUser"], &[]),
    verb("user_pool", "delete-user", &["cognito-idp:AdminDeleteUser"], &[]),
    verb("user_pool", "set-password", &["cognito-idp:AdminSetUserPassword"], &[]),
    verb("user_pool", "sign-in", &["cognito-idp:AdminInitiateAuth"], &[]),
    verb("user_pool", "sign-out", &["cognito-idp:AdminUserGlobalSignOut"], &[]),
    verb("user_pool", "add-to-group", &["cognito-idp:AdminAddUserToGroup"], &[]),
    verb("user_pool", "remove-from-group", &["cognito-idp:AdminRemoveUserFromGroup"], &[]),
    verb("user_pool", "list-groups", &["cognito-idp:AdminListGroupsForUser"], &[]),
    verb("model", "invoke", &["bedrock:InvokeModel"], &[]),
    verb("model", "stream", &["bedrock:InvokeModelWithResponseStream"], &[]),
    verb("database_user", "connect", &["rds-db:connect"], &[]),
];

/// What a service does with the key of what it keeps, to write to it.
const KEPT: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];
/// What DynamoDB does with a table's own key on behalf of the caller.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html> and the key policy
/// in <https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html> (read 2026-11).
const READ: &[&str] = &["kms:Decrypt", "kms:DescribeKey"];
const WRITE: &[&str] =
    &["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"];

const fn verb(
    noun: &'static str,
    verb: &'static str,
    actions: &'static [&'static str],
    key_actions: &'static [&'static str],
) -> Verb {
    Verb { noun, verb, actions, key_actions }
}

/// Nouns for things that no section declares, with the ARN that a name becomes: `NAME` is the name, without a slash before it.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/> (read 2026-11).
pub(crate) const ELSEWHERE: &[(&str, &str)] = &[
    ("parameter", "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/NAME"),
    ("key", "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/NAME"),
    ("bus", "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/NAME"),
    ("schedule", "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/NAME"),
    ("state_machine", "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:NAME"),
    ("stream", "arn:${AWS::Partition}:kinesis:${AWS::Region}:${AWS::AccountId}:stream/NAME"),
    ("delivery", "arn:${AWS::Partition}:firehose:${AWS::Region}:${AWS::AccountId}:deliverystream/NAME"),
    ("user_pool", "arn:${AWS::Partition}:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/NAME"),
    ("model", "arn:${AWS::Partition}:bedrock:${AWS::Region}::foundation-model/NAME"),
    ("database_user", "arn:${AWS::Partition}:rds-db:${AWS::Region}:${AWS::AccountId}:dbuser:NAME"),
];

/// The verb `verb` of `noun`; `None` when there is no such thing.
pub(crate) fn find(noun: &str, verb: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|known| known.noun == noun && known.verb == verb)
}

/// What a grant on `noun` may say after `can`.
pub(crate) fn of(noun: &str) -> Vec<&'static str> {
    VERBS.iter().filter(|verb| verb.noun == noun).map(|verb| verb.verb).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::actions;

    #[test]
    fn every_verb_is_found_by_its_noun_and_name_and_is_there_once() {
        for known in VERBS {
            assert_eq!(find(known.noun, known.verb), Some(known));
            assert!(known.actions.is_sorted(), "{} {}", known.noun, known.verb);
        }
        assert_eq!(find("topic", "send"), None);
    }

    #[test]
    fn every_action_is_one_that_aws_has() {
        for verb in VERBS {
            for action in verb.actions.iter().chain(verb.key_actions) {
                let (prefix, name) = action.split_once(':').expect("service:Action");
                let known = actions::service(prefix).and_then(|service| service.action(name));
                assert_eq!(known.map(|known| known.name), Some(name), "{} {}", verb.noun, verb.verb);
            }
        }
    }

    #[test]
    fn every_verb_of_what_is_elsewhere_applies_to_the_arn_of_its_name() {
        for (noun, shape) in ELSEWHERE {
            let arn = shape.replace("${AWS::Partition}", "aws").replace("${AWS::Region}", "eu-west-1");
            let arn = arn.replace("${AWS::AccountId}", "123456789012").replace("NAME", "a/b");
            let verbs: Vec<&Verb> = VERBS.iter().filter(|verb| verb.noun == *noun).collect();
            assert!(!verbs.is_empty(), "{noun}");
            for action in verbs.into_iter().flat_map(|verb| verb.actions) {
                let (prefix, name) = action.split_once(':').expect("service:Action");
                let service = actions::service(prefix).expect("a known service");
                assert!(service.takes(service.action(name).expect("a known action"), &arn), "{action} {arn}");
            }
        }
    }
}
