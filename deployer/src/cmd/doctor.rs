//! `deployer doctor`: what is the matter with a stack, and the recovery as a plan.

use super::{confirm, plan as plan_command};
use crate::ctx::Ctx;
use crate::doctor::{self, Signs};
use crate::exit::{Exit, Failure};
use crate::hold::{self, Held, Waiting};
use crate::session::Session;
use crate::{live, pipeline, project};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to look at; default: all
    stacks: Vec<String>,
    /// With UPDATE_ROLLBACK_FAILED: a resource that failed and may stay as it is; may be repeated
    #[arg(long, value_name = "LOGICAL_ID")]
    skip: Vec<String>,
    /// Exit with 3 when something is wrong
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let mut session = Session::open(ctx).await?;
    let mut is_sound = true;
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let work = async |held: &mut Option<Held>| {
            let lease = hold::look(&connection.clients, &place);
            let (state, lease) = futures::join!(live::read_for_doctor(&connection.clients, place.clone()), lease);
            let state = state.map_err(pipeline::unread)?;
            let signs = Signs { lease: lease.ok().flatten(), skip: args.skip.clone() };
            let found = doctor::findings(&state, &signs);
            if let Some(stray) = doctor::stray(&args.skip, &found).filter(|_| project.stacks.len() == 1) {
                return Err(Failure::usage(
                    format!("{stray} of {} did not fail to go back, so it cannot be skipped", place.stack),
                    format!("`{}` names what failed", place.command("doctor")),
                ));
            }
            let plan = doctor::plan(&found, &state, ctx.now);
            let acts = plan.has_changes() && (ctx.global.yes || ctx.interactive);
            let next = format!("{} --yes", ctx.typed);
            plan_command::show(ctx, &plan, (plan.has_changes() && !acts).then_some(next.as_str()));
            if acts {
                confirm::agree(ctx, &plan, &format!("Carry this out on {}?", place.stack))?;
                confirm::carry_out(ctx, &connection, &plan, held, &args.waiting).await?;
                ctx.say(format!("done; `{}` shows what is left to do", place.command("plan")));
            }
            Ok(found.is_empty())
        };
        is_sound &= confirm::holding(ctx, &connection, &place, &args.waiting, work).await?;
    }
    session.tell_calls(ctx);
    Ok(if args.exit_code && !is_sound { Exit::Changes } else { Exit::Done })
}
