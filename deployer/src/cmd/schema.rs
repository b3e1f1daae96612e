//! `deployer schema`: the JSON Schema of stack files, or of plans.

use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::schema;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of plans in JSON instead of stack files
    #[arg(long)]
    plan: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let schema = if args.plan { schema::plan() } else { schema::schema() };
    ctx.result(&format!("{schema:#}\n"));
    Ok(Exit::Done)
}
