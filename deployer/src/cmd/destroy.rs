//! `deployer destroy`: a plan of deletions. Data is kept unless `--allow delete-data` is given.

use super::{confirm, plan as plan_command};
use crate::ctx::Ctx;
use crate::diff::{Desired, diff};
use crate::exit::{Exit, Failure};
use crate::model::stage::Allow;
use crate::session::Session;
use crate::{destroy, git, live, pipeline, project};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to delete; they have to be named
    #[arg(required = true)]
    stacks: Vec<String>,
    /// `delete-data`: also what would be kept; may be repeated
    #[arg(long, value_name = "RISK")]
    allow: Vec<Allow>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let commit = git::commit(ctx).await;
    let mut session = Session::open(ctx).await?;
    for stack in project.stacks.iter().rev() {
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let state = live::read_functions(&connection.clients, place).await.map_err(pipeline::unread)?;
        let changes = diff(&Desired::default(), &state);
        let plan = destroy::plan(changes, &state, &args.allow, stack.settings.protect, commit.clone(), ctx.now);
        plan_command::show(ctx, &plan, None);
        if !plan.has_changes() {
            continue;
        }
        confirm::agree(ctx, &plan, &format!("Delete {}?", plan.place.stack))?;
        confirm::carry_out(ctx, &connection, &plan).await?;
        ctx.say(format!("{} is gone; its release records remain in {}", plan.place.stack, plan.place.bucket));
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}
