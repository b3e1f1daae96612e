//! `deployer destroy`: a plan of deletions. Data is kept unless `--allow delete-data` is given.

use super::{confirm, plan as plan_command};
use crate::ctx::Ctx;
use crate::diff::{Desired, diff};
use crate::exit::{Exit, Failure};
use crate::hold::{Held, Waiting};
use crate::model::Stack;
use crate::model::stage::Allow;
use crate::release::Commit;
use crate::session::{Connection, Session};
use crate::state::Place;
use crate::{destroy, git, live, pipeline, project, settle};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to delete; they have to be named
    #[arg(required = true)]
    stacks: Vec<String>,
    /// `delete-data`: also what would be kept; may be repeated
    #[arg(long, value_name = "RISK")]
    allow: Vec<Allow>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let commit = git::commit(ctx).await;
    let mut session = Session::open(ctx).await?;
    for stack in project.stacks.iter().rev() {
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let work = async |held: &mut Option<Held>| {
            one(ctx, args, stack, &connection, place.clone(), commit.clone(), held).await
        };
        confirm::holding(ctx, &connection, &place, &args.waiting, work).await?;
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

async fn one(
    ctx: &Ctx,
    args: &Args,
    stack: &Stack,
    connection: &Connection,
    place: Place,
    commit: Option<Commit>,
    held: &mut Option<Held>,
) -> Result<(), Failure> {
    let mut state = live::read_functions(&connection.clients, place).await.map_err(pipeline::unread)?;
    let settled = settle::settle(&mut state);
    let changes = diff(&Desired::default(), &state);
    let mut plan = destroy::plan(changes, &state, &args.allow, stack.settings.protect, commit, ctx.now);
    settle::leave_nothing_open(&mut plan.steps, &settled, &state);
    plan_command::show(ctx, &plan, None);
    if !plan.has_changes() {
        return Ok(());
    }
    confirm::agree(ctx, &plan, &format!("Delete {}?", plan.place.stack))?;
    confirm::carry_out(ctx, connection, &plan, held, &args.waiting).await?;
    ctx.say(format!("{} is gone; its release records remain in {}", plan.place.stack, plan.place.bucket));
    Ok(())
}
