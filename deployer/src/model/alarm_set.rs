//! An alarm set: a file of `alarms/`. What it says is read here; `watched` fills it for each function and queue.

use crate::decode::{Decode, choice, record};
use crate::diag::Diagnostics;
use crate::source::Spanned;
use crate::yaml::Node;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::marker::PhantomData;
use std::time::Duration;

/// A part whose templates are filled later, once for each thing that it is about; then it is a `T`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unfilled<T>(pub(crate) Node, PhantomData<T>);

impl<T: Decode> Decode for Unfilled<T> {
    fn decode(node: &Node, _: &mut Diagnostics) -> Option<Self> {
        Some(Self(node.clone(), PhantomData))
    }
    fn schema(definitions: &mut Map<String, Value>) -> Value {
        T::schema(definitions)
    }
}

record! {
    /// A file of `alarms/`: alarms that belong together, because the same people have to be told as urgently.
    #[called("an alarm set")]
    pub(crate) struct AlarmSet {
        /// What the set is for.
        description: Option<String>,
        /// How bad it is. Alarms of a critical set watch releases.
        severity: Severity,
        /// What a stack file may give under `with`.
        parameters: IndexMap<String, Parameter>,
        /// Metrics that are read from the log of a function.
        log_metrics: IndexMap<String, Unfilled<LogMetric>>,
        /// Alarms by name. Texts are templates over `function` or `queue`, the parameters, `stack` and `stage`.
        alarms: IndexMap<String, Unfilled<Rule>>,
    }
}

choice! {
    /// How bad it is.
    pub(crate) enum Severity {
        /// Somebody has to act now.
        Critical = "critical",
        /// Somebody has to look in working hours.
        Warning = "warning",
    }
}

record! {
    /// A parameter of a set.
    #[called("a parameter")]
    pub(crate) struct Parameter {
        /// What it means, with its unit.
        description: String,
        /// What it is unless a stack file says otherwise; its kind is the kind that is wanted.
        default: Value,
    }
}

record! {
    /// A metric that is read from a function's log by a metric filter, in the namespace `Lambda/<function>`.
    #[called("a log metric")]
    pub(crate) struct LogMetric {
        /// A filter pattern of CloudWatch Logs.
        pattern: Spanned<String>,
        /// What each match counts: a number, or a field of the record such as `$.record.metrics.maxMemoryUsedMB`.
        value: String = "1".to_owned(),
        /// CloudWatch's unit, such as `Megabytes`.
        unit: Option<String>,
        /// What is counted while the log is written to and nothing matches.
        default: Option<f64>,
    }
}

choice! {
    /// What an alarm is made for, each time.
    pub(crate) enum Subject {
        /// Every function that uses the set.
        Function = "function",
        /// Every queue of the stack, those included that are made for dead letters and failed events.
        Queue = "queue",
        /// The stack, once.
        Stack = "stack",
    }
}

choice! {
    /// How the metric is compared with the threshold.
    pub(crate) enum Compare {
        Above = ">",
        AtLeast = ">=",
        Below = "<",
        AtMost = "<=",
    }
}

impl Compare {
    /// CloudWatch's word.
    pub(crate) fn operator(self) -> &'static str {
        match self {
            Self::Above => "GreaterThanThreshold",
            Self::AtLeast => "GreaterThanOrEqualToThreshold",
            Self::Below => "LessThanThreshold",
            Self::AtMost => "LessThanOrEqualToThreshold",
        }
    }

    pub(crate) fn is_breach(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }
}

choice! {
    /// How CloudWatch takes a period without data.
    pub(crate) enum Treat {
        /// As a breach.
        Breaching = "breaching",
        /// As good.
        NotBreaching = "notBreaching",
        /// The alarm stays as it is.
        Ignore = "ignore",
        /// The alarm goes to INSUFFICIENT_DATA when nothing is left to look at.
        Missing = "missing",
    }
}

record! {
    /// How a period without data is taken, and why.
    #[called("`missing`")]
    pub(crate) struct Missing {
        /// `breaching`, `notBreaching`, `ignore` or `missing`.
        treat: Treat,
        /// Why that is right for this metric.
        because: String,
    }
}

record! {
    /// A metric: one of CloudWatch, or one of the set's log metrics.
    #[called("a metric")]
    pub(crate) struct Metric {
        /// CloudWatch's namespace, such as `AWS/Lambda`.
        namespace: Option<String>,
        /// Its name in that namespace.
        name: Option<String>,
        /// A log metric of this file, instead of namespace and name.
        log: Option<Spanned<String>>,
        /// Its dimensions.
        dimensions: IndexMap<String, String>,
        /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p95`.
        statistic: Spanned<String>,
    }
}

record! {
    /// Metric math: one number from several metrics, at most 10.
    #[called("`math`")]
    pub(crate) struct Math {
        /// CloudWatch's expression over the names of the metrics, such as `100 * errors / invocations`.
        expression: Spanned<String>,
        /// Metrics by the names that the expression uses: small letters, digits and `_`.
        metrics: IndexMap<String, Metric>,
    }
}

record! {
    /// An alarm. Exactly one of `metric` and `math`.
    #[called("an alarm")]
    pub(crate) struct Rule {
        /// What has happened when it goes to ALARM, and what to look at; part of the message.
        description: String,
        /// What it is made for: each `function`, the default, each `queue`, or the `stack`.
        for_each("for"): Subject = Subject::Function,
        /// Whether it is made for this one; a template that becomes true or false.
        when: bool = true,
        /// The metric.
        metric: Option<Metric>,
        /// Metric math.
        math: Option<Math>,
        /// `>`, `>=`, `<` or `<=`.
        compare: Compare,
        /// What it is compared with, in the metric's unit.
        threshold: f64,
        /// Seconds that one datapoint stands for; whole minutes. Default 1m.
        period: Spanned<Duration> = Spanned::new(Duration::from_secs(60), crate::source::Span::default()),
        /// Datapoints that are looked at: N. Default 1.
        periods: u32 = 1,
        /// How many of them have to breach: M. Default all.
        datapoints: Option<u32>,
        /// How a period without data is taken, and why.
        missing: Missing,
    }
}

impl Rule {
    /// M of M out of N.
    pub(crate) fn needed(&self) -> u32 {
        self.datapoints.unwrap_or(self.periods)
    }
}
