//! From a plan to its outcome: blocked, confirmed, applied, told. What `deploy`, `rollback` and `destroy` share.

use crate::apply::aws_runner::AwsRunner;
use crate::apply::event::Event;
use crate::apply::{Outcome, apply};
use crate::aws::{cloudformation, cloudwatch, s3};
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::hold::{self, Held, Waiting};
use crate::pipeline;
use crate::plan::{self, Intent, Plan, Step};
use crate::render;
use crate::session::Connection;
use crate::state::Place;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Ends with exit 6 when the plan is blocked or nobody agrees.
pub(crate) fn agree(ctx: &Ctx, plan: &Plan, question: &str) -> Result<(), Failure> {
    if plan.is_blocked() {
        let what: Vec<&str> = plan.blocked.iter().map(|block| block.what.as_str()).collect();
        let hopeless = plan.blocked.iter().find(|block| block.allow.is_none());
        let next = hopeless.map(|block| block.way_out.clone());
        return Err(Failure::World {
            exit: Exit::NeedsAllow,
            message: format!("the plan for {} is blocked: {}", plan.place.stack, what.join("; ")),
            now: "nothing was changed".to_owned(),
            next: next.unwrap_or_else(|| ctx.typed.clone() + &render::missing_flags(plan)),
        });
    }
    asked(ctx, question)
}

/// Ends with exit 6 when nobody agrees.
pub(crate) fn asked(ctx: &Ctx, question: &str) -> Result<(), Failure> {
    if ctx.global.yes {
        return Ok(());
    }
    if ctx.interactive {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{question} [y/N] ");
        let _ = err.flush();
        let mut answer = String::new();
        let _ = std::io::stdin().lock().read_line(&mut answer);
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
    }
    Err(Failure::World {
        exit: Exit::NeedsAllow,
        message: match ctx.interactive {
            true => "not confirmed".to_owned(),
            false => "nobody can be asked here".to_owned(),
        },
        now: "nothing was changed".to_owned(),
        next: format!("{} --yes", ctx.typed),
    })
}

/// Does `work`, which plans and carries out, under the stack's lease where the command waits for it, and gives the lease back
/// however that ends: what is planned then is what will be done.
pub(crate) async fn holding<T>(
    ctx: &Ctx,
    connection: &Connection,
    place: &Place,
    waiting: &Waiting,
    work: impl AsyncFnOnce(&mut Option<Held>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut held = wait(ctx, connection, place, waiting).await?;
    let done = work(&mut held).await;
    free(held).await;
    done
}

/// Waits for the stack before anything is planned, where that was asked for.
async fn wait(ctx: &Ctx, connection: &Connection, place: &Place, waiting: &Waiting) -> Result<Option<Held>, Failure> {
    let Some(patience) = waiting.wait else { return Ok(None) };
    let held = hold::take(&connection.clients, place, &ctx.typed, waiting, |line| ctx.say(line)).await?;
    match rested(ctx, connection, place, patience).await {
        Ok(()) => Ok(held),
        Err(failure) => {
            free(held).await;
            Err(failure)
        }
    }
}

/// Waits until CloudFormation is through with the stack: it goes on when whoever asked it to is killed.
async fn rested(ctx: &Ctx, connection: &Connection, place: &Place, patience: Duration) -> Result<(), Failure> {
    let began = Instant::now();
    let mut told = false;
    loop {
        let status = cloudformation::status(&connection.clients.cloudformation, place.stack.as_str()).await;
        let status = status.map_err(pipeline::unread)?.unwrap_or_default();
        if !status.ends_with("_IN_PROGRESS") || status == "REVIEW_IN_PROGRESS" {
            return Ok(());
        }
        if began.elapsed() > patience {
            let message = format!("CloudFormation is still at work on {} ({status})", place.stack);
            return Err(Failure::failed(message, "nothing was changed here", ctx.typed.clone()));
        }
        if !told {
            ctx.say(format!("waiting for CloudFormation, which is at work on {} ({status})", place.stack));
            told = true;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Gives back what was taken for nothing.
async fn free(held: Option<Held>) {
    if let Some(held) = held {
        held.free().await;
    }
}

/// Applies the plan and tells what happens, under the lease of its stack.
pub(crate) async fn carry_out(
    ctx: &Ctx,
    connection: &Connection,
    plan: &Plan,
    held: &mut Option<Held>,
    waiting: &Waiting,
) -> Result<(), Failure> {
    let held = match held.take() {
        Some(held) => Some(held),
        None => hold::take(&connection.clients, &plan.place, &ctx.typed, waiting, |line| ctx.say(line)).await?,
    };
    ctx.mind_interrupts(true);
    let start = Instant::now();
    let tell = |event: Event| {
        if ctx.global.verbose == 0 && !render::progress::is_news(&event, plan) {
            return;
        }
        if let Some(line) = render::progress::line(&event, start.elapsed()) {
            ctx.say(line);
        }
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let listener = tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
            let _ = writeln!(std::io::stderr(), "interrupted: finishing the current step");
        }
    });
    let runner = AwsRunner::new(&connection.clients, plan, jiff::Timestamp::now, tell);
    let runner = runner.under(held, &ctx.typed).until(&interrupted);
    let outcome = apply(plan, &runner, &interrupted, tell).await;
    listener.abort();
    if matches!(outcome, Outcome::Succeeded) {
        mark(ctx, connection, plan).await;
    }
    runner.free().await;
    ctx.mind_interrupts(false);
    let stack = &plan.place.stack;
    let what = match plan.intent {
        Intent::Recover => format!("the recovery of {stack}"),
        Intent::Prune => format!("pruning {stack}"),
        _ => format!("release {} of {stack}", plan.record.number),
    };
    match outcome {
        Outcome::Succeeded => Ok(()),
        Outcome::Failed { message, now } => Err(Failure::World {
            exit: Exit::Failed,
            message: format!("{what} failed: {message}"),
            now,
            next: after_failure(ctx, connection, plan).await,
        }),
        Outcome::TakenBack { message, now } => Err(Failure::World {
            exit: Exit::TakenBack,
            message: format!("{what} was taken back: {message}"),
            now,
            next: plan.place.command("status"),
        }),
        Outcome::Held { message, now } => Err(Failure::World {
            exit: Exit::Held,
            message: format!("{what} is held: {message}"),
            now,
            next: plan.place.command("promote"),
        }),
        Outcome::Interrupted { now } => {
            let message = format!("{what} was interrupted");
            Err(Failure::interrupted(message, now, ctx.typed.clone()))
        }
    }
}

/// Releases that dashboards show.
const MARKED: usize = 20;

/// Draws the last releases into the stack's dashboards. They are no part of the template, or each release would be a change
/// that asks for the next one; that a line is missing is not worth an error. Done under the lease: what is read and put
/// again is nobody else's work in the meantime.
async fn mark(ctx: &Ctx, connection: &Connection, plan: &Plan) {
    if plan.dashboards.is_empty() || !plan.steps.contains(&Step::CloseRelease) {
        return;
    }
    let clients = &connection.clients;
    let releases = s3::releases(&clients.s3, &plan.place.bucket, &plan.place.stack).await.unwrap_or_default();
    let stood = releases.iter().rev().filter(|release| release.outcome.stands()).take(MARKED);
    let moments = stood.map(|release| (release.number, release.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    let moments: Vec<(u32, String)> = moments.collect();
    for name in &plan.dashboards {
        if let Err(error) = cloudwatch::mark(&clients.cloudwatch, name, &moments).await {
            ctx.say(format!("the dashboard {name} has no line for this release: {error}"));
        }
    }
}

/// A stack whose creation failed has to go before it can be made; everything else is tried again.
async fn after_failure(ctx: &Ctx, connection: &Connection, plan: &Plan) -> String {
    let place = &plan.place;
    let status = cloudformation::status(&connection.clients.cloudformation, place.stack.as_str()).await;
    let must_go = status.ok().flatten().is_some_and(|status| plan::was_never_made(&status));
    match must_go && plan.intent == Intent::Deploy {
        true => place.command("destroy"),
        false => ctx.typed.clone(),
    }
}
