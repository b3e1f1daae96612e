//! `deployer rollback`: every alias back to an earlier release; a plan like any other.

use super::{confirm, plan as plan_command};
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::hold::{Held, Waiting};
use crate::model::Stack;
use crate::model::stage::Allow;
use crate::release::{self, Commit};
use crate::session::{Connection, Session};
use crate::state::{Known, Place};
use crate::{git, live, pipeline, project, reapply, rollback, settle, unfinished};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to roll back; default: all, dependents first
    stacks: Vec<String>,
    /// Release to go back to; default: the one before the current
    #[arg(long, value_name = "RELEASE")]
    to: Option<u32>,
    /// Only this function
    #[arg(long, value_name = "FUNCTION")]
    function: Option<String>,
    /// Re-apply the template of that release too, through a change set: roles, queues and triggers as they were
    #[arg(long, conflicts_with = "function")]
    infra: bool,
    /// Accept a risk that the plan names, with --infra; may be repeated
    #[arg(long, value_name = "RISK", requires = "infra")]
    allow: Vec<Allow>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    if args.to.is_some() && project.stacks.len() != 1 {
        return Err(Failure::usage(
            "`--to` names a release of one stack",
            "name the stack: deployer rollback STACK --to N",
        ));
    }
    let commit = git::commit(ctx).await;
    let mut session = Session::open(ctx).await?;
    let mut found = false;
    for stack in project.stacks.iter().rev() {
        if stack.file.functions.is_empty() && project.stacks.len() > 1 {
            continue;
        }
        if args.function.as_ref().is_some_and(|function| !stack.file.functions.contains_key(function)) {
            continue;
        }
        found = true;
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let work = async |held: &mut Option<Held>| {
            one(ctx, args, stack, &connection, place.clone(), commit.clone(), held).await
        };
        confirm::holding(ctx, &connection, &place, &args.waiting, work).await?;
    }
    session.tell_calls(ctx);
    match (found, &args.function) {
        (false, Some(function)) => Err(project::unknown_function(function)),
        _ => Ok(Exit::Done),
    }
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
    let name = place.stack.clone();
    let mut state = live::read_functions(&connection.clients, place).await.map_err(pipeline::unread)?;
    let settled = settle::settle(&mut state);
    let releases = match &state.releases {
        Known::Present(releases) => releases.as_slice(),
        Known::Absent => &[],
        Known::Unknown(why) => {
            return Err(Failure::failed(
                format!("cannot read the releases of {name}: {why}"),
                "nothing was changed",
                "",
            ));
        }
    };
    // In the middle of a shift, back is where it came from.
    let stands = || unfinished::found(&state).and_then(|_| state.current_release().map(|current| current.number));
    let to = args.to.or_else(|| settle::goes_on(&settled, &state)).or_else(stands);
    let target = release::target(releases, &name, to).map_err(|reason| {
        let (stack, stage, sandbox) = (&stack.file.stack.value, &stack.stage, ctx.sandbox_flag());
        let next = format!("deployer releases {stack} --stage {stage}{sandbox}");
        Failure::failed(format!("there is nothing to go back to: {reason}"), "nothing was changed", next)
    })?;
    let mut plan = match args.infra {
        true => reapply::plan(ctx, connection, stack, target, &state, &args.allow, commit).await?,
        false => {
            let gone = live::without_version(&connection.clients, &state, target).await;
            rollback::plan(target, args.function.as_deref(), &gone, &state, commit, ctx.now)
        }
    };
    settle::leave_nothing_open(&mut plan.steps, &settled, &state);
    plan_command::show(ctx, &plan, None);
    if !plan.has_changes() {
        return Ok(());
    }
    if let Err(refused) = confirm::agree(ctx, &plan, &format!("Roll {name} back to release {}?", target.number)) {
        reapply::forget(connection, &name, &plan).await;
        return Err(refused);
    }
    confirm::carry_out(ctx, connection, &plan, held, &args.waiting).await?;
    ctx.say(format!("{name} serves release {} again (recorded as release {})", target.number, plan.record.number));
    Ok(())
}
