//! How bad a change is: one table of (type, property), and the reason in words.

use crate::cfn::Resource;
use crate::diff::PropertyChange;
use crate::iam::algebra::{self, Relation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Classes of risk, least first. A resource is as risky as its worst property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Risk {
    Safe,
    /// Work may pause or be done differently for a while.
    Interrupts,
    /// Somebody may do more than before.
    Broadens,
    /// A new resource takes the place of the old one.
    Replaces,
    /// Data that only AWS holds goes away.
    LosesData,
}

impl Risk {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Interrupts => "interrupts",
            Self::Broadens => "broadens access",
            Self::Replaces => "replaces",
            Self::LosesData => "loses data",
        }
    }

    /// What it may be where something could not be verified: no longer safe, and else what it is. A class above says what
    /// will happen, to roles or to data, and there is nothing that says so.
    pub(crate) fn raised(self) -> Self {
        self.max(Self::Interrupts)
    }
}

/// Properties that can only be set at creation. `*`: any change replaces. Types that are not listed are left to the
/// verdict of the change set.
///
/// Source: "Update requires: Replacement" in each type's page below
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/> (read 2026-11).
const CREATE_ONLY: &[(&str, &[&str])] = &[
    ("AWS::ApiGatewayV2::Api", &["ProtocolType"]),
    ("AWS::ApiGatewayV2::Integration", &["ApiId"]),
    ("AWS::ApiGatewayV2::Route", &["ApiId"]),
    ("AWS::ApiGatewayV2::Stage", &["ApiId", "StageName"]),
    ("AWS::DynamoDB::Table", &["TableName", "KeySchema", "LocalSecondaryIndexes", "ImportSourceSpecification"]),
    ("AWS::Events::Rule", &["Name", "EventBusName"]),
    ("AWS::IAM::Role", &["RoleName", "Path"]),
    ("AWS::Lambda::Alias", &["Name", "FunctionName"]),
    ("AWS::Lambda::EventInvokeConfig", &["FunctionName", "Qualifier"]),
    ("AWS::Lambda::EventSourceMapping", &["EventSourceArn", "StartingPosition", "SelfManagedEventSource"]),
    ("AWS::Lambda::Function", &["FunctionName", "PackageType"]),
    ("AWS::Lambda::Permission", &["*"]),
    ("AWS::Lambda::Url", &["TargetFunctionArn", "Qualifier"]),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::Pipes::Pipe", &["Name", "Source"]),
    ("AWS::S3::Bucket", &["BucketName"]),
    ("AWS::S3::BucketPolicy", &["Bucket"]),
    ("AWS::Scheduler::Schedule", &["Name", "GroupName"]),
    ("AWS::SecretsManager::Secret", &["Name"]),
    ("AWS::SNS::Subscription", &["Endpoint", "Protocol", "TopicArn"]),
    ("AWS::SNS::Topic", &["TopicName", "FifoTopic"]),
    ("AWS::SQS::Queue", &["QueueName", "FifoQueue"]),
];

/// Types that hold what nobody can make again.
const DATA_BEARING: &[&str] = &[
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::MSK::Cluster",
    "AWS::MSK::ServerlessCluster",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
];

/// Changes of these pause or redirect work while they happen.
const INTERRUPTING: &[(&str, &str, &str)] = &[
    ("AWS::Lambda::Function", "VpcConfig", "connections move to new network interfaces"),
    ("AWS::Lambda::Function", "Architectures", "the code must be built for the other processor"),
    ("AWS::Lambda::Function", "Runtime", "the code runs on another runtime"),
    ("AWS::Lambda::Function", "ReservedConcurrentExecutions", "how many may run at once changes"),
    ("AWS::Lambda::EventSourceMapping", "Enabled", "consumption starts or stops"),
    ("AWS::Events::Rule", "State", "the schedule or rule starts or stops"),
    ("AWS::DynamoDB::Table", "GlobalSecondaryIndexes", "queries fail until an index is built"),
    ("AWS::DynamoDB::Table", "StreamSpecification", "what reads the stream loses its place"),
    ("AWS::SQS::Queue", "VisibilityTimeout", "messages in flight keep the old timeout"),
    ("AWS::SQS::Queue", "MessageRetentionPeriod", "messages older than the new limit are dropped"),
];

pub(crate) fn holds_data(kind: &str) -> bool {
    DATA_BEARING.contains(&kind)
}

/// Whether a change of the top-level property `name` replaces the resource; `None` when the table does not know.
pub(crate) fn is_create_only(kind: &str, name: &str) -> Option<bool> {
    let (_, properties) = CREATE_ONLY.iter().find(|(listed, _)| *listed == kind)?;
    Some(properties.contains(&name) || properties.contains(&"*"))
}

/// Whether the resource stays in AWS when the stack lets go of it.
pub(crate) fn is_retained(policy: Option<&str>) -> bool {
    matches!(policy, Some("Retain" | "Snapshot" | "RetainExceptOnCreate"))
}

/// Risk of removing `resource`, with its reason.
pub(crate) fn of_delete(resource: &Resource) -> (Risk, String) {
    if is_retained(resource.deletion_policy.as_deref()) {
        return (Risk::Safe, "kept in AWS, no longer part of the stack".to_owned());
    }
    match (holds_data(&resource.kind), resource.kind.as_str()) {
        (true, _) => (Risk::LosesData, "deletes what it holds".to_owned()),
        (false, "AWS::Lambda::Function") => (Risk::Interrupts, "its triggers stop working".to_owned()),
        (false, "AWS::Logs::LogGroup") => (Risk::Interrupts, "its logs go with it".to_owned()),
        _ => (Risk::Interrupts, "what uses it stops working".to_owned()),
    }
}

/// Risk of replacing `resource`, with its reason.
pub(crate) fn of_replacement(resource: &Resource, property: &str) -> (Risk, String) {
    let why = format!("`{property}` can only be set at creation");
    if holds_data(&resource.kind) && !is_retained(resource.update_replace_policy.as_deref()) {
        return (Risk::LosesData, format!("{why}; what the old one holds is deleted"));
    }
    // A permission is replaced by its twin in the same update; nothing is addressed by its name.
    if resource.kind == "AWS::Lambda::Permission" {
        return (Risk::Safe, "permissions are always made anew".to_owned());
    }
    (Risk::Replaces, why)
}

/// Risk of making a resource again that somebody deleted, with its reason.
pub(crate) fn of_recreation(kind: &str) -> (Risk, String) {
    match kind {
        "AWS::Lambda::Function" => (Risk::Replaces, "deleted by hand; nothing serves its triggers".to_owned()),
        _ if holds_data(kind) => {
            (Risk::Replaces, "deleted by hand; what it held is gone, a new one is empty".to_owned())
        }
        _ => (Risk::Interrupts, "deleted by hand; made again".to_owned()),
    }
}

/// Risk of changing a property of a resource of type `kind` in place, from what is there now, with its reason.
pub(crate) fn of_update(kind: &str, property: &PropertyChange) -> (Risk, String) {
    let name = property.property();
    if let Some((_, _, reason)) = INTERRUPTING.iter().find(|(listed, own, _)| *listed == kind && *own == name) {
        return (Risk::Interrupts, (*reason).to_owned());
    }
    if name == "PermissionsBoundary" && property.before.is_some() {
        return (Risk::Broadens, "the boundary of what it may be allowed changes".to_owned());
    }
    if is_policy(name) && broadens(property.before.as_ref(), property.after.as_ref()) {
        return (Risk::Broadens, "allows something that was not allowed before".to_owned());
    }
    if let Some(reason) = opens(kind, property) {
        return (Risk::Broadens, reason.to_owned());
    }
    (Risk::Safe, "changed in place".to_owned())
}

/// Why a change that is no policy lets in whoever was kept out before.
fn opens(kind: &str, property: &PropertyChange) -> Option<&'static str> {
    let becomes_open = property.before.is_some() && property.after.as_ref().is_none_or(|after| after == "NONE");
    let is_on = |value: &Option<Value>| match value {
        Some(Value::Object(flags)) => flags.values().filter(|flag| **flag == Value::Bool(true)).count(),
        Some(flag) => usize::from(*flag == Value::Bool(true)),
        None => 0,
    };
    match (kind, property.property()) {
        ("AWS::Lambda::Url", "AuthType") if becomes_open => Some("anybody who knows the address may call it"),
        ("AWS::ApiGatewayV2::Route", "AuthorizationType") if becomes_open => Some("anybody may call the route"),
        ("AWS::S3::Bucket", "PublicAccessBlockConfiguration") if is_on(&property.after) < is_on(&property.before) => {
            Some("it may become public")
        }
        _ => None,
    }
}

/// Properties that hold policies: what `iam/algebra.rs` compares.
pub(crate) fn is_policy(property: &str) -> bool {
    [
        "AssumeRolePolicyDocument",
        "KeyPolicy",
        "ManagedPolicyArns",
        "Policies",
        "Policy",
        "PolicyDocument",
        "RepositoryPolicyText",
        "ResourcePolicy",
        "Statement",
    ]
    .contains(&property)
}

/// Whether `after` may allow something that `before` did not; in doubt it does.
fn broadens(before: Option<&Value>, after: Option<&Value>) -> bool {
    !matches!(algebra::relation(before, after), Relation::Equal | Relation::Narrower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(actions: Value, resource: &str) -> Value {
        json!([{ "PolicyName": "p", "PolicyDocument": { "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resource }] } }])
    }

    #[test]
    fn a_policy_broadens_only_when_it_allows_more() {
        let one = policy(json!("sqs:SendMessage"), "q");
        let two = policy(json!(["sqs:SendMessage", "sqs:PurgeQueue"]), "q");
        assert!(broadens(Some(&one), Some(&two)));
        assert!(!broadens(Some(&two), Some(&one)));
        assert!(
            !broadens(Some(&one), Some(&policy(json!(["SQS:SendMessage"]), "q"))),
            "case and form carry no meaning"
        );
        assert!(broadens(Some(&one), Some(&policy(json!("sqs:SendMessage"), "*"))));
        let denied = json!({ "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*" } });
        assert!(broadens(Some(&denied), None), "a Deny that goes away");
    }

    #[test]
    fn what_opens_a_door_broadens() {
        let change = |path: &str, before: Option<Value>, after: Option<Value>| PropertyChange {
            path: path.to_owned(),
            before,
            after,
            cause: crate::diff::Cause::Yours,
        };
        let risk = |kind: &str, change: PropertyChange| of_update(kind, &change).0;
        let auth = |one: &str, two: &str| change("AuthType", Some(json!(one)), Some(json!(two)));
        assert_eq!(risk("AWS::Lambda::Url", auth("AWS_IAM", "NONE")), Risk::Broadens);
        assert_eq!(risk("AWS::Lambda::Url", auth("NONE", "AWS_IAM")), Risk::Safe);
        let route = change("AuthorizationType", Some(json!("JWT")), None);
        assert_eq!(risk("AWS::ApiGatewayV2::Route", route), Risk::Broadens);
        let flag = |one: bool, two: bool| {
            change("PublicAccessBlockConfiguration.BlockPublicAcls", Some(json!(one)), Some(json!(two)))
        };
        assert_eq!(risk("AWS::S3::Bucket", flag(true, false)), Risk::Broadens);
        assert_eq!(risk("AWS::S3::Bucket", flag(false, true)), Risk::Safe);
        let statement = |principal: &str| {
            Some(json!({ "Effect": "Allow", "Principal": principal, "Action": "events:PutEvents", "Resource": "bus" }))
        };
        let widened = change("Statement", statement("arn:aws:iam::123456789012:root"), statement("*"));
        assert_eq!(risk("AWS::Events::EventBusPolicy", widened), Risk::Broadens);
    }

    #[test]
    fn what_holds_data_is_lost_unless_it_is_kept() {
        let mut bucket = Resource { kind: "AWS::S3::Bucket".to_owned(), ..Resource::default() };
        assert_eq!(of_delete(&bucket).0, Risk::LosesData);
        assert_eq!(of_replacement(&bucket, "BucketName").0, Risk::LosesData);
        bucket.deletion_policy = Some("Retain".to_owned());
        bucket.update_replace_policy = Some("Retain".to_owned());
        assert_eq!(of_delete(&bucket).0, Risk::Safe);
        assert_eq!(of_replacement(&bucket, "BucketName").0, Risk::Replaces);
    }
}
