//! `deployer plan`: what a deployment would change, and why.

use crate::artifact;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::pipeline::Options;
use crate::plan::Plan;
use crate::session::Session;
use crate::{git, pipeline, project, render};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to plan; default: all, in dependency order
    stacks: Vec<String>,
    /// Exit with 3 when there are changes
    #[arg(long)]
    exit_code: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let artifacts = artifact::build(ctx, &project.sources, &project.stacks, artifact::Platform::of(ctx)).await?;
    let options = Options { commit: git::commit(ctx).await, ..Options::default() };
    let mut session = Session::open(ctx).await?;
    let mut plans = Vec::new();
    for (stack, artifacts) in project.stacks.iter().zip(&artifacts) {
        let connection = session.connect(stack).await?;
        let prepared = pipeline::prepare(ctx, &connection, stack, artifacts, &options).await?;
        tell_adapted(ctx, &prepared.adapted);
        pipeline::forget(&connection, &prepared.plan).await?;
        // The other formats are one document for all stacks.
        if ctx.format() == Format::Terminal {
            show(ctx, &prepared.plan, next_command(ctx, &prepared.plan).as_deref());
        }
        plans.push(prepared.plan);
    }
    let with_next = || plans.iter().map(|plan| (plan, next_command(ctx, plan))).collect::<Vec<_>>();
    match ctx.format() {
        Format::Terminal => {}
        Format::Markdown => ctx.result(&render::markdown::plans(&with_next())),
        Format::Html => ctx.result(&render::html::page(&with_next())),
        Format::Json => {
            ctx.result(&(serde_json::to_string_pretty(&plans).expect("a plan holds only JSON values") + "\n"));
        }
    }
    session.tell_calls(ctx);
    let changes = plans.iter().any(Plan::has_changes);
    Ok(if args.exit_code && changes { Exit::Changes } else { Exit::Done })
}

fn next_command(ctx: &Ctx, plan: &Plan) -> Option<String> {
    render::next_command(plan, ctx.global.sandbox)
}

/// What the sandbox cannot hold is named, never silently left out.
pub(crate) fn tell_adapted(ctx: &Ctx, adapted: &[String]) {
    for line in adapted {
        ctx.say(format!("sandbox: {line}"));
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
