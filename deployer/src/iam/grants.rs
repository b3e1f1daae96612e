//! The verbs of `access:`: what each may do, exactly.
//!
//! A verb is as fine as an operation of the service. Takes ARNs that are resolved already; knows no stack.

use super::policy::Statement;
use crate::cfn::{append, arn, sub};
use serde_json::{Value, json};

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
    verb("queue", "send", &["sqs:SendMessage"], &["kms:Decrypt", "kms:GenerateDataKey"]),
    verb("queue", "consume", &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], &["kms:Decrypt"]),
    verb("queue", "purge", &["sqs:PurgeQueue"], &[]),
    verb("queue", "inspect", &["sqs:GetQueueAttributes"], &[]),
    verb("topic", "publish", &["sns:Publish"], &["kms:Decrypt", "kms:GenerateDataKey"]),
    verb("bucket", "get", &["s3:GetObject"], &["kms:Decrypt"]),
    // A multipart upload decrypts its own parts.
    verb("bucket", "put", &["s3:PutObject"], &["kms:Decrypt", "kms:GenerateDataKey"]),
    verb("bucket", "abort", &["s3:AbortMultipartUpload"], &[]),
    verb("bucket", "delete", &["s3:DeleteObject"], &[]),
    verb("bucket", "list", &["s3:ListBucket"], &[]),
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
    verb("secret", "write", &["secretsmanager:PutSecretValue"], &["kms:Decrypt", "kms:GenerateDataKey"]),
    verb("function", "invoke", &["lambda:InvokeFunction"], &[]),
    verb("email", "send", &["ses:SendEmail"], &[]),
    verb("metrics", "publish", &["cloudwatch:PutMetricData"], &[]),
];

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

/// The verb `verb` of `noun`; `None` when there is no such thing.
pub(crate) fn find(noun: &str, verb: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|known| known.noun == noun && known.verb == verb)
}

/// A declared thing, or one outside, with all that its statements need.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    pub(crate) noun: &'static str,
    pub(crate) arn: Value,
    /// ARN of its KMS key, where it has one of its own.
    pub(crate) key: Option<Value>,
    /// Only this part: of a bucket, objects whose key begins so; of a table, the index of this name.
    pub(crate) part: Option<&'a str>,
}

/// The statements that let a role do `can` with `resource`. Unknown verbs give nothing: the rules have reported them.
pub(crate) fn statements<'a>(resource: &Resource<'_>, can: impl IntoIterator<Item = &'a str>) -> Vec<Statement> {
    let verbs = can.into_iter().filter_map(|verb| find(resource.noun, verb));
    verbs.flat_map(|verb| [Some(on_resource(resource, verb)), on_key(resource, verb)]).flatten().collect()
}

fn on_resource(resource: &Resource<'_>, verb: &Verb) -> Statement {
    let part = resource.part.unwrap_or_default();
    let actions = verb.actions.iter().copied();
    match (resource.noun, verb.verb) {
        ("bucket", "list") => {
            let statement = Statement::allow(actions, vec![resource.arn.clone()]);
            if part.is_empty() {
                return statement;
            }
            statement.when(json!({ "StringLike": { "s3:prefix": format!("{part}*") } }))
        }
        ("bucket", _) => Statement::allow(actions, vec![append(&resource.arn, &format!("/{part}*"))]),
        ("table", _) if !part.is_empty() => {
            Statement::allow(actions, vec![append(&resource.arn, &format!("/index/{part}"))])
        }
        _ => Statement::allow(actions, vec![resource.arn.clone()]),
    }
}

/// The key may be used through the service alone.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service> (read 2026-11).
fn on_key(resource: &Resource<'_>, verb: &Verb) -> Option<Statement> {
    let key = resource.key.clone().filter(|_| !verb.key_actions.is_empty())?;
    let service = verb.actions[0].split(':').next().unwrap_or_default();
    let through = sub(format!("{service}.${{AWS::Region}}.amazonaws.com"));
    let statement = Statement::allow(verb.key_actions.iter().copied(), vec![key]);
    Some(statement.when(json!({ "StringEquals": { "kms:ViaService": through } })))
}

/// Mail from `from`, an address or a domain. The identity that SES verified may be either, so both are named, and the
/// sender is pinned.
///
/// Source: <https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html> (read 2026-11).
pub(crate) fn email(from: &str) -> Statement {
    let actions = find("email", "send").map(|verb| verb.actions).unwrap_or_default().iter().copied();
    let (identities, condition) = match from.split_once('@') {
        Some((_, domain)) => (vec![domain, from], json!({ "StringEquals": { "ses:FromAddress": from } })),
        None => (vec![from], json!({ "StringLike": { "ses:FromAddress": format!("*@{from}") } })),
    };
    let arns = identities.into_iter().map(|identity| arn("ses", &format!("identity/{identity}"))).collect();
    Statement::allow(actions, arns).when(condition)
}

/// Metrics of one namespace. `PutMetricData` knows no resources, only this condition.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html> (read 2026-11).
pub(crate) fn metrics(namespace: &str) -> Statement {
    let actions = find("metrics", "publish").map(|verb| verb.actions).unwrap_or_default().iter().copied();
    let condition = json!({ "StringEquals": { "cloudwatch:namespace": namespace } });
    Statement::allow(actions, vec![json!("*")]).when(condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(part: Option<&'static str>) -> Resource<'static> {
        Resource { noun: "bucket", arn: json!("arn:aws:s3:::b"), key: None, part }
    }

    #[test]
    fn objects_are_granted_below_the_prefix_only() {
        let granted = statements(&bucket(Some("tickets/")), ["get"]);
        assert_eq!(granted, [Statement::allow(["s3:GetObject"], vec![json!("arn:aws:s3:::b/tickets/*")])]);
    }

    #[test]
    fn listing_is_on_the_bucket_and_conditioned_on_the_prefix() {
        let granted = statements(&bucket(Some("tickets/")), ["list"]);
        let condition = json!({ "StringLike": { "s3:prefix": "tickets/*" } });
        assert_eq!(granted, [Statement::allow(["s3:ListBucket"], vec![json!("arn:aws:s3:::b")]).when(condition)]);
    }

    #[test]
    fn an_index_is_a_resource_of_its_own() {
        let table = |part| Resource { noun: "table", arn: json!("arn:table/t"), key: None, part };
        let granted = statements(&table(Some("by-day")), ["query"]);
        assert_eq!(granted, [Statement::allow(["dynamodb:Query"], vec![json!("arn:table/t/index/by-day")])]);
        assert_eq!(statements(&table(None), ["query"])[0].resources, [json!("arn:table/t")]);
    }

    #[test]
    fn a_key_of_its_own_is_granted_through_the_service_only() {
        let queue = Resource { noun: "queue", arn: json!("q"), key: Some(json!("k")), part: None };
        let granted = statements(&queue, ["send"]);
        assert_eq!(granted[1].actions, ["kms:Decrypt", "kms:GenerateDataKey"]);
        assert_eq!(
            granted[1].condition,
            Some(json!({ "StringEquals": { "kms:ViaService": { "Fn::Sub": "sqs.${AWS::Region}.amazonaws.com" } } }))
        );
    }

    #[test]
    fn every_verb_is_found_by_its_noun_and_name_and_is_there_once() {
        for known in VERBS {
            assert_eq!(find(known.noun, known.verb), Some(known));
            assert!(known.actions.is_sorted(), "{} {}", known.noun, known.verb);
        }
        assert_eq!(find("topic", "send"), None);
    }

    #[test]
    fn every_verb_that_a_file_may_say_has_its_actions() {
        for noun in ["queue", "topic", "bucket", "table", "secret", "function", "email", "metrics"] {
            let known: Vec<&str> = VERBS.iter().filter(|known| known.noun == noun).map(|known| known.verb).collect();
            assert_eq!(known, crate::model::access::verbs(noun), "{noun}");
        }
    }
}
