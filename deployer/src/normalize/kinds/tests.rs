//! Two ways to say the same for every type, and that normalising twice changes nothing.

use super::kind;
use crate::normalize::tables::{DOCUMENTS, JSON, NUMBERS, SETS, TIMES};
use crate::state::Properties;
use proptest::prelude::*;
use serde_json::{Value, json};

fn object(value: Value) -> Properties {
    value.as_object().cloned().expect("an object")
}

/// Two ways to say the same, for every type; and a third that says something else.
fn cases() -> Vec<(&'static str, Value, Value, Value)> {
    let document = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Sid": null }] });
    vec![
        (
            "AWS::IAM::Role",
            json!({ "Policies": [{ "PolicyName": "a", "PolicyDocument": document.to_string() }], "ManagedPolicyArns": ["b", "a"] }),
            json!({ "Policies": { "a": document }, "ManagedPolicyArns": ["a", "b"], "MaxSessionDuration": 3600, "Path": "/" }),
            json!({ "Policies": [], "ManagedPolicyArns": ["b", "a"] }),
        ),
        (
            "AWS::Logs::LogGroup",
            json!({ "RetentionInDays": "14" }),
            json!({ "RetentionInDays": 14, "KmsKeyId": null, "LogGroupClass": "STANDARD" }),
            json!({}),
        ),
        (
            "AWS::Logs::MetricFilter",
            json!({ "MetricTransformations": [{ "MetricName": "m", "DefaultValue": 0, "Dimensions": [{ "Key": "k", "Value": "$.k" }] }] }),
            json!({ "MetricTransformations": [{ "MetricName": "m", "DefaultValue": 0.0, "Dimensions": { "k": "$.k" }, "Unit": "None" }], "ApplyOnTransformedLogs": false }),
            json!({ "MetricTransformations": [{ "MetricName": "m", "DefaultValue": 0.5, "Dimensions": [{ "Key": "k", "Value": "$.k" }] }] }),
        ),
        (
            "AWS::CloudWatch::Alarm",
            json!({ "Threshold": "1", "EvaluationPeriods": 2, "Dimensions": [{ "Name": "b", "Value": "2" }, { "Name": "a", "Value": "1" }], "AlarmActions": ["y", "x"] }),
            json!({ "Threshold": 1.0, "EvaluationPeriods": 2, "DatapointsToAlarm": 2, "Dimensions": [{ "Name": "a", "Value": "1" }, { "Name": "b", "Value": "2" }], "AlarmActions": ["x", "y"], "OKActions": [], "ActionsEnabled": true, "TreatMissingData": "missing", "Unit": null }),
            json!({ "Threshold": 1.5, "EvaluationPeriods": 2, "Dimensions": [{ "Name": "b", "Value": "2" }, { "Name": "a", "Value": "1" }], "AlarmActions": ["y", "x"] }),
        ),
        (
            "AWS::CloudWatch::Alarm",
            json!({ "Metrics": [{ "Id": "e", "Expression": "m*2" }, { "Id": "m", "ReturnData": false, "MetricStat": { "Metric": { "MetricName": "Errors", "Namespace": "AWS/Lambda" }, "Period": "60", "Stat": "Sum" } }] }),
            json!({ "Metrics": [{ "Id": "m", "ReturnData": false, "MetricStat": { "Metric": { "MetricName": "Errors", "Namespace": "AWS/Lambda", "Dimensions": [] }, "Period": 60, "Stat": "Sum" } }, { "Id": "e", "Expression": "m*2", "ReturnData": true, "Label": "" }] }),
            json!({ "Metrics": [{ "Id": "e", "Expression": "m*3" }, { "Id": "m", "ReturnData": false, "MetricStat": { "Metric": { "MetricName": "Errors", "Namespace": "AWS/Lambda" }, "Period": "60", "Stat": "Sum" } }] }),
        ),
        (
            "AWS::CloudWatch::CompositeAlarm",
            json!({ "AlarmRule": "ALARM(a)\n  OR ALARM(b)" }),
            json!({ "AlarmRule": "ALARM(a) OR ALARM(b)", "ActionsEnabled": true }),
            json!({ "AlarmRule": "ALARM(a) AND ALARM(b)" }),
        ),
        (
            "AWS::CloudWatch::Dashboard",
            json!({ "DashboardBody": "{\"widgets\": [1.0, null]}" }),
            json!({ "DashboardBody": { "widgets": [1.0, null] } }),
            json!({ "DashboardBody": { "widgets": [] } }),
        ),
        (
            "AWS::Events::Rule",
            json!({ "EventPattern": { "source": ["a"] }, "Targets": [{ "Id": "b", "Arn": "y" }, { "Id": "a", "Arn": "x", "Input": "{\"k\": null}", "RetryPolicy": { "MaximumRetryAttempts": 185 } }] }),
            json!({ "State": "ENABLED", "EventPattern": "{\"source\":[\"a\"]}", "Targets": [{ "Id": "a", "Arn": "x", "Input": { "k": null }, "RetryPolicy": null }, { "Id": "b", "Arn": "y" }] }),
            json!({ "EventPattern": { "source": ["a"] }, "Targets": [{ "Id": "a", "Arn": "x", "Input": "{}" }, { "Id": "b", "Arn": "y" }] }),
        ),
        (
            "AWS::Events::EventBusPolicy",
            json!({ "StatementId": "s", "Statement": { "Effect": "Allow" } }),
            json!({ "StatementId": "s", "Statement": { "Sid": "s", "Effect": "Allow" } }),
            json!({ "StatementId": "s", "Statement": { "Effect": "Deny" } }),
        ),
        (
            "AWS::Scheduler::Schedule",
            json!({ "ScheduleExpression": "rate(1 day)", "StartDate": "2026-11-20T10:00:00.000Z", "Target": { "Arn": "a", "Input": "{ }" } }),
            json!({ "ScheduleExpression": "rate(1 day)", "StartDate": "2026-11-20T10:00:00Z", "State": "ENABLED", "GroupName": "default", "ScheduleExpressionTimezone": "UTC", "Target": { "Arn": "a", "Input": {}, "RetryPolicy": { "MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400 } } }),
            json!({ "ScheduleExpression": "rate(1 day)", "StartDate": "2026-11-21T10:00:00.000Z", "Target": { "Arn": "a", "Input": "{ }" } }),
        ),
        (
            "AWS::SQS::Queue",
            json!({ "VisibilityTimeout": "60", "RedrivePolicy": { "deadLetterTargetArn": "a", "maxReceiveCount": 5 } }),
            json!({ "VisibilityTimeout": 60, "RedrivePolicy": "{\"deadLetterTargetArn\":\"a\",\"maxReceiveCount\":\"5\"}", "DelaySeconds": 0, "SqsManagedSseEnabled": true, "FifoQueue": null, "MaximumMessageSize": null, "RedriveAllowPolicy": { "redrivePermission": "allowAll" } }),
            json!({ "VisibilityTimeout": "60", "RedrivePolicy": { "deadLetterTargetArn": "a", "maxReceiveCount": 6 } }),
        ),
        (
            "AWS::SQS::Queue",
            json!({ "FifoQueue": true, "KmsMasterKeyId": "k" }),
            json!({ "FifoQueue": "true", "KmsMasterKeyId": "k", "SqsManagedSseEnabled": false, "ContentBasedDeduplication": false, "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue" }),
            json!({ "FifoQueue": true, "KmsMasterKeyId": "k", "ContentBasedDeduplication": true }),
        ),
        (
            "AWS::SNS::Topic",
            json!({ "DisplayName": "", "FifoTopic": false }),
            json!({ "SignatureVersion": "1", "TracingConfig": "PassThrough", "KmsMasterKeyId": null }),
            json!({ "TracingConfig": "Active" }),
        ),
        (
            "AWS::SNS::Subscription",
            json!({ "FilterPolicy": "{\"a\": [{\"exists\": true}]}", "RawMessageDelivery": "true" }),
            json!({ "FilterPolicy": { "a": [{ "exists": true }] }, "RawMessageDelivery": true, "FilterPolicyScope": "MessageAttributes" }),
            json!({ "FilterPolicy": { "a": [{ "exists": false }] }, "RawMessageDelivery": true }),
        ),
        (
            "AWS::S3::Bucket",
            json!({
                "NotificationConfiguration": { "LambdaConfigurations": [
                    { "Event": "b", "Function": "f", "Filter": { "S3Key": { "Rules": [] } } },
                    { "Event": "a", "Function": "f", "Filter": { "S3Key": { "Rules": [{ "Name": "suffix", "Value": ".x" }, { "Name": "prefix", "Value": "p" }] } } },
                ] },
                "LifecycleConfiguration": { "Rules": [{ "Status": "Enabled", "Id": "i", "NoncurrentVersionExpirationInDays": "3" }] },
            }),
            json!({
                "NotificationConfiguration": { "LambdaConfigurations": [
                    { "Event": "a", "Function": "f", "Filter": { "S3Key": { "Rules": [{ "Name": "Prefix", "Value": "p" }, { "Name": "Suffix", "Value": ".x" }] } } },
                    { "Event": "b", "Function": "f" },
                ], "EventBridgeConfiguration": null, "QueueConfigurations": [] },
                "LifecycleConfiguration": { "Rules": [{ "Id": "i", "Prefix": "", "Status": "Enabled", "NoncurrentVersionExpiration": { "NoncurrentDays": 3 } }] },
                "PublicAccessBlockConfiguration": { "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true },
                "BucketEncryption": { "ServerSideEncryptionConfiguration": [{ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" }, "BucketKeyEnabled": false }] },
                "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
                "VersioningConfiguration": { "Status": "Suspended" },
            }),
            json!({ "PublicAccessBlockConfiguration": { "BlockPublicAcls": true } }),
        ),
        (
            "AWS::ApiGatewayV2::Api",
            json!({ "Name": "n", "CorsConfiguration": { "AllowHeaders": ["X-B", "X-A"], "AllowMethods": ["get"] } }),
            json!({ "Name": "n", "CorsConfiguration": { "AllowHeaders": ["x-a", "x-b"], "AllowMethods": ["GET"], "AllowCredentials": false, "ExposeHeaders": [] }, "DisableExecuteApiEndpoint": false, "IpAddressType": "ipv4" }),
            json!({ "Name": "n" }),
        ),
        (
            "AWS::ApiGatewayV2::Integration",
            json!({ "IntegrationType": "AWS_PROXY", "IntegrationUri": "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:f/invocations", "PayloadFormatVersion": "2.0" }),
            json!({ "IntegrationType": "AWS_PROXY", "IntegrationUri": "arn:f", "IntegrationMethod": "POST", "ConnectionType": "INTERNET", "TimeoutInMillis": 30000, "PayloadFormatVersion": "2.0" }),
            json!({ "IntegrationType": "AWS_PROXY", "IntegrationUri": "arn:g", "PayloadFormatVersion": "2.0" }),
        ),
        (
            "AWS::ApiGatewayV2::Stage",
            json!({ "AutoDeploy": true, "AccessLogSettings": { "DestinationArn": "arn:g:*", "Format": "f" }, "DefaultRouteSettings": { "ThrottlingRateLimit": "100" } }),
            json!({ "AutoDeploy": "true", "AccessLogSettings": { "DestinationArn": "arn:g", "Format": "f" }, "DefaultRouteSettings": { "ThrottlingRateLimit": 100.0, "DetailedMetricsEnabled": false }, "RouteSettings": {} }),
            json!({ "AutoDeploy": true, "DefaultRouteSettings": { "ThrottlingRateLimit": 50 } }),
        ),
        (
            "AWS::SecretsManager::Secret",
            json!({ "Description": "d" }),
            json!({ "Description": "d", "KmsKeyId": "alias/aws/secretsmanager" }),
            json!({ "Description": "d", "KmsKeyId": "alias/own" }),
        ),
    ]
}

#[test]
fn what_says_the_same_is_the_same_and_what_does_not_is_not() {
    for (of, one, two, other) in cases() {
        let (one, two, other) = (kind(of, &object(one)), kind(of, &object(two)), kind(of, &object(other)));
        assert_eq!(one, two, "{of}");
        assert_ne!(one, other, "{of}");
    }
}

#[test]
fn the_order_of_keys_is_the_same_too() {
    for (of, one, two, _) in cases() {
        if of != "AWS::IAM::Role" && of != "AWS::Events::Rule" {
            continue;
        }
        let names = |value: Value| {
            let normal = kind(of, &object(value));
            ["Policies", "Targets"].map(|key| {
                normal.get(key).and_then(Value::as_object).map(|map| map.keys().cloned().collect::<Vec<_>>())
            })
        };
        assert_eq!(names(one), names(two), "{of}");
    }
}

#[test]
fn a_name_that_comes_twice_keeps_the_list() {
    let twice = json!({ "Targets": [{ "Id": "a", "Arn": "x" }, { "Id": "a", "Arn": "y" }] });
    let normal = kind("AWS::Events::Rule", &object(twice.clone()));
    assert_eq!(normal["Targets"], twice["Targets"]);
}

/// Values of every shape under the words that the tables know.
fn anything() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(String::new()),
        "[a-z]{1,3}",
        "[0-9]{1,3}",
        Just("true".to_owned()),
        Just("{\"a\": null, \"Period\": \"1\"}".to_owned()),
        Just("[\"1\"]".to_owned()),
        Just("\"3\"".to_owned()),
        Just("2026-11-20T10:00:00+01:00".to_owned()),
        Just("GET".to_owned()),
        Just("arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:f/invocations".to_owned()),
        Just("arn:g:*:*".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5..2000i64).prop_map(Value::from),
        (0.0..3.0f64).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = DOCUMENTS
        .iter()
        .chain(JSON)
        .chain(&NUMBERS[..6])
        .chain(SETS)
        .chain(TIMES)
        .copied()
        .chain([
            "Targets",
            "Metrics",
            "Policies",
            "Dimensions",
            "Id",
            "Name",
            "Key",
            "Value",
            "PolicyName",
            "Rules",
            "Event",
            "MetricTransformations",
            "RetryPolicy",
            "LifecycleConfiguration",
            "NotificationConfiguration",
            "LambdaConfigurations",
            "Filter",
            "S3Key",
            "CorsConfiguration",
            "CorsRules",
            "BucketEncryption",
            "MaxAge",
            "ServerSideEncryptionConfiguration",
            "PublicAccessBlockConfiguration",
            "BlockPublicAcls",
            "AccessLogSettings",
            "DestinationArn",
            "DefaultRouteSettings",
            "RouteSettings",
            "IntegrationUri",
            "AlarmRule",
            "Transition",
            "EventBridgeConfiguration",
            "VersioningConfiguration",
            "FifoQueue",
            "MetricStat",
            "Metric",
            "Unit",
            "Prefix",
            "NoncurrentVersionExpirationInDays",
            "EvaluationPeriods",
            "DatapointsToAlarm",
            "KmsMasterKeyId",
        ])
        .collect();
    proptest::sample::select(words).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]
    #[test]
    fn normalising_twice_changes_nothing(
        of in proptest::sample::select(cases().into_iter().map(|(of, ..)| of).chain(["AWS::Other::Thing"]).collect::<Vec<_>>()),
        pairs in proptest::collection::vec((word(), anything()), 0..6),
    ) {
        let given: Properties = pairs.into_iter().collect();
        let once = kind(of, &given);
        prop_assert_eq!(kind(of, &once), once);
    }
}
