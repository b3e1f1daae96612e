//! Same meaning, same value, for every type but functions: JSON in text, numbers in text, lists that are sets or maps, and
//! what a service fills in.
//!
//! Total and idempotent; takes what CloudFormation takes as well as what it gives itself. It says nothing about policy
//! documents, which are left as JSON. A live property that was not looked for gets its default here: whoever compares must
//! ask the reading, not the normal form, which properties are covered.

use super::tables::{DEFAULTS, DOCUMENTS, FLAGS, JSON, NUMBERS, SETS, TIMES};
use crate::state::Properties;
use serde_json::{Map, Value, json};

/// The normal form of a resource's properties. Types that stand in no table keep theirs, but for nulls and types.
pub(crate) fn kind(kind: &str, properties: &Properties) -> Properties {
    let own = properties.iter().map(|(key, given)| (key.clone(), value(key, given)));
    let mut normal: Properties = own.filter(|(_, value)| !is_empty(value)).collect();
    special(kind, &mut normal);
    let rows = DEFAULTS.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, rows)| rows);
    for (key, default) in rows {
        normal.entry(*key).or_insert_with(|| default.value());
    }
    normal
}

/// `value` without the members that are null, but in documents, where null is a value.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            let cleaned = kept.map(|(key, value)| match DOCUMENTS.contains(&key.as_str()) {
                true => (key, value),
                false => (key, without_nulls(value)),
            });
            Value::Object(cleaned.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// One property by its name, whatever it stands in.
fn value(key: &str, given: &Value) -> Value {
    let is_in = |names: &[&str]| names.contains(&key);
    if let Value::String(text) = given {
        if is_in(DOCUMENTS) || is_in(JSON) {
            return match parsed(text) {
                Some(document) if is_in(JSON) => value(key, &document),
                Some(document) => document,
                None => given.clone(),
            };
        }
        if is_in(NUMBERS) {
            return text.parse().map_or_else(|_| given.clone(), number);
        }
        if is_in(FLAGS) {
            return text.parse::<bool>().map_or_else(|_| given.clone(), |flag| json!(flag));
        }
        if is_in(TIMES) {
            return json!(instant(text));
        }
    }
    if is_in(DOCUMENTS) {
        return given.clone();
    }
    match (key, given) {
        ("Targets" | "Metrics", Value::Array(items)) => {
            keyed(items, "Id").map_or_else(|| given.clone(), |map| members(&map))
        }
        ("Policies", Value::Array(items)) => paired(items, "PolicyName", "PolicyDocument").unwrap_or(given.clone()),
        ("Dimensions", Value::Array(items)) => {
            paired(items, "Name", "Value").or_else(|| paired(items, "Key", "Value")).unwrap_or_else(|| given.clone())
        }
        // Policies by name, each a document.
        ("Policies", Value::Object(map)) => {
            Value::Object(map.iter().map(|(name, policy)| (name.clone(), value("PolicyDocument", policy))).collect())
        }
        // Maps whose keys are other people's words.
        ("StageVariables" | "InputPathsMap" | "RequestParameters" | "ResponseParameters" | "RequestTemplates", _) => {
            given.clone()
        }
        (_, Value::Object(map)) => members(map),
        (_, Value::Array(items)) => {
            let items = items.iter().map(|item| value("", item));
            let mut items: Vec<Value> = items.filter(|item| !item.is_null()).collect();
            if is_in(SETS) {
                items.sort_by_key(Value::to_string);
                items.dedup();
            }
            Value::Array(items)
        }
        (_, Value::Number(given)) => given.as_f64().filter(|_| !given.is_i64()).map_or_else(|| json!(given), number),
        _ => given.clone(),
    }
}

fn members(map: &Properties) -> Value {
    let kept = map.iter().filter(|(_, value)| !value.is_null());
    Value::Object(kept.map(|(key, given)| (key.clone(), value(key, given))).collect())
}

/// A whole number where it is one: `1.0` is `1`.
#[expect(clippy::cast_possible_truncation, reason = "only numbers that are whole and small")]
fn number(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 9.0e15 {
        true => json!(number as i64),
        false => json!(number),
    }
}

/// Text that is a JSON object or list; other text stays text, so that reading twice changes nothing.
fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|document: &Value| document.is_object() || document.is_array())
}

/// `[{Id: a, …}]` → `{a: {…}}`, where every item has an id of its own.
fn keyed(items: &[Value], id: &str) -> Option<Properties> {
    let mut map = Map::new();
    for item in items {
        let mut item = item.as_object()?.clone();
        let Some(Value::String(name)) = item.remove(id) else { return None };
        map.insert(name, Value::Object(item)).is_none().then_some(())?;
    }
    map.sort_keys();
    Some(map)
}

/// `[{Name: a, Value: b}]` → `{a: b}`, where every item has a name of its own.
fn paired(items: &[Value], name: &str, of: &str) -> Option<Value> {
    let mut map = Map::new();
    for item in items {
        let (name, found) = (item.get(name)?.as_str()?, item.get(of)?);
        map.insert(name.to_owned(), value(of, found)).is_none().then_some(())?;
    }
    map.sort_keys();
    Some(Value::Object(map))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// What is peculiar to a type.
fn special(kind: &str, normal: &mut Properties) {
    match kind {
        "AWS::CloudWatch::Alarm" => alarm(normal),
        "AWS::CloudWatch::CompositeAlarm" => {
            each_text(normal, "AlarmRule", |rule| rule.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        "AWS::Lambda::EventSourceMapping" => mapping(normal),
        "AWS::Lambda::Permission" => short_function(normal),
        "AWS::Logs::MetricFilter" => {
            for transformation in list(normal, "MetricTransformations") {
                drop_if(transformation, "Unit", &json!("None"));
                drop_if(transformation, "Dimensions", &json!({}));
            }
        }
        "AWS::Events::Rule" => {
            let targets = normal.get_mut("Targets").and_then(Value::as_object_mut);
            targets.into_iter().flatten().filter_map(|(_, target)| target.as_object_mut()).for_each(retries);
        }
        "AWS::Events::EventBusPolicy" => {
            if let Some(statement) = inner(normal, "Statement") {
                statement.remove("Sid");
            }
        }
        "AWS::Scheduler::Schedule" => inner(normal, "Target").into_iter().for_each(retries),
        "AWS::SQS::Queue" => queue(normal),
        "AWS::SNS::Topic" => drop_if(normal, "FifoTopic", &json!(false)),
        "AWS::S3::Bucket" => super::bucket::bucket(normal),
        "AWS::ApiGatewayV2::Api" => cors(normal),
        "AWS::ApiGatewayV2::Integration" => integration(normal),
        "AWS::ApiGatewayV2::Stage" => stage(normal),
        // Only what a function is sent has a version.
        "AWS::ApiGatewayV2::Authorizer" if normal.get("AuthorizerType") == Some(&json!("JWT")) => {
            normal.remove("AuthorizerPayloadFormatVersion");
        }
        "AWS::SecretsManager::Secret" => drop_if(normal, "KmsKeyId", &json!("alias/aws/secretsmanager")),
        _ => {}
    }
}

/// Every datapoint must breach unless fewer are asked for; a query returns its data unless it says otherwise.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html> (read 2026-11).
fn alarm(normal: &mut Properties) {
    // They exclude each other.
    if normal.contains_key("ExtendedStatistic") {
        normal.remove("Statistic");
    }
    if normal.get("DatapointsToAlarm") == normal.get("EvaluationPeriods") {
        normal.remove("DatapointsToAlarm");
    }
    let queries = normal.get_mut("Metrics").and_then(Value::as_object_mut);
    for query in queries.into_iter().flatten().filter_map(|(_, query)| query.as_object_mut()) {
        query.entry("ReturnData").or_insert(json!(true));
        drop_if(query, "Label", &json!(""));
        let metric = inner(query, "MetricStat").and_then(|stat| inner(stat, "Metric"));
        if let Some(metric) = metric {
            drop_if(metric, "Dimensions", &json!({}));
            drop_if(metric, "Dimensions", &json!([]));
        }
    }
}

/// 185 attempts within 24 hours, by rules and by schedules.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>,
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html> (read 2026-11).
fn retries(target: &mut Properties) {
    if let Some(policy) = inner(target, "RetryPolicy") {
        policy.entry("MaximumRetryAttempts").or_insert(json!(185));
        policy.entry("MaximumEventAgeInSeconds").or_insert(json!(86_400));
    }
    drop_if(target, "RetryPolicy", &json!({ "MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400 }));
    drop_if(target, "DeadLetterConfig", &json!({}));
    drop_if(target, "RoleArn", &json!(""));
    drop_if(target, "Input", &json!(""));
}

/// SQS encrypts by itself unless a key is given; a FIFO queue deduplicates and is throttled as a whole.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html> (read 2026-11).
fn queue(normal: &mut Properties) {
    drop_if(normal, "FifoQueue", &json!(false));
    drop_if(normal, "RedriveAllowPolicy", &json!({ "redrivePermission": "allowAll" }));
    let has_key = normal.contains_key("KmsMasterKeyId");
    normal.entry("SqsManagedSseEnabled").or_insert(json!(!has_key));
    if normal.contains_key("FifoQueue") {
        normal.entry("ContentBasedDeduplication").or_insert(json!(false));
        normal.entry("DeduplicationScope").or_insert(json!("queue"));
        normal.entry("FifoThroughputLimit").or_insert(json!("perQueue"));
    } else {
        drop_if(normal, "ContentBasedDeduplication", &json!(false));
    }
}

/// Header names and origins are compared without case, and API Gateway gives them back in small letters.
fn cors(normal: &mut Properties) {
    let Some(cors) = inner(normal, "CorsConfiguration") else { return };
    drop_if(cors, "AllowCredentials", &json!(false));
    for (key, upper) in
        [("AllowHeaders", false), ("AllowOrigins", false), ("ExposeHeaders", false), ("AllowMethods", true)]
    {
        drop_if(cors, key, &json!([]));
        let Some(Value::Array(items)) = cors.get_mut(key) else { continue };
        for item in items.iter_mut() {
            if let Value::String(text) = item {
                *text = if upper { text.to_uppercase() } else { text.to_lowercase() };
            }
        }
        items.sort_by_key(Value::to_string);
        items.dedup();
    }
    if cors.is_empty() {
        normal.remove("CorsConfiguration");
    }
}

/// A function may be named by its ARN or by the path that invokes it, always by POST.
///
/// Source: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html> (read 2026-11).
fn integration(normal: &mut Properties) {
    each_text(normal, "IntegrationUri", |uri| {
        let function = uri.split_once("/functions/").and_then(|(_, rest)| rest.strip_suffix("/invocations"));
        function.map_or_else(|| uri.to_owned(), str::to_owned)
    });
    if normal.get("IntegrationType") == Some(&json!("AWS_PROXY")) {
        drop_if(normal, "IntegrationMethod", &json!("POST"));
    }
}

/// A variable without a value is none.
fn stage(normal: &mut Properties) {
    if let Some(variables) = inner(normal, "StageVariables") {
        variables.retain(|_, value| !is_empty(value));
    }
    drop_if(normal, "StageVariables", &json!({}));
    if let Some(logs) = inner(normal, "AccessLogSettings") {
        each_text(logs, "DestinationArn", |arn| arn.trim_end_matches(":*").to_owned());
    }
    fn plain(settings: &mut Properties) {
        drop_if(settings, "DetailedMetricsEnabled", &json!(false));
        drop_if(settings, "DataTraceEnabled", &json!(false));
        drop_if(settings, "LoggingLevel", &json!("OFF"));
    }
    if let Some(settings) = inner(normal, "DefaultRouteSettings") {
        plain(settings);
    }
    if let Some(routes) = inner(normal, "RouteSettings") {
        routes.iter_mut().filter_map(|(_, settings)| settings.as_object_mut()).for_each(plain);
    }
    drop_if(normal, "DefaultRouteSettings", &json!({}));
}

/// One way to write a point in time.
fn instant(text: &str) -> String {
    text.parse::<jiff::Timestamp>().map_or_else(|_| text.to_owned(), |time| time.to_string())
}

pub(super) fn inner<'a>(of: &'a mut Properties, key: &str) -> Option<&'a mut Properties> {
    of.get_mut(key).and_then(Value::as_object_mut)
}

/// The objects of a list.
pub(super) fn list<'a>(of: &'a mut Properties, key: &str) -> impl Iterator<Item = &'a mut Properties> {
    of.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

pub(super) fn drop_if(of: &mut Properties, key: &str, default: &Value) {
    if of.get(key) == Some(default) {
        of.remove(key);
    }
}

pub(super) fn each_text(of: &mut Properties, key: &str, with: impl Fn(&str) -> String) {
    if let Some(Value::String(text)) = of.get_mut(key) {
        *text = with(text);
    }
}

/// Ten for a queue, a hundred for everything else.
fn mapping(normal: &mut Properties) {
    if !normal.contains_key("BatchSize") {
        let source = normal.get("EventSourceArn").and_then(Value::as_str).unwrap_or_default();
        let size = if source.contains(":sqs:") { 10 } else { 100 };
        normal.insert("BatchSize".to_owned(), json!(size));
    }
    short_function(normal);
}

/// `arn:aws:lambda:…:function:name:live` and `name:live` name the same.
fn short_function(normal: &mut Properties) {
    each_text(normal, "FunctionName", |name| name.split_once(":function:").map_or(name, |(_, short)| short).to_owned());
}

#[cfg(test)]
mod tests;
