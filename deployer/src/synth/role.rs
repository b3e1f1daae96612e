//! A function's own role: Lambda may assume it, and it may do what its triggers, settings and `access:` need. Nothing
//! shares it.

use super::draft::{Draft, tag_list};
use super::function::destination;
use super::logical_ids as ids;
use crate::cfn::{Resource, arn, get_att, sub};
use crate::iam::grants;
use crate::iam::policy::{Statement, document, merged, trust};
use crate::model::Stack;
use crate::model::access::{Access, Grant, Subject};
use crate::model::function::Function;
use crate::model::reference::{EnvValue, Noun, Target};
use crate::model::trigger::TriggerKind;
use crate::source::Span;
use serde_json::{Value, json};

/// What Lambda needs to place a function into a VPC. These actions know no resources, or not those that Lambda makes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions> (read 2026-11).
const NETWORK_ACTIONS: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

pub(crate) fn role(draft: &mut Draft<'_>, name: &str, function: &Function) {
    let stack = draft.stack;
    let mut statements = base(draft, name, function);
    statements.extend(merged(granted(draft, name, function).into_iter().map(|granted| granted.statement).collect()));
    let managed: Vec<Value> = function
        .access
        .iter()
        .filter_map(|access| match &access.value {
            Access::Managed(managed) => Some(managed_policy(&managed.managed.value)),
            _ => None,
        })
        .collect();
    let mut resource = Resource::new(
        "AWS::IAM::Role",
        json!({
            "Description": format!("What {} may do", stack.function_name(name)),
            "AssumeRolePolicyDocument": trust("lambda.amazonaws.com", None),
            "Policies": [{ "PolicyName": "access", "PolicyDocument": document(&statements) }],
            "ManagedPolicyArns": (!managed.is_empty()).then_some(managed),
            "PermissionsBoundary": stack.permissions_boundary(function),
            "Tags": tag_list(&stack.function_tags(function)),
        }),
    );
    let reasons: Vec<Value> = function
        .access
        .iter()
        .filter_map(|access| match &access.value {
            Access::Statement(statement) => {
                let actions: Vec<&str> = statement.allow.iter().map(|action| action.value.as_str()).collect();
                Some(json!({ "allow": actions, "because": statement.because.as_ref()? }))
            }
            _ => None,
        })
        .collect();
    if !reasons.is_empty() {
        resource.metadata.insert("because".to_owned(), json!(reasons));
    }
    if stack.network(function).is_some() {
        let why =
            "the network interface actions know no resource that Lambda's own would match; the code is denied them";
        resource = resource.skip("CKV_AWS_111", why).excuse("parliament", "RESOURCE_STAR", why).excuse(
            "parliament",
            "UNKNOWN_CONDITION_FOR_ACTION",
            "Lambda puts lambda:SourceFunctionArn on every request of a function, whatever the service",
        );
    }
    draft.add(ids::role(name), resource);
}

/// What every function needs, by its settings.
fn base(draft: &Draft<'_>, name: &str, function: &Function) -> Vec<Statement> {
    let stack = draft.stack;
    let group = arn("logs", &format!("log-group:{}:*", stack.log_group_name(name)));
    let mut statements =
        vec![Statement::allow(["logs:CreateLogStream", "logs:PutLogEvents"], vec![group]).called("Logs")];
    if stack.tracing(function) {
        let actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];
        statements.push(Statement::allow(actions, vec![json!("*")]).called("Tracing"));
    }
    if stack.network(function).is_some() {
        let own = arn("lambda", &format!("function:{}", stack.function_name(name)));
        statements.push(Statement::allow(NETWORK_ACTIONS, vec![json!("*")]).called("Network"));
        // Lambda needs them, the code does not: this is the documented way to tell the two apart.
        let code = Statement::deny(NETWORK_ACTIONS.into_iter().chain(["ec2:DetachNetworkInterface"]), vec![json!("*")]);
        let code = code.when(json!({ "ArnEquals": { "lambda:SourceFunctionArn": own } }));
        statements.push(code.called("NetworkNotFromCode"));
    }
    statements
}

/// A statement of a role, and the entry of `access:` that asks for it; `None`: a trigger or a setting does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Granted {
    pub(crate) from: Option<Span>,
    pub(crate) statement: Statement,
}

/// Every statement of a function's own role, before they are merged.
pub(crate) fn statements(stack: &Stack, name: &str, function: &Function) -> Vec<Granted> {
    let mut draft = Draft::new(stack);
    let base = base(&draft, name, function).into_iter().map(|statement| Granted { from: None, statement });
    base.chain(granted(&mut draft, name, function)).collect()
}

/// What its triggers, destinations, file systems and `access:` need.
fn granted(draft: &mut Draft<'_>, name: &str, function: &Function) -> Vec<Granted> {
    let settings = implied(draft, name, function).into_iter().map(|statement| Granted { from: None, statement });
    let mut granted: Vec<Granted> = settings.collect();
    for access in &function.access {
        let statements = match &access.value {
            Access::Grant(grant) => grant_statements(draft, grant),
            Access::Statement(statement) => {
                let resources = statement.on.iter().map(|on| exact(draft, &on.value)).collect();
                let allow = statement.allow.iter().map(|action| action.value.as_str());
                let mut exact = Statement::allow(allow, resources);
                exact.condition = statement.when.clone();
                vec![exact]
            }
            Access::Managed(_) => Vec::new(),
        };
        granted.extend(statements.into_iter().map(|statement| Granted { from: Some(access.span), statement }));
    }
    granted
}

/// What its triggers, destinations and file systems need.
fn implied(draft: &mut Draft<'_>, name: &str, function: &Function) -> Vec<Statement> {
    let mut statements = Vec::new();
    for trigger in &function.triggers {
        if let TriggerKind::Queue(trigger) = &trigger.kind {
            statements.extend(declared(draft, Noun::Queue, &trigger.name, None, &["consume"]));
        }
    }
    if function.has_failed_queue() {
        let failed = vec![get_att(ids::failed_queue(name), "Arn")];
        statements.push(Statement::allow(["sqs:SendMessage"], failed));
    }
    let settings = function.asynchronous.as_ref();
    let destinations = settings.map(|settings| [&settings.on_failure, &settings.on_success]);
    for (noun, target) in destinations.into_iter().flatten().flatten().filter_map(destination) {
        let verb = match noun {
            Noun::Topic => "publish",
            Noun::Function => "invoke",
            _ => "send",
        };
        statements.extend(declared(draft, noun, target, None, &[verb]));
    }
    for system in &function.file_systems {
        let access_point = draft.raw_arn(&system.access_point);
        statements.push(file_system(access_point));
    }
    statements
}

/// What `on:` names: a reference stands for the ARN of the thing.
fn exact(draft: &mut Draft<'_>, on: &EnvValue) -> Value {
    match on {
        EnvValue::Declared(noun, name) => draft.arn(*noun, &Target::Name(name.clone())),
        EnvValue::Text(text) => super::draft::text(text.clone()),
        other => draft.value(other),
    }
}

fn grant_statements(draft: &mut Draft<'_>, grant: &Grant) -> Vec<Statement> {
    let can: Vec<&str> = grant.can.iter().map(|verb| verb.value.as_str()).collect();
    let subjects = grant.subjects();
    let statements = subjects.into_iter().flat_map(|subject| match subject {
        Subject::Declared(noun, target) => {
            let part = match noun {
                Noun::Table => grant.index.as_ref().map(|index| index.value.as_str()),
                _ => grant.prefix.as_deref(),
            };
            declared(draft, noun, target, part, &can)
        }
        Subject::Email(email) if can.contains(&"send") => vec![grants::email(&email.from.value)],
        Subject::Metrics(namespace) if can.contains(&"publish") => vec![grants::metrics(&namespace.value)],
        Subject::Email(_) | Subject::Metrics(_) => Vec::new(),
    });
    statements.collect()
}

fn declared(draft: &mut Draft<'_>, noun: Noun, target: &Target, part: Option<&str>, can: &[&str]) -> Vec<Statement> {
    let granted =
        grants::Resource { noun: noun.word(), arn: draft.arn(noun, target), key: key(draft, noun, target), part };
    grants::statements(&granted, can.iter().copied())
}

/// The KMS key of a declared thing, when it has one of its own.
fn key(draft: &mut Draft<'_>, noun: Noun, target: &Target) -> Option<Value> {
    let Target::Name(name) = target else { return None };
    let file = &draft.stack.file;
    let name = name.value.as_str();
    let key = match noun {
        Noun::Queue => file.queues.get(name)?.key.as_ref(),
        Noun::Topic => file.topics.get(name)?.key.as_ref(),
        Noun::Bucket => file.buckets.get(name)?.key.as_ref(),
        Noun::Table => file.tables.get(name)?.key.as_ref(),
        Noun::Secret => file.secrets.get(name)?.key.as_ref(),
        Noun::Function => None,
    }?;
    Some(draft.raw_arn(key))
}

/// Mounting is granted on file systems; the condition names the one access point.
///
/// Source: <https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html> (read 2026-11).
fn file_system(access_point: Value) -> Statement {
    let actions = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"];
    Statement::allow(actions, vec![arn("elasticfilesystem", "file-system/*")])
        .when(json!({ "ArnEquals": { "elasticfilesystem:AccessPointArn": access_point } }))
}

/// The ARN of an AWS managed policy by its name, or the ARN that was written. Lambda's execution policies stand below
/// `service-role/`.
fn managed_policy(name: &str) -> Value {
    if name.starts_with("arn:") {
        return super::draft::text(name.to_owned());
    }
    let is_execution = name.starts_with("AWSLambda") && name.ends_with("ExecutionRole");
    let path = if is_execution { "service-role/" } else { "" };
    sub(format!("arn:${{AWS::Partition}}:iam::aws:policy/{path}{name}"))
}
