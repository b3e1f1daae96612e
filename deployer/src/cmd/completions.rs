//! `deployer completions SHELL`: a completion script on stdout.

use crate::cli::Cli;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use clap::CommandFactory as _;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Shell to write for
    shell: Shell,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deployer", &mut script);
    ctx.result(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
