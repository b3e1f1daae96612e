//! Alarms by field: what is compared with what, in which unit, for how long.

use super::Meaning;
use super::quantity::{Unit, number, with_unit};
use crate::diff::PropertyChange;
use serde_json::{Map, Value};

/// `around` are the alarm's properties as they will be: a threshold says little without its metric.
pub(super) fn meaning(property: &PropertyChange, around: &Map<String, Value>) -> Option<Meaning> {
    let text = |key: &str| around.get(key).and_then(Value::as_str);
    let period = around.get("Period").and_then(number);
    let unit = unit(text("MetricName").unwrap_or_default(), text("Unit"));
    let operator = operator(text("ComparisonOperator").unwrap_or_default());
    let metric = text("MetricName").map(|name| match text("Statistic").or_else(|| text("ExtendedStatistic")) {
        Some(statistic) => format!("{name} ({}) ", statistic.to_lowercase()),
        None => format!("{name} "),
    });
    let show = |value: Option<&Value>| -> Option<String> {
        let Some(value) = value else { return Some("(none)".to_owned()) };
        match property.path.as_str() {
            "Threshold" => Some(format!("{operator} {}", with_unit(number(value)?, unit))),
            "ComparisonOperator" => {
                let threshold = around.get("Threshold").and_then(number);
                let threshold = threshold.map(|threshold| format!(" {}", with_unit(threshold, unit)));
                Some(format!("{}{}", self::operator(value.as_str()?), threshold.unwrap_or_default()))
            }
            "Period" => Some(with_unit(number(value)?, Unit::Seconds)),
            "EvaluationPeriods" | "DatapointsToAlarm" => {
                let periods = number(value)?;
                let word = if periods > 1.0 { "periods" } else { "period" };
                Some(match period {
                    Some(period) => {
                        format!("{periods} {word} of {period} s = {}", with_unit(periods * period, Unit::Seconds))
                    }
                    None => format!("{periods} {word}"),
                })
            }
            "TreatMissingData" => Some(format!("{} ({})", value.as_str()?, missing(value.as_str()?)?)),
            "ActionsEnabled" => {
                let on = value.as_bool().or_else(|| value.as_str()?.parse().ok())?;
                Some(if on { "tells its receivers" } else { "is silent" }.to_owned())
            }
            _ => None,
        }
    };
    let (before, after) = (show(property.before.as_ref())?, show(property.after.as_ref())?);
    let lead = match property.path.as_str() {
        "Threshold" | "ComparisonOperator" => metric.unwrap_or_default(),
        _ => String::new(),
    };
    Some(Meaning { summary: format!("{lead}{before} → {after}"), items: Vec::new() })
}

/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
/// (read 2026-11).
fn unit(metric: &str, declared: Option<&str>) -> Unit {
    match (declared, metric) {
        (Some("Seconds"), _) => Unit::Seconds,
        (Some("Milliseconds"), _) => Unit::Milliseconds,
        (Some("Bytes"), _) => Unit::Bytes,
        (Some("Percent"), _) => Unit::Percent,
        (Some(_), _) => Unit::None,
        (None, "Duration" | "PostRuntimeExtensionsDuration" | "IteratorAge" | "AsyncEventAge") => Unit::Milliseconds,
        (None, "Latency" | "IntegrationLatency") => Unit::Milliseconds,
        (None, "ApproximateAgeOfOldestMessage") => Unit::Seconds,
        (None, "SentMessageSize" | "BucketSizeBytes") => Unit::Bytes,
        (None, "CPUUtilization" | "MemoryUtilization" | "memory_utilization") => Unit::Percent,
        (None, _) => Unit::None,
    }
}

/// `>= ` and the like, for `GreaterThanOrEqualToThreshold`.
fn operator(name: &str) -> &str {
    match name {
        "GreaterThanOrEqualToThreshold" => ">=",
        "GreaterThanThreshold" => ">",
        "LessThanOrEqualToThreshold" => "<=",
        "LessThanThreshold" => "<",
        "LessThanLowerOrGreaterThanUpperThreshold" => "outside of the band",
        "LessThanLowerThreshold" => "below the band",
        "GreaterThanUpperThreshold" => "above the band",
        other => other,
    }
}

fn missing(word: &str) -> Option<&'static str> {
    Some(match word {
        "breaching" => "no data is a breach",
        "notBreaching" => "no data is fine",
        "ignore" => "no data keeps the state",
        "missing" => "no data is insufficient data",
        _ => return None,
    })
}
