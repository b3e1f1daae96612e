//! `deployer alarms`: what alarms would have done on past data, and how long functions take when all is well.

use super::adopt::offer;
use crate::adopt::in_stage;
use crate::aws::metric_data::{self, Answer, Query, Series, What};
use crate::backtest::{self, Spell, Test};
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::model::Stack;
use crate::model::alarm_set::Metric;
use crate::model::watched::Alarm;
use crate::render::tables::table;
use crate::session::{Connection, Session};
use crate::source::FileId;
use crate::units::{parse_duration, show_duration};
use crate::yaml::edit;
use crate::{pipeline, project, synth};
use serde_json::json;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Replay alarms on past data: when would they have gone on, and for how long
    Backtest(Backtest),
    /// Measure how long functions take, and write it into the stack file as their `baseline`
    Baseline(Baseline),
}

#[derive(Debug, clap::Args)]
struct Backtest {
    /// Stack whose alarms are replayed; may be left out when the project has only one
    stack: Option<String>,
    /// Only alarms with this in their names; may be repeated
    #[arg(long, value_name = "TEXT")]
    alarm: Vec<String>,
    /// How far back, such as 7d. CloudWatch keeps minutes for 15 days, five minutes for 63
    #[arg(long, default_value = "14d", value_name = "TIME", value_parser = duration)]
    since: Duration,
    /// Another threshold than the alarm's, in the metric's unit
    #[arg(long, value_name = "NUMBER", requires = "alarm", allow_negative_numbers = true)]
    threshold: Option<f64>,
}

#[derive(Debug, clap::Args)]
struct Baseline {
    /// Stack whose functions are measured; may be left out when the project has only one
    stack: Option<String>,
    /// How far back
    #[arg(long, default_value = "14d", value_name = "TIME", value_parser = duration)]
    since: Duration,
    /// Change the stack file; without it the patch is only printed
    #[arg(long)]
    write: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).filter(|time| time.as_secs() >= 60).ok_or_else(|| "a time such as 3h or 14d".to_owned())
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Backtest(args) => replay(ctx, args).await,
        Command::Baseline(args) => measure(ctx, args).await,
    }
}

/// Longest list of times in ALARM that is shown of one alarm.
const SHOWN: usize = 10;

/// An alarm, and what it would have done.
struct Replayed {
    name: String,
    test: Test,
    /// Beginning and end in seconds since 1970; no end where it was still on.
    times: Vec<(i64, Option<i64>)>,
    /// Periods with data, of how many.
    data: (usize, usize),
    problem: Option<String>,
}

async fn replay(ctx: &Ctx, args: &Backtest) -> Result<Exit, Failure> {
    let project = project::load(ctx, args.stack.as_slice())?;
    let stack = pipeline::only(&project.stacks, "alarms backtest")?;
    let named = |alarm: &&Alarm| {
        let name = synth::alarm_name(stack, alarm);
        args.alarm.is_empty() || args.alarm.iter().any(|text| name.contains(text.as_str()))
    };
    let alarms: Vec<&Alarm> = stack.watched.alarms.iter().filter(named).collect();
    if alarms.is_empty() {
        let names: Vec<String> = stack.watched.alarms.iter().map(|alarm| synth::alarm_name(stack, alarm)).collect();
        let help = match names.is_empty() {
            true => "say `alarms: [critical, warning]` in the stack file".to_owned(),
            false => format!("there are {}", names.join(", ")),
        };
        return Err(Failure::usage("no alarm of the stack is meant", help));
    }
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    let replayed = alarms.iter().map(|alarm| one(ctx, &connection, stack, alarm, args));
    let replayed: Vec<Replayed> = futures::future::try_join_all(replayed).await?;
    match ctx.format() {
        Format::Json => {
            let all: Vec<_> = replayed
                .iter()
                .map(|one| {
                    let times: Vec<_> = one
                        .times
                        .iter()
                        .map(|(from, until)| json!({ "from": at(*from), "until": until.map(at) }))
                        .collect();
                    json!({ "alarm": one.name, "threshold": one.test.threshold, "times": times,
                            "periods": one.data.1, "periods_with_data": one.data.0, "problem": one.problem })
                })
                .collect();
            ctx.result(&(serde_json::to_string_pretty(&all).expect("only JSON values") + "\n"));
        }
        _ => ctx.result(&told(&replayed, args.since, ctx.now.as_second())),
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

async fn one(
    ctx: &Ctx,
    connection: &Connection,
    stack: &Stack,
    alarm: &Alarm,
    args: &Backtest,
) -> Result<Replayed, Failure> {
    let rule = &alarm.rule;
    let period = i64::try_from(rule.period.as_secs()).unwrap_or(60).max(60);
    let until = ctx.now.as_second().div_euclid(period) * period;
    let since = i64::try_from(args.since.as_secs()).unwrap_or(i64::MAX / 2);
    let from = (ctx.now.as_second() - since).div_euclid(period) * period;
    let series = series(connection, stack, alarm, from, until).await?;
    let values = backtest::filled(&series.points, from, until, period);
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let test = Test {
        compare: rule.compare,
        threshold: args.threshold.unwrap_or(rule.threshold),
        periods: count(rule.periods),
        needed: count(rule.needed()),
        treat: rule.missing.treat,
    };
    let end = |at: usize| from + period * (i64::try_from(at).unwrap_or_default() + 1);
    let spells = backtest::spells(&backtest::states(&values, &test));
    let times = spells.iter().map(|Spell { first, last }| (end(*first), last.map(end)));
    Ok(Replayed {
        name: synth::alarm_name(stack, alarm),
        test,
        times: times.collect(),
        data: (values.iter().flatten().count(), values.len()),
        problem: series.problem,
    })
}

/// The data that an alarm looks at.
async fn series(
    connection: &Connection,
    stack: &Stack,
    alarm: &Alarm,
    from: i64,
    until: i64,
) -> Result<Answer, Failure> {
    let period = i32::try_from(alarm.rule.period.as_secs()).unwrap_or(i32::MAX);
    let query = |id: &str, metric: &Metric, wanted: bool| {
        let (namespace, name) = stack.named_metric(metric, &alarm.about);
        let dimensions = metric.dimensions.clone().into_iter().collect();
        let series = Series { namespace, metric: name, dimensions, statistic: metric.statistic.value.clone(), period };
        Query { id: id.to_owned(), what: What::Metric(series), wanted }
    };
    let queries: Vec<Query> = match (&alarm.rule.metric, &alarm.rule.math) {
        (Some(metric), _) => vec![query("result", metric, true)],
        (None, Some(math)) => {
            let result = What::Math(math.expression.value.clone(), period);
            let result = Query { id: "result".to_owned(), what: result, wanted: true };
            math.metrics.iter().map(|(id, metric)| query(id, metric, false)).chain([result]).collect()
        }
        (None, None) => Vec::new(),
    };
    let found = metric_data::answers(&connection.clients.cloudwatch, &queries, from, until).await;
    Ok(found.map_err(pipeline::unread)?.remove("result").unwrap_or_default())
}

/// `2026-11-20 03:05`, UTC.
fn at(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

fn span(from: i64, until: i64) -> String {
    show_duration(Duration::from_secs(u64::try_from(until - from).unwrap_or_default()))
}

fn told(replayed: &[Replayed], since: Duration, now: i64) -> String {
    let rows: Vec<Vec<String>> = replayed
        .iter()
        .map(|one| {
            let all: i64 = one.times.iter().map(|(from, until)| until.unwrap_or(now) - from).sum();
            let times = match (&one.problem, one.times.len()) {
                (Some(problem), _) => format!("not known: {problem}"),
                (None, 0) => "never".to_owned(),
                (None, 1) => "once".to_owned(),
                (None, times) => format!("{times} times"),
            };
            let on = if one.times.is_empty() { "-".to_owned() } else { span(0, all) };
            vec![one.name.clone(), times, on, format!("{} of {}", one.data.0, one.data.1)]
        })
        .collect();
    let mut text = table(&["alarm", "would have fired", "in ALARM", "periods with data"], &rows) + "\n";
    for one in replayed.iter().filter(|one| !one.times.is_empty()) {
        text += &format!("\n{} (threshold {}):\n", one.name, one.test.threshold);
        for (from, until) in one.times.iter().take(SHOWN) {
            text += &match until {
                Some(until) => format!("  {} for {}\n", at(*from), span(*from, *until)),
                None => format!("  {} and still on\n", at(*from)),
            };
        }
        if one.times.len() > SHOWN {
            text += &format!("  and {} more\n", one.times.len() - SHOWN);
        }
    }
    text + &format!("\nof the last {}, times in UTC\n", show_duration(since))
}

/// Seconds of a datapoint that a baseline is made of.
const A_DAY: i64 = 86_400;

/// The median of each day's p95: a day on which something was wrong does not move it.
async fn measure(ctx: &Ctx, args: &Baseline) -> Result<Exit, Failure> {
    let project = project::load(ctx, args.stack.as_slice())?;
    let stack = pipeline::only(&project.stacks, "alarms baseline")?;
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    let period = i32::try_from(A_DAY).unwrap_or(i32::MAX);
    let each = stack.file.functions.keys();
    let series: Vec<Series> =
        each.map(|name| Series::of_function("Duration", &stack.function_name(name), "p95", period)).collect();
    let now = ctx.now.as_second();
    let since = i64::try_from(args.since.as_secs()).unwrap_or(i64::MAX / 2);
    // What is asked for begins with a day, and ends with the one that is not over.
    let from = (now - since).div_euclid(A_DAY) * A_DAY;
    let found =
        metric_data::read(&connection.clients.cloudwatch, &series, from, now + 60).await.map_err(pipeline::unread)?;

    let file: FileId = stack.file.stack.span.file;
    let mut text = project.sources.get(file).text.clone();
    let mut rows = Vec::new();
    for ((name, function), points) in stack.file.functions.iter().zip(&found) {
        let days: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        let now = function.baseline.as_ref().map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()));
        let Some(measured) = median(days.clone()) else {
            rows.push(vec![name.clone(), now, "nobody called it".to_owned(), "0".to_owned()]);
            continue;
        };
        rows.push(vec![name.clone(), now, format!("{measured} ms"), days.len().to_string()]);
        let path = in_stage(stack, ["functions", name, "baseline"].map(str::to_owned).to_vec());
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if function.baseline.as_ref().is_some_and(|time| time.as_millis() == u128::from(measured)) {
            continue;
        }
        text = edit::set(&text, &path, &json!(format!("{measured}ms"))).ok_or_else(|| {
            Failure::failed(
                format!("{} has no place for a baseline of {name}", project.sources.get(file).name),
                "nothing was written",
                format!("write `baseline: {measured}ms` at the function yourself"),
            )
        })?;
    }
    ctx.say(table(&["function", "baseline", "measured", "days"], &rows));
    offer(ctx, &project.sources, file, &text, args.write, "the baselines stand in the stack file already")?;
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

/// Whole milliseconds, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations of functions: up to 900,000 ms")]
fn median(mut values: Vec<f64>) -> Option<u64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = match values.len() {
        0 => return None,
        count if count % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    };
    Some(median.round().max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_between_the_two_in_the_middle() {
        assert_eq!(median(vec![900.0, 100.0, 120.0]), Some(120));
        assert_eq!(median(vec![100.0, 121.0]), Some(111));
        assert_eq!(median(vec![0.2]), Some(1));
        assert_eq!(median(Vec::new()), None);
    }
}
