//! `deployer metrics`: calls, errors and durations of functions, and the depth of queues, over time.

use super::logs::duration;
use crate::aws::metric_data::{self, Point, Series};
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::render::sparkline::sparkline;
use crate::render::tables::table;
use crate::session::Session;
use crate::state::Deployed;
use crate::{live, pipeline, project};
use serde_json::json;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks; default: all
    stacks: Vec<String>,
    /// How far back, such as `90m`, `3h`, `2d`
    #[arg(long, value_name = "DURATION", default_value = "3h", value_parser = duration)]
    since: Duration,
}

/// Characters of a line of bars, at most.
const BARS: i64 = 40;

/// What is asked of a function: metric, statistic, heading, how periods become one number.
const OF_FUNCTION: [(&str, &str, &str, Whole); 5] = [
    ("Invocations", "Sum", "calls", Whole::Sum),
    ("Errors", "Sum", "errors", Whole::Sum),
    ("Throttles", "Sum", "throttled", Whole::Sum),
    ("Duration", "p50", "p50 ms", Whole::Middle),
    ("Duration", "p99", "p99 ms", Whole::Greatest),
];

/// The same of a queue.
const OF_QUEUE: [(&str, &str, &str, Whole); 2] = [
    ("ApproximateNumberOfMessagesVisible", "Maximum", "waiting", Whole::Greatest),
    ("ApproximateAgeOfOldestMessage", "Maximum", "oldest s", Whole::Greatest),
];

#[derive(Debug, Clone, Copy)]
enum Whole {
    Sum,
    Middle,
    Greatest,
}

impl Whole {
    fn of(self, points: &[Point]) -> Option<f64> {
        let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        match self {
            Self::Sum if !values.is_empty() => Some(values.iter().sum()),
            Self::Sum => None,
            Self::Middle => values.get(values.len() / 2).copied(),
            Self::Greatest => values.last().copied(),
        }
    }
}

/// Whole minutes from an even time on.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: i64,
    to: i64,
    period: i64,
}

impl Window {
    fn new(now: i64, since: Duration) -> Self {
        let since = i64::try_from(since.as_secs()).unwrap_or(i64::MAX / 4).max(60);
        let minutes = (since + BARS * 60 - 1) / (BARS * 60);
        let period = minutes.max(1) * 60;
        let to = (now / period + 1) * period;
        Self { from: to - (since + period - 1) / period * period, to, period }
    }

    fn bars(&self, points: &[Point]) -> String {
        let count = usize::try_from((self.to - self.from) / self.period).unwrap_or_default();
        sparkline(points, self.from, self.period, count)
    }
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let window = Window::new(ctx.now.as_second(), args.since);
    let mut session = Session::open(ctx).await?;
    let mut all = Vec::new();
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let read = crate::aws::cloudformation::read(&connection.clients.cloudformation, &place.stack).await;
        let deployed = read.map_err(pipeline::unread)?;
        let Some(deployed) = deployed.present() else {
            ctx.say(format!("{} is not deployed", place.stack));
            continue;
        };
        for (kind, asked) in [("AWS::Lambda::Function", &OF_FUNCTION[..]), ("AWS::SQS::Queue", &OF_QUEUE[..])] {
            let names = names(deployed, kind);
            let period = i32::try_from(window.period).unwrap_or(i32::MAX);
            let series: Vec<Series> = names
                .iter()
                .flat_map(|name| asked.iter().map(|(metric, statistic, ..)| one(kind, name, metric, statistic, period)))
                .collect();
            if series.is_empty() {
                continue;
            }
            let read = metric_data::read(&connection.clients.cloudwatch, &series, window.from, window.to).await;
            let points = read.map_err(pipeline::unread)?;
            let each: Vec<(&String, &[Vec<Point>])> = names.iter().zip(points.chunks(asked.len())).collect();
            match ctx.format() {
                Format::Json => all.extend(each.iter().map(|(name, points)| {
                    let metrics: serde_json::Map<_, _> =
                        asked.iter().zip(*points).map(|((.., word, _), points)| ((*word).to_owned(), json!(points))).collect();
                    json!({ "stack": place.stack, "name": name, "kind": kind, "period": window.period, "points": metrics })
                })),
                Format::Terminal | Format::Markdown | Format::Html => ctx.result(&shown(kind, asked, &each, window)),
            }
        }
    }
    if ctx.format() == Format::Json {
        ctx.result(&(serde_json::to_string_pretty(&all).expect("metrics hold only JSON values") + "\n"));
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

/// Names of what the stack made of a type; of a queue the last part of its URL.
fn names(deployed: &Deployed, kind: &str) -> Vec<String> {
    let made = deployed.resources.values().filter(|resource| resource.kind == kind);
    made.map(|resource| resource.physical_id.as_str().rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

fn one(kind: &str, name: &str, metric: &str, statistic: &str, period: i32) -> Series {
    let function = Series::of_function(metric, name, statistic, period);
    match kind {
        "AWS::SQS::Queue" => Series {
            namespace: "AWS/SQS".to_owned(),
            dimensions: vec![("QueueName".to_owned(), name.to_owned())],
            ..function
        },
        _ => function,
    }
}

/// A line for each: numbers for the whole time, and bars for the first two metrics.
fn shown(kind: &str, asked: &[(&str, &str, &str, Whole)], each: &[(&String, &[Vec<Point>])], window: Window) -> String {
    let bars = asked.len().min(2);
    let mut heading = vec![if kind == "AWS::SQS::Queue" { "queue" } else { "function" }];
    heading.extend(asked.iter().map(|(.., word, _)| *word));
    let overs: Vec<String> = asked[..bars].iter().map(|(.., word, _)| format!("{word} over time")).collect();
    heading.extend(overs.iter().map(String::as_str));
    let rows: Vec<Vec<String>> = each
        .iter()
        .map(|(name, points)| {
            let mut row = vec![(*name).clone()];
            row.extend(asked.iter().zip(*points).map(|((.., whole), points)| number(whole.of(points))));
            row.extend(points[..bars].iter().map(|points| window.bars(points)));
            row
        })
        .collect();
    table(&heading, &rows) + "\n"
}

/// At most one decimal; `-` where nothing was counted.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_whole_periods_and_ends_after_now() {
        for (now, since, period, count) in
            [(1_000_000, 600, 60, 10), (1_000_000, 10_800, 300, 36), (1_000_000, 86_400 * 7, 15_120, 40)]
        {
            let window = Window::new(now, Duration::from_secs(since));
            assert_eq!(window.period, period, "{since}");
            assert_eq!((window.to - window.from) / window.period, count, "{since}");
            assert!(window.from % window.period == 0 && window.to > now, "{window:?}");
        }
    }
}
