//! `deployer schema`: the JSON Schema of stack files, or of plans; and the nouns and verbs of `access:`.

use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::iam::table;
use crate::schema;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of plans in JSON instead of stack files
    #[arg(long)]
    plan: bool,
    /// The nouns and verbs of `access:` instead, with their actions, as Markdown
    #[arg(long, conflicts_with = "plan")]
    verbs: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    if args.verbs {
        ctx.result(&table::page());
        return Ok(Exit::Done);
    }
    let schema = if args.plan { schema::plan() } else { schema::schema() };
    ctx.result(&format!("{schema:#}\n"));
    Ok(Exit::Done)
}
