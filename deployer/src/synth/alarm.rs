//! Alarms of the stack's sets, one that stands for each set, and the metric filters that they and dashboards need.

use super::draft::Draft;
use super::logical_ids as ids;
use crate::cfn::{self, Resource, reference};
use crate::ids::LogicalId;
use crate::model::Stack;
use crate::model::alarm_set::Metric;
use crate::model::reference::{Noun, Target};
use crate::model::watch::Report;
use crate::model::watched::{About, Alarm};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

/// Alarms in the rule of another one, and its length.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html> (read 2026-11).
const MOST_CHILDREN: usize = 100;
const LONGEST_RULE: usize = 10_240;

/// CloudWatch's name of an alarm: `<stack>-<stage>-<thing>-<set>-<alarm>`.
pub(crate) fn name(stack: &Stack, alarm: &Alarm) -> String {
    let thing = match alarm.about.key() {
        "" => String::new(),
        key => format!("{key}-"),
    };
    format!("{}-{thing}{}-{}", stack.prefix(), alarm.set, alarm.key)
}

/// CloudWatch's name of the alarm that stands for a set, or for its `ordinal`th hundred.
pub(crate) fn service_name(stack: &Stack, set: &str, ordinal: usize) -> String {
    match ordinal {
        1 => format!("{}-{set}", stack.prefix()),
        _ => format!("{}-{set}-{ordinal}", stack.prefix()),
    }
}

pub(crate) fn alarms(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for filter in &stack.watched.filters {
        let transformation = json!({
            "MetricNamespace": stack.log_namespace(&filter.function),
            "MetricName": filter.metric,
            "MetricValue": filter.reads.value,
            "Unit": filter.reads.unit,
            "DefaultValue": filter.reads.default,
        });
        let resource = Resource::new(
            "AWS::Logs::MetricFilter",
            json!({
                "FilterName": filter.metric,
                "LogGroupName": reference(ids::log_group(&filter.function)),
                "FilterPattern": filter.reads.pattern.value,
                "MetricTransformations": [cfn::without_nulls(transformation)],
            }),
        );
        draft.add(ids::log_metric(&filter.function, &filter.metric), resource);
    }
    let mut sets: IndexMap<&str, Vec<(&Alarm, LogicalId)>> = IndexMap::new();
    for alarm in &stack.watched.alarms {
        let id = ids::alarm(alarm.about.key(), &alarm.set, &alarm.key);
        let resource = single(draft, alarm);
        draft.add(id.clone(), resource);
        sets.entry(&alarm.set).or_default().push((alarm, id));
    }
    for (set, alarms) in sets {
        services(draft, set, &alarms);
    }
}

/// One alarm. What it is about stands in its metadata: the gate of a release asks.
fn single(draft: &mut Draft<'_>, alarm: &Alarm) -> Resource {
    let stack = draft.stack;
    let rule = &alarm.rule;
    let is_silent = alarm.used.report == Some(Report::Service);
    let actions = if is_silent { Vec::new() } else { actions(draft, &alarm.used.to) };
    let mut properties = json!({
        "AlarmName": name(stack, alarm),
        "AlarmDescription": rule.description,
        "ComparisonOperator": rule.compare.operator(),
        "Threshold": number(rule.threshold),
        "EvaluationPeriods": rule.periods,
        "DatapointsToAlarm": (rule.needed() != rule.periods).then_some(rule.needed()),
        "TreatMissingData": rule.missing.treat.word(),
        "AlarmActions": (!actions.is_empty()).then_some(&actions),
        "OKActions": (!actions.is_empty()).then_some(&actions),
    });
    let measured = match (&rule.metric, &rule.math) {
        (Some(metric), _) => {
            let is_percentile = metric.statistic.starts_with('p');
            let key = if is_percentile { "ExtendedStatistic" } else { "Statistic" };
            let mut measured = shape(stack, metric, &alarm.about);
            measured.insert(key.to_owned(), json!(metric.statistic.value));
            measured.insert("Period".to_owned(), json!(rule.period.as_secs()));
            measured
        }
        (None, Some(math)) => {
            let queries = math.metrics.iter().map(|(id, metric)| {
                json!({
                    "Id": id, "ReturnData": false,
                    "MetricStat": {
                        "Metric": shape(stack, metric, &alarm.about),
                        "Period": rule.period.as_secs(), "Stat": metric.statistic.value,
                    },
                })
            });
            let result = json!({ "Id": "result", "Expression": math.expression.value, "Label": alarm.key });
            Map::from_iter([("Metrics".to_owned(), queries.chain([result]).collect())])
        }
        // A finding of the set.
        (None, None) => Map::new(),
    };
    if let Value::Object(properties) = &mut properties {
        properties.extend(measured);
    }
    let mut resource = Resource::new("AWS::CloudWatch::Alarm", properties);
    let function = match &alarm.about {
        About::Function(key) => Some(key),
        About::Queue(_) | About::Stack => None,
    };
    let about = json!({ "set": alarm.set, "severity": alarm.severity.word(), "function": function });
    resource.metadata.insert("deployer".to_owned(), cfn::without_nulls(about));
    resource
}

/// Namespace, name and dimensions.
pub(crate) fn shape(stack: &Stack, metric: &Metric, about: &About) -> Map<String, Value> {
    let (namespace, name) = stack.named_metric(metric, about);
    let dimensions: Vec<Value> =
        metric.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    let shape = json!({
        "Namespace": namespace, "MetricName": name,
        "Dimensions": (!dimensions.is_empty()).then_some(dimensions),
    });
    match cfn::without_nulls(shape) {
        Value::Object(shape) => shape,
        _ => Map::new(),
    }
}

/// Whole numbers without a point, as they are written.
fn number(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 9.0e15 {
        #[expect(clippy::cast_possible_truncation, reason = "only numbers that are whole and small")]
        true => json!(number as i64),
        // Templates compute: 1024 * 0.9 is not to be 921.6000000000001.
        false => json!((number * 1e6).round() / 1e6),
    }
}

fn actions(draft: &mut Draft<'_>, to: &[Target]) -> Vec<Value> {
    to.iter().map(|target| draft.arn(Noun::Topic, target)).collect()
}

/// The alarm that stands for all of a set; one for each hundred where there are more, under one that stands for those.
fn services(draft: &mut Draft<'_>, set: &str, alarms: &[(&Alarm, LogicalId)]) {
    let stack = draft.stack;
    let mut groups: Vec<Vec<&LogicalId>> = vec![Vec::new()];
    let mut length = 0;
    for (alarm, id) in alarms {
        let more = name(stack, alarm).len() + " OR ALARM(\"\")".len();
        let full = groups.last().is_some_and(|group| group.len() == MOST_CHILDREN) || length + more > LONGEST_RULE;
        if full {
            groups.push(Vec::new());
            length = 0;
        }
        length += more;
        groups.last_mut().into_iter().for_each(|group| group.push(id));
    }
    // The first stands for the set: the others come before it, from 2.
    let mut parts = Vec::new();
    if groups.len() > 1 {
        for (group, ordinal) in groups.drain(..).zip(2..) {
            let resource = service(draft, set, ordinal, &group, Vec::new());
            let id = ids::service_alarm(set, ordinal);
            draft.add(id.clone(), resource);
            parts.push(id);
        }
        groups.push(parts.iter().collect());
    }
    let reports = stack.alarm_sets(None);
    let used = reports.get(set).filter(|used| used.report == Some(Report::Service));
    let actions = used.map(|used| actions(draft, &used.to)).unwrap_or_default();
    let resource = service(draft, set, 1, &groups[0], actions);
    draft.add(ids::service_alarm(set, 1), resource);
}

fn service(draft: &Draft<'_>, set: &str, ordinal: usize, of: &[&LogicalId], actions: Vec<Value>) -> Resource {
    let stack = draft.stack;
    let rule: Vec<String> = of.iter().map(|id| format!("ALARM(\"${{{id}}}\")")).collect();
    Resource::new(
        "AWS::CloudWatch::CompositeAlarm",
        json!({
            "AlarmName": service_name(stack, set, ordinal),
            "AlarmDescription": format!("Some {set} alarm of {} is on: `deployer --stage {} status {}`", stack.prefix(), stack.stage, stack.file.stack.value),
            "AlarmRule": cfn::sub(rule.join(" OR ")),
            "AlarmActions": (!actions.is_empty()).then_some(&actions),
            "OKActions": (!actions.is_empty()).then_some(&actions),
        }),
    )
}
