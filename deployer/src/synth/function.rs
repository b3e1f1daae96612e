//! Functions: the function, its log group, its alias, its settings for asynchronous invocation, and what starts it.
//!
//! Code and traffic stay out: the artifact's key and the alias's version are parameters. Every trigger points at the
//! alias.

use super::draft::{Draft, tag_list};
use super::{bucket, event, http, logical_ids as ids, queue, role, schedule, topic, url};
use crate::cfn::{Resource, get_att, reference};
use crate::model::function::{Code, Destination, Function};
use crate::model::reference::{Noun, Target};
use crate::model::trigger::TriggerKind;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Name of the alias that takes all traffic.
pub(crate) const ALIAS: &str = "live";

/// Why log groups have no key of their own.
pub(crate) const LOG_GROUP_KEY: &str = "CloudWatch Logs encrypts with its own key; no secret is logged";

/// Days that CloudWatch Logs can keep events.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html> (read 2026-11).
const RETENTION_DAYS: [u64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(crate) fn functions(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    if stack.file.functions.values().any(|function| image(function).is_none()) {
        let description = "Bucket that holds the artifacts";
        draft.parameter(ids::ARTIFACT_BUCKET.to_owned(), json!({ "Type": "String", "Description": description }));
    }
    for (name, function) in &stack.file.functions {
        parameters(draft, name, function);
        log_group(draft, name, function);
        if function.role.is_none() {
            role::role(draft, name, function);
        }
        itself(draft, name, function);
        draft.add(
            ids::alias(name),
            Resource::new(
                "AWS::Lambda::Alias",
                json!({
                    "Name": ALIAS,
                    "FunctionName": reference(ids::function(name)),
                    "FunctionVersion": reference(ids::version_parameter(name)),
                }),
            ),
        );
        asynchronous(draft, name, function);
        triggers(draft, name, function);
    }
}

fn image(function: &Function) -> Option<&Code> {
    function.code.as_ref().filter(|code| code.image.is_some())
}

fn parameters(draft: &mut Draft<'_>, name: &str, function: &Function) {
    let code = match image(function) {
        Some(_) => format!("Image of {name}"),
        None => format!("Key of the artifact of {name}"),
    };
    draft.parameter(ids::code_parameter(name), json!({ "Type": "String", "Description": code }));
    draft.parameter(
        ids::version_parameter(name),
        json!({
            "Type": "String", "Default": "$LATEST",
            "Description": format!("Version that the alias of {name} is created on"),
        }),
    );
}

fn log_group(draft: &mut Draft<'_>, name: &str, function: &Function) {
    let stack = draft.stack;
    let days = retention_days(stack.log_retention(function));
    let resource = Resource::new(
        "AWS::Logs::LogGroup",
        json!({
            "LogGroupName": stack.log_group_name(name),
            "RetentionInDays": days,
            "Tags": tag_list(&stack.function_tags(function)),
        }),
    );
    draft.add(ids::log_group(name), resource.kept(false).skip("CKV_AWS_158", LOG_GROUP_KEY));
}

/// The shortest retention that CloudWatch Logs offers and that is at least `wanted`.
pub(crate) fn retention_days(wanted: Duration) -> u64 {
    let wanted = wanted.as_secs().div_ceil(86_400);
    let offered = RETENTION_DAYS.into_iter().find(|days| *days >= wanted);
    offered.unwrap_or(RETENTION_DAYS[RETENTION_DAYS.len() - 1])
}

fn itself(draft: &mut Draft<'_>, name: &str, function: &Function) {
    let stack = draft.stack;
    let role = match &function.role {
        Some(role) => draft.raw_arn(&role.value),
        None => get_att(ids::role(name), "Arn"),
    };
    let environment: Map<String, Value> = stack
        .environment(function)
        .into_iter()
        .map(|(variable, value)| (variable.to_owned(), draft.value(value)))
        .collect();
    let network = stack.network(function).map(|network| {
        let subnets: Vec<Value> = network.subnets.iter().map(|subnet| draft.raw(subnet, |_| None)).collect();
        let groups: Vec<Value> = network.security_groups.iter().map(|group| draft.raw(group, security_group)).collect();
        json!({ "SubnetIds": subnets, "SecurityGroupIds": groups })
    });
    let file_systems: Vec<Value> = function
        .file_systems
        .iter()
        .map(|system| json!({ "Arn": draft.raw_arn(&system.access_point), "LocalMountPath": system.path.value }))
        .collect();
    let layers: Vec<&str> = function.layers.iter().map(|layer| layer.value.as_str()).collect();
    let storage = stack.storage(function).0;
    let reserved = function.concurrency.as_ref().and_then(|concurrency| concurrency.reserved.as_ref());
    let in_network = network.is_some();

    let (package, code, runtime, handler) = match (image(function), &function.code) {
        (Some(_), _) => (Some("Image"), json!({ "ImageUri": reference(ids::code_parameter(name)) }), None, None),
        (None, code) => {
            let written = |value: fn(&Code) -> Option<&String>| code.as_ref().and_then(value).map(String::as_str);
            let runtime = written(|code| code.runtime.as_deref()).unwrap_or("provided.al2023");
            let handler = written(|code| code.handler.as_deref()).unwrap_or("bootstrap");
            let zip = json!({
                "S3Bucket": reference(ids::ARTIFACT_BUCKET), "S3Key": reference(ids::code_parameter(name)),
            });
            (None, zip, Some(runtime), Some(handler))
        }
    };
    let resource = Resource::new(
        "AWS::Lambda::Function",
        json!({
            "FunctionName": stack.function_name(name),
            "Description": function.description,
            "Role": role,
            "PackageType": package,
            "Code": code,
            "Runtime": runtime,
            "Handler": handler,
            "Architectures": [stack.architecture(function).word()],
            "MemorySize": stack.memory(function).0,
            "Timeout": stack.timeout(function).as_secs(),
            "EphemeralStorage": (storage != 512).then(|| json!({ "Size": storage })),
            "Layers": (!layers.is_empty()).then_some(layers),
            "Environment": (!environment.is_empty()).then(|| json!({ "Variables": environment })),
            "VpcConfig": network,
            "FileSystemConfigs": (!file_systems.is_empty()).then_some(file_systems),
            "ReservedConcurrentExecutions": reserved.map(|reserved| reserved.value),
            "TracingConfig": { "Mode": if stack.tracing(function) { "Active" } else { "PassThrough" } },
            // A reference, so that the group is there before Lambda would make one that keeps everything for ever.
            "LoggingConfig": { "LogFormat": "JSON", "LogGroup": reference(ids::log_group(name)) },
            "Tags": tag_list(&stack.function_tags(function)),
        }),
    );
    let dead_letters = match function.is_asynchronous() || function.asynchronous.is_some() {
        true => "failed events go where `AWS::Lambda::EventInvokeConfig` says, which replaces dead-letter queues",
        false => "nothing invokes it asynchronously",
    };
    let mut resource = resource.skip("CKV_AWS_116", dead_letters);
    if reserved.is_none() {
        resource =
            resource.skip("CKV_AWS_115", "shares the account's concurrency; `concurrency: {reserved: …}` limits it");
    }
    if !in_network {
        resource = resource.skip("CKV_AWS_117", "reaches nothing inside a VPC; `network:` puts it into one");
    }
    if !environment.is_empty() {
        resource = resource.skip("CKV_AWS_173", "encrypted by Lambda; variables hold names and ARNs, never secrets");
    }
    draft.add(ids::function(name), resource);
}

fn security_group(kind: &str) -> Option<&'static str> {
    (kind == "AWS::EC2::SecurityGroup").then_some("GroupId")
}

/// Retries and destinations. A function that is invoked asynchronously keeps the events it failed on.
fn asynchronous(draft: &mut Draft<'_>, name: &str, function: &Function) {
    if function.asynchronous.is_none() && !function.has_failed_queue() {
        return;
    }
    let settings = function.asynchronous.as_ref();
    let mut destinations = Map::new();
    let on_failure = if function.has_failed_queue() {
        queue::failed_queue(draft, name);
        Some(get_att(ids::failed_queue(name), "Arn"))
    } else {
        function.on_failure().and_then(|destination| destination_arn(draft, destination))
    };
    let on_success = settings.and_then(|settings| settings.on_success.as_ref());
    let on_success = on_success.and_then(|destination| destination_arn(draft, destination));
    for (outcome, arn) in [("OnFailure", on_failure), ("OnSuccess", on_success)] {
        destinations.extend(arn.map(|arn| (outcome.to_owned(), json!({ "Destination": arn }))));
    }
    let resource = Resource::new(
        "AWS::Lambda::EventInvokeConfig",
        json!({
            "FunctionName": reference(ids::function(name)),
            "Qualifier": ALIAS,
            "MaximumRetryAttempts": settings.and_then(|settings| settings.retries.as_ref()).map(|retries| retries.value),
            "MaximumEventAgeInSeconds":
                settings.and_then(|settings| settings.max_age.as_ref()).map(|age| age.as_secs()),
            "DestinationConfig": (!destinations.is_empty()).then_some(destinations),
        }),
    );
    draft.add(ids::asynchronous(name), resource.after(&[ids::alias(name)]));
}

/// Noun and target of a destination; `None` for `{}`: nowhere, on purpose.
pub(crate) fn destination(destination: &Destination) -> Option<(Noun, &Target)> {
    let all =
        [(Noun::Queue, &destination.queue), (Noun::Topic, &destination.topic), (Noun::Function, &destination.function)];
    all.into_iter().find_map(|(noun, target)| Some((noun, target.as_ref()?)))
}

fn destination_arn(draft: &mut Draft<'_>, written: &Destination) -> Option<Value> {
    let (noun, target) = destination(written)?;
    Some(match (noun, target) {
        // The alias must be there before it can be named.
        (Noun::Function, Target::Name(name)) => reference(ids::alias(&name.value)),
        _ => draft.arn(noun, target),
    })
}

fn triggers(draft: &mut Draft<'_>, name: &str, function: &Function) {
    let (mut schedules, mut events) = (0, 0);
    for trigger in &function.triggers {
        match &trigger.kind {
            TriggerKind::Http(trigger) => http::route(draft, name, trigger),
            TriggerKind::Url(trigger) => url::url(draft, name, trigger),
            TriggerKind::Schedule(trigger) => {
                schedules += 1;
                schedule::schedule(draft, name, schedules, trigger);
            }
            TriggerKind::Queue(trigger) => queue::mapping(draft, name, trigger),
            TriggerKind::Topic(trigger) => topic::subscription(draft, name, trigger),
            TriggerKind::Event(trigger) => {
                events += 1;
                event::event(draft, name, events, trigger);
            }
            TriggerKind::Bucket(trigger) => bucket::permission(draft, name, trigger),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::retention_days;
    use std::time::Duration;

    #[test]
    fn logs_are_kept_at_least_as_long_as_asked() {
        let days = |days: u64| retention_days(Duration::from_secs(days * 86_400));
        assert_eq!([days(0), days(7), days(8), days(366), days(9999)], [1, 7, 14, 400, 3653]);
    }
}
