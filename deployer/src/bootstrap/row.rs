//! The shape of a row of [`needs`](super::needs), and what has none.

/// One statement of the deploy role, where one of its types is deployed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Letters and digits: the statement's `Sid`.
    pub(crate) name: &'static str,
    /// CloudFormation's types, or [words](super::kinds) for properties that need more; empty: every deployment needs it.
    pub(crate) kinds: &'static [&'static str],
    /// ARNs without `arn:<partition>:`, or `*`. `{N}` is a stack's name (`orders-prod`), `{S}` the same as a path
    /// (`orders/prod`), `{R}` the region, `{A}` the account, `{B}` the artifact bucket, `{=Property}` the value of that
    /// property wherever it is none of the stack's own names.
    pub(crate) on: &'static [&'static str],
    pub(crate) direct: &'static [&'static str],
    pub(crate) handlers: &'static [&'static str],
    pub(crate) when: When,
}

/// Under which condition a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// The role has the permissions boundary that bootstrap makes.
    Bounded,
    /// The role is handed to one of the services that run what stacks declare.
    Passed,
    /// The mapping belongs to a function of the stacks.
    OwnFunction,
}

pub(super) const fn row(name: &'static str, kinds: &'static [&'static str], on: &'static [&'static str]) -> Row {
    Row { name, kinds, on, direct: &[], handlers: &[], when: When::Always }
}

/// Types that need no action beyond those of the type that they hang on.
pub(crate) const COVERED: &[&str] = &[
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::SubscriptionFilter",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
];

/// What this tool can ask AWS for and a deployment does without, and why.
pub(crate) const WITHHELD: &[(&str, &str)] = &[
    ("iam:DeleteRolePermissionsBoundary", "it would take the boundary off a role"),
    ("iam:GenerateServiceLastAccessedDetails", "`iam unused`, which people run"),
    ("iam:GetServiceLastAccessedDetails", "`iam unused`, which people run"),
    ("iam:SimulatePrincipalPolicy", "`iam simulate`, which people run"),
    ("logs:FilterLogEvents", "`logs`: logs are read by people and never by a pipeline"),
    ("s3:CreateBucket", "bootstrap makes the artifact bucket; buckets of stacks are made by CloudFormation"),
    ("secretsmanager:PutSecretValue", "`secret set`: values are stored by people and never by a pipeline"),
    ("sts:GetCallerIdentity", "needs no permission: it cannot be denied"),
];
