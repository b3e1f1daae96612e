//! Dashboards: files of `dashboards/`, filled for a stack. What their widgets become in CloudWatch is `synth/dashboard`.
//!
//! A list in such a file loops with `for_each`, over functions, queues and alarms, so a new one appears by itself.

use super::Stack;
use super::alarm_set::{LogMetric, Unfilled};
use super::watched::{self, Filter, Watched};
use crate::decode::{Decode, choice, record};
use crate::diag::{Diagnostic, Diagnostics};
use crate::jinja::{self, Scope};
use crate::overlay::{Expander, Place};
use crate::source::{Sources, Span, Spanned};
use crate::synth;
use crate::yaml::{self, Node};
use indexmap::IndexMap;
use serde_json::{Value, json};
use std::time::Duration;

/// Folder of dashboards, relative to the project.
pub(crate) const FOLDER: &str = "dashboards";

/// What templates write for the HTTP API's id, which CloudFormation gives.
pub(crate) const API: &str = "${Api}";

/// Columns of a dashboard.
pub(crate) const COLUMNS: u32 = 24;

record! {
    /// A file of `dashboards/`.
    #[called("a dashboard")]
    pub(crate) struct Board {
        /// Who looks at it, and for what.
        description: Option<String>,
        /// Metrics that are read from the log of each function.
        log_metrics: IndexMap<String, Unfilled<LogMetric>>,
        /// From left to right and from top to bottom; a row is full at 24 columns.
        widgets: Vec<Widget>,
    }
}

record! {
    /// Part of a dashboard. Exactly one of `text`, `alarms` and `metrics`.
    #[called("a widget")]
    pub(crate) struct Widget {
        /// What stands above it.
        title: Option<String>,
        /// Markdown.
        text: Option<String>,
        /// Names of alarms whose states are shown.
        alarms: Option<Vec<String>>,
        /// Metrics that are drawn.
        metrics: Option<Vec<Line>>,
        /// Columns, 1 to 24; default 12.
        width: u32 = 12,
        /// Rows, 1 to 1,000; default 6.
        height: u32 = 6,
        /// `lines`, `stacked`, `number` or `bar`.
        view: View = View::Lines,
        /// What one point stands for; default 5m.
        period: Duration = Duration::from_secs(300),
        /// What is written at the axis, with its unit.
        axis: Option<String>,
        /// Where the axis begins; default 0.
        min: Option<f64> = Some(0.0),
        /// Where it ends; default where the data end.
        max: Option<f64>,
        /// Lines across.
        thresholds: Vec<Threshold>,
    }
}

choice! {
    /// How metrics are drawn.
    pub(crate) enum View {
        Lines = "lines",
        Stacked = "stacked",
        Number = "number",
        Bar = "bar",
    }
}

record! {
    /// A metric that is drawn, or metric math over others of the widget.
    #[called("a metric of a widget")]
    pub(crate) struct Line {
        /// What it is called in the legend.
        label: String,
        /// CloudWatch's namespace.
        namespace: Option<String>,
        /// Its name in that namespace.
        name: Option<String>,
        /// Its dimensions.
        dimensions: IndexMap<String, String>,
        /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p95`.
        statistic: Option<Spanned<String>>,
        /// Metric math instead, over the `id`s of others.
        math: Option<String>,
        /// What `math` calls it: a small letter, then letters, digits and `_`.
        id: Option<String>,
        /// Not drawn: only `math` needs it.
        hidden: bool = false,
    }
}

record! {
    /// A line across a widget.
    #[called("a threshold")]
    pub(crate) struct Threshold {
        /// Where, in the metric's unit.
        at: f64,
        /// What it means.
        label: String,
    }
}

/// A dashboard of a stack, with nothing left to fill in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dashboard {
    pub(crate) key: String,
    pub(crate) board: Board,
}

/// Fills the dashboards that `stack` names, and adds the metric filters that they need to `watched`.
pub(crate) fn dashboards(
    stack: &Stack,
    sources: &Sources,
    base: &Scope,
    expander: &mut Expander<'_>,
    roots: &mut Vec<Node>,
    watched: &mut Watched,
) -> Vec<Dashboard> {
    let scope = scope(stack, base, watched);
    let mut all = Vec::new();
    for name in &stack.file.dashboards {
        let Some(file) = watched::find(sources, FOLDER, name) else {
            let finding = watched::unknown(sources, FOLDER, name, "D0607", "dashboard");
            expander.diagnostics.push(finding.at(name.span, format!("`{}` is no file of `dashboards/`", name.value)));
            continue;
        };
        let Some(root) = yaml::parse(file, &sources.get(file).text, expander.diagnostics) else { continue };
        roots.push(root.clone());
        let failures = expander.failed.len();
        let filled = expander.expand(&root, &scope, Place::Typed);
        if expander.failed.len() > failures {
            continue;
        }
        let Some(board) = Board::decode(&filled, expander.diagnostics) else { continue };
        for widget in &board.widgets {
            mistakes(widget, expander.diagnostics);
        }
        for (metric, unfilled) in &board.log_metrics {
            let Some(reads) = LogMetric::decode(&unfilled.0, expander.diagnostics) else { continue };
            for function in stack.file.functions.keys() {
                let filter = Filter { function: function.clone(), metric: metric.clone(), reads: reads.clone() };
                watched.filter(filter, expander.diagnostics);
            }
        }
        all.push(Dashboard { key: name.value.clone(), board });
    }
    all
}

/// What a dashboard's templates see.
fn scope(stack: &Stack, base: &Scope, watched: &Watched) -> Scope {
    let functions = stack.file.functions.iter().map(|(key, function)| stack.function_value(key, function));
    let queues = stack.queue_things().into_iter().map(|queue| queue.value());
    let alarms = watched.alarms.iter().map(|alarm| {
        json!({ "name": synth::alarm_name(stack, alarm), "set": alarm.set, "severity": alarm.severity.word(),
                "thing": alarm.about.key(), "key": alarm.key })
    });
    let mut sets: Vec<&str> = watched.alarms.iter().map(|alarm| alarm.set.as_str()).collect();
    sets.dedup();
    let mut services: Vec<String> = sets.iter().map(|set| synth::service_alarm_name(stack, set, 1)).collect();
    services.sort();
    services.dedup();
    let api = functions_with_routes(stack).then_some(API);
    let mut logs: Vec<&str> = watched.filters.iter().map(|filter| filter.metric.as_str()).collect();
    logs.sort_unstable();
    logs.dedup();
    let mut scope = base.clone();
    for (name, value) in [
        ("functions", functions.collect()),
        ("queues", queues.collect()),
        ("alarms", alarms.collect()),
        ("services", Value::from(services)),
        ("api", json!(api)),
        ("log_metrics", json!(logs)),
    ] {
        scope.insert(name.to_owned(), jinja::value(&value));
    }
    scope
}

fn functions_with_routes(stack: &Stack) -> bool {
    stack.file.functions.values().flat_map(|function| &function.triggers).any(|trigger| trigger.kind.word() == "http")
}

/// What CloudWatch would refuse, or draw as nothing.
fn mistakes(widget: &Widget, diagnostics: &mut Diagnostics) {
    let mut wrong = |span: Span, text: String, help: &str| {
        let finding = Diagnostic::error("D0608", "a widget that CloudWatch does not draw");
        diagnostics.push(finding.at(span, text).help(help));
    };
    let kinds = [widget.text.is_some(), widget.alarms.is_some(), widget.metrics.is_some()];
    if kinds.iter().filter(|is_there| **is_there).count() != 1 {
        let text = "exactly one of `text`, `alarms` and `metrics` is needed".to_owned();
        wrong(widget.span, text, "a widget shows one kind of thing");
    }
    if !(1..=COLUMNS).contains(&widget.width) || !(1..=1_000).contains(&widget.height) {
        let text = format!("{} columns and {} rows", widget.width, widget.height);
        wrong(widget.span, text, "1 to 24 columns, 1 to 1,000 rows");
    }
    if widget.period.as_secs() == 0 || !widget.period.as_secs().is_multiple_of(60) {
        wrong(widget.span, "a period is a number of whole minutes".to_owned(), "write 1m, 5m, 1h …");
    }
    for line in widget.metrics.iter().flatten() {
        let is_metric = line.namespace.is_some() && line.name.is_some() && line.statistic.is_some();
        let is_part = line.namespace.is_some() || line.name.is_some() || line.statistic.is_some();
        if line.math.is_some() && is_part || line.math.is_none() && !is_metric {
            let text = "a metric is `namespace`, `name` and `statistic`, or `math`".to_owned();
            wrong(line.span, text, "take out what is too much, or add what is missing");
        }
        if let Some(statistic) = line.statistic.as_ref().filter(|statistic| !watched::is_statistic(statistic)) {
            let text = format!("`{}` is no statistic", statistic.value);
            wrong(statistic.span, text, "Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p95");
        }
        let is_id = |id: &String| {
            id.starts_with(|c: char| c.is_ascii_lowercase())
                && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some(id) = line.id.as_ref().filter(|id| !is_id(id)) {
            let text = format!("`{id}` is no id");
            wrong(line.span, text, "a small letter first, then letters, digits and `_`");
        }
    }
}
