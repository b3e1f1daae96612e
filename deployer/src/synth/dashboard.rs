//! Dashboards: what a file's widgets become in CloudWatch, within its limits.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
//! (read 2026-11).

use super::draft::Draft;
use super::logical_ids as ids;
use crate::cfn::{self, Resource};
use crate::model::Stack;
use crate::model::board::{API, COLUMNS, Dashboard, Line, View, Widget};
use serde_json::{Map, Value, json};

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html> (read 2026-11).
const MOST_WIDGETS: usize = 500;
const MOST_METRICS: usize = 500;
const MOST_METRICS_IN_ALL: usize = 2_500;
/// Alarms of one widget that shows their states.
const MOST_ALARMS: usize = 100;

/// CloudWatch's name of a dashboard, or of its `ordinal`th part, from 1.
pub(crate) fn name(stack: &Stack, key: &str, ordinal: usize) -> String {
    match ordinal {
        1 => format!("{}-{key}", stack.prefix()),
        _ => format!("{}-{key}-{ordinal}", stack.prefix()),
    }
}

pub(crate) fn dashboards(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for dashboard in &stack.dashboards {
        for (ordinal, widgets) in (1..).zip(parts(dashboard)) {
            let body = json!({ "widgets": placed(&widgets), "periodOverride": "inherit" });
            let resource = Resource::new(
                "AWS::CloudWatch::Dashboard",
                json!({ "DashboardName": name(stack, &dashboard.key, ordinal), "DashboardBody": cfn::sub(body.to_string()) }),
            );
            draft.add(ids::dashboard(&dashboard.key, ordinal), resource);
        }
    }
}

/// The widgets of a dashboard, in as many dashboards as CloudWatch's limits ask for.
pub(crate) fn parts(dashboard: &Dashboard) -> Vec<Vec<Widget>> {
    let mut parts: Vec<Vec<Widget>> = vec![Vec::new()];
    let mut metrics = 0;
    for widget in dashboard.board.widgets.iter().flat_map(split) {
        let more = widget.metrics.as_ref().map_or(0, Vec::len);
        let is_full =
            parts.last().is_some_and(|part| part.len() == MOST_WIDGETS) || metrics + more > MOST_METRICS_IN_ALL;
        if is_full {
            parts.push(Vec::new());
            metrics = 0;
        }
        metrics += more;
        parts.last_mut().into_iter().for_each(|part| part.push(widget.clone()));
    }
    parts
}

/// A widget, or several where it holds more than one may.
fn split(widget: &Widget) -> Vec<Widget> {
    let title = |ordinal: usize| match (&widget.title, ordinal) {
        (Some(title), 2..) => Some(format!("{title} ({ordinal})")),
        (title, _) => title.clone(),
    };
    if let Some(alarms) = widget.alarms.as_ref().filter(|alarms| alarms.len() > MOST_ALARMS) {
        let chunks = (1..).zip(alarms.chunks(MOST_ALARMS));
        let part = |(ordinal, alarms): (usize, &[String])| Widget {
            title: title(ordinal),
            alarms: Some(alarms.to_vec()),
            ..widget.clone()
        };
        return chunks.map(part).collect();
    }
    match widget.metrics.as_ref().filter(|metrics| metrics.len() > MOST_METRICS) {
        Some(metrics) => {
            // Metric math may need any of those that are not drawn: they stay with every part.
            let (hidden, drawn): (Vec<Line>, Vec<Line>) = metrics.iter().cloned().partition(|line| line.hidden);
            let room = MOST_METRICS.saturating_sub(hidden.len()).max(1);
            let chunks = (1..).zip(drawn.chunks(room));
            chunks
                .map(|(ordinal, drawn)| Widget {
                    title: title(ordinal),
                    metrics: Some(hidden.iter().chain(drawn).take(MOST_METRICS).cloned().collect()),
                    ..widget.clone()
                })
                .collect()
        }
        None => vec![widget.clone()],
    }
}

/// Widgets one after the other, in rows of 24 columns.
fn placed(widgets: &[Widget]) -> Vec<Value> {
    let (mut x, mut y, mut row) = (0, 0, 0);
    let mut all = Vec::new();
    for widget in widgets {
        if x + widget.width > COLUMNS {
            (x, y, row) = (0, y + row, 0);
        }
        let (kind, properties) = properties(widget);
        all.push(json!({
            "type": kind, "x": x, "y": y, "width": widget.width, "height": widget.height, "properties": properties,
        }));
        x += widget.width;
        row = row.max(widget.height);
    }
    all
}

fn properties(widget: &Widget) -> (&'static str, Value) {
    if let Some(text) = &widget.text {
        return ("text", json!({ "markdown": literal(text) }));
    }
    let title = widget.title.as_deref().map(literal);
    if let Some(alarms) = &widget.alarms {
        let arn = |name: &String| {
            format!("arn:${{AWS::Partition}}:cloudwatch:${{AWS::Region}}:${{AWS::AccountId}}:alarm:{}", literal(name))
        };
        let arns: Vec<String> = alarms.iter().map(arn).collect();
        return ("alarm", cfn::without_nulls(json!({ "title": title, "alarms": arns })));
    }
    let lines: Vec<Value> = widget.metrics.iter().flatten().map(metric).collect();
    let view = match widget.view {
        View::Lines | View::Stacked => "timeSeries",
        View::Number => "singleValue",
        View::Bar => "bar",
    };
    let axis = json!({ "label": widget.axis.as_deref().map(literal), "min": widget.min, "max": widget.max,
                       "showUnits": widget.axis.is_none().then_some(true).or(Some(false)) });
    let thresholds: Vec<Value> = widget
        .thresholds
        .iter()
        .map(|threshold| json!({ "value": threshold.at, "label": literal(&threshold.label) }))
        .collect();
    let is_graph = matches!(widget.view, View::Lines | View::Stacked);
    let properties = json!({
        "title": title,
        "metrics": lines,
        "view": view,
        "stacked": is_graph.then_some(widget.view == View::Stacked),
        "region": "${AWS::Region}",
        "period": widget.period.as_secs(),
        "stat": "Average",
        "yAxis": is_graph.then(|| json!({ "left": cfn::without_nulls(axis) })),
        "annotations": (!thresholds.is_empty()).then(|| json!({ "horizontal": thresholds })),
    });
    ("metric", cfn::without_nulls(properties))
}

/// `["AWS/Lambda", "Errors", "FunctionName", "f", {…}]`, or `[{"expression": …}]`.
fn metric(line: &Line) -> Value {
    let options = json!({
        "label": literal(&line.label),
        "stat": line.statistic.as_ref().map(|statistic| &statistic.value),
        "expression": line.math.as_deref().map(literal),
        "id": line.id,
        "visible": line.hidden.then_some(false),
    });
    let options = cfn::without_nulls(options);
    let (Some(namespace), Some(name)) = (&line.namespace, &line.name) else { return json!([options]) };
    let dimensions = line.dimensions.iter().flat_map(|(name, value)| [literal(name), literal(value)]);
    let parts = [literal(namespace), literal(name)].into_iter().chain(dimensions).map(Value::from);
    parts.chain([options]).collect()
}

/// Text for a `Fn::Sub`, in which only the API's id means something.
fn literal(text: &str) -> String {
    text.replace("${", "${!").replace(&API.replace("${", "${!"), API)
}

/// Markers of releases: lines down through every graph. Told apart from others' by their label.
const MARKER: &str = "release ";

/// The body of a dashboard with a line for each of these moments (in RFC 3339) and no others of ours.
pub(crate) fn marked(mut body: Value, releases: &[(u32, String)]) -> Value {
    let markers: Vec<Value> =
        releases.iter().map(|(number, at)| json!({ "label": format!("{MARKER}{number}"), "value": at })).collect();
    each_graph(&mut body, |properties| {
        let mut vertical = taken(properties);
        vertical.extend(markers.iter().cloned());
        if !vertical.is_empty() {
            let annotations = properties.entry("annotations").or_insert_with(|| json!({}));
            if let Value::Object(annotations) = annotations {
                annotations.insert("vertical".to_owned(), Value::Array(vertical));
            }
        }
    });
    body
}

/// The body without the markers of releases: what the template says of it.
pub(crate) fn unmarked(body: Value) -> Value {
    marked(body, &[])
}

fn each_graph(body: &mut Value, mut with: impl FnMut(&mut Map<String, Value>)) {
    let widgets = body.get_mut("widgets").and_then(Value::as_array_mut);
    for widget in widgets.into_iter().flatten() {
        let is_graph = widget["type"] == "metric" && widget["properties"]["view"] == "timeSeries";
        if let Some(properties) = widget.get_mut("properties").and_then(Value::as_object_mut).filter(|_| is_graph) {
            with(properties);
        }
    }
}

/// Takes all lines down out of a widget; those that are not ours come back.
fn taken(properties: &mut Map<String, Value>) -> Vec<Value> {
    let Some(annotations) = properties.get_mut("annotations").and_then(Value::as_object_mut) else { return Vec::new() };
    let vertical = annotations.shift_remove("vertical");
    if annotations.is_empty() {
        properties.shift_remove("annotations");
    }
    let is_ours = |line: &Value| line["label"].as_str().is_some_and(|label| label.starts_with(MARKER));
    let all = vertical.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    all.into_iter().filter(|line| !is_ours(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decode as _;
    use crate::diag::Diagnostics;
    use crate::model::board::Board;
    use crate::yaml::Node;

    fn dashboard(widgets: Value) -> Dashboard {
        let node = Node::from_json(&json!({ "widgets": widgets }), crate::source::Span::default());
        let mut diagnostics = Diagnostics::default();
        let board = Board::decode(&node, &mut diagnostics).expect("a dashboard");
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        Dashboard { key: "big".to_owned(), board }
    }

    fn lines(count: usize) -> Value {
        (0..count)
            .map(|number| json!({ "label": number, "namespace": "N", "name": number, "statistic": "Sum" }))
            .collect()
    }

    #[test]
    fn what_is_too_much_for_one_widget_or_dashboard_is_split() {
        let parts = parts(&dashboard(json!([{ "title": "all", "metrics": lines(1_100) }])));
        let titles: Vec<&str> = parts[0].iter().filter_map(|widget| widget.title.as_deref()).collect();
        assert_eq!(titles, ["all", "all (2)", "all (3)"]);
        let widget = json!({ "metrics": lines(400) });
        let sizes = |widgets: Vec<Value>| -> Vec<usize> {
            super::parts(&dashboard(Value::from(widgets))).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(vec![widget; 7]), [6, 1]);
        assert_eq!(sizes(vec![json!({ "text": "x" }); 501]), [500, 1]);
        let alarms: Vec<String> = (0..250).map(|number| format!("a{number}")).collect();
        assert_eq!(sizes(vec![json!({ "alarms": alarms })]), [3]);
    }

    #[test]
    fn rows_are_full_at_24_columns() {
        let widths = [12, 12, 8, 8, 8, 24, 6];
        let widgets: Vec<Value> =
            widths.iter().map(|width| json!({ "text": "x", "width": width, "height": 2 })).collect();
        let placed = placed(&dashboard(Value::from(widgets)).board.widgets);
        let at: Vec<(u64, u64)> = placed
            .iter()
            .map(|widget| (widget["x"].as_u64().unwrap_or(99), widget["y"].as_u64().unwrap_or(99)))
            .collect();
        assert_eq!(at, [(0, 0), (12, 0), (0, 2), (8, 2), (16, 2), (0, 4), (0, 6)]);
    }

    #[test]
    fn markers_come_and_go_and_those_of_others_stay() {
        let body = json!({ "widgets": [
            { "type": "metric", "properties": { "view": "timeSeries" } },
            { "type": "metric", "properties": { "view": "timeSeries", "annotations": {
                "horizontal": [{ "value": 1 }], "vertical": [{ "label": "sale", "value": "2026-11-20T00:00:00Z" }] } } },
            { "type": "metric", "properties": { "view": "singleValue" } },
            { "type": "text", "properties": { "markdown": "x" } },
        ] });
        let once = marked(body.clone(), &[(7, "2026-11-20T10:00:00Z".to_owned())]);
        assert_eq!(once.to_string().matches("release 7").count(), 2);
        let twice = marked(once, &[(8, "2026-11-20T11:00:00Z".to_owned())]);
        assert!(!twice.to_string().contains("release 7") && twice.to_string().contains("sale"));
        assert_eq!(unmarked(twice), body);
    }

    #[test]
    fn only_the_apis_id_is_filled_in() {
        assert_eq!(literal("a ${Api} ${PROP('x')} ${AWS::Region}"), "a ${Api} ${!PROP('x')} ${!AWS::Region}");
    }
}
