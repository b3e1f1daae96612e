//! `deployer drift`: what somebody changed in AWS since the last deployment. Compares live with deployed; the stack file's
//! own changes and the code in the working tree play no part, so nothing is built.

use super::plan as plan_command;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::session::Session;
use crate::{pipeline, project};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to look at; default: all
    stacks: Vec<String>,
    /// Exit with 3 when there is drift
    #[arg(long)]
    exit_code: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let mut session = Session::open(ctx).await?;
    let mut plans = Vec::new();
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        plans.push(pipeline::drift(ctx, &connection, stack).await?);
    }
    plan_command::show_all(ctx, &plans);
    session.tell_calls(ctx);
    let drifted = plans.iter().any(|plan| !plan.lines.is_empty());
    Ok(if args.exit_code && drifted { Exit::Changes } else { Exit::Done })
}
