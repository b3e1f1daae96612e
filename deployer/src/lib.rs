//! `deployer`: from stack files to running Lambda functions, and back.
//!
//! Files in → values → values → effects out. Modules stand in pipeline order; those under "the outside" are the only
//! ones that may touch files, processes, clocks or AWS, and clippy holds the others to it (`clippy.toml`).

mod cli;

#[expect(clippy::disallowed_methods, reason = "effects: reads the environment and the clock, once")]
mod ctx;
mod exit;

// commands: glue
#[expect(clippy::disallowed_methods, reason = "effects: the clock, while a plan is carried out")]
mod cmd;

// words every stage speaks: pure
mod diag;
mod ids;
mod source;
mod units;

// load: pure
mod decode;
mod jinja;
mod model;
mod order;
mod overlay;
mod rules;
mod schema;
mod yaml;

// synth: pure
mod cfn;
mod iam;
mod synth;

// what deploying takes: pure
mod bootstrap;

// compare: pure
mod adopt;
mod backtest;
mod change_set;
mod checks;
mod destroy;
mod diff;
mod doctor;
mod guard;
mod lease;
mod meaning;
mod normalize;
mod picture;
mod plan;
mod privilege;
mod prune;
mod release;
mod repair;
mod resolve;
mod risk;
mod rollback;
mod sample;
mod saved;
mod schedule;
mod settle;
mod shifts;
mod state;
mod unfinished;

// show: pure, the writer is passed in
mod render;

// the outside: effects
mod apply;
#[expect(clippy::disallowed_methods, reason = "effects: runs cargo, reads and writes artifacts")]
mod artifact;
mod aws;
#[expect(clippy::disallowed_methods, reason = "effects: reads the events of checks")]
mod courses;
#[expect(clippy::disallowed_methods, reason = "effects: writes result files")]
mod files;
#[expect(clippy::disallowed_methods, reason = "effects: asks git for the commit")]
mod git;
#[expect(clippy::disallowed_methods, reason = "effects: takes leases, looks at processes")]
mod hold;
mod live;
mod pipeline;
#[expect(clippy::disallowed_methods, reason = "effects: reads the stack files")]
mod project;
#[expect(clippy::disallowed_methods, reason = "effects: installs into the user's cache")]
mod python;
mod reapply;
#[expect(clippy::disallowed_methods, reason = "effects: starts and stops the local AWS")]
mod sandbox;
mod session;

use clap::Parser as _;
use std::process::ExitCode;

/// The whole program: reads the command line, runs the command, prints why it ended early, returns the exit code.
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    cli.global.color.apply();
    ctx::trace(cli.global.verbose);
    let failure = match ctx::Ctx::new(cli.global, &cli.command).and_then(|ctx| run_command(&ctx, &cli.command)) {
        Ok(exit) => return ExitCode::from(exit.code()),
        Err(failure) => failure,
    };
    ctx::print_failure(&render::failure::text(&failure));
    ExitCode::from(failure.exit().code())
}

fn run_command(ctx: &ctx::Ctx, command: &cli::Command) -> Result<exit::Exit, exit::Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        exit::Failure::failed(
            format!("the asynchronous runtime does not start: {error}"),
            "nothing was touched",
            "free some threads and file handles, then try again",
        )
    })?;
    runtime.block_on(async {
        let work = cmd::run(ctx, command);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                // While steps are carried out, `cmd::confirm` hears of it too and stops between two of them.
                Ok(()) = tokio::signal::ctrl_c() => if !ctx.minds_interrupts() {
                    return Err(exit::Failure::interrupted("interrupted", "nothing was changed", ctx.typed.clone()));
                }
            }
        }
    })
}
