//! The alarms of a stack: its sets filled for each function and queue, and what of them CloudWatch would not take.
//!
//! Every finding stands where it was written: in the set's file what is wrong with the set, in the stack file what is wrong
//! with its use.

use super::Stack;
use super::alarm_set::{AlarmSet, LogMetric, Metric, Rule, Severity, Subject};
use super::watch::Used;
use crate::decode::Decode;
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::jinja::{self, Scope};
use crate::overlay::{Expander, Place};
use crate::source::{FileId, Sources, Span};
use crate::units::show_duration;
use crate::yaml::{self, Node};
use indexmap::IndexMap;
use serde_json::Value;

/// What an alarm is about, by its name in the stack file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    Function(String),
    Queue(String),
    Stack,
}

impl About {
    /// The name of the thing; empty for the stack.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Function(key) | Self::Queue(key) => key,
            Self::Stack => "",
        }
    }
}

/// One alarm, with nothing left to fill in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alarm {
    pub(crate) set: String,
    pub(crate) severity: Severity,
    /// Its name in the set.
    pub(crate) key: String,
    pub(crate) about: About,
    pub(crate) rule: Rule,
    /// How the set is used here.
    pub(crate) used: Used,
}

/// A metric filter on the log of a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    pub(crate) function: String,
    pub(crate) metric: String,
    pub(crate) reads: LogMetric,
}

/// What watches a stack.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Watched {
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) filters: Vec<Filter>,
}

/// Folder of alarm sets, relative to the project.
pub(crate) const FOLDER: &str = "alarms";

/// Longest time that an alarm looks back: a day, or seven where its periods are of an hour or more.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html> (read 2026-11).
const DAY: u64 = 86_400;
/// Metrics of one expression, and receivers of one state. Same source.
const MOST_METRICS: usize = 10;
const MOST_ACTIONS: usize = 5;

/// The file of a set or a dashboard in `folder`; `None` when there is none of that name.
pub(crate) fn find(sources: &Sources, folder: &str, name: &str) -> Option<FileId> {
    let is_it = |file: &str| {
        let rest = file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        rest.and_then(|rest| rest.split_once('.')).is_some_and(|(stem, _)| stem == name)
    };
    sources.0.iter().position(|source| is_it(&source.name)).map(FileId)
}

/// "there is no X called `name`": what it may have meant.
pub(crate) fn unknown(sources: &Sources, folder: &str, name: &str, code: &'static str, what: &str) -> Diagnostic {
    let file = |source: &crate::source::Source| {
        let rest = source.name.strip_prefix(folder)?.strip_prefix('/')?.to_owned();
        rest.split_once('.').map(|(stem, _)| stem.to_owned())
    };
    let known: Vec<String> = sources.0.iter().filter_map(file).collect();
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}; or write {folder}/{name}.yaml", known.join(", ")),
    };
    Diagnostic::error(code, format!("no such {what}")).help(help)
}

/// Fills the sets that `stack` uses. `expander` reports what is wrong with templates; `roots` receives the files that were
/// read, for whoever looks for places in them.
pub(crate) fn watched(
    stack: &Stack,
    sources: &Sources,
    base: &Scope,
    expander: &mut Expander<'_>,
    roots: &mut Vec<Node>,
) -> Watched {
    let mut filling = Filling { stack, base, sets: IndexMap::new(), watched: Watched::default() };
    let whole = stack.alarm_sets(None);
    let used: Vec<(Subject, About, Scope, IndexMap<String, Used>)> = filling.subjects(&whole);
    for (subject, about, scope, sets) in used {
        for (name, used) in sets {
            if !filling.sets.contains_key(&name) {
                let set = match find(sources, FOLDER, &name) {
                    Some(file) => read(sources, file, expander.diagnostics, roots),
                    None => {
                        let finding = unknown(sources, FOLDER, &name, "D0601", "alarm set");
                        expander.diagnostics.push(finding.at(used.span, format!("`{name}` is no file of `alarms/`")));
                        None
                    }
                };
                filling.sets.insert(name.clone(), set);
            }
            if let Some(Some(set)) = filling.sets.get(&name) {
                let set = set.clone();
                filling.set(&name, &set, &used, subject, &about, &scope, expander);
            }
        }
    }
    filling.watched
}

fn read(sources: &Sources, file: FileId, diagnostics: &mut Diagnostics, roots: &mut Vec<Node>) -> Option<AlarmSet> {
    let root = yaml::parse(file, &sources.get(file).text, diagnostics)?;
    roots.push(root.clone());
    AlarmSet::decode(&root, diagnostics)
}

struct Filling<'a> {
    stack: &'a Stack,
    base: &'a Scope,
    /// `None` for one that cannot be read: said once.
    sets: IndexMap<String, Option<AlarmSet>>,
    watched: Watched,
}

impl Filling<'_> {
    /// Every thing that alarms are made for, in the order of the stack file.
    fn subjects(&self, whole: &IndexMap<String, Used>) -> Vec<(Subject, About, Scope, IndexMap<String, Used>)> {
        let with = |name: &str, value: &Value| {
            let mut scope = self.base.clone();
            scope.insert(name.to_owned(), jinja::value(value));
            scope
        };
        let functions = self.stack.file.functions.iter().map(|(key, function)| {
            let scope = with("function", &self.stack.function_value(key, function));
            (Subject::Function, About::Function(key.clone()), scope, self.stack.alarm_sets(Some(function)))
        });
        let queues = self.stack.queue_things().into_iter().map(|queue| {
            (Subject::Queue, About::Queue(queue.key.clone()), with("queue", &queue.value()), whole.clone())
        });
        let functions_value: Vec<Value> =
            self.stack.file.functions.iter().map(|(key, function)| self.stack.function_value(key, function)).collect();
        let whole = (Subject::Stack, About::Stack, with("functions", &Value::from(functions_value)), whole.clone());
        functions.chain(queues).chain([whole]).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "one call, of what a set is filled with")]
    fn set(
        &mut self,
        name: &str,
        set: &AlarmSet,
        used: &Used,
        subject: Subject,
        about: &About,
        scope: &Scope,
        expander: &mut Expander<'_>,
    ) {
        let mut scope = scope.clone();
        let place = |span| self.stack.places.key(span);
        parameters(set, used, &mut scope, place, expander.diagnostics);
        for off in used.off.iter().filter(|off| !set.alarms.contains_key(&off.value)) {
            let help = match nearest(off, set.alarms.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", set.alarms.keys().cloned().collect::<Vec<_>>().join(", ")),
            };
            let text = format!("`{name}` has no alarm of this name");
            expander
                .diagnostics
                .push(Diagnostic::error("D0603", "no such alarm in the set").at(off.span, text).help(help));
        }
        if used.to.len() > MOST_ACTIONS {
            let finding = Diagnostic::error("D0605", "an alarm that CloudWatch does not take")
                .at(used.span, format!("{} topics are told, CloudWatch takes {MOST_ACTIONS}", used.to.len()))
                .help("let one topic have several subscriptions");
            expander.diagnostics.push(finding);
        }
        for (key, unfilled) in set.alarms.iter().filter(|(key, _)| !used.off.iter().any(|off| off.value == **key)) {
            let node = &unfilled.0;
            let is_for = node.get("for").and_then(Node::as_str).unwrap_or(Subject::Function.word());
            let known = [Subject::Function, Subject::Queue, Subject::Stack].map(Subject::word);
            // What is for nothing that there is, is said when functions are filled.
            if is_for != subject.word() && (known.contains(&is_for) || subject != Subject::Function) {
                continue;
            }
            // The rest may ask for what is not there where it is not wanted.
            if let Some(when) = node.get("when")
                && expander.expand(when, &scope, Place::Typed).kind == yaml::Kind::Bool(false)
            {
                continue;
            }
            let failures = expander.failed.len();
            let filled = expander.expand(node, &scope, Place::Typed);
            if expander.failed.len() > failures {
                continue;
            }
            let Some(rule) = Rule::decode(&filled, expander.diagnostics) else { continue };
            mistakes(&rule, set, subject, expander.diagnostics);
            self.filters(set, &rule, about, &scope, expander);
            self.watched.alarms.push(Alarm {
                set: name.to_owned(),
                severity: set.severity,
                key: key.clone(),
                about: about.clone(),
                rule,
                used: used.clone(),
            });
        }
    }

    /// The metric filters that an alarm needs.
    fn filters(&mut self, set: &AlarmSet, rule: &Rule, about: &About, scope: &Scope, expander: &mut Expander<'_>) {
        let About::Function(function) = about else { return };
        for log in metrics(rule).filter_map(|metric| metric.log.as_ref()) {
            let Some(unfilled) = set.log_metrics.get(&log.value) else { continue };
            let filled = expander.expand(&unfilled.0, scope, Place::Typed);
            let Some(reads) = LogMetric::decode(&filled, expander.diagnostics) else { continue };
            self.watched
                .filter(Filter { function: function.clone(), metric: log.value.clone(), reads }, expander.diagnostics);
        }
    }
}

impl Watched {
    /// Adds a filter that may be there already; two of the same name that read differently are a finding.
    pub(crate) fn filter(&mut self, filter: Filter, diagnostics: &mut Diagnostics) {
        let same = |other: &&Filter| other.function == filter.function && other.metric == filter.metric;
        match self.filters.iter().find(same) {
            None => self.filters.push(filter),
            Some(other) => {
                let one = LogMetric { span: filter.reads.span, ..other.reads.clone() };
                if one != filter.reads {
                    let text = format!("`{}` is read differently here …", filter.metric);
                    diagnostics.push(
                        Diagnostic::error("D0606", "a log metric that does not fit")
                            .at(filter.reads.span, text)
                            .at(other.reads.span, "… than here")
                            .help("give one of the two another name"),
                    );
                }
            }
        }
    }
}

impl Stack {
    /// Namespace and name of a metric of an alarm.
    pub(crate) fn named_metric(&self, metric: &Metric, about: &About) -> (String, String) {
        match &metric.log {
            Some(log) => (self.log_namespace(about.key()), log.value.clone()),
            None => (metric.namespace.clone().unwrap_or_default(), metric.name.clone().unwrap_or_default()),
        }
    }
}

/// The metrics of an alarm.
pub(crate) fn metrics(rule: &Rule) -> impl Iterator<Item = &Metric> {
    rule.metric.iter().chain(rule.math.iter().flat_map(|math| math.metrics.values()))
}

/// Parameters as they are here: the set's defaults, and what the stack file gives.
fn parameters(
    set: &AlarmSet,
    used: &Used,
    scope: &mut Scope,
    key: impl Fn(Span) -> Span,
    diagnostics: &mut Diagnostics,
) {
    for (name, parameter) in &set.parameters {
        scope.insert(name.clone(), jinja::value(&parameter.default));
    }
    for (name, given) in &used.with {
        let Some(parameter) = set.parameters.get(name) else {
            let help = match nearest(name, set.parameters.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes: {}", set.parameters.keys().cloned().collect::<Vec<_>>().join(", ")),
            };
            let finding = Diagnostic::error("D0602", "no such parameter of an alarm set")
                .at(key(given.span), format!("the set has no parameter `{name}`"));
            diagnostics.push(finding.help(help));
            continue;
        };
        if std::mem::discriminant(&parameter.default) != std::mem::discriminant(&given.value) {
            let finding = Diagnostic::error("D0604", "a parameter of the wrong kind")
                .at(given.span, format!("`{name}` is {} by default", parameter.default))
                .help(format!("{}: a value of the same kind", parameter.description));
            diagnostics.push(finding);
        }
        scope.insert(name.clone(), jinja::value(&given.value));
    }
}

/// What CloudWatch would refuse.
fn mistakes(rule: &Rule, set: &AlarmSet, subject: Subject, diagnostics: &mut Diagnostics) {
    let mut wrong = |span: Span, text: String, help: &str| {
        diagnostics
            .push(Diagnostic::error("D0605", "an alarm that CloudWatch does not take").at(span, text).help(help));
    };
    if rule.metric.is_some() == rule.math.is_some() {
        wrong(rule.span, "exactly one of `metric` and `math` is needed".to_owned(), "take one of them out, or add one");
    }
    let period = rule.period.as_secs();
    if period == 0 || !period.is_multiple_of(60) {
        wrong(rule.period.span, "a period is a number of whole minutes".to_owned(), "write 1m, 5m, 1h …");
    }
    let longest = if period >= 3_600 { 7 * DAY } else { DAY };
    if rule.periods == 0 || period * u64::from(rule.periods) > longest {
        let text = format!("{} periods of {} s", rule.periods, period);
        let most = show_duration(std::time::Duration::from_secs(longest));
        wrong(rule.span, text, &format!("at least one period, and {most} together"));
    }
    if rule.needed() == 0 || rule.needed() > rule.periods {
        let text = format!("{} datapoints of {} have to breach", rule.needed(), rule.periods);
        wrong(rule.span, text, "`datapoints` is 1 to `periods`");
    }
    if let Some(math) = rule.math.as_ref().filter(|math| !(1..=MOST_METRICS).contains(&math.metrics.len())) {
        let text = format!("{} metrics in one expression", math.metrics.len());
        wrong(math.expression.span, text, &format!("CloudWatch takes 1 to {MOST_METRICS}"));
    }
    for metric in metrics(rule) {
        if !is_statistic(&metric.statistic) {
            let text = format!("`{}` is no statistic", metric.statistic.value);
            wrong(
                metric.statistic.span,
                text,
                "Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p95",
            );
        }
        let is_named = metric.namespace.is_some() && metric.name.is_some();
        let is_part = metric.namespace.is_some() || metric.name.is_some();
        if metric.log.is_some() && is_part || metric.log.is_none() && !is_named {
            let text = "a metric is `log`, or `namespace` and `name`".to_owned();
            wrong(metric.span, text, "log metrics are those of `log_metrics` in this file");
        }
    }
    for log in metrics(rule).filter_map(|metric| metric.log.as_ref()) {
        let text = match (set.log_metrics.contains_key(&log.value), subject) {
            (false, _) => format!("nothing under `log_metrics` is called `{}`", log.value),
            (true, Subject::Function) => continue,
            (true, _) => "only functions have a log of their own".to_owned(),
        };
        let help = match nearest(log, set.log_metrics.keys().map(String::as_str)) {
            Some(near) if near != log.value => format!("did you mean `{near}`?"),
            _ => "declare it under `log_metrics:`, and say `for: function`".to_owned(),
        };
        diagnostics.push(Diagnostic::error("D0606", "a log metric that does not fit").at(log.span, text).help(help));
    }
}

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html> (read 2026-11).
pub(crate) fn is_statistic(text: &str) -> bool {
    let percentile = |text: &str| text.parse::<f64>().is_ok_and(|percent| (0.0..=100.0).contains(&percent));
    ["Average", "Sum", "Minimum", "Maximum", "SampleCount"].contains(&text)
        || text
            .strip_prefix('p')
            .is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()) && percentile(digits))
}

#[cfg(test)]
mod tests;
