//! Types, and values that their properties may have: several that mean the same, and several that do not.

use crate::diff::ALARM;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A type, and values that some of its properties may have; the first is what the service fills in.
pub(super) struct Kind {
    pub(super) kind: &'static str,
    pub(super) properties: Vec<(&'static str, Vec<Value>)>,
}

fn statement(actions: Value, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource, "Principal": "*" })
}

fn document(statements: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Properties that are always given.
const REQUIRED: [&str; 2] = ["IntegrationType", "AuthorizerType"];

pub(super) fn kinds() -> &'static [Kind] {
    static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(table);
    &KINDS
}

/// Every value may be `null` as well: not given, or looked for and not there.
fn table() -> Vec<Kind> {
    let kind = |kind, properties: &[(&'static str, Value)]| Kind {
        kind,
        properties: properties
            .iter()
            .map(|(key, values)| {
                let values = values.as_array().cloned().expect("a list of values");
                let nothing = (!REQUIRED.contains(key)).then_some(Value::Null);
                (*key, nothing.into_iter().chain(values).collect())
            })
            .collect(),
    };
    let (send, receive) = (statement(json!("sqs:SendMessage"), "a"), statement(json!(["sqs:ReceiveMessage"]), "b"));
    let documents = json!([
        document(json!([send, receive])),
        document(json!([receive, send])),
        document(json!(statement(json!(["SQS:SendMessage", "sqs:ReceiveMessage"]), "a"))),
        document(json!([])),
    ]);
    vec![
        kind(
            "AWS::SQS::Queue",
            &[
                ("VisibilityTimeout", json!([30, 5, "180"])),
                ("DelaySeconds", json!([0, "1"])),
                ("KmsMasterKeyId", json!(["alias/own"])),
                (
                    "RedrivePolicy",
                    json!([
                        { "maxReceiveCount": 3, "deadLetterTargetArn": "d" },
                        "{\"deadLetterTargetArn\":\"d\",\"maxReceiveCount\":\"3\"}",
                        { "deadLetterTargetArn": "other", "maxReceiveCount": 5 },
                    ]),
                ),
            ],
        ),
        kind("AWS::SQS::QueuePolicy", &[("Queues", json!([["q"]])), ("PolicyDocument", documents.clone())]),
        kind("AWS::SNS::TopicPolicy", &[("Topics", json!([["t"]])), ("PolicyDocument", documents.clone())]),
        kind("AWS::S3::BucketPolicy", &[("Bucket", json!(["b"])), ("PolicyDocument", documents.clone())]),
        kind(
            "AWS::IAM::Role",
            &[
                ("Description", json!(["", "a role"])),
                ("MaxSessionDuration", json!([3600, 7200])),
                ("ManagedPolicyArns", json!([["arn:b", "arn:a"], ["arn:a", "arn:b"], []])),
                ("AssumeRolePolicyDocument", documents.clone()),
                (
                    "Policies",
                    json!([
                        [{ "PolicyName": "p", "PolicyDocument": documents[0] }],
                        [{ "PolicyName": "p", "PolicyDocument": documents[2] }, { "PolicyName": "q", "PolicyDocument": documents[0] }],
                        { "p": documents[1] },
                    ]),
                ),
            ],
        ),
        kind("AWS::Logs::LogGroup", &[("RetentionInDays", json!([7, "30"])), ("LogGroupClass", json!(["STANDARD"]))]),
        kind(
            "AWS::Logs::MetricFilter",
            &[
                ("FilterPattern", json!(["", "ERROR"])),
                (
                    "MetricTransformations",
                    json!([[{ "MetricName": "m", "MetricValue": "1", "Unit": "None" }], [{ "MetricName": "m", "MetricValue": "1" }], [{ "MetricName": "n", "MetricValue": "2", "DefaultValue": "0" }]]),
                ),
            ],
        ),
        kind(
            "AWS::Logs::SubscriptionFilter",
            &[("FilterPattern", json!(["", "x"])), ("Distribution", json!(["Random"]))],
        ),
        kind(
            ALARM,
            &[
                ("Threshold", json!([5, 5.0, "7.5"])),
                ("Period", json!([60, "300"])),
                ("EvaluationPeriods", json!([1, 3])),
                (
                    "Dimensions",
                    json!([[{ "Name": "a", "Value": "1" }, { "Name": "b", "Value": "2" }], [{ "Name": "b", "Value": "2" }, { "Name": "a", "Value": "1" }]]),
                ),
                ("AlarmActions", json!([["x", "y"], ["y", "x"], []])),
                ("Statistic", json!(["Sum"])),
            ],
        ),
        kind(
            "AWS::CloudWatch::CompositeAlarm",
            &[
                ("AlarmRule", json!(["ALARM(a)  OR ALARM(b)", "ALARM(a) OR\nALARM(b)", "ALARM(a)"])),
                ("ActionsEnabled", json!([true, "false"])),
            ],
        ),
        kind(
            "AWS::CloudWatch::Dashboard",
            &[(
                "DashboardBody",
                json!(["{\"widgets\": [{\"type\": \"text\", \"width\": 6}]}", { "widgets": [{ "width": 6, "type": "text" }] }, "{}", "no JSON"]),
            )],
        ),
        kind(
            "AWS::Lambda::EventSourceMapping",
            &[
                ("BatchSize", json!([10, 5])),
                ("Enabled", json!([true, false])),
                ("FunctionResponseTypes", json!([["ReportBatchItemFailures"], []])),
                (
                    "FilterCriteria",
                    json!([{ "Filters": [{ "Pattern": "{\"a\": [1]}" }] }, { "Filters": [{ "Pattern": "{\"a\":[1]}" }] }]),
                ),
            ],
        ),
        kind(
            "AWS::Lambda::EventInvokeConfig",
            &[("MaximumRetryAttempts", json!([2, 0])), ("MaximumEventAgeInSeconds", json!([60]))],
        ),
        kind(
            "AWS::Lambda::Url",
            &[
                ("AuthType", json!(["NONE", "AWS_IAM"])),
                ("InvokeMode", json!(["BUFFERED"])),
                ("Cors", json!([{ "AllowOrigins": ["*"] }])),
            ],
        ),
        kind(
            "AWS::Events::Rule",
            &[
                ("State", json!(["ENABLED", "DISABLED"])),
                ("EventPattern", json!(["{\"source\": [\"a\"]}", { "source": ["a"] }, { "source": ["b"] }])),
                (
                    "Targets",
                    json!([[{ "Id": "a", "Arn": "x" }, { "Id": "b", "Arn": "y" }], [{ "Id": "b", "Arn": "y" }, { "Id": "a", "Arn": "x", "RetryPolicy": { "MaximumRetryAttempts": 185 } }], []]),
                ),
            ],
        ),
        kind("AWS::Events::EventBusPolicy", &[("Statement", json!([send, receive]))]),
        kind(
            "AWS::Scheduler::Schedule",
            &[
                ("ScheduleExpression", json!(["rate(1 day)", "rate(2 days)"])),
                ("State", json!(["ENABLED", "DISABLED"])),
                ("StartDate", json!(["2026-11-20T00:00:00Z", "2026-11-20T00:00:00.000Z"])),
                (
                    "Target",
                    json!([{ "Arn": "x", "Input": "{\"a\": 1}" }, { "Arn": "x", "Input": "{\"a\":1}", "RetryPolicy": { "MaximumEventAgeInSeconds": 86_400 } }, { "Arn": "y" }]),
                ),
            ],
        ),
        kind(
            "AWS::SNS::Topic",
            &[
                ("DisplayName", json!(["", "t"])),
                ("TracingConfig", json!(["PassThrough", "Active"])),
                ("SignatureVersion", json!(["1", "2"])),
            ],
        ),
        kind(
            "AWS::SNS::Subscription",
            &[
                ("FilterPolicy", json!([{ "a": ["b"] }, "{\"a\":[\"b\"]}"])),
                ("RawMessageDelivery", json!([true, "true", false])),
            ],
        ),
        kind(
            "AWS::S3::Bucket",
            &[
                ("VersioningConfiguration", json!([{ "Status": "Enabled" }, { "Status": "Suspended" }])),
                (
                    "PublicAccessBlockConfiguration",
                    json!([{ "BlockPublicAcls": true, "BlockPublicPolicy": "true", "IgnorePublicAcls": true, "RestrictPublicBuckets": true }, { "BlockPublicAcls": true }]),
                ),
                (
                    "LifecycleConfiguration",
                    json!([{ "Rules": [{ "Id": "a", "Status": "Enabled", "ExpirationInDays": "30" }] }, { "Rules": [] }]),
                ),
                (
                    "CorsConfiguration",
                    json!([{ "CorsRules": [{ "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"] }] }]),
                ),
            ],
        ),
        kind(
            "AWS::ApiGatewayV2::Api",
            &[
                ("CorsConfiguration", json!([{ "AllowHeaders": ["A", "b"] }, { "AllowHeaders": ["B", "a"] }, {}])),
                ("IpAddressType", json!(["ipv4", "dualstack"])),
                ("Description", json!(["", "d"])),
            ],
        ),
        kind(
            "AWS::ApiGatewayV2::Route",
            &[
                ("AuthorizationType", json!(["NONE", "JWT"])),
                ("ApiKeyRequired", json!([false, true])),
                ("AuthorizationScopes", json!([[], ["b", "a"], ["a", "b"]])),
            ],
        ),
        kind(
            "AWS::ApiGatewayV2::Integration",
            &[
                ("IntegrationType", json!(["AWS_PROXY"])),
                ("IntegrationMethod", json!(["POST"])),
                ("TimeoutInMillis", json!([30_000, 1_000])),
            ],
        ),
        kind(
            "AWS::ApiGatewayV2::Stage",
            &[
                ("AutoDeploy", json!([true, false])),
                ("StageVariables", json!([{}, { "a": "b" }, { "a": "" }])),
                ("DefaultRouteSettings", json!([{}, { "ThrottlingBurstLimit": "40", "DataTraceEnabled": false }])),
            ],
        ),
        kind(
            "AWS::ApiGatewayV2::Authorizer",
            &[
                ("AuthorizerType", json!(["JWT"])),
                ("JwtConfiguration", json!([{ "Audience": ["b", "a"] }, { "Audience": ["a", "b"] }])),
            ],
        ),
        kind(
            "AWS::SecretsManager::Secret",
            &[("Description", json!(["", "s"])), ("KmsKeyId", json!(["alias/aws/secretsmanager", "k"]))],
        ),
        // Told by drift detection.
        kind("AWS::SSM::Parameter", &[("Value", json!(["1", "2"])), ("Description", json!(["d"]))]),
        kind(
            "AWS::DynamoDB::Table",
            &[
                ("BillingMode", json!(["PAY_PER_REQUEST", "PROVISIONED"])),
                ("TimeToLiveSpecification", json!([{ "Enabled": true }])),
            ],
        ),
    ]
}
