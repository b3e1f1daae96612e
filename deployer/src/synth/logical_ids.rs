//! The naming scheme. Frozen: a renamed id is a replaced resource.
//!
//! An id is the declared name in Pascal case and a word for what it is: `emails` → `EmailsQueue`. What belongs to a
//! function begins with the function's name; what joins it to a trigger names the trigger's source, so that the order
//! of triggers does not matter: `EmailSenderFromEmailsQueue`. Only schedules and event patterns, which have no name,
//! are counted: `OutboxCleanupSchedule`, `OutboxCleanupSchedule2`. What belongs to another resource adds a word to its
//! id: `EmailsQueuePolicy`.
//!
//! Two names that become one id (`a-b` and `a_b`) are reported, not told apart.

use crate::ids::LogicalId;
use crate::model::reference::{Outside, Target};
use sha2::{Digest as _, Sha256};

/// Parameter that holds the name of the artifact bucket.
pub(crate) const ARTIFACT_BUCKET: &str = "ArtifactBucket";

/// `payment-webhook-handler` → `PaymentWebhookHandler`.
pub(crate) fn pascal(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect()
}

fn id(name: &str, word: &str) -> LogicalId {
    LogicalId::new(pascal(name) + word)
}

/// The function itself.
pub(crate) fn function(name: &str) -> LogicalId {
    id(name, "Function")
}

/// Its alias `live`.
pub(crate) fn alias(name: &str) -> LogicalId {
    id(name, "Live")
}

/// Its role.
pub(crate) fn role(name: &str) -> LogicalId {
    id(name, "Role")
}

/// Its log group.
pub(crate) fn log_group(name: &str) -> LogicalId {
    id(name, "LogGroup")
}

/// Its settings for asynchronous invocation.
pub(crate) fn asynchronous(name: &str) -> LogicalId {
    id(name, "Asynchronous")
}

/// The queue made for events it failed on.
pub(crate) fn failed_queue(name: &str) -> LogicalId {
    id(name, "FailedQueue")
}

/// Its function URL; also the name of the output that holds it.
pub(crate) fn url(name: &str) -> LogicalId {
    id(name, "Url")
}

/// Its integration with the stack's HTTP API.
pub(crate) fn integration(name: &str) -> LogicalId {
    id(name, "Integration")
}

/// Its `ordinal`th schedule, from 1.
pub(crate) fn schedule(name: &str, ordinal: usize) -> LogicalId {
    counted(name, "Schedule", ordinal)
}

/// Its `ordinal`th event pattern, from 1.
pub(crate) fn event(name: &str, ordinal: usize) -> LogicalId {
    counted(name, "Event", ordinal)
}

fn counted(name: &str, word: &str, ordinal: usize) -> LogicalId {
    if ordinal < 2 { id(name, word) } else { id(name, &format!("{word}{ordinal}")) }
}

/// Its event source mapping of a queue.
pub(crate) fn queue_mapping(name: &str, queue: &Target) -> LogicalId {
    id(name, &format!("From{}Queue", target(queue)))
}

/// Its subscription to a topic.
pub(crate) fn subscription(name: &str, topic: &Target) -> LogicalId {
    id(name, &format!("From{}Topic", target(topic)))
}

/// The bucket's permission to invoke it.
pub(crate) fn bucket_permission(name: &str, bucket: &str) -> LogicalId {
    id(name, &format!("From{}BucketPermission", pascal(bucket)))
}

/// Its route of the HTTP API: `POST /webhooks/{provider}` → `…RoutePostWebhooksWithProvider`.
///
/// A path of other than lower-case words and parameters gets six digits of its hash, so that `/a-b` and `/a/b` differ.
pub(crate) fn route(name: &str, route: &str) -> LogicalId {
    let (method, path) = route.split_once(' ').unwrap_or((route, "/"));
    let mut is_plain = true;
    let mut words = pascal(&method.to_ascii_lowercase());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let parameter = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let word = parameter.unwrap_or(segment);
        is_plain &= word.starts_with(|c: char| c.is_ascii_lowercase());
        is_plain &= word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        is_plain &= parameter.is_some() || word != "with";
        words += if parameter.is_some() { "With" } else { "" };
        words += &pascal(word);
    }
    if !is_plain {
        words += &hex::encode(Sha256::digest(path))[..6].to_ascii_uppercase();
    }
    id(name, &format!("Route{words}"))
}

/// What lets a service invoke the function on behalf of `of`.
pub(crate) fn permission(of: &LogicalId) -> LogicalId {
    LogicalId::new(format!("{of}Permission"))
}

/// The resource policy of `of`.
pub(crate) fn policy(of: &LogicalId) -> LogicalId {
    LogicalId::new(format!("{of}Policy"))
}

/// The role that `of` (a schedule or a pipe) works with.
pub(crate) fn role_of(of: &LogicalId) -> LogicalId {
    LogicalId::new(format!("{of}Role"))
}

/// Where the HTTP API writes its access log. Not `ApiLogGroup`: that is the log group of a function called `api`.
pub(crate) fn api_log_group() -> LogicalId {
    LogicalId::new("ApiAccessLogs")
}

/// Where `of`, a pipe, writes its log.
pub(crate) fn log_group_of(of: &LogicalId) -> LogicalId {
    LogicalId::new(format!("{of}LogGroup"))
}

/// The stack's HTTP API.
pub(crate) fn api() -> LogicalId {
    LogicalId::new("Api")
}

/// Its stage.
pub(crate) fn api_stage() -> LogicalId {
    LogicalId::new("ApiStage")
}

/// One of its authorizers.
pub(crate) fn authorizer(name: &str) -> LogicalId {
    id(name, "Authorizer")
}

pub(crate) fn queue(name: &str) -> LogicalId {
    id(name, "Queue")
}

/// The dead-letter queue made for a queue.
pub(crate) fn dead_queue(name: &str) -> LogicalId {
    id(name, "DeadQueue")
}

pub(crate) fn topic(name: &str) -> LogicalId {
    id(name, "Topic")
}

pub(crate) fn bucket(name: &str) -> LogicalId {
    id(name, "Bucket")
}

/// A declared table.
pub(crate) fn table(name: &str) -> LogicalId {
    id(name, "Table")
}

pub(crate) fn secret(name: &str) -> LogicalId {
    id(name, "Secret")
}

pub(crate) fn pipe(name: &str) -> LogicalId {
    id(name, "Pipe")
}

/// An alarm of a set: what it is about, the set, its name there: `EmailSenderCriticalErrorsAlarm`.
pub(crate) fn alarm(about: &str, set: &str, alarm: &str) -> LogicalId {
    LogicalId::new(format!("{}{}{}Alarm", pascal(about), pascal(set), pascal(alarm)))
}

/// The alarm that stands for all of a set, or for its `ordinal`th hundred, from 1.
pub(crate) fn service_alarm(set: &str, ordinal: usize) -> LogicalId {
    counted(set, "Alarms", ordinal)
}

/// A dashboard, or its `ordinal`th part, from 1.
pub(crate) fn dashboard(name: &str, ordinal: usize) -> LogicalId {
    counted(name, "Dashboard", ordinal)
}

/// The metric filter that reads a metric from a function's log.
pub(crate) fn log_metric(function: &str, metric: &str) -> LogicalId {
    id(function, &format!("{}Metric", pascal(metric)))
}

/// Parameter: key of the artifact in the artifact bucket, or the image's URI.
pub(crate) fn code_parameter(name: &str) -> String {
    format!("{}Code", pascal(name))
}

/// Parameter: the version that the alias is created on; `$LATEST` at first and left alone ever after.
pub(crate) fn version_parameter(name: &str) -> String {
    format!("{}Version", pascal(name))
}

/// Parameter: the value of a Systems Manager parameter.
pub(crate) fn ssm_parameter(path: &str) -> String {
    format!("Ssm{}", pascal(path))
}

/// Output: address of the HTTP API.
pub(crate) const API_OUTPUT: &str = "ApiEndpoint";

/// Output: an export of the stack.
pub(crate) fn export(name: &str) -> String {
    format!("Export{}", pascal(name))
}

/// What a target is called: its name, or the last word of its ARN, path or export.
fn target(target: &Target) -> String {
    match target {
        Target::Name(name) => pascal(&name.value),
        Target::Outside(outside) => match &outside.value {
            Outside::Arn(arn) => pascal(arn.rsplit([':', '/']).next().unwrap_or(arn)),
            Outside::Ssm(path) => pascal(path),
            Outside::Import(export) => pascal(export),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Span, Spanned};

    fn named(name: &str) -> Target {
        Target::Name(Spanned::new(name.to_owned(), Span::default()))
    }

    fn arn(arn: &str) -> Target {
        Target::Outside(Spanned::new(Outside::Arn(arn.to_owned()), Span::default()))
    }

    /// A line that changes here replaces resources in every deployed stack. Add lines; never change one.
    #[test]
    fn the_scheme_is_frozen() {
        let f = "email-sender";
        let ids = [
            function(f),
            alias(f),
            role(f),
            log_group(f),
            asynchronous(f),
            failed_queue(f),
            url(f),
            integration(f),
            schedule(f, 1),
            schedule(f, 2),
            event(f, 1),
            event(f, 3),
            queue_mapping(f, &named("emails")),
            queue_mapping(f, &arn("arn:aws:sqs:eu-west-1:111122223333:other-mails")),
            subscription(f, &named("orders")),
            bucket_permission(f, "tickets"),
            route(f, "POST /webhooks/{provider}"),
            route(f, "GET /"),
            route(f, "$default"),
            route(f, "ANY /v1/{proxy+}"),
            route(f, "GET /a-b"),
            permission(&schedule(f, 1)),
            role_of(&schedule(f, 1)),
            api(),
            api_stage(),
            api_log_group(),
            authorizer("main"),
            queue("emails"),
            dead_queue("emails"),
            policy(&queue("emails")),
            topic("orders"),
            bucket("tickets"),
            table("orders"),
            secret("database"),
            pipe("payment-events"),
            role_of(&pipe("payment-events")),
            log_group_of(&pipe("payment-events")),
            alarm(f, "critical", "dead-letters"),
            alarm("", "warning", "account-concurrency"),
            service_alarm("critical", 1),
            service_alarm("critical", 2),
            log_metric(f, "MemoryUsed"),
            dashboard("operations", 1),
            dashboard("operations", 2),
        ];
        let parameters = [code_parameter(f), version_parameter(f), ssm_parameter("/net/private-a"), export("x-dev-y")];
        let all: Vec<String> = ids.into_iter().map(|id| id.0).chain(parameters).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        EmailSenderFunction
        EmailSenderLive
        EmailSenderRole
        EmailSenderLogGroup
        EmailSenderAsynchronous
        EmailSenderFailedQueue
        EmailSenderUrl
        EmailSenderIntegration
        EmailSenderSchedule
        EmailSenderSchedule2
        EmailSenderEvent
        EmailSenderEvent3
        EmailSenderFromEmailsQueue
        EmailSenderFromOtherMailsQueue
        EmailSenderFromOrdersTopic
        EmailSenderFromTicketsBucketPermission
        EmailSenderRoutePostWebhooksWithProvider
        EmailSenderRouteGet
        EmailSenderRouteDefault
        EmailSenderRouteAnyV1WithProxyB8F203
        EmailSenderRouteGetAB590BB8
        EmailSenderSchedulePermission
        EmailSenderScheduleRole
        Api
        ApiStage
        ApiAccessLogs
        MainAuthorizer
        EmailsQueue
        EmailsDeadQueue
        EmailsQueuePolicy
        OrdersTopic
        TicketsBucket
        OrdersTable
        DatabaseSecret
        PaymentEventsPipe
        PaymentEventsPipeRole
        PaymentEventsPipeLogGroup
        EmailSenderCriticalDeadLettersAlarm
        WarningAccountConcurrencyAlarm
        CriticalAlarms
        CriticalAlarms2
        EmailSenderMemoryUsedMetric
        OperationsDashboard
        OperationsDashboard2
        EmailSenderCode
        EmailSenderVersion
        SsmNetPrivateA
        ExportXDevY
        "#);
    }

    #[test]
    fn routes_that_differ_have_ids_that_differ() {
        let routes = [
            "GET /a/b",
            "GET /a/{b}",
            "GET /a-b",
            "GET /ab",
            "GET /a/with/b",
            "GET /",
            "GET /A/b",
            "GET /a/1",
            "GET /a1",
            "GET /a/{b+}",
            "$default",
            "ANY /",
            "GET /default",
        ];
        let ids: std::collections::BTreeSet<LogicalId> = routes.iter().map(|text| route("f", text)).collect();
        assert_eq!(ids.len(), routes.len(), "{ids:?}");
    }
}
