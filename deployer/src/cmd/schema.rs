//! `deployer schema`: the JSON Schema of stack files, of alarm sets, or of plans.

use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::model::StackFile;
use crate::model::alarm_set::AlarmSet;
use crate::model::board::Board;
use crate::schema;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of plans in JSON instead of stack files
    #[arg(long)]
    plan: bool,
    /// Of alarm sets instead of stack files
    #[arg(long, conflicts_with = "plan")]
    alarms: bool,
    /// Of dashboards instead of stack files
    #[arg(long, conflicts_with_all = ["plan", "alarms"])]
    dashboards: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let schema = match (args.plan, args.alarms, args.dashboards) {
        (true, ..) => schema::plan(),
        (_, true, _) => schema::of::<AlarmSet>("An alarm set of deployer"),
        (.., true) => schema::of::<Board>("A dashboard of deployer"),
        _ => schema::of::<StackFile>("A stack of deployer"),
    };
    ctx.result(&format!("{schema:#}\n"));
    Ok(Exit::Done)
}
