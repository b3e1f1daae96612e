//! `deployer sandbox`: the local AWS, by hand.

use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::sandbox::{self, Running, Status};
use serde_json::json;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Action {
    /// Start it unless it runs; `--sandbox` on any command does the same
    Start,
    /// End it; what was deployed is there again after the next start
    Stop,
    /// Say whether it runs, and where
    Status,
    /// Forget everything that was deployed into it
    Reset,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    match args.action {
        Action::Start => {
            let running = sandbox::start(ctx).await?;
            show(ctx, &Status::Running(running));
        }
        Action::Stop => match sandbox::stop(ctx).await? {
            Some(pid) => ctx.say(format!("the sandbox (process {pid}) has ended; its state is kept")),
            None => ctx.say("the sandbox did not run"),
        },
        Action::Status => {
            let status = sandbox::status(ctx).await?;
            show(ctx, &status);
        }
        Action::Reset => match sandbox::reset(ctx).await? {
            Some(_) => ctx.say("the sandbox runs and is empty"),
            None => ctx.say("the sandbox is empty; it does not run"),
        },
    }
    Ok(Exit::Done)
}

fn show(ctx: &Ctx, status: &Status) {
    if ctx.format() == Format::Json {
        ctx.result(&format!("{:#}\n", as_json(ctx, status)));
        return;
    }
    ctx.result(&match status {
        Status::Running(running) => format!(
            "sandbox  {url}\nprocess  {pid}\nversion  MiniStack {version}\nup for   {up}\naccount  {account}\n\
             region   that of the stage\nlog      {log}\n",
            url = running.endpoint.url,
            pid = running.pid,
            version = running.version,
            up = crate::units::show_duration(uptime(ctx, running)),
            account = running.endpoint.account,
            log = running.log.display(),
        ),
        Status::Stopped { url, has_state: true } => {
            format!("the sandbox does not run on {url}; what was deployed is kept\nstart it: deployer sandbox start\n")
        }
        Status::Stopped { url, has_state: false } => {
            format!("the sandbox does not run on {url}\nstart it: deployer sandbox start\n")
        }
        Status::Taken { url, by } => format!(
            "the sandbox does not run: {url} is taken by {by}\nchoose another port: export DEPLOYER_SANDBOX_PORT=4567\n"
        ),
    });
}

fn as_json(ctx: &Ctx, status: &Status) -> serde_json::Value {
    match status {
        Status::Running(running) => json!({
            "format_version": 1,
            "state": "running",
            "url": running.endpoint.url,
            "pid": running.pid,
            "version": running.version,
            "uptime_seconds": uptime(ctx, running).as_secs(),
            "account": running.endpoint.account,
            "log": running.log,
        }),
        Status::Stopped { url, has_state } => {
            json!({ "format_version": 1, "state": "stopped", "url": url, "has_state": has_state })
        }
        Status::Taken { url, by } => json!({ "format_version": 1, "state": "taken", "url": url, "by": by }),
    }
}

/// Whole seconds.
fn uptime(ctx: &Ctx, running: &Running) -> Duration {
    let seconds = ctx.now.as_second().saturating_sub(running.started.as_second());
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
