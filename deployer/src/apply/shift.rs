//! Carries a gradual shift out: waits, looks, asks the gate, moves; and moves everything back when it has to.
//!
//! Decides nothing: times and shares stand in the step, the verdict comes from `gate`.

use super::gate::{self, Alarm, Moment, Quiet, Reason, Sample, Verdict};
use crate::plan::traffic::{Gradual, Move};
use futures::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a shift needs from outside.
pub(crate) trait World {
    /// What the gate goes by, names of alarms resolved.
    fn policy(&self) -> gate::Policy;
    /// Gives the new version `share` per cent.
    async fn weigh(&self, one: &Move, share: u8) -> Result<(), Refusal>;
    /// Gives the old version everything again.
    async fn back(&self, one: &Move) -> Result<(), String>;
    /// The alarms; with `traffic` also how often the new versions were called.
    async fn sample(&self, traffic: bool) -> Result<Sample, String>;
    /// Whether somebody wants it to stop.
    fn is_stopped(&self) -> bool;
}

/// Why an alias did not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Somebody else moved it: it is theirs now.
    Overtaken(String),
    Failed(String),
}

/// How a shift ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Complete {
        /// Functions that nobody called often enough to judge them.
        unjudged: Vec<Quiet>,
    },
    /// Alarms went off; `problems` are aliases that did not move back.
    TakenBack { alarms: Vec<Alarm>, problems: Vec<String> },
    /// An alias could not be moved; the others were moved back.
    Failed { message: String, problems: Vec<String> },
    /// Stays where it is.
    Held { why: String },
    /// Stays where it is, because somebody pressed Ctrl-C.
    Interrupted,
    /// Somebody else has moved an alias: nothing is touched any more.
    Overtaken { message: String },
}

/// Looks at the alarms that may fail in a row before the shift stays where it is.
const BLIND: u32 = 3;
/// Longest time that a Ctrl-C waits.
const ATTENTION: Duration = Duration::from_millis(500);

/// Runs the whole schedule. `moved` is told what moved when it has.
pub(crate) async fn shift(step: &Gradual, world: &impl World, moved: impl Fn(&[(&Move, u8)])) -> Ended {
    let start = Instant::now();
    let policy = world.policy();
    let mut touched: Vec<&Move> = Vec::new();
    let mut unjudged = Vec::new();
    for (index, tick) in step.ticks.iter().enumerate() {
        let due = start + Duration::from_millis(tick.at_ms);
        let last = index + 1 == step.ticks.len();
        match wait(step, world, &policy, due, index == 0, last).await {
            Ok(quiet) => unjudged.extend(quiet),
            Err(Stop::Ended(ended)) => return ended,
            Err(Stop::Back(alarms)) => {
                let problems = all_back(&touched, world).await;
                return Ended::TakenBack { alarms, problems };
            }
        }
        let group: Vec<(&Move, u8)> =
            step.moves.iter().filter_map(|one| tick.shares.get(&one.function).map(|share| (one, *share))).collect();
        let results = join_all(group.iter().map(|(one, share)| world.weigh(one, *share))).await;
        let mut refusals = Vec::new();
        for ((one, _), result) in group.iter().zip(results) {
            match result {
                Ok(()) if touched.contains(one) => {}
                Ok(()) => touched.push(one),
                Err(refusal) => {
                    // It may have moved although no answer came.
                    if matches!(refusal, Refusal::Failed(_)) && !touched.contains(one) {
                        touched.push(one);
                    }
                    refusals.push(refusal);
                }
            }
        }
        let overtaken = refusals.iter().find_map(|refusal| match refusal {
            Refusal::Overtaken(message) => Some(message.clone()),
            Refusal::Failed(_) => None,
        });
        match (overtaken, refusals.into_iter().next()) {
            // Before anything was shared, those that did move are ours to put back.
            (Some(message), _) if index == 0 => {
                let problems = all_back(&touched, world).await;
                return Ended::Failed { message, problems };
            }
            (Some(message), _) => return Ended::Overtaken { message },
            (None, Some(Refusal::Failed(message) | Refusal::Overtaken(message))) => {
                let problems = all_back(&touched, world).await;
                return Ended::Failed { message, problems };
            }
            (None, None) => moved(&group),
        }
    }
    Ended::Complete { unjudged }
}

/// Why a wait ended without the time being up.
enum Stop {
    Back(Vec<Alarm>),
    Ended(Ended),
}

/// Until `due`, looking at the alarms on the way; then asks whether it may go on.
async fn wait(
    step: &Gradual,
    world: &impl World,
    policy: &gate::Policy,
    due: Instant,
    first: bool,
    last: bool,
) -> Result<Vec<Quiet>, Stop> {
    let mut blind = 0;
    loop {
        let moment = match Instant::now() >= due {
            _ if first => Moment::Before,
            true => Moment::Due { last },
            false => Moment::Within,
        };
        match world.sample(moment == (Moment::Due { last: true })).await {
            Ok(sample) => {
                blind = 0;
                match gate::verdict(&sample, policy, moment) {
                    Verdict::Advance { unjudged } => return Ok(unjudged),
                    Verdict::RollBack { alarms } => return Err(Stop::Back(alarms)),
                    Verdict::Hold(Reason::NotDue) => {}
                    Verdict::Hold(reason) => return Err(Stop::Ended(Ended::Held { why: told(&reason) })),
                }
            }
            Err(why) => {
                blind += 1;
                if blind >= BLIND {
                    return Err(Stop::Ended(Ended::Held {
                        why: format!("the alarms and metrics cannot be read: {why}"),
                    }));
                }
            }
        }
        let next = Instant::now() + Duration::from_millis(step.poll_ms.max(1));
        let until = if Instant::now() < due { next.min(due) } else { next };
        while Instant::now() < until {
            if world.is_stopped() {
                return Err(Stop::Ended(Ended::Interrupted));
            }
            sleep(ATTENTION.min(until - Instant::now())).await;
        }
    }
}

async fn all_back(touched: &[&Move], world: &impl World) -> Vec<String> {
    let backs = join_all(touched.iter().map(|one| world.back(one))).await;
    backs.into_iter().filter_map(Result::err).collect()
}

fn told(reason: &Reason) -> String {
    match reason {
        Reason::NotDue => "it is not time yet".to_owned(),
        Reason::TooLittle(quiet) => format!("too little traffic to judge: {}", few(quiet)),
        Reason::Gone(names) => format!("these alarms are to watch it and are gone: {}", names.join(", ")),
    }
}

/// `f had 3 of 10 invocations`.
pub(crate) fn few(quiet: &[Quiet]) -> String {
    let each = quiet.iter().map(|one| format!("{} had {} of {} invocations", one.function, one.seen, one.needed));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
