//! `deployer deploy`: plan, confirm, apply, record.

use super::{confirm, plan as plan_command, status};
use crate::artifact;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::model::stage::Allow;
use crate::pipeline::Options;
use crate::session::Session;
use crate::{git, pipeline, project};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to deploy; default: all, in dependency order
    stacks: Vec<String>,
    /// Accept a risk that the plan names; may be repeated
    #[arg(long, value_name = "RISK")]
    allow: Vec<Allow>,
    /// Take over buckets, secrets and the like that exist already under the names that the stack gives them
    #[arg(long)]
    import_existing: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let artifacts = artifact::build(ctx, &project.sources, &project.stacks, artifact::Platform::of(ctx)).await?;
    let commit = git::commit(ctx).await;
    let options = Options { allow: args.allow.clone(), import_existing: args.import_existing, commit };
    let mut session = Session::open(ctx).await?;
    for (stack, artifacts) in project.stacks.iter().zip(&artifacts) {
        let connection = session.connect(stack).await?;
        let prepared = pipeline::prepare(ctx, &connection, stack, artifacts, &options).await?;
        plan_command::tell_adapted(ctx, &prepared.adapted);
        plan_command::show(ctx, &prepared.plan, None);
        if !prepared.plan.has_changes() {
            continue;
        }
        let question = format!("Deploy {}?", prepared.plan.place.stack);
        if let Err(refused) = confirm::agree(ctx, &prepared.plan, &question) {
            pipeline::forget(&connection, &prepared.plan).await?;
            return Err(refused);
        }
        confirm::carry_out(ctx, &connection, &prepared.plan).await?;
        ctx.say(format!("release {} of {} is live", prepared.plan.record.number, prepared.plan.place.stack));
        status::endpoints(ctx, &connection, &prepared.plan.place, session.sandbox_url()).await?;
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}
