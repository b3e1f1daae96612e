//! `deployer logs`: what the functions of stacks wrote, in one stream, in the order of time.

use crate::aws::log_events;
use crate::aws::{AwsError, Clients};
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::render::logs::{Level, Line};
use crate::session::Session;
use crate::state::{Known, LiveFunction};
use crate::units;
use crate::{live, pipeline, project};
use std::collections::BTreeSet;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Functions, as the stack files call them; default: all
    functions: Vec<String>,
    /// Only of this stack; may be repeated
    #[arg(long = "stack", value_name = "STACK")]
    stacks: Vec<String>,
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// How far back, such as `90s`, `1h`, `2d`
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    since: Duration,
    /// A filter pattern of CloudWatch Logs, such as `timeout` or `{ $.provider = "payos" }`
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Only what is at least as grave
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Trace, hide_default_value = true)]
    level: Level,
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).ok_or_else(|| "such as `90s`, `1h` or `2d`".to_owned())
}

/// A function whose log is read.
struct Log {
    clients: Clients,
    function: String,
    group: String,
    /// Milliseconds of the epoch from which on to ask.
    from: i64,
    /// Events that were shown and may come again.
    seen: BTreeSet<(i64, String)>,
}

/// How long CloudWatch may take to show an event after others that are younger, in milliseconds.
const LATE: i64 = 15_000;

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let stacks = project::load(ctx, &args.stacks)?.stacks;
    if let Some(unknown) =
        args.functions.iter().find(|name| stacks.iter().all(|stack| !stack.file.functions.contains_key(*name)))
    {
        return Err(project::unknown_function(unknown));
    }
    let mut session = Session::open(ctx).await?;
    let since = ctx.now.as_millisecond() - i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX / 2);
    let mut logs = Vec::new();
    for stack in &stacks {
        let is_wanted = |name: &str| args.functions.is_empty() || args.functions.iter().any(|wanted| wanted == name);
        if !stack.file.functions.keys().any(|name| is_wanted(name)) {
            continue;
        }
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let state = live::read_functions(&connection.clients, place).await.map_err(pipeline::unread)?;
        for (name, _) in stack.file.functions.iter().filter(|(name, _)| is_wanted(name)) {
            match state.functions.get(&crate::synth::logical_ids::function(name)) {
                Some(Known::Present(found)) => logs.push(Log {
                    clients: connection.clients.clone(),
                    function: name.clone(),
                    group: group(found),
                    from: since,
                    seen: BTreeSet::new(),
                }),
                Some(Known::Unknown(why)) => ctx.say(format!("the log of {name} is not known: {why}")),
                Some(Known::Absent) | None => {
                    ctx.say(format!("{name} of {} is not deployed", state.place.stack));
                }
            }
        }
    }
    let width = logs.iter().map(|log| log.function.len()).max().unwrap_or_default();
    // Ctrl-C is how following ends; nothing is cut short by it.
    ctx.mind_interrupts(args.follow);
    let pause = Duration::from_millis(if session.sandbox_url().is_some() { 300 } else { 2_000 });
    loop {
        let mut lines = Vec::new();
        for (log, read) in read(&mut logs, args).await {
            match read {
                Ok(found) => lines.extend(found),
                Err(error) if error.is_missing() => ctx.say(format!("{log} has no log group yet")),
                Err(error) if args.follow && !error.is_denied() => {
                    ctx.say(format!("the log of {log} was not read: {error}"))
                }
                Err(error) => return Err(pipeline::unread(error)),
            }
        }
        lines.sort_by_key(|line: &Line| line.at);
        for line in lines.iter().filter(|line| line.level >= args.level) {
            ctx.result(&match ctx.format() {
                Format::Json => line.json(),
                Format::Terminal | Format::Markdown | Format::Html => line.text(width, ctx.global.verbose > 0),
            });
        }
        if !args.follow || logs.is_empty() {
            session.tell_calls(ctx);
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

/// Where a function logs: as it says, or where Lambda would put it.
fn group(live: &LiveFunction) -> String {
    let named = live.latest.properties.get("LoggingConfig").and_then(|config| config.get("LogGroup")?.as_str());
    named.map_or_else(|| format!("/aws/lambda/{}", live.name), str::to_owned)
}

/// What is new in each log.
async fn read(logs: &mut [Log], args: &Args) -> Vec<(String, Result<Vec<Line>, AwsError>)> {
    let each = logs.iter_mut().map(|log| async {
        let found = log_events::read(&log.clients.logs, &log.group, log.from, args.filter.as_deref()).await;
        let function = log.function.clone();
        let lines = found.map(|events| {
            let newest = events.last().map_or(log.from, |event| event.at);
            let new: Vec<_> =
                events.into_iter().filter(|event| log.seen.insert((event.at, event.id.clone()))).collect();
            log.from = log.from.max(newest - LATE);
            log.seen = log.seen.split_off(&(log.from, String::new()));
            new.iter().filter_map(|event| Line::of(event.at, &log.function, &event.text)).collect()
        });
        (function, lines)
    });
    futures::future::join_all(each).await
}
