//! `deployer status`: how it is, what is live, since when, from which commit, by whom; alarms and addresses.

use super::releases::short_arn;
use crate::aws::metric_data::{self, Point, Series};
use crate::aws::{Clients, cloudformation, cloudwatch};
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::release::{Action, Release, made_live};
use crate::render::style::{BAD, CHANGE, GOOD, paint};
use crate::render::tables::{ago, table};
use crate::session::{Connection, Session};
use crate::state::{Known, LiveFunction, Place, State};
use crate::{live, pipeline, plan, project, unfinished};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks; default: all
    stacks: Vec<String>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let mut session = Session::open(ctx).await?;
    let mut all = Vec::new();
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let prefix = format!("{}-", place.stack);
        let (state, alarms) = futures::join!(
            live::read_functions(&connection.clients, place),
            cloudwatch::alarms(&connection.clients.cloudwatch, &prefix),
        );
        let mut state = state.map_err(pipeline::unread)?;
        crate::settle::settle(&mut state);
        let alarms = alarms.map_err(|error| error.to_string());
        let calls = Calls::read(&connection.clients, &state, ctx.now).await;
        if ctx.format() == Format::Json {
            let alarms = alarms.unwrap_or_default();
            let alarms: Vec<_> =
                alarms.iter().map(|alarm| json!({ "name": alarm.name, "state": alarm.state })).collect();
            all.push(json!({ "stack": state.place.stack, "functions": state.functions, "alarms": alarms,
                "release": state.current_release(), "last_hour": calls.json(),
                "shift": unfinished::left(&state).map(|found| found.note(&state)) }));
            continue;
        }
        if state.deployed.present().is_none() {
            ctx.result(&heading(&state, None));
            continue;
        }
        let firing = alarms.as_ref().map_or(0, |alarms| alarms.iter().filter(|alarm| alarm.state == "ALARM").count());
        ctx.result(&heading(&state, Some(health(&state, firing, &calls))));
        let rows: Vec<Vec<String>> =
            state.functions.values().map(|function| row(function, &state, &calls, ctx.now)).collect();
        if !rows.is_empty() {
            ctx.result(&(table(&HEADING, &rows) + "\n"));
        }
        if let Some(found) = unfinished::left(&state) {
            ctx.result(&(found.note(&state) + "\n"));
        }
        ctx.result(&match alarms {
            Ok(alarms) if alarms.is_empty() => "alarms: none declared\n".to_owned(),
            Ok(alarms) => {
                let firing: Vec<_> = alarms.iter().filter(|alarm| alarm.state == "ALARM").collect();
                let mut text = format!("alarms: {} in ALARM of {}\n", firing.len(), alarms.len());
                text.extend(firing.iter().map(|alarm| format!("  {}: {}\n", alarm.name, alarm.reason)));
                text
            }
            Err(why) => format!("alarms: not read: {why}\n"),
        });
        let outputs = state.deployed.present().map(|deployed| deployed.outputs.clone()).unwrap_or_default();
        ctx.result(&addresses(&outputs, session.sandbox_url()));
        ctx.result("\n");
    }
    if ctx.format() == Format::Json {
        ctx.result(&(serde_json::to_string_pretty(&all).expect("a status holds only JSON values") + "\n"));
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

const HEADING: [&str; 8] = ["function", "version", "state", "last hour", "release", "when", "commit", "by"];

/// What Lambda counted in the last hour, by its name of the function.
#[derive(Debug, Default)]
struct Calls(BTreeMap<String, [Option<f64>; 3]>);

impl Calls {
    /// What cannot be read is left out: the rest of a status does not depend on it.
    async fn read(clients: &Clients, state: &State, now: jiff::Timestamp) -> Self {
        let names: Vec<&String> = state.functions.values().filter_map(Known::present).map(|live| &live.name).collect();
        let asked = ["Invocations", "Errors", "Throttles"];
        let series: Vec<Series> =
            names.iter().flat_map(|name| asked.map(|metric| Series::of_function(metric, name, "Sum", 300))).collect();
        let to = (now.as_second() / 300 + 1) * 300;
        let points = metric_data::read(&clients.cloudwatch, &series, to - 3_600, to).await.unwrap_or_default();
        let sum = |points: &Vec<Point>| (!points.is_empty()).then(|| points.iter().map(|(_, value)| value).sum());
        let each = points.chunks(asked.len()).map(|points| [sum(&points[0]), sum(&points[1]), sum(&points[2])]);
        Self(names.into_iter().cloned().zip(each).collect())
    }

    /// `1204 calls, 3 failed`.
    fn of(&self, function: &str) -> String {
        let [calls, errors, throttles] = self.0.get(function).copied().unwrap_or_default();
        let Some(calls) = calls.filter(|calls| *calls > 0.0) else { return "no calls".to_owned() };
        let mut text = format!("{calls} calls");
        for (count, word) in [(errors, "failed"), (throttles, "throttled")] {
            text += &count.filter(|count| *count > 0.0).map(|count| format!(", {count} {word}")).unwrap_or_default();
        }
        text
    }

    fn json(&self) -> Value {
        let each = self.0.iter().map(|(name, [calls, errors, throttles])| {
            (name.clone(), json!({ "calls": calls, "errors": errors, "throttles": throttles }))
        });
        Value::Object(each.collect())
    }

    fn failing(&self) -> usize {
        self.0.values().filter(|[_, errors, _]| errors.is_some_and(|errors| errors > 0.0)).count()
    }
}

/// The worst that is known, in a few words.
fn health(state: &State, firing: usize, calls: &Calls) -> String {
    let status = state.deployed.present().map_or("", |deployed| deployed.status.as_str());
    let broken = |live: &&LiveFunction| {
        live.latest.state == "Failed" || live.latest.last_update == "Failed" || live.alias == Known::Absent
    };
    let broken = state.functions.values().filter_map(Known::present).filter(broken).count();
    let mut wrong = Vec::new();
    if status.ends_with("_FAILED") || plan::was_never_made(status) {
        wrong.push(paint(BAD, format!("stuck (`{}`)", state.place.command("doctor"))));
    }
    for (count, style, one, many) in [
        (firing, BAD, "alarm on", "alarms on"),
        (broken, BAD, "function broken", "functions broken"),
        (calls.failing(), CHANGE, "function with errors", "functions with errors"),
    ] {
        if count > 0 {
            wrong.push(paint(style, format!("{count} {}", if count == 1 { one } else { many })));
        }
    }
    if wrong.is_empty() { paint(GOOD, "healthy") } else { wrong.join(", ") }
}

fn heading(state: &State, health: Option<String>) -> String {
    let health = health.map(|health| format!(", {health}")).unwrap_or_default();
    match &state.deployed {
        Known::Present(deployed) => format!("{}: {}{health}\n", state.place.stack, deployed.status),
        Known::Absent => format!("{}: not deployed\n\n", state.place.stack),
        Known::Unknown(why) => format!("{}: {why}\n\n", state.place.stack),
    }
}

fn row(function: &Known<LiveFunction>, state: &State, calls: &Calls, now: jiff::Timestamp) -> Vec<String> {
    let live = match function {
        Known::Present(live) => live,
        Known::Absent => return vec!["(deleted by hand)".to_owned()],
        Known::Unknown(why) => return vec![format!("(not read: {why})")],
    };
    let alias = live.alias.present();
    let version = match alias {
        None => "no alias".to_owned(),
        Some(alias) => match alias.weights.iter().next() {
            None => alias.version.to_string(),
            Some((second, share)) => format!("{} → {second} at {:.0} %", alias.version, share * 100.0),
        },
    };
    let condition = match (live.latest.state.as_str(), live.latest.last_update.as_str()) {
        (state, "Successful") => state.to_owned(),
        (state, update) => format!("{state}, update {update}"),
    };
    let since = alias.and_then(|alias| made_live(state.releases.present()?, &live.name, alias.version.as_str()));
    let mut row = vec![live.name.clone(), version, condition, calls.of(&live.name)];
    row.extend(match since {
        None => ["-", "-", "-", "-"].map(str::to_owned),
        Some(release) => {
            // What a rollback made live was built from the commit of the release that it went back to.
            let (number, source) = match release.action {
                Action::Rollback { to } => (format!("{} (back to {to})", release.number), numbered(state, to)),
                Action::Deploy | Action::Destroy => (release.number.to_string(), Some(release)),
            };
            let commit = source.and_then(|release| release.commit.as_ref());
            let commit = commit.map_or_else(|| "-".to_owned(), crate::release::Commit::short);
            [number, ago(release.started, now), commit, short_arn(&release.by)]
        }
    });
    row
}

fn numbered(state: &State, number: u32) -> Option<&Release> {
    state.releases.present()?.iter().find(|release| release.number == number)
}

/// Says where a stack that was just deployed can be reached.
pub(crate) async fn endpoints(
    ctx: &Ctx,
    connection: &Connection,
    place: &Place,
    sandbox: Option<&str>,
) -> Result<(), Failure> {
    let read = cloudformation::outputs(&connection.clients.cloudformation, &place.stack).await;
    ctx.say(addresses(&read.map_err(pipeline::unread)?, sandbox).trim_end());
    Ok(())
}

/// Outputs that are addresses; in the sandbox with the address that works there.
fn addresses(outputs: &BTreeMap<String, String>, sandbox: Option<&str>) -> String {
    let urls = outputs.iter().filter(|(_, value)| value.starts_with("https://") || value.starts_with("http://"));
    urls.map(|(key, value)| {
        let value = sandbox.map_or_else(|| value.clone(), |sandbox| crate::sandbox::local_url(sandbox, value));
        format!("{key}: {value}\n")
    })
    .collect()
}
