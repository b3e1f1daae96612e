//! `deployer plan`: what a deployment would change, and why.

use crate::artifact;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::guard::Rules;
use crate::pipeline::{Options, Prepared};
use crate::plan::Plan;
use crate::project::Project;
use crate::saved::{self, Saved};
use crate::session::Session;
use crate::{files, git, pipeline, project, render};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to plan; default: all, in dependency order
    stacks: Vec<String>,
    /// Exit with 3 when there are changes
    #[arg(long)]
    exit_code: bool,
    /// Save the plan of one stack, for `deploy --plan`
    #[arg(long, value_name = "FILE", conflicts_with = "state")]
    out: Option<PathBuf>,
    /// Plan from a state that `state pull` saved; calls no AWS
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Show drift, but leave it as it is
    #[arg(long)]
    keep_drift: bool,
    /// Plan as if this alarm did not watch the release; may be repeated
    #[arg(long, value_name = "NAME")]
    ignore_alarm: Vec<String>,
    /// Rules in cfn-guard's language that the template must keep; may be repeated
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    if args.out.is_some() || args.state.is_some() {
        pipeline::only(&project.stacks, if args.out.is_some() { "plan --out" } else { "plan --state" })?;
    }
    let options = Options {
        commit: git::commit(ctx).await,
        keep_drift: args.keep_drift,
        ignore_alarms: args.ignore_alarm.clone(),
        rules: rules(ctx, &args.policy)?,
        ..Options::default()
    };
    let plans = match &args.state {
        Some(path) => vec![offline(ctx, &project, path, &options).await?],
        None => live(ctx, &project, args, &options).await?,
    };
    show_all(ctx, &plans);
    let changes = plans.iter().any(Plan::has_changes);
    Ok(if args.exit_code && changes { Exit::Changes } else { Exit::Done })
}

/// Files of rules that the command line names.
pub(crate) fn rules(ctx: &Ctx, paths: &[PathBuf]) -> Result<Vec<Rules>, Failure> {
    let read = |path: &PathBuf| Ok(Rules { name: path.display().to_string(), text: files::read(ctx, path)? });
    paths.iter().map(read).collect()
}

async fn live(ctx: &Ctx, project: &Project, args: &Args, options: &Options) -> Result<Vec<Plan>, Failure> {
    let artifacts = artifact::build(ctx, &project.sources, &project.stacks, artifact::Platform::of(ctx)).await?;
    let mut session = Session::open(ctx).await?;
    let mut plans = Vec::new();
    for (stack, artifacts) in project.stacks.iter().zip(&artifacts) {
        let connection = session.connect(stack).await?;
        let Prepared { plan, adapted, desired } =
            pipeline::prepare(ctx, &connection, &project.sources, stack, artifacts, options).await?;
        tell_adapted(ctx, &adapted);
        match &args.out {
            Some(path) => {
                files::write(&ctx.folder.join(path), &Saved::new(plan.clone(), desired.template).to_text())?;
                ctx.say(format!("wrote {path}; `deployer deploy --plan {path}` applies it", path = path.display()));
            }
            None => pipeline::forget(&connection, &plan).await?,
        }
        plans.push(plan);
    }
    session.tell_calls(ctx);
    Ok(plans)
}

async fn offline(ctx: &Ctx, project: &Project, path: &Path, options: &Options) -> Result<Plan, Failure> {
    let stack = pipeline::only(&project.stacks, "plan --state")?;
    let state = saved::parse_state(&files::read(ctx, path)?).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()), "make one with `deployer state pull -o FILE`")
    })?;
    if state.place.stack != stack.name() {
        return Err(Failure::usage(
            format!("{} is the state of {}, not of {}", path.display(), state.place.stack, stack.name()),
            "name the stack and the stage that the state was pulled from",
        ));
    }
    let platform = artifact::Platform::in_sandbox(state.place.sandbox);
    let artifacts = artifact::build(ctx, &project.sources, &project.stacks, platform).await?;
    let artifacts = artifacts.first().cloned().unwrap_or_default();
    let Prepared { plan, adapted, .. } =
        pipeline::offline(ctx, &project.sources, stack, &state, &artifacts, options).await?;
    tell_adapted(ctx, &adapted);
    Ok(plan)
}

/// What the sandbox cannot hold is named, never silently left out.
pub(crate) fn tell_adapted(ctx: &Ctx, adapted: &[String]) {
    for line in adapted {
        ctx.say(format!("sandbox: {line}"));
    }
}

/// Prints plans in the format that was asked for, each with the command that comes next.
pub(crate) fn show_all(ctx: &Ctx, plans: &[Plan]) {
    let with_next = || plans.iter().map(|plan| (plan, render::next_command(plan))).collect::<Vec<_>>();
    match ctx.format() {
        Format::Terminal => plans.iter().for_each(|plan| show(ctx, plan, render::next_command(plan).as_deref())),
        Format::Markdown => ctx.result(&render::markdown::plans(&with_next())),
        Format::Html => ctx.result(&render::html::page(&with_next())),
        Format::Json => {
            ctx.result(&(serde_json::to_string_pretty(plans).expect("a plan holds only JSON values") + "\n"));
        }
    }
}

/// Prints the plan in the format that was asked for, with the command that comes next.
pub(crate) fn show(ctx: &Ctx, plan: &Plan, next: Option<&str>) {
    let text = match ctx.format() {
        Format::Terminal => render::terminal::plan(plan, next, ctx.width),
        Format::Markdown => render::markdown::plan(plan, next),
        Format::Html => render::html::page(&[(plan, next.map(str::to_owned))]),
        Format::Json => serde_json::to_string_pretty(plan).expect("a plan holds only JSON values") + "\n",
    };
    ctx.result(&text);
}
