//! `deployer promote` and `deployer abort`: finish the shift that stands in the middle, or take it back.

use super::{confirm, plan as plan_command};
use crate::aws::traffic;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::hold::{Held, Waiting};
use crate::model::Stack;
use crate::plan::Plan;
use crate::release::Release;
use crate::session::{Connection, Session};
use crate::shifts::{self, Options};
use crate::state::{Place, State};
use crate::{courses, live, pipeline, project, settle, unfinished};

#[derive(Debug, clap::Args)]
pub(crate) struct Promote {
    /// The stack whose release is finished
    #[arg(value_name = "STACK")]
    stacks: Vec<String>,
    /// Go on little by little, as the stack file says, instead of all at once
    #[arg(long)]
    gradually: bool,
    /// Go on although this alarm is in ALARM; may be repeated
    #[arg(long, value_name = "NAME")]
    ignore_alarm: Vec<String>,
    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Abort {
    /// The stack whose release is taken back
    #[arg(value_name = "STACK")]
    stacks: Vec<String>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn promote(ctx: &Ctx, args: &Promote) -> Result<Exit, Failure> {
    let work = async |stack: &Stack, connection: &Connection, place, held: &mut Option<Held>| {
        promote_one(ctx, args, stack, connection, place, held).await
    };
    on_one(ctx, &args.stacks, "promote", &args.waiting, work).await
}

pub(crate) async fn abort(ctx: &Ctx, args: &Abort) -> Result<Exit, Failure> {
    let work = async |_: &Stack, connection: &Connection, place, held: &mut Option<Held>| {
        abort_one(ctx, args, connection, place, held).await
    };
    on_one(ctx, &args.stacks, "abort", &args.waiting, work).await
}

/// Does `work` on the one stack that the command is about.
async fn on_one(
    ctx: &Ctx,
    names: &[String],
    verb: &str,
    waiting: &Waiting,
    work: impl AsyncFnOnce(&Stack, &Connection, Place, &mut Option<Held>) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let project = project::load(ctx, names)?;
    let stack = pipeline::only(&project.stacks, verb)?;
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    let place = live::place(stack, &connection.clients, &connection.identity);
    let there = place.clone();
    let work = async |held: &mut Option<Held>| work(stack, &connection, there, held).await;
    confirm::holding(ctx, &connection, &place, waiting, work).await?;
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

async fn promote_one(
    ctx: &Ctx,
    args: &Promote,
    stack: &Stack,
    connection: &Connection,
    place: Place,
    held: &mut Option<Held>,
) -> Result<(), Failure> {
    let (state, settled) = read(connection, place).await?;
    let unfinished = unfinished::found(&state).ok_or_else(|| nothing(&state))?;
    let template = state.stack().map(|deployed| deployed.template.clone()).unwrap_or_default();
    let courses = courses::of(&ctx.root, stack, &template, Some(&state));
    let mut names: Vec<String> = unfinished
        .functions
        .iter()
        .filter_map(|half| courses.get(half.function))
        .flat_map(|course| course.alarms.iter().filter_map(|alarm| alarm.name.clone()))
        .collect();
    names.sort();
    names.dedup();
    let alarms = match names.is_empty() {
        true => None,
        false => {
            let alarms = traffic::alarms(&connection.clients.cloudwatch, &names).await.map_err(pipeline::unread)?;
            Some(alarms.into_iter().map(|alarm| (alarm.name, alarm.state)).collect())
        }
    };
    let options = Options { gradually: args.gradually, courses, ignore_alarms: args.ignore_alarm.clone(), alarms };
    let mut plan = shifts::promote(&unfinished, &options, &state);
    leave_nothing_open(&mut plan, settled, &state);
    plan_command::show(ctx, &plan, None);
    let number = plan.record.number;
    confirm::agree(ctx, &plan, &format!("Finish release {number} of {}?", plan.place.stack))?;
    confirm::carry_out(ctx, connection, &plan, held, &args.waiting).await?;
    ctx.say(format!("release {number} of {} is live", plan.place.stack));
    Ok(())
}

async fn abort_one(
    ctx: &Ctx,
    args: &Abort,
    connection: &Connection,
    place: Place,
    held: &mut Option<Held>,
) -> Result<(), Failure> {
    let (state, settled) = read(connection, place).await?;
    let unfinished = unfinished::found(&state).ok_or_else(|| nothing(&state))?;
    let mut plan = shifts::abort(&unfinished, &state);
    leave_nothing_open(&mut plan, settled, &state);
    plan_command::show(ctx, &plan, None);
    let number = plan.record.number;
    confirm::agree(ctx, &plan, &format!("Take release {number} of {} back?", plan.place.stack))?;
    confirm::carry_out(ctx, connection, &plan, held, &args.waiting).await?;
    ctx.say(format!("release {number} of {} is taken back", plan.place.stack));
    Ok(())
}

/// The state as its ledger ought to read, and what has to be written for that.
async fn read(connection: &Connection, place: Place) -> Result<(State, Vec<Release>), Failure> {
    let mut state = live::read_functions(&connection.clients, place).await.map_err(pipeline::unread)?;
    let settled = settle::settle(&mut state);
    Ok((state, settled))
}

/// The release itself gets its end by this very plan; others are recorded beside it.
fn leave_nothing_open(plan: &mut Plan, settled: Vec<Release>, state: &State) {
    let others: Vec<Release> = settled.into_iter().filter(|release| release.number != plan.record.number).collect();
    settle::leave_nothing_open(&mut plan.steps, &others, state);
}

fn nothing(state: &State) -> Failure {
    Failure::failed(
        format!("no shift of {} stands in the middle", state.place.stack),
        "nothing was changed",
        state.place.command("status"),
    )
}
