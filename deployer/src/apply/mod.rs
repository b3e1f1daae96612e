//! Carries a plan out: phase by phase, the steps of a phase side by side; stops at the first failure and takes back what
//! the phase had moved.
//!
//! Decides nothing else: what to do stands in the steps.

pub(crate) mod aws_runner;
pub(crate) mod event;
pub(crate) mod gate;
pub(crate) mod shift;
pub(crate) mod stack;

use crate::plan::{Intent, Phase, Plan, Step};
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
    /// Several aliases were moved little by little; the steps that move them back.
    Shifted { backs: Vec<Step> },
    /// The plan ends here, and that is no failure of the tool.
    Stopped(Stopped),
    /// Somebody had done it already.
    Nothing,
}

/// Why a plan ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// A check or an alarm was against it; everything is where it was before.
    TakenBack { message: String, now: String },
    /// It stays in the middle.
    Held { message: String, now: String },
    /// It stays in the middle, because somebody pressed Ctrl-C.
    Interrupted { now: String },
    /// Somebody else has taken over: the record is theirs too.
    Overtaken { message: String, now: String },
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
    /// An alarm or a check was against it; nothing new is live.
    TakenBack {
        message: String,
        now: String,
    },
    /// It stays in the middle until somebody decides.
    Held {
        message: String,
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
    let mut late: Option<StepError> = None;
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
        let mut stopped = None;
        for result in results {
            match result {
                Ok(Done::Moved { back }) => backs.push(*back),
                Ok(Done::Shifted { backs: several }) => backs.extend(several),
                Ok(Done::Stopped(stop)) => stopped = Some(stop),
                Ok(_) => {}
                Err(error) => failures.push(error),
            }
        }
        opened |= phase == Phase::Open && failures.is_empty();
        let first = failures.into_iter().next();
        if let Some(stopped) = stopped.filter(|_| first.is_none()) {
            return stop(plan, runner, opened, stopped, &backs).await;
        }
        let Some(first) = first else {
            last = Some(phase);
            continue;
        };
        // What is warm or not takes no release back.
        if phase == Phase::Provision {
            late = late.or(Some(first));
            last = Some(phase);
            continue;
        }
        let now = moved_back(runner, &backs, first.now.clone()).await;
        let outcome = Outcome::Failed { message: first.message.clone(), now };
        return give_up(plan, runner, opened, &first.message, outcome).await;
    }
    match late {
        None => Outcome::Succeeded,
        Some(late) => Outcome::Failed { message: late.message, now: format!("the release is live; {}", late.now) },
    }
}

/// Moves aliases back; what does not is added to what is true now.
async fn moved_back(runner: &impl StepRunner, backs: &[Step], mut now: String) -> String {
    for back in backs {
        if let Err(error) = runner.run(back).await {
            now = format!("{now}; moving an alias back failed: {error}");
        }
    }
    now
}

/// Ends a plan that a step has ended, and records how.
async fn stop(plan: &Plan, runner: &impl StepRunner, opened: bool, stopped: Stopped, backs: &[Step]) -> Outcome {
    let (step, outcome) = match stopped {
        Stopped::TakenBack { message, now } => {
            let now = moved_back(runner, backs, now).await;
            (Some(Step::TakeBack { reason: message.clone() }), Outcome::TakenBack { message, now })
        }
        Stopped::Held { message, now } => {
            (Some(Step::HoldRelease { reason: message.clone() }), Outcome::Held { message, now })
        }
        Stopped::Interrupted { now } => {
            (Some(Step::HoldRelease { reason: "interrupted".to_owned() }), Outcome::Interrupted { now })
        }
        Stopped::Overtaken { message, now } => (None, Outcome::Failed { message, now }),
    };
    // A promotion opens no release; what it goes on with is open.
    let is_recorded = opened || matches!(plan.intent, Intent::Promote { .. });
    match step.filter(|_| is_recorded) {
        Some(step) => record(plan, runner, &step, outcome).await,
        None => outcome,
    }
}

/// Writes the failure into the ledger; when that fails too, the outcome stays what it was.
async fn give_up(plan: &Plan, runner: &impl StepRunner, opened: bool, reason: &str, outcome: Outcome) -> Outcome {
    if !opened {
        return outcome;
    }
    record(plan, runner, &Step::FailRelease { reason: reason.to_owned() }, outcome).await
}

/// Writes the end into the ledger; when that fails, the outcome says so.
async fn record(plan: &Plan, runner: &impl StepRunner, step: &Step, outcome: Outcome) -> Outcome {
    match runner.run(step).await {
        Ok(_) => outcome,
        Err(error) => {
            let more = format!("; the end of release {} could not be recorded: {error}", plan.record.number);
            match outcome {
                Outcome::Failed { message, now } => Outcome::Failed { message, now: now + &more },
                Outcome::Interrupted { now } => Outcome::Interrupted { now: now + &more },
                Outcome::TakenBack { message, now } => Outcome::TakenBack { message, now: now + &more },
                Outcome::Held { message, now } => Outcome::Held { message, now: now + &more },
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
        Some(Phase::Shift | Phase::Provision | Phase::Close | Phase::Delete | Phase::Sweep) => {
            "all aliases have moved".to_owned()
        }
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
            Self::Check => "checking new versions",
            Self::Shift => "moving aliases",
            Self::Provision => "keeping executions warm",
            Self::Delete => "deleting the stack",
            Self::Close => "recording the release",
        }
    }
}

#[cfg(test)]
mod tests;
