//! Dashboards as one page of HTML that needs nothing else: no script, no font, no request. Graphs are SVG.
//!
//! Makes the values that `board.html` is filled with, from widgets and their datapoints.

use super::html::digest;
use crate::jinja;
use crate::model::board::{View, Widget};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("board.html");
const STYLE: &str = concat!(include_str!("base.css"), include_str!("board.css"));

/// Colours, and ways to draw a line: with both, 32 lines can be told apart.
const COLOURS: usize = 8;
const DASHES: usize = 4;

/// Datapoints of one metric: seconds since 1970 and the value, in time order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Points {
    pub(crate) points: Vec<(i64, f64)>,
    /// Why there are none.
    pub(crate) problem: Option<String>,
}

/// A dashboard with its data.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// Each with the points of its metrics, in their order.
    pub(crate) widgets: Vec<(Widget, Vec<Points>)>,
}

/// What all dashboards of a page share.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// Where the data are from, as a sentence without its point.
    pub(crate) source: String,
    /// Seconds since 1970.
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// Number and moment of releases.
    pub(crate) releases: Vec<(u32, i64)>,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA` by the name of the alarm.
    pub(crate) states: BTreeMap<String, String>,
    /// What the names of alarms begin with: left out.
    pub(crate) prefix: String,
}

/// The page.
pub(crate) fn page(boards: &[Seen], window: &Window) -> String {
    let shown: Vec<Value> = boards
        .iter()
        .map(|board| {
            let panels = board.widgets.iter().map(|(widget, points)| panel(widget, points, window));
            json!({ "name": board.name, "panels": panels.collect::<Vec<_>>() })
        })
        .collect();
    let names: Vec<&str> = boards.iter().map(|board| board.name.as_str()).collect();
    let releases: Vec<String> =
        within(window).map(|(number, at)| format!("release {number} ({})", clock(at))).collect();
    let context = json!({
        "title": names.join(", "),
        "style": STYLE,
        "style_hash": digest(STYLE),
        "boards": shown,
        "source": window.source,
        "when": format!("{} to {} UTC", moment(window.from), moment(window.until)),
        "releases": releases.join(", "),
    });
    jinja::page(TEMPLATE, &context)
}

fn within(window: &Window) -> impl Iterator<Item = (u32, i64)> {
    window.releases.iter().copied().filter(|(_, at)| (window.from..=window.until).contains(at))
}

fn panel(widget: &Widget, points: &[Points], window: &Window) -> Value {
    let mut panel = match (&widget.text, &widget.alarms) {
        (Some(text), _) => json!({ "kind": "text", "blocks": blocks(text) }),
        (None, Some(alarms)) => states(alarms, window),
        (None, None) => match widget.view {
            View::Number => json!({ "kind": "number", "lines": lines(widget, points) }),
            View::Bar => json!({ "kind": "bar", "lines": bars(widget, points) }),
            View::Lines | View::Stacked => graph(widget, points, window),
        },
    };
    panel["title"] = json!(widget.title);
    panel["width"] = json!(widget.width);
    panel
}

/// Headings, paragraphs and code: what our own dashboards use of Markdown.
fn blocks(text: &str) -> Vec<Value> {
    let block = |line: &str| {
        let (tag, line) =
            line.strip_prefix('#').map_or(("p", line), |rest| ("h2", rest.trim_start_matches('#').trim()));
        let parts = line.split('`').enumerate().filter(|(_, part)| !part.is_empty());
        let parts: Vec<Value> = parts.map(|(at, part)| json!({ "code": at % 2 == 1, "text": part })).collect();
        json!({ "tag": tag, "parts": parts })
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(block).collect()
}

fn states(alarms: &[String], window: &Window) -> Value {
    let alarm = |name: &String| {
        let state = window.states.get(name).map_or("not there yet", String::as_str);
        let (class, sign) = match state {
            "OK" => ("ok", "✓"),
            "ALARM" => ("alarm", "!"),
            _ => ("unknown", "?"),
        };
        let short = name.strip_prefix(&window.prefix).unwrap_or(name);
        let state = if state == "INSUFFICIENT_DATA" { "no data" } else { state };
        json!({ "name": short, "state": state, "class": class, "sign": sign })
    };
    json!({ "kind": "states", "alarms": alarms.iter().map(alarm).collect::<Vec<_>>() })
}

/// What is drawn of a widget, with what is said about each line.
fn drawn<'a>(widget: &'a Widget, points: &'a [Points]) -> impl Iterator<Item = (Value, &'a Points)> {
    let nothing = const { &Points { points: Vec::new(), problem: None } };
    let lines = widget.metrics.iter().flatten().enumerate().filter(|(_, line)| !line.hidden);
    lines.enumerate().map(move |(number, (at, line))| {
        let points = points.get(at).unwrap_or(nothing);
        let values = || points.points.iter().map(|(_, value)| *value);
        let count = points.points.len();
        let mean = (count > 0).then(|| values().sum::<f64>() / count as f64);
        let said = json!({
            "label": line.label,
            "colour": number % COLOURS,
            "dash": number / COLOURS % DASHES,
            "problem": points.problem,
            "last": shown(values().next_back()),
            "least": shown(values().min_by(f64::total_cmp)),
            "most": shown(values().max_by(f64::total_cmp)),
            "mean": shown(mean),
        });
        (said, points)
    })
}

fn lines(widget: &Widget, points: &[Points]) -> Vec<Value> {
    drawn(widget, points).map(|(line, _)| line).collect()
}

/// One bar for each line, of the sum of its values.
fn bars(widget: &Widget, points: &[Points]) -> Vec<Value> {
    let total = |points: &Points| points.points.iter().map(|(_, value)| value).sum::<f64>();
    let most = points.iter().map(total).fold(0.0, f64::max);
    let bar = |(mut line, points): (Value, &Points)| {
        let total = total(points);
        line["total"] = json!(shown((!points.points.is_empty()).then_some(total)));
        line["share"] = json!(if most > 0.0 { round(100.0 * total / most) } else { 0.0 });
        line
    };
    drawn(widget, points).map(bar).collect()
}

fn graph(widget: &Widget, points: &[Points], window: &Window) -> Value {
    let is_stacked = widget.view == View::Stacked;
    let all: Vec<(Value, &Points)> = drawn(widget, points).collect();
    // What each moment's values lie on, where they are stacked.
    let mut below: BTreeMap<i64, f64> = BTreeMap::new();
    let mut placed: Vec<Vec<(i64, f64, f64)>> = Vec::new();
    for (_, points) in &all {
        let line = points.points.iter().map(|(at, value)| {
            let from = below.entry(*at).or_default();
            let low = if is_stacked { *from } else { 0.0 };
            *from += value;
            (*at, low, low + value)
        });
        placed.push(line.collect());
    }
    let highest = placed.iter().flatten().map(|(_, _, high)| *high).fold(0.0, f64::max);
    let limits = widget.thresholds.iter().map(|threshold| threshold.at).fold(0.0, f64::max);
    let top = widget.max.unwrap_or_else(|| nice(highest.max(limits)));
    let bottom = widget.min.unwrap_or(0.0);
    let scale = Scale { from: window.from, until: window.until, bottom, top };
    let period = i64::try_from(widget.period.as_secs()).unwrap_or(300);
    let lines: Vec<Value> = all
        .iter()
        .zip(&placed)
        .map(|((line, _), placed)| {
            let mut line = line.clone();
            let pieces = pieces(placed, period);
            let areas: Vec<String> = pieces.iter().filter(|_| is_stacked).map(|piece| scale.area(piece)).collect();
            let paths: Vec<String> = pieces.iter().map(|piece| scale.path(piece)).collect();
            line["areas"] = json!(areas);
            line["path"] = json!(paths.join(""));
            line
        })
        .collect();
    let spoken: Vec<String> = lines
        .iter()
        .map(|line| {
            format!("{} {}", line["label"].as_str().unwrap_or_default(), line["last"].as_str().unwrap_or_default())
        })
        .collect();
    let limits: Vec<Value> = widget
        .thresholds
        .iter()
        .map(|threshold| json!({ "y": scale.y(threshold.at), "label": format!("{} ({})", threshold.label, shown(Some(threshold.at))) }))
        .collect();
    json!({
        "kind": "graph",
        "unit": widget.axis,
        "y": [shown(Some(top)), shown(Some(f64::midpoint(top, bottom))), shown(Some(bottom))],
        "x": [clock(window.from), clock((window.from + window.until) / 2), clock(window.until)],
        "lines": lines,
        "limits": limits,
        "releases": within(window).map(|(_, at)| scale.x(at)).collect::<Vec<_>>(),
        "spoken": spoken.join(", "),
    })
}

/// From times and values to a drawing of 100 by 100.
struct Scale {
    from: i64,
    until: i64,
    bottom: f64,
    top: f64,
}

impl Scale {
    #[expect(clippy::cast_precision_loss, reason = "seconds of a dashboard's window")]
    fn x(&self, at: i64) -> f64 {
        round(100.0 * (at - self.from) as f64 / (self.until - self.from).max(1) as f64)
    }

    fn y(&self, value: f64) -> f64 {
        let height = self.top - self.bottom;
        let share = if height > 0.0 { (value - self.bottom) / height } else { 0.0 };
        round(100.0 * (1.0 - share.clamp(0.0, 1.0)))
    }

    fn path(&self, piece: &[(i64, f64, f64)]) -> String {
        let points = piece.iter().map(|(at, _, high)| format!("{} {}", self.x(*at), self.y(*high)));
        let points: Vec<String> = points.collect();
        match points.as_slice() {
            // A line of no length has round ends: a dot.
            [only] => format!("M{only}h0"),
            _ => format!("M{}", points.join("L")),
        }
    }

    fn area(&self, piece: &[(i64, f64, f64)]) -> String {
        let back = piece.iter().rev().map(|(at, low, _)| format!("L{} {}", self.x(*at), self.y(*low)));
        format!("{}{}Z", self.path(piece).trim_end_matches("h0"), back.collect::<String>())
    }
}

/// A line is broken where a period has no data.
fn pieces(line: &[(i64, f64, f64)], period: i64) -> Vec<Vec<(i64, f64, f64)>> {
    let mut pieces: Vec<Vec<(i64, f64, f64)>> = Vec::new();
    for point in line {
        let follows = pieces.last().and_then(|piece| piece.last()).is_some_and(|(at, ..)| point.0 - at <= period);
        match pieces.last_mut().filter(|_| follows) {
            Some(piece) => piece.push(*point),
            None => pieces.push(vec![*point]),
        }
    }
    pieces
}

/// The next of 1, 2, 5, 10 … that is not below.
fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let magnitude = 10.0_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * magnitude).find(|step| *step >= value * 0.999_999).unwrap_or(value)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A number with three digits that count: `1.2M`, `34.5`, `0.02`.
pub(crate) fn shown(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let (scaled, unit) = match value.abs() {
        large if large >= 999_500.0 => (value / 1e6, "M"),
        large if large >= 10_000.0 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        large if large >= 99.95 => 0,
        large if large >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

fn clock(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%H:%M").to_string()
}

fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_short() {
        let table = [
            (0.0, "0"),
            (0.024, "0.02"),
            (9.5, "9.5"),
            (34.56, "34.6"),
            (99.97, "100"),
            (1250.4, "1250"),
            (20_000.0, "20k"),
            (1_234_567.0, "1.23M"),
        ];
        for (value, text) in table {
            assert_eq!(shown(Some(value)), text);
        }
        assert_eq!(shown(None), "–");
    }

    #[test]
    fn a_line_is_broken_where_nothing_is_known() {
        let line = [(0, 0.0, 1.0), (60, 0.0, 2.0), (240, 0.0, 3.0)];
        let pieces = pieces(&line, 60);
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        let scale = Scale { from: 0, until: 240, bottom: 0.0, top: 4.0 };
        assert_eq!(scale.path(&pieces[0]), "M0 75L25 50");
        assert_eq!(scale.path(&pieces[1]), "M100 25h0");
        assert_eq!(scale.area(&pieces[0]), "M0 75L25 50L25 100L0 100Z");
    }

    proptest! {
        #[test]
        fn an_axis_ends_above_its_data_and_not_far(value in 1e-6..1e9) {
            let top = nice(value);
            prop_assert!(top >= value * 0.999_99 && top <= value * 2.51, "{value} {top}");
        }
    }
}
