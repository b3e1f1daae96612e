//! What deploying takes: the actions of the deploy role, each row with the types of resource that need it.
//!
//! `direct` are calls of this tool, held against its own binary by [`audit`](super::audit); `handlers` are calls that
//! CloudFormation makes with the caller's rights when it creates, updates, reads or deletes a resource of these types.
//!
//! Source: the `handlers` section of each type's schema in the CloudFormation registry, and
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html> (read 2026-11).

use super::row::{Row, When, row};

const FUNCTION: &str = "AWS::Lambda::Function";
const HTTP: &[&str] = &["AWS::ApiGatewayV2::Api"];
const DELIVERIES: &[&str] = &["AWS::ApiGatewayV2::Stage", "AWS::Pipes::Pipe"];
const BUCKET: &[&str] = &["AWS::S3::Bucket", "AWS::S3::BucketPolicy"];
const MAPPING: &[&str] = &["AWS::Lambda::EventSourceMapping"];
const ROLE: &[&str] = &["AWS::IAM::Role"];
const ROLES: &[&str] = &["iam::{A}:role/{N}-*"];

pub(crate) static ROWS: &[Row] = &[
    // --- every deployment: the stack, the ledger
    Row {
        direct: &[
            "cloudformation:ContinueUpdateRollback",
            "cloudformation:CreateChangeSet",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeEvents",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStackResourceDrifts",
            "cloudformation:DescribeStackResources",
            "cloudformation:DescribeStacks",
            "cloudformation:DetectStackDrift",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetTemplate",
            "cloudformation:ListChangeSets",
            "cloudformation:ListStackResources",
            "cloudformation:UpdateTerminationProtection",
        ],
        // Drift of a stack is asked resource by resource; tags of a change set are tags of the stack.
        handlers: &["cloudformation:DetectStackResourceDrift", "cloudformation:TagResource"],
        ..row("Stacks", &[], &["cloudformation:{R}:{A}:stack/{N}/*"])
    },
    Row {
        direct: &["cloudformation:DescribeStackDriftDetectionStatus", "cloudformation:ListExports"],
        ..row("StacksOfTheRegion", &[], &["*"])
    },
    Row { direct: &["s3:ListBucket"], ..row("Ledger", &[], &["s3:::{B}"]) },
    Row { direct: &["s3:GetObject"], ..row("LedgerRead", &[], &["s3:::{B}/*"]) },
    Row {
        direct: &["s3:PutObject"],
        ..row(
            "LedgerWrite",
            &[],
            &[
                "s3:::{B}/artifacts/*",
                "s3:::{B}/templates/*",
                "s3:::{B}/plans/{N}/*",
                "s3:::{B}/releases/{N}/*",
                "s3:::{B}/leases/{N}.json",
            ],
        )
    },
    // `prune`. A version stays for thirty days.
    Row {
        direct: &["s3:DeleteObject"],
        ..row("LedgerPrune", &[], &["s3:::{B}/artifacts/*", "s3:::{B}/templates/*", "s3:::{B}/plans/{N}/*"])
    },
    // --- functions
    Row {
        direct: &[
            "lambda:AddPermission",
            "lambda:DeleteFunction",
            "lambda:DeleteFunctionConcurrency",
            "lambda:GetAlias",
            "lambda:GetFunction",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:GetFunctionUrlConfig",
            "lambda:GetPolicy",
            "lambda:InvokeFunction",
            "lambda:ListAliases",
            "lambda:ListProvisionedConcurrencyConfigs",
            "lambda:ListVersionsByFunction",
            "lambda:PublishVersion",
            "lambda:PutFunctionConcurrency",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:RemovePermission",
            "lambda:UpdateAlias",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:UpdateFunctionUrlConfig",
        ],
        handlers: &[
            "lambda:CreateAlias",
            "lambda:CreateFunction",
            "lambda:CreateFunctionUrlConfig",
            "lambda:DeleteAlias",
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:DeleteFunctionUrlConfig",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionRecursionConfig",
            "lambda:GetRuntimeManagementConfig",
            "lambda:ListTags",
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:UpdateFunctionEventInvokeConfig",
        ],
        ..row("Functions", &[FUNCTION], &["lambda:{R}:{A}:function:{N}-*", "lambda:{R}:{A}:function:{=FunctionName}"])
    },
    Row {
        direct: &[
            "lambda:DeleteProvisionedConcurrencyConfig",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:PutProvisionedConcurrencyConfig",
        ],
        ..row("Warm", &[FUNCTION], &["lambda:{R}:{A}:function:{N}-*:*", "lambda:{R}:{A}:function:{=FunctionName}:*"])
    },
    Row { direct: &["lambda:GetAccountSettings"], ..row("Quotas", &[FUNCTION], &["*"]) },
    Row { handlers: &["lambda:GetLayerVersion"], ..row("Layers", &["Layers"], &["{=Layers}"]) },
    Row {
        handlers: &["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
        ..row("Network", &["VpcConfig"], &["*"])
    },
    Row {
        direct: &["lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
        when: When::OwnFunction,
        ..row("Mappings", MAPPING, &["lambda:{R}:{A}:event-source-mapping:*"])
    },
    Row {
        handlers: &["lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"],
        ..row("MappingTags", MAPPING, &["lambda:{R}:{A}:event-source-mapping:*"])
    },
    Row {
        handlers: &["lambda:CreateEventSourceMapping"],
        when: When::OwnFunction,
        ..row("NewMappings", MAPPING, &["*"])
    },
    Row { direct: &["lambda:ListEventSourceMappings"], ..row("AllMappings", &[FUNCTION], &["*"]) },
    // --- roles, never without the boundary
    Row { handlers: &["iam:CreateRole"], when: When::Bounded, ..row("NewRoles", ROLE, ROLES) },
    Row {
        direct: &[
            "iam:AttachRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
        ],
        when: When::Bounded,
        ..row("BoundedRoles", ROLE, ROLES)
    },
    Row {
        direct: &[
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
        ],
        handlers: &["iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateRoleDescription"],
        ..row("Roles", ROLE, ROLES)
    },
    Row { direct: &["iam:PassRole"], when: When::Passed, ..row("PassRoles", ROLE, ROLES) },
    Row { direct: &["iam:GetAccountAuthorizationDetails"], ..row("RolesOfTheAccount", ROLE, &["*"]) },
    // --- logs
    Row {
        direct: &[
            "logs:AssociateKmsKey",
            "logs:CreateLogGroup",
            "logs:DeleteRetentionPolicy",
            "logs:DescribeMetricFilters",
            "logs:DescribeSubscriptionFilters",
            "logs:DisassociateKmsKey",
            "logs:PutMetricFilter",
            "logs:PutRetentionPolicy",
            "logs:PutSubscriptionFilter",
        ],
        handlers: &[
            "logs:DeleteLogGroup",
            "logs:DeleteMetricFilter",
            "logs:DeleteSubscriptionFilter",
            "logs:ListTagsForResource",
            "logs:TagResource",
            "logs:UntagResource",
        ],
        ..row(
            "Logs",
            &["AWS::Logs::LogGroup"],
            &["logs:{R}:{A}:log-group:*/{N}*", "logs:{R}:{A}:log-group:{=LogGroupName}*"],
        )
    },
    Row { direct: &["logs:DescribeLogGroups"], ..row("LogsOfTheRegion", &["AWS::Logs::LogGroup"], &["*"]) },
    Row {
        handlers: &[
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
        ..row("LogDeliveries", DELIVERIES, &["*"])
    },
    // --- queues and topics
    Row {
        direct: &["sqs:CreateQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes"],
        handlers: &["sqs:DeleteQueue", "sqs:GetQueueUrl", "sqs:ListQueueTags", "sqs:TagQueue", "sqs:UntagQueue"],
        ..row("Queues", &["AWS::SQS::Queue"], &["sqs:{R}:{A}:{N}-*", "sqs:{R}:{A}:{=QueueName}"])
    },
    Row {
        direct: &["sns:CreateTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes"],
        handlers: &[
            "sns:DeleteTopic",
            "sns:GetDataProtectionPolicy",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource",
            "sns:Subscribe",
            "sns:TagResource",
            "sns:UntagResource",
        ],
        ..row(
            "Topics",
            &["AWS::SNS::Topic", "AWS::SNS::Subscription"],
            &["sns:{R}:{A}:{N}-*", "sns:{R}:{A}:{=TopicName}", "{=TopicArn}"],
        )
    },
    Row {
        direct: &["sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes"],
        handlers: &["sns:Unsubscribe"],
        ..row(
            "Subscriptions",
            &["AWS::SNS::Topic", "AWS::SNS::Subscription"],
            &["sns:{R}:{A}:{N}-*", "sns:{R}:{A}:{=TopicName}", "{=TopicArn}"],
        )
    },
    // --- buckets and secrets
    Row {
        direct: &[
            "s3:GetBucketCORS",
            "s3:GetBucketNotification",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:PutBucketCORS",
            "s3:PutBucketNotification",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
        ],
        handlers: &[
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            "s3:GetBucketTagging",
            "s3:PutBucketTagging",
        ],
        ..row("Buckets", BUCKET, &["s3:::{N}-*", "s3:::{=BucketName}"])
    },
    // `destroy --allow delete-data` empties a bucket before it goes.
    Row {
        direct: &["s3:DeleteObject"],
        handlers: &["s3:DeleteObjectVersion"],
        ..row("Objects", BUCKET, &["s3:::{N}-*/*", "s3:::{=BucketName}/*"])
    },
    Row {
        direct: &["secretsmanager:DescribeSecret", "secretsmanager:RestoreSecret", "secretsmanager:UpdateSecret"],
        handlers: &[
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
        ],
        ..row(
            "Secrets",
            &["AWS::SecretsManager::Secret"],
            &["secretsmanager:{R}:{A}:secret:{S}/*", "secretsmanager:{R}:{A}:secret:{=Name}-??????"],
        )
    },
    Row {
        handlers: &[
            "dynamodb:CreateTable",
            "dynamodb:DeleteTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeContributorInsights",
            "dynamodb:DescribeKinesisStreamingDestination",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:GetResourcePolicy",
            "dynamodb:ListTagsOfResource",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
        ],
        ..row(
            "Tables",
            &["AWS::DynamoDB::Table"],
            &["dynamodb:{R}:{A}:table/{N}-*", "dynamodb:{R}:{A}:table/{=TableName}"],
        )
    },
    Row {
        handlers: &["secretsmanager:GetRandomPassword"],
        ..row("RandomPasswords", &["AWS::SecretsManager::Secret"], &["*"])
    },
    Row {
        handlers: &["ssm:GetParameters"],
        ..row("Parameters", &["AWS::SSM::Parameter::Value<String>"], &["ssm:{R}:{A}:parameter{=Default}"])
    },
    // --- HTTP APIs: their identifiers are AWS's, so that the stacks' own cannot be told from others of the region
    Row {
        direct: &["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST"],
        ..row("HttpApis", HTTP, &["apigateway:{R}::/apis", "apigateway:{R}::/apis/*"])
    },
    Row {
        handlers: &["apigateway:DELETE", "apigateway:GET", "apigateway:PUT"],
        ..row("HttpApiTags", HTTP, &["apigateway:{R}::/tags/*"])
    },
    // --- events
    Row {
        direct: &[
            "events:DescribeRule",
            "events:ListTargetsByRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
        ],
        handlers: &["events:DeleteRule", "events:ListTagsForResource", "events:TagResource", "events:UntagResource"],
        ..row("Rules", &["AWS::Events::Rule"], &["events:{R}:{A}:rule/{N}-*", "events:{R}:{A}:rule/*/{N}-*"])
    },
    Row {
        direct: &["events:CreateEventBus", "events:DescribeEventBus", "events:UpdateEventBus"],
        handlers: &["events:DeleteEventBus", "events:TagResource", "events:UntagResource"],
        ..row(
            "Buses",
            &["AWS::Events::EventBus"],
            &["events:{R}:{A}:event-bus/{N}-*", "events:{R}:{A}:event-bus/{=Name}"],
        )
    },
    Row {
        direct: &["events:PutPermission"],
        handlers: &["events:RemovePermission"],
        ..row("BusPolicies", &["AWS::Events::EventBusPolicy"], &["*"])
    },
    Row {
        direct: &["scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"],
        handlers: &["scheduler:DeleteSchedule"],
        ..row("Schedules", &["AWS::Scheduler::Schedule"], &["scheduler:{R}:{A}:schedule/default/{N}-*"])
    },
    Row {
        handlers: &[
            "pipes:CreatePipe",
            "pipes:DeletePipe",
            "pipes:DescribePipe",
            "pipes:ListTagsForResource",
            "pipes:StartPipe",
            "pipes:StopPipe",
            "pipes:TagResource",
            "pipes:UntagResource",
            "pipes:UpdatePipe",
        ],
        ..row("Pipes", &["AWS::Pipes::Pipe"], &["pipes:{R}:{A}:pipe/{N}-*"])
    },
    // --- alarms and dashboards. A shift is watched by alarms of any name.
    Row { direct: &["cloudwatch:DescribeAlarms"], ..row("Watch", &[], &["cloudwatch:{R}:{A}:alarm:*"]) },
    Row { direct: &["cloudwatch:GetMetricData"], ..row("Measure", &[], &["*"]) },
    Row {
        direct: &["cloudwatch:PutCompositeAlarm", "cloudwatch:PutMetricAlarm"],
        handlers: &[
            "cloudwatch:DeleteAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
        ],
        ..row(
            "Alarms",
            &["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"],
            &["cloudwatch:{R}:{A}:alarm:{N}-*", "cloudwatch:{R}:{A}:alarm:{=AlarmName}"],
        )
    },
    Row {
        direct: &["cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
        handlers: &["cloudwatch:DeleteDashboards"],
        ..row(
            "Dashboards",
            &["AWS::CloudWatch::Dashboard"],
            &["cloudwatch::{A}:dashboard/{N}-*", "cloudwatch::{A}:dashboard/{=DashboardName}"],
        )
    },
];
