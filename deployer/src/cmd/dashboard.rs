//! `deployer dashboard preview`: the dashboards of a stack as one page, from live metrics or from sample data.

use crate::aws::metric_data::{Query, Series, What};
use crate::aws::{cloudformation, cloudwatch, metric_data, s3};
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::model::Stack;
use crate::model::board::{API, Dashboard, Widget};
use crate::render::board::{Points, Seen, Window, page};
use crate::session::{Connection, Session};
use crate::synth::{dashboard, logical_ids};
use crate::units::parse_duration;
use crate::{files, live, pipeline, project, sample};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The dashboards of a stack as one page of HTML that needs nothing else
    Preview(Preview),
}

#[derive(Debug, clap::Args)]
struct Preview {
    /// Stack whose dashboards are shown; may be left out when the project has only one
    stack: Option<String>,
    /// Only this dashboard; may be repeated
    #[arg(long, value_name = "NAME")]
    dashboard: Vec<String>,
    /// Made-up data instead of live metrics: needs no AWS
    #[arg(long)]
    sample: bool,
    /// How far back live metrics go
    #[arg(long, default_value = "3h", value_name = "TIME", value_parser = window, conflicts_with = "sample")]
    since: Duration,
    /// Write the page into this file; else it is printed
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn window(text: &str) -> Result<Duration, String> {
    let fits = |time: &Duration| (600..=15 * 86_400).contains(&time.as_secs());
    parse_duration(text).filter(fits).ok_or_else(|| "a time from 10m to 15d, such as 3h".to_owned())
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let Command::Preview(args) = &args.command;
    let project = project::load(ctx, args.stack.as_slice())?;
    let stack = pipeline::only(&project.stacks, "dashboard preview")?;
    let wanted = |board: &&Dashboard| args.dashboard.is_empty() || args.dashboard.contains(&board.key);
    let boards: Vec<&Dashboard> = stack.dashboards.iter().filter(wanted).collect();
    if boards.is_empty() {
        let names: Vec<&str> = stack.dashboards.iter().map(|board| board.key.as_str()).collect();
        let help = match names.is_empty() {
            true => "say `dashboards: [operations, technical]` in the stack file".to_owned(),
            false => format!("there are {}", names.join(", ")),
        };
        return Err(Failure::usage("no dashboard of the stack is meant", help));
    }
    let html = match args.sample {
        true => {
            let states = sample::states(stack);
            let window = Window {
                source: "Sample data: no real metric is shown".to_owned(),
                from: sample::FROM,
                until: sample::UNTIL,
                releases: sample::RELEASES.to_vec(),
                states,
                prefix: format!("{}-", stack.prefix()),
            };
            let seen: Vec<Seen> = parts(stack, &boards)
                .map(|(name, widgets)| {
                    let widgets = widgets.into_iter().map(|widget| (widget.clone(), sample::points(&widget)));
                    Seen { name, widgets: widgets.collect() }
                })
                .collect();
            page(&seen, &window)
        }
        false => {
            let mut session = Session::open(ctx).await?;
            let connection = session.connect(stack).await?;
            let html = from_live(ctx, &connection, stack, &boards, args.since).await?;
            session.tell_calls(ctx);
            html
        }
    };
    match &args.out {
        Some(path) => {
            let path = ctx.folder.join(path);
            files::write(&path, &html)?;
            ctx.say(format!("wrote {}", path.display()));
        }
        None => ctx.result(&html),
    }
    Ok(Exit::Done)
}

/// Name and widgets of every dashboard as CloudWatch gets them.
fn parts<'a>(stack: &'a Stack, boards: &'a [&Dashboard]) -> impl Iterator<Item = (String, Vec<Widget>)> {
    boards.iter().flat_map(|board| {
        let parts = (1..).zip(dashboard::parts(board));
        parts.map(|(ordinal, widgets)| (dashboard::name(stack, &board.key, ordinal), widgets))
    })
}

async fn from_live(
    ctx: &Ctx,
    connection: &Connection,
    stack: &Stack,
    boards: &[&Dashboard],
    since: Duration,
) -> Result<String, Failure> {
    let clients = &connection.clients;
    let place = live::place(stack, clients, &connection.identity);
    let prefix = format!("{}-", place.stack);
    let (alarms, releases, resources) = futures::join!(
        cloudwatch::alarms(&clients.cloudwatch, &prefix),
        s3::releases(&clients.s3, &place.bucket, &place.stack),
        cloudformation::resources(&clients.cloudformation, &place.stack),
    );
    let api = resources.ok().and_then(|made| Some(made.get(&logical_ids::api())?.physical_id.to_string()));
    let until = ctx.now.as_second();
    let from = until - i64::try_from(since.as_secs()).unwrap_or_default();
    let stood = releases.unwrap_or_default().into_iter().filter(|release| release.outcome.stands());
    let window = Window {
        source: format!("Metrics of {} in {}", place.stack, place.region),
        from,
        until,
        releases: stood.map(|release| (release.number, release.started.as_second())).collect(),
        states: alarms.map_err(pipeline::unread)?.into_iter().map(|alarm| (alarm.name, alarm.state)).collect(),
        prefix,
    };
    let mut seen = Vec::new();
    for (name, widgets) in parts(stack, boards) {
        let points = widgets.iter().map(|widget| points(connection, widget, api.as_deref(), from, until));
        let points = futures::future::try_join_all(points).await?;
        seen.push(Seen { name, widgets: widgets.into_iter().zip(points).collect() });
    }
    Ok(page(&seen, &window))
}

/// The points of each metric of a widget, in one call.
async fn points(
    connection: &Connection,
    widget: &Widget,
    api: Option<&str>,
    from: i64,
    until: i64,
) -> Result<Vec<Points>, Failure> {
    let period = i32::try_from(widget.period.as_secs()).unwrap_or(300);
    let lines = widget.metrics.as_deref().unwrap_or_default();
    // Those without an id get one that nobody writes.
    let id = |at: usize| lines[at].id.clone().unwrap_or_else(|| format!("line_{at}"));
    let queries: Vec<Query> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let what = match &line.math {
                Some(expression) => What::Math(expression.clone(), period),
                None => What::Metric(Series {
                    namespace: line.namespace.clone().unwrap_or_default(),
                    metric: line.name.clone().unwrap_or_default(),
                    dimensions: line
                        .dimensions
                        .iter()
                        .map(|(name, value)| (name.clone(), value.replace(API, api.unwrap_or("not-deployed"))))
                        .collect(),
                    statistic: line.statistic.as_ref().map(|statistic| statistic.value.clone()).unwrap_or_default(),
                    period,
                }),
            };
            Query { id: id(at), what, wanted: !line.hidden }
        })
        .collect();
    let step = i64::from(period);
    let mut found =
        metric_data::answers(&connection.clients.cloudwatch, &queries, from.div_euclid(step) * step, until + 60)
            .await
            .map_err(pipeline::unread)?;
    let points = (0..lines.len()).map(|at| found.remove(&id(at)).unwrap_or_default());
    Ok(points.map(|series| Points { points: series.points, problem: series.problem }).collect())
}
