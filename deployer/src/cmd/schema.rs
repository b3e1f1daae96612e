//! `deployer schema`

use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_ctx: &Ctx, _args: &Args) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
