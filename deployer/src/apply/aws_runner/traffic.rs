//! Checks, gradual shifts and warm executions against AWS.

use super::{AwsRunner, still};
use crate::apply::event::Event;
use crate::apply::gate::{self, Alarm, Least, Sample};
use crate::apply::shift::{self, Ended, Refusal, World, few};
use crate::apply::{Done, StepError, Stopped};
use crate::aws::version_metrics::{self, Counter};
use crate::aws::{AwsError, cloudformation, lambda, s3, traffic};
use crate::checks::Check;
use crate::ids::FunctionVersion;
use crate::plan::Step;
use crate::plan::traffic::{Gradual, Move};
use crate::release::Shifting;
use crate::state::{Known, LiveAlias};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// Lines of a log that are told.
const LOG_LINES: usize = 20;

impl<F: Fn(Event)> AwsRunner<'_, F> {
    fn published_version(&self, function: &str) -> Option<FunctionVersion> {
        self.published.lock().expect("no step panics while it notes a version").get(function).cloned()
    }

    fn note(&self, text: String) {
        (self.tell)(Event::Note(text));
    }

    /// Calls the new version; what it answers decides whether anything moves at all.
    pub(super) async fn check(&self, function: &str, name: &str, checks: &[Check]) -> Result<Done, StepError> {
        let Some(version) = self.published_version(function) else {
            return Err(StepError { message: format!("no version of {name} was published"), now: String::new() });
        };
        for check in checks {
            let answer = traffic::invoke(&self.clients.lambda, name, &version, &check.event).await.map_err(still)?;
            let misses = check.misses(&answer);
            if misses.is_empty() {
                continue;
            }
            let lines: Vec<&str> = answer.log.lines().collect();
            for line in lines.iter().skip(lines.len().saturating_sub(LOG_LINES)) {
                self.note(format!("  log of {name}:{version} | {line}"));
            }
            return Ok(Done::Stopped(Stopped::TakenBack {
                message: format!(
                    "version {version} of {function} was called with {}: {}",
                    check.asks,
                    misses.join("; ")
                ),
                now: match self.is_new(function) {
                    true => format!(
                        "no alias has moved; {function} is new, and its alias serves what was just built and failed"
                    ),
                    false => format!(
                        "no traffic has moved: every alias still serves the version that it served before; \
                         version {version} of {function} is published and serves nobody"
                    ),
                },
            }));
        }
        Ok(Done::Plain)
    }

    /// Whether no version of the function was live before.
    fn is_new(&self, function: &str) -> bool {
        self.plan.steps.iter().any(|step| match step {
            Step::Shift { function: own, from, .. } if own == function => {
                from.as_ref().is_none_or(|from| from.as_str() == "$LATEST")
            }
            _ => false,
        })
    }

    /// Keeps the new executions warm before the old ones are let go.
    pub(super) async fn provision(
        &self,
        function: &str,
        name: &str,
        version: Option<&FunctionVersion>,
        executions: Option<u32>,
        remove: &[FunctionVersion],
    ) -> Result<Done, StepError> {
        let client = &self.clients.lambda;
        let version = version.cloned().or_else(|| self.published_version(function));
        let cold = |error: AwsError| StepError {
            message: error.to_string(),
            now: format!("{name} serves, but its warm executions are not as declared"),
        };
        if let Some((version, executions)) = version.as_ref().zip(executions) {
            let tell = |text: String| self.note(format!("  {text}"));
            traffic::provision(client, name, version, executions, tell).await.map_err(cold)?;
        }
        let kept = version.filter(|_| executions.is_some());
        for old in remove.iter().filter(|old| Some(*old) != kept.as_ref()) {
            traffic::unprovision(client, name, old).await.map_err(cold)?;
        }
        Ok(Done::Plain)
    }

    /// Runs the whole schedule.
    pub(super) async fn gradual(&self, step: &Gradual) -> Result<Done, StepError> {
        let world = self.world(step).await?;
        self.begin(step, &world).await?;
        let ended = shift::shift(step, &world, |group| {
            for (one, share) in group {
                let to = world.to(one);
                self.note(match share {
                    100 => format!("  {}: live {} → {to}", one.function, one.from),
                    share => format!("  {}: live {} → {to} at {share} %", one.function, one.from),
                });
            }
        })
        .await;
        let place = &self.plan.place;
        let stands = || {
            let (promote, abort) = (place.command("promote"), place.command("abort"));
            format!("traffic stays where it is; `{promote}` finishes, `{abort}` takes it back")
        };
        match ended {
            Ended::Complete { unjudged } => {
                if !unjudged.is_empty() {
                    self.note(format!("too little traffic to judge: {}; went on all the same", few(&unjudged)));
                }
                Ok(self.complete(step, &world))
            }
            Ended::TakenBack { alarms, problems } => {
                self.tell_alarms(&alarms, step, &world).await;
                let each = alarms.iter().map(|alarm| match alarm.reason.as_str() {
                    "" => format!("alarm {} is in ALARM", alarm.name),
                    reason => format!("alarm {} is in ALARM: {reason}", alarm.name),
                });
                let message = each.collect::<Vec<_>>().join("; ");
                Ok(Done::Stopped(Stopped::TakenBack { message, now: backs(step, problems) }))
            }
            Ended::Failed { message, problems } => Err(StepError { message, now: backs(step, problems) }),
            Ended::Held { why } => Ok(Done::Stopped(Stopped::Held { message: why, now: stands() })),
            Ended::Interrupted => Ok(Done::Stopped(Stopped::Interrupted { now: stands() })),
            Ended::Overtaken { message } => Ok(Done::Stopped(Stopped::Overtaken {
                message,
                now: format!("nothing is moved here any more; `{}` says what is live", place.command("status")),
            })),
        }
    }

    async fn world<'s>(&'s self, step: &Gradual) -> Result<AwsWorld<'s, F>, StepError> {
        let place = &self.plan.place;
        let mut watched: Vec<String> = step.alarms.iter().filter_map(|alarm| alarm.name.clone()).collect();
        if step.alarms.iter().any(|alarm| alarm.name.is_none()) {
            let resources =
                cloudformation::resources(&self.clients.cloudformation, &place.stack).await.map_err(still)?;
            let ids = step.alarms.iter().filter(|alarm| alarm.name.is_none()).filter_map(|alarm| alarm.id.as_ref());
            watched.extend(ids.filter_map(|id| Some(resources.get(id)?.physical_id.to_string())));
        }
        let least =
            |one: &Move| Least { function: one.function.clone(), invocations: u64::from(one.least), hold: one.hold };
        let mut to = BTreeMap::new();
        for one in &step.moves {
            let Some(version) = one.to.clone().or_else(|| self.published_version(&one.function)) else {
                let message = format!("no version of {} was published", one.name);
                return Err(StepError { message, now: String::new() });
            };
            to.insert(one.function.clone(), version);
        }
        let revisions = step.moves.iter().map(|one| (one.function.clone(), one.revision_id.clone())).collect();
        Ok(AwsWorld {
            runner: self,
            policy: gate::Policy { watched, functions: step.moves.iter().map(least).collect() },
            names: step.moves.iter().map(|one| (one.function.clone(), one.name.clone())).collect(),
            to,
            revisions: Mutex::new(revisions),
            since: (self.now)().as_second(),
        })
    }

    /// Writes into the ledger what is about to move: whoever finds it half done can go on or back.
    async fn begin(&self, step: &Gradual, world: &AwsWorld<'_, F>) -> Result<(), StepError> {
        let record = {
            let mut record = self.record.lock().expect("no step panics while it writes the record");
            for one in &step.moves {
                let shifting =
                    Shifting { function: one.name.clone(), from: one.from.clone(), to: world.to(one).clone() };
                record.shifting.insert(one.function.clone(), shifting);
            }
            record.clone()
        };
        s3::close_release(&self.clients.s3, &self.plan.place.bucket, &record).await.map_err(still)
    }

    /// Everything is served by the new versions.
    fn complete(&self, step: &Gradual, world: &AwsWorld<'_, F>) -> Done {
        let mut record = self.record.lock().expect("no step panics while it writes the record");
        let backs = step.moves.iter().map(|one| {
            let to = world.to(one).clone();
            if let Some(released) = record.functions.get_mut(&one.function) {
                released.changed = one.from != to;
                released.version = to.clone();
            }
            Step::Shift {
                function: one.function.clone(),
                name: one.name.clone(),
                from: Some(to),
                to: Some(one.from.clone()),
                revision_id: Some(world.revision(&one.function)),
            }
        });
        Done::Shifted { backs: backs.collect() }
    }

    /// The alarm's values, and the old and the new version side by side.
    async fn tell_alarms(&self, alarms: &[Alarm], step: &Gradual, world: &AwsWorld<'_, F>) {
        let client = &self.clients.cloudwatch;
        let now = (self.now)().as_second();
        let names: Vec<String> = alarms.iter().map(|alarm| alarm.name.clone()).collect();
        for (alarm, metric) in traffic::described(client, &names).await.unwrap_or_default() {
            let values = match &metric {
                Some(metric) => version_metrics::values(client, metric, now).await,
                None => Ok("made of other alarms".to_owned()),
            };
            let values = values.unwrap_or_else(|error| format!("values not read: {error}"));
            self.note(format!("  alarm {}: {values}", alarm.name));
        }
        let counters = |one: &Move| {
            let versions = [one.from.to_string(), world.to(one).to_string()];
            versions.map(|version| {
                ["Invocations", "Errors"].map(|metric| Counter {
                    metric,
                    function: one.name.clone(),
                    version: Some(version.clone()),
                })
            })
        };
        let all: Vec<Counter> = step.moves.iter().flat_map(counters).flatten().collect();
        let sums = version_metrics::sums(client, &all, world.since, now).await.unwrap_or_default();
        for one in &step.moves {
            let each = counters(one).map(|counters| {
                let version = counters[0].version.clone().unwrap_or_default();
                match counters.map(|counter| sums.get(&counter).copied()) {
                    [None, _] => format!("version {version}: no calls counted"),
                    [Some(calls), errors] => {
                        format!("version {version}: {calls} calls, {} errors", errors.unwrap_or_default())
                    }
                }
            });
            self.note(format!("  {}: old {}; new {}", one.function, each[0], each[1]));
        }
    }
}

/// What is true after everything was moved back.
fn backs(step: &Gradual, problems: Vec<String>) -> String {
    match problems.is_empty() {
        true => {
            let each: Vec<_> = step.moves.iter().map(|one| format!("{} {}", one.function, one.from)).collect();
            format!("every alias serves the version that it served before: {}", each.join(", "))
        }
        false => format!("not every alias moved back: {}", problems.join("; ")),
    }
}

/// A shift's aliases, alarms and metrics in AWS.
struct AwsWorld<'a, F: Fn(Event)> {
    runner: &'a AwsRunner<'a, F>,
    policy: gate::Policy,
    /// Lambda's names.
    names: BTreeMap<String, String>,
    to: BTreeMap<String, FunctionVersion>,
    /// Revisions of the aliases as we left them.
    revisions: Mutex<BTreeMap<String, String>>,
    /// Beginning of the shift, in seconds of the epoch.
    since: i64,
}

impl<F: Fn(Event)> AwsWorld<'_, F> {
    fn to(&self, one: &Move) -> &FunctionVersion {
        &self.to[&one.function]
    }

    fn revision(&self, function: &str) -> String {
        let revisions = self.revisions.lock().expect("nothing panics while it notes a revision");
        revisions.get(function).cloned().unwrap_or_default()
    }

    fn note_revision(&self, function: &str, alias: &LiveAlias) {
        let mut revisions = self.revisions.lock().expect("nothing panics while it notes a revision");
        revisions.insert(function.to_owned(), alias.revision_id.clone());
    }
}

impl<F: Fn(Event)> World for AwsWorld<'_, F> {
    fn policy(&self) -> gate::Policy {
        self.policy.clone()
    }

    async fn weigh(&self, one: &Move, share: u8) -> Result<(), Refusal> {
        let client = &self.runner.clients.lambda;
        let (to, revision) = (self.to(one), self.revision(&one.function));
        // A share of nothing new: both are the same version.
        let answer = match share {
            _ if *to == one.from => lambda::move_alias(client, &one.name, to, &revision).await,
            100 => lambda::move_alias(client, &one.name, to, &revision).await,
            share => traffic::weigh(client, &one.name, &one.from, to, share, &revision).await,
        };
        match answer {
            Ok(alias) => {
                self.note_revision(&one.function, &alias);
                Ok(())
            }
            Err(error) if error.is_conflict() => {
                // A call whose answer was lost and that was tried again is refused although it went through.
                let wanted: BTreeMap<String, f64> = match share {
                    100 => BTreeMap::new(),
                    share => [(to.to_string(), f64::from(share) / 100.0)].into(),
                };
                let first = if share == 100 { to } else { &one.from };
                match lambda::alias(client, &one.name).await {
                    Ok(Known::Present(alias)) if alias.version == *first && alias.weights == wanted => {
                        self.note_revision(&one.function, &alias);
                        Ok(())
                    }
                    _ => Err(Refusal::Overtaken(format!("somebody else moved the alias of {}", one.name))),
                }
            }
            Err(error) => Err(Refusal::Failed(error.to_string())),
        }
    }

    async fn back(&self, one: &Move) -> Result<(), String> {
        let client = &self.runner.clients.lambda;
        let to = self.to(one);
        let failed = |error: AwsError| format!("{}: {error}", one.function);
        let Known::Present(alias) = lambda::alias(client, &one.name).await.map_err(failed)? else {
            return Err(format!("{} has lost its alias", one.function));
        };
        let is_ours = (alias.version == one.from || alias.version == *to)
            && alias.weights.keys().all(|version| version == to.as_str() || version == one.from.as_str());
        if !is_ours {
            return Err(format!("somebody else moved {} to version {}", one.function, alias.text()));
        }
        if alias.version == one.from && alias.weights.is_empty() {
            return Ok(());
        }
        lambda::move_alias(client, &one.name, &one.from, &alias.revision_id).await.map(drop).map_err(failed)
    }

    async fn sample(&self, with_traffic: bool) -> Result<Sample, String> {
        let clients = self.runner.clients;
        let said = |error: AwsError| error.to_string();
        let alarms = match self.policy.watched.is_empty() {
            true => Vec::new(),
            false => traffic::alarms(&clients.cloudwatch, &self.policy.watched).await.map_err(said)?,
        };
        let mut sample = Sample { alarms, traffic: BTreeMap::new() };
        let is_judged = !self.policy.watched.is_empty() || self.policy.functions.iter().any(|least| least.hold);
        if !with_traffic || !is_judged {
            // What nothing would judge needs no traffic.
            sample.traffic =
                self.policy.functions.iter().map(|least| (least.function.clone(), least.invocations)).collect();
            return Ok(sample);
        }
        // The sandbox counts by function alone.
        let counter = |function: &String| Counter {
            metric: "Invocations",
            function: self.names[function].clone(),
            version: (!clients.is_sandbox).then(|| self.to[function].to_string()),
        };
        let counters: Vec<Counter> = self.names.keys().map(counter).collect();
        let now = (self.runner.now)().as_second();
        let sums = version_metrics::sums(&clients.cloudwatch, &counters, self.since, now).await.map_err(said)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls")]
        let count = |function: &String| sums.get(&counter(function)).map_or(0, |sum| *sum as u64);
        sample.traffic = self.names.keys().map(|function| (function.clone(), count(function))).collect();
        Ok(sample)
    }

    fn is_stopped(&self) -> bool {
        self.runner.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}
