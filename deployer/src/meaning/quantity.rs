//! Numbers with their units.

use super::Meaning;
use crate::diff::PropertyChange;
use serde_json::Value;

/// Types and properties whose number has a unit.
///
/// Source: each property's page below <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/> (read 2026-11).
const UNITS: [(&str, &str, Unit); 15] = [
    ("AWS::ApiGatewayV2::Integration", "TimeoutInMillis", Unit::Milliseconds),
    ("AWS::Lambda::EventInvokeConfig", "MaximumEventAgeInSeconds", Unit::Seconds),
    ("AWS::Lambda::EventSourceMapping", "MaximumBatchingWindowInSeconds", Unit::Seconds),
    ("AWS::Lambda::EventSourceMapping", "MaximumRecordAgeInSeconds", Unit::Seconds),
    ("AWS::Lambda::Function", "EphemeralStorage.Size", Unit::Mebibytes),
    ("AWS::Lambda::Function", "MemorySize", Unit::Mebibytes),
    ("AWS::Lambda::Function", "Timeout", Unit::Seconds),
    ("AWS::Logs::LogGroup", "RetentionInDays", Unit::Days),
    ("AWS::SQS::Queue", "DelaySeconds", Unit::Seconds),
    ("AWS::SQS::Queue", "KmsDataKeyReusePeriodSeconds", Unit::Seconds),
    ("AWS::SQS::Queue", "MaximumMessageSize", Unit::Bytes),
    ("AWS::SQS::Queue", "MessageRetentionPeriod", Unit::Seconds),
    ("AWS::SQS::Queue", "ReceiveMessageWaitTimeSeconds", Unit::Seconds),
    ("AWS::SQS::Queue", "VisibilityTimeout", Unit::Seconds),
    ("AWS::SecretsManager::Secret", "RecoveryWindowInDays", Unit::Days),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Mebibytes,
    Bytes,
    Days,
    Percent,
    /// Of nothing in particular.
    None,
}

pub(super) fn meaning(kind: &str, property: &PropertyChange) -> Option<Meaning> {
    let (_, _, unit) = UNITS.iter().find(|(of, path, _)| *of == kind && *path == property.path)?;
    let shown = |value: &Option<Value>| match value {
        None => Some("(none)".to_owned()),
        Some(value) => number(value).map(|number| with_unit(number, *unit)),
    };
    let (mut before, after) = (shown(&property.before)?, shown(&property.after)?);
    if let (Some(one), Some(_), true) = (&property.before, &property.after, *unit != Unit::Seconds) {
        before = number(one)?.to_string();
    }
    Some(Meaning { summary: format!("{before} → {after}"), items: Vec::new() })
}

/// CloudFormation stores many numbers as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

/// `60 s (1 min)`, `512 MB`, `2.5 %`
pub(super) fn with_unit(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!("{number} s{}", in_larger(number)),
        Unit::Milliseconds if number >= 1_000.0 => format!("{number} ms ({} s)", number / 1_000.0),
        Unit::Milliseconds => format!("{number} ms"),
        Unit::Mebibytes => format!("{number} MB"),
        Unit::Bytes if number >= 1_024.0 && (number / 1_024.0).fract() == 0.0 => {
            format!("{number} bytes ({} KB)", number / 1_024.0)
        }
        Unit::Bytes => format!("{number} bytes"),
        #[expect(clippy::float_cmp, reason = "a whole number, as it was written")]
        Unit::Days => format!("{number} {}", if number == 1.0 { "day" } else { "days" }),
        Unit::Percent => format!("{number} %"),
        Unit::None => number.to_string(),
    }
}

/// ` (5 min)`: the largest unit in which the seconds are a number with at most one digit behind the point.
fn in_larger(seconds: f64) -> String {
    for (size, one, many) in [(86_400.0, "day", "days"), (3_600.0, "h", "h"), (60.0, "min", "min")] {
        let number = seconds / size;
        if number >= 1.0 && (number * 10.0).fract() == 0.0 {
            return format!(" ({number} {})", if number > 1.0 { many } else { one });
        }
    }
    String::new()
}
