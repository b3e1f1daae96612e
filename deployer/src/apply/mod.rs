//! Carries a plan out: phase by phase, the steps of a phase side by side; stops at the first failure and takes back what
//! the phase had moved.
//!
//! Decides nothing else: what to do stands in the steps.

pub(crate) mod aws_runner;
pub(crate) mod event;
pub(crate) mod stack;

use crate::plan::{Phase, Plan, Step};
use event::Event;
use futures::StreamExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a step came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Done {
    /// Nothing that another step needs.
    Plain,
    /// A version was published.
    Published { function: String, version: String },
    /// The alias was moved; the step that moves it back.
    Moved { back: Box<Step> },
    /// Somebody had done it already.
    Nothing,
}

/// Why a step failed, and what is true after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct StepError {
    pub(crate) message: String,
    pub(crate) now: String,
}

// One binary uses it, nothing outside of the crate implements it: the future need not be `Send`.
pub(crate) trait StepRunner {
    async fn run(&self, step: &Step) -> Result<Done, StepError>;
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Failed {
        message: String,
        /// What is true now.
        now: String,
    },
    /// Stopped between two phases because somebody asked for it.
    Interrupted {
        now: String,
    },
}

/// Steps of one phase that run at the same time. Lambda's control plane takes 15 requests a second and more.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> "API requests" (read 2026-11).
const SIDE_BY_SIDE: usize = 8;

/// Applies `plan`. `interrupted` is looked at between phases.
pub(crate) async fn apply(
    plan: &Plan,
    runner: &impl StepRunner,
    interrupted: &AtomicBool,
    tell: impl Fn(Event),
) -> Outcome {
    let mut opened = false;
    let mut last: Option<Phase> = None;
    for group in plan.steps.chunk_by(|one, two| one.phase() == two.phase()) {
        let phase = group[0].phase();
        if interrupted.load(Ordering::Relaxed) && phase != Phase::Close {
            let now = format!("stopped before {}; {}", phase.title(), standing(last));
            return give_up(plan, runner, opened, "interrupted", Outcome::Interrupted { now }).await;
        }
        tracing::debug!(?phase, steps = group.len(), "phase begins");
        tell(Event::Phase { phase, steps: group.len() });
        let results: Vec<_> = futures::stream::iter(group)
            .map(|step| {
                let tell = &tell;
                async move {
                    let result = runner.run(step).await;
                    if let Ok(done) = &result {
                        tell(Event::Step { step: step.clone(), done: done.clone() });
                    }
                    result
                }
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        let mut backs = Vec::new();
        let mut failures = Vec::new();
        for result in results {
            match result {
                Ok(Done::Moved { back }) => backs.push(back),
                Ok(_) => {}
                Err(error) => failures.push(error),
            }
        }
        opened |= phase == Phase::Open && failures.is_empty();
        let Some(first) = failures.into_iter().next() else {
            last = Some(phase);
            continue;
        };
        let mut now = first.now.clone();
        for back in backs {
            if let Err(error) = runner.run(&back).await {
                now = format!("{now}; moving an alias back failed: {error}");
            }
        }
        let outcome = Outcome::Failed { message: first.message.clone(), now };
        return give_up(plan, runner, opened, &first.message, outcome).await;
    }
    Outcome::Succeeded
}

/// Writes the failure into the ledger; when that fails too, the outcome stays what it was.
async fn give_up(plan: &Plan, runner: &impl StepRunner, opened: bool, reason: &str, outcome: Outcome) -> Outcome {
    if !opened {
        return outcome;
    }
    match runner.run(&Step::FailRelease { reason: reason.to_owned() }).await {
        Ok(_) => outcome,
        Err(error) => {
            let more = format!("; release {} could not be marked as failed: {error}", plan.record.number);
            match outcome {
                Outcome::Failed { message, now } => Outcome::Failed { message, now: now + &more },
                Outcome::Interrupted { now } => Outcome::Interrupted { now: now + &more },
                Outcome::Succeeded => Outcome::Succeeded,
            }
        }
    }
}

/// What is true after `last` was through.
fn standing(last: Option<Phase>) -> String {
    match last {
        None | Some(Phase::Bucket | Phase::Upload | Phase::Open | Phase::Settle) => {
            "nothing that runs was changed".to_owned()
        }
        Some(Phase::Shift | Phase::Close | Phase::Delete | Phase::Sweep) => "all aliases have moved".to_owned(),
        Some(_) => "every alias still serves the version that it served before".to_owned(),
    }
}

impl Phase {
    /// What goes on in it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Bucket => "making the artifact bucket",
            Self::Upload => "uploading artifacts",
            Self::Open => "claiming the release number",
            Self::Settle => "saying how earlier releases ended",
            Self::Sweep => "deleting what nobody needs",
            Self::LetGo => "freeing the stack",
            Self::Stack => "changing the stack",
            Self::Protect => "protecting the stack",
            Self::Configure => "setting what the stack cannot",
            Self::Code => "updating code",
            Self::Publish => "publishing versions",
            Self::Shift => "moving aliases",
            Self::Delete => "deleting the stack",
            Self::Close => "recording the release",
        }
    }
}

#[cfg(test)]
mod tests;
