//! What services fill in, by type, and what a property's name says of its value, whatever it stands in.

use serde_json::{Value, json};

/// What a service fills in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Filled {
    Text(&'static str),
    Number(i64),
    Flag(bool),
}

impl Filled {
    pub(super) fn value(self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Flag(flag) => json!(flag),
        }
    }
}

use Filled::{Flag, Number, Text};

/// Defaults by type and property, each from the property's page in the CloudFormation reference, or from the service's own
/// reference where CloudFormation's says nothing.
///
/// Source: `https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-<type>.html`, and besides
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html>,
/// <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html>,
/// <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html> (read 2026-11).
pub(super) const DEFAULTS: &[(&str, &[(&str, Filled)])] = &[
    ("AWS::IAM::Role", &[("MaxSessionDuration", Number(3600)), ("Path", Text("/"))]),
    (
        "AWS::Lambda::EventInvokeConfig",
        &[("MaximumEventAgeInSeconds", Number(21_600)), ("MaximumRetryAttempts", Number(2))],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &[
            ("BisectBatchOnFunctionError", Flag(false)),
            ("Enabled", Flag(true)),
            ("MaximumBatchingWindowInSeconds", Number(0)),
            ("MaximumRecordAgeInSeconds", Number(-1)),
            ("MaximumRetryAttempts", Number(-1)),
            ("ParallelizationFactor", Number(1)),
            ("TumblingWindowInSeconds", Number(0)),
        ],
    ),
    ("AWS::Lambda::Url", &[("InvokeMode", Text("BUFFERED"))]),
    ("AWS::Logs::LogGroup", &[("LogGroupClass", Text("STANDARD"))]),
    ("AWS::Logs::MetricFilter", &[("ApplyOnTransformedLogs", Flag(false))]),
    (
        "AWS::Logs::SubscriptionFilter",
        &[("Distribution", Text("ByLogStream")), ("ApplyOnTransformedLogs", Flag(false))],
    ),
    ("AWS::CloudWatch::Alarm", &[("ActionsEnabled", Flag(true)), ("TreatMissingData", Text("missing"))]),
    ("AWS::CloudWatch::CompositeAlarm", &[("ActionsEnabled", Flag(true))]),
    ("AWS::Events::Rule", &[("State", Text("ENABLED"))]),
    (
        "AWS::Scheduler::Schedule",
        &[("State", Text("ENABLED")), ("ScheduleExpressionTimezone", Text("UTC")), ("GroupName", Text("default"))],
    ),
    (
        "AWS::SQS::Queue",
        &[
            ("DelaySeconds", Number(0)),
            ("KmsDataKeyReusePeriodSeconds", Number(300)),
            ("MessageRetentionPeriod", Number(345_600)),
            ("ReceiveMessageWaitTimeSeconds", Number(0)),
            ("VisibilityTimeout", Number(30)),
        ],
    ),
    ("AWS::SNS::Topic", &[("SignatureVersion", Text("1")), ("TracingConfig", Text("PassThrough"))]),
    (
        "AWS::SNS::Subscription",
        &[("FilterPolicyScope", Text("MessageAttributes")), ("RawMessageDelivery", Flag(false))],
    ),
    (
        "AWS::ApiGatewayV2::Api",
        &[
            ("ApiKeySelectionExpression", Text("$request.header.x-api-key")),
            ("DisableExecuteApiEndpoint", Flag(false)),
            ("DisableSchemaValidation", Flag(false)),
            ("IpAddressType", Text("ipv4")),
            ("RouteSelectionExpression", Text("$request.method $request.path")),
        ],
    ),
    ("AWS::ApiGatewayV2::Route", &[("AuthorizationType", Text("NONE")), ("ApiKeyRequired", Flag(false))]),
    (
        "AWS::ApiGatewayV2::Integration",
        &[
            ("ConnectionType", Text("INTERNET")),
            ("PayloadFormatVersion", Text("1.0")),
            ("TimeoutInMillis", Number(30_000)),
        ],
    ),
    ("AWS::ApiGatewayV2::Stage", &[("AutoDeploy", Flag(false))]),
    ("AWS::ApiGatewayV2::Authorizer", &[("EnableSimpleResponses", Flag(false))]),
];

/// JSON documents: read where they are text, and left alone.
pub(super) const DOCUMENTS: &[&str] = &[
    "ArchivePolicy",
    "AssumeRolePolicyDocument",
    "DashboardBody",
    "DeliveryPolicy",
    "EventPattern",
    "FilterPolicy",
    "Input",
    "Pattern",
    "Policy",
    "PolicyDocument",
    "ReplayPolicy",
    "Statement",
];

/// JSON in text that is looked into.
pub(super) const JSON: &[&str] = &["RedrivePolicy", "RedriveAllowPolicy"];

/// Numbers, which a template may give as text.
pub(super) const NUMBERS: &[&str] = &[
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "AuthorizerResultTtlInSeconds",
    "DatapointsToAlarm",
    "DaysAfterInitiation",
    "DefaultValue",
    "DelaySeconds",
    "EvaluationPeriods",
    "ExpirationInDays",
    "KmsDataKeyReusePeriodSeconds",
    "MaxAge",
    "MaxSessionDuration",
    "MaximumEventAgeInSeconds",
    "MaximumMessageSize",
    "MaximumRetryAttempts",
    "MaximumWindowInMinutes",
    "MessageRetentionPeriod",
    "NewerNoncurrentVersions",
    "NoncurrentDays",
    "NoncurrentVersionExpirationInDays",
    "ObjectSizeGreaterThan",
    "ObjectSizeLessThan",
    "Period",
    "ReceiveMessageWaitTimeSeconds",
    "RetentionInDays",
    "Threshold",
    "ThrottlingBurstLimit",
    "ThrottlingRateLimit",
    "TimeoutInMillis",
    "TransitionInDays",
    "VisibilityTimeout",
    "maxReceiveCount",
];

/// Flags, likewise.
pub(super) const FLAGS: &[&str] = &[
    "ActionsEnabled",
    "AllowCredentials",
    "ApiKeyRequired",
    "ApplyOnTransformedLogs",
    "AutoDeploy",
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "BucketKeyEnabled",
    "ContentBasedDeduplication",
    "DataTraceEnabled",
    "DetailedMetricsEnabled",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "EnableSimpleResponses",
    "EventBridgeEnabled",
    "ExpiredObjectDeleteMarker",
    "FifoQueue",
    "FifoTopic",
    "IgnorePublicAcls",
    "RawMessageDelivery",
    "RestrictPublicBuckets",
    "ReturnData",
    "SqsManagedSseEnabled",
];

/// Points in time.
pub(super) const TIMES: &[&str] = &["EndDate", "ExpirationDate", "StartDate", "TransitionDate"];

/// Lists whose order says nothing.
pub(super) const SETS: &[&str] = &[
    "AlarmActions",
    "AllowHeaders",
    "AllowMethods",
    "AllowOrigins",
    "AllowedHeaders",
    "AllowedMethods",
    "AllowedOrigins",
    "Audience",
    "AuthorizationScopes",
    "ExposeHeaders",
    "ExposedHeaders",
    "FunctionResponseTypes",
    "IdentitySource",
    "InsufficientDataActions",
    "ManagedPolicyArns",
    "OKActions",
    "Queues",
    "TagFilters",
    "Topics",
    "sourceQueueArns",
];
