//! One file per command: its arguments and the function that serves it.

pub(crate) mod adopt;
pub(crate) mod alarms;
pub(crate) mod bootstrap;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod confirm;
pub(crate) mod dashboard;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod iam;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod releases;
pub(crate) mod rollback;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod shift;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod synth;

use crate::cli::Command;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};

pub(crate) async fn run(ctx: &Ctx, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(ctx, args).await,
        Command::Schema(args) => schema::run(ctx, args).await,
        Command::Synth(args) => synth::run(ctx, args).await,
        Command::Bootstrap(args) => bootstrap::run(ctx, args).await,
        Command::Build(args) => build::run(ctx, args).await,
        Command::Plan(args) => plan::run(ctx, args).await,
        Command::Adopt(args) => adopt::run(ctx, args).await,
        Command::Alarms(args) => alarms::run(ctx, args).await,
        Command::Dashboard(args) => dashboard::run(ctx, args).await,
        Command::Doctor(args) => doctor::run(ctx, args).await,
        Command::Explain(args) => explain::run(ctx, args).await,
        Command::Prune(args) => prune::run(ctx, args).await,
        Command::Drift(args) => drift::run(ctx, args).await,
        Command::State(args) => state::run(ctx, args).await,
        Command::Deploy(args) => deploy::run(ctx, args).await,
        Command::Iam(args) => iam::run(ctx, args).await,
        Command::Rollback(args) => rollback::run(ctx, args).await,
        Command::Promote(args) => shift::promote(ctx, args).await,
        Command::Abort(args) => shift::abort(ctx, args).await,
        Command::Releases(args) => releases::run(ctx, args).await,
        Command::Status(args) => status::run(ctx, args).await,
        Command::Logs(args) => logs::run(ctx, args).await,
        Command::Metrics(args) => metrics::run(ctx, args).await,
        Command::Invoke(args) => invoke::run(ctx, args).await,
        Command::Destroy(args) => destroy::run(ctx, args).await,
        Command::Secret(args) => secret::run(ctx, args).await,
        Command::Sandbox(args) => sandbox::run(ctx, args).await,
        Command::Completions(args) => completions::run(ctx, args).await,
    }
}
