//! `deployer state pull`: what is deployed and live, in a file: a bug report, a test case, the input of `plan --state`.

use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::session::Session;
use crate::{files, live, pipeline, project, saved, synth};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Read one stack and save what was read; environment values are digests, secrets are not read
    Pull {
        /// The stack; may be left out when the project has only one
        stack: Option<String>,
        /// File to write; default: the standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let Action::Pull { stack, output } = &args.action;
    let project = project::load(ctx, stack.as_slice())?;
    let stack = pipeline::only(&project.stacks, "state pull")?;
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    let place = live::place(stack, &connection.clients, &connection.identity);
    let state = live::read(&connection.clients, place, &synth::synth(stack)).await;
    let mut state = state.map_err(pipeline::unread)?;
    live::warm(&connection.clients, &mut state, &pipeline::declared_warm(stack)).await.map_err(pipeline::unread)?;
    let text = saved::state_to_text(&state);
    match output {
        Some(path) => {
            files::write(&ctx.folder.join(path), &text)?;
            ctx.say(format!("wrote {}; `deployer plan --state {}` plans from it", path.display(), path.display()));
        }
        None => ctx.result(&text),
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}
