//! `deployer schema`: the JSON Schema of stack files.

use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::schema::schema;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(ctx: &Ctx, _args: &Args) -> Result<Exit, Failure> {
    ctx.result(&format!("{:#}\n", schema()));
    Ok(Exit::Done)
}
