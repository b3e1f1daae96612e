//! How traffic moves to what a plan publishes: who moves gradually, who cannot, what watches it, and what is asked of the
//! new version before.

use super::{Block, Line, Step};
use crate::cfn::{Resource, Template};
use crate::checks::Check;
use crate::diff::{ALARM, Action, Cause, Change, DesiredFunction};
use crate::ids::{FunctionVersion, LogicalId};
use crate::model::release::{Strategy, TooLittle};
use crate::schedule::{self, Stage, Tick};
use crate::state::{Deployed, LiveFunction};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Moves the traffic of several functions on one clock, watched by one gate: if it goes wrong, all go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Gradual {
    pub(crate) moves: Vec<Move>,
    /// The first is at 0; after the last everything is served by the new versions.
    pub(crate) ticks: Vec<Tick>,
    /// In ALARM, each of them takes everything back.
    pub(crate) alarms: Vec<Watched>,
    /// Milliseconds between two looks at the alarms.
    pub(crate) poll_ms: u64,
}

/// A function in a gradual shift. Undone by giving `from` all of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Move {
    pub(crate) function: String,
    /// Lambda's name.
    pub(crate) name: String,
    pub(crate) from: FunctionVersion,
    /// `None` for the version published by this plan.
    pub(crate) to: Option<FunctionVersion>,
    pub(crate) revision_id: String,
    /// As the stack file says it.
    pub(crate) strategy: String,
    /// Whether too little traffic stops the shift.
    pub(crate) hold: bool,
    /// Invocations of the new version, below which nothing can be judged.
    pub(crate) least: u32,
}

/// An alarm that watches a shift.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Watched {
    /// Its name in AWS; `None` for one that the stack names when it makes it.
    pub(crate) name: Option<String>,
    /// Its logical id, where the stack declares it.
    pub(crate) id: Option<LogicalId>,
}

/// What the stack file says about the releases of one function.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Course {
    /// `None`: all at once.
    pub(crate) strategy: Option<Strategy>,
    pub(crate) alarms: Vec<Watched>,
    pub(crate) hold: bool,
    pub(crate) least: u32,
    pub(crate) checks: Vec<Check>,
}

impl Course {
    /// `declared` with its alarms looked up in `template`, by logical id, or by the function they watch.
    pub(crate) fn of(
        declared: &crate::model::release::Course,
        name: &str,
        function: &LogicalId,
        function_name: &str,
        template: &Template,
        deployed: Option<&Deployed>,
        checks: Vec<Check>,
    ) -> Self {
        let named = |id: &LogicalId, resource: &Resource| Watched {
            name: resource
                .properties
                .get("AlarmName")
                .and_then(|name| name.as_str().map(str::to_owned))
                .or_else(|| Some(deployed?.resources.get(id)?.physical_id.to_string())),
            id: Some(id.clone()),
        };
        let alarms = match &declared.alarms {
            Some(words) => words
                .iter()
                .map(|word| {
                    let id = LogicalId::new(word.value.as_str());
                    match template.resources.get(&id) {
                        Some(resource) => named(&id, resource),
                        None => Watched { name: Some(word.value.clone()), id: None },
                    }
                })
                .collect(),
            None => template
                .resources
                .iter()
                .filter(|(_, resource)| resource.kind == ALARM && watches(resource, name, function, function_name))
                .map(|(id, resource)| named(id, resource))
                .collect(),
        };
        Self {
            strategy: Some(declared.strategy.clone()).filter(|strategy| *strategy != Strategy::AllAtOnce),
            alarms,
            hold: declared.too_little == TooLittle::Hold,
            least: declared.least,
            checks,
        }
    }
}

/// Whether an alarm of a critical set is about the function; or one that the stack declares itself, which has the function
/// among its dimensions, also within metric math.
fn watches(alarm: &Resource, name: &str, function: &LogicalId, function_name: &str) -> bool {
    if let Some(of_a_set) = alarm.metadata.get("deployer") {
        return of_a_set["severity"] == "critical" && of_a_set["function"] == name;
    }
    fn any(value: &Value, is_it: &impl Fn(&Value) -> bool) -> bool {
        match value {
            Value::Object(map) => {
                let is_dimension = map.get("Name").and_then(Value::as_str) == Some("FunctionName");
                (is_dimension && map.get("Value").is_some_and(is_it)) || map.values().any(|value| any(value, is_it))
            }
            Value::Array(items) => items.iter().any(|item| any(item, is_it)),
            _ => false,
        }
    }
    let is_function = |value: &Value| {
        value.as_str() == Some(function_name) || value.get("Ref").and_then(Value::as_str) == Some(function.as_str())
    };
    ["Dimensions", "Metrics"].iter().any(|key| alarm.properties.get(*key).is_some_and(|value| any(value, &is_function)))
}

/// A function that this plan publishes.
#[derive(Debug)]
pub(super) struct Mover<'a> {
    pub(super) function: &'a str,
    pub(super) name: String,
    pub(super) change: &'a Change,
    /// What is live before; `None` where the function is made by this plan.
    pub(super) live: Option<&'a LiveFunction>,
}

/// The steps that check and shift, and what is to be said about them.
pub(super) fn steps(
    movers: &[Mover<'_>],
    lines: &[Line],
    courses: &BTreeMap<String, Course>,
    ignored: &[String],
) -> (Vec<Step>, Vec<String>) {
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    let course = |mover: &Mover<'_>| courses.get(mover.function).cloned().unwrap_or_default();
    for mover in movers {
        let checks = course(mover).checks;
        if !checks.is_empty() {
            steps.push(Step::Check { function: mover.function.to_owned(), name: mover.name.clone(), checks });
        }
    }
    let strategy = |mover: &Mover<'_>| course(mover).strategy.filter(|_| obstacle(mover, lines).is_none());
    let is_gradual = movers.iter().any(|mover| strategy(mover).is_some());
    let mut gradual = Vec::new();
    let mut sudden: IndexMap<(String, String), Vec<&str>> = IndexMap::new();
    for mover in movers {
        let course = course(mover);
        if let Some((strategy, why)) = course.strategy.as_ref().zip(obstacle(mover, lines)) {
            sudden.entry((strategy.text(), why)).or_default().push(mover.function);
        }
        let alias = mover.live.and_then(|live| live.alias.present());
        match alias.filter(|alias| is_gradual && alias.version.as_str() != "$LATEST") {
            Some(alias) => {
                let strategy = strategy(mover).unwrap_or(Strategy::AllAtOnce);
                let one = Move {
                    function: mover.function.to_owned(),
                    name: mover.name.clone(),
                    from: alias.version.clone(),
                    to: None,
                    revision_id: alias.revision_id.clone(),
                    strategy: strategy.text(),
                    hold: course.hold,
                    // There is no share to judge where there is none.
                    least: if strategy == Strategy::AllAtOnce { 0 } else { course.least },
                };
                gradual.push((one, schedule::stages(&strategy), course.alarms));
            }
            None => steps.push(Step::Shift {
                function: mover.function.to_owned(),
                name: mover.name.clone(),
                from: alias.map(|alias| alias.version.clone()),
                to: None,
                revision_id: alias.map(|alias| alias.revision_id.clone()),
            }),
        }
    }
    notes.extend(
        sudden.iter().map(|((strategy, why), functions)| {
            format!("{}: all at once instead of {strategy}: {why}", named(functions))
        }),
    );
    if !gradual.is_empty() {
        let step = together(gradual, ignored);
        notes.extend(told(&step));
        steps.push(Step::Gradual(step));
    }
    (steps, notes)
}

/// The first names, and how many more there are.
fn named(functions: &[&str]) -> String {
    let shown = functions.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
    match functions.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Names in a note before the rest is counted.
const NAMES_SHOWN: usize = 6;

/// One step of functions with their stages and alarms.
pub(crate) fn together(moves: Vec<(Move, Vec<Stage>, Vec<Watched>)>, ignored: &[String]) -> Gradual {
    let stages: Vec<_> = moves.iter().map(|(one, stages, _)| (one.function.clone(), stages.clone())).collect();
    let ticks = schedule::ticks(&stages);
    let is_ignored = |alarm: &Watched| alarm.name.as_ref().is_some_and(|name| ignored.contains(name));
    let mut alarms: Vec<Watched> = moves.iter().flat_map(|(_, _, alarms)| alarms.clone()).collect();
    alarms.retain(|alarm| !is_ignored(alarm));
    alarms.sort();
    alarms.dedup();
    Gradual {
        poll_ms: schedule::poll_ms(&ticks),
        moves: moves.into_iter().map(|(one, ..)| one).collect(),
        ticks,
        alarms,
    }
}

/// Why both versions cannot share the alias.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html> (read 2026-11).
fn obstacle(mover: &Mover<'_>, lines: &[Line]) -> Option<String> {
    let alias = mover.live.and_then(|live| live.alias.present());
    if alias.is_none_or(|alias| alias.version.as_str() == "$LATEST") {
        return Some("no version is live yet that could keep a share".to_owned());
    }
    let live = mover.live?;
    let serving = live.serving.as_ref()?;
    for (key, what) in [("Role", "another role"), ("DeadLetterConfig", "another dead-letter target")] {
        let change = mover.change.properties.iter().find(|property| property.property() == key);
        let differs = match change {
            // What somebody changed by hand is put back to what the live version has.
            Some(change) => change.cause != Cause::Drift,
            None => serving.properties.get(key) != live.latest.properties.get(key),
        };
        if differs {
            return Some(format!("the new version has {what}, and one alias cannot serve both"));
        }
    }
    let role = serving.properties.get("Role").and_then(Value::as_str).and_then(|arn| arn.rsplit('/').next());
    let made_anew = lines.iter().any(|line| {
        line.change.kind == "AWS::IAM::Role"
            && matches!(line.change.action, Action::Replace | Action::Recreate)
            && (Some(line.change.name.as_str()) == role
                || line.change.id == crate::synth::logical_ids::role(mover.function))
    });
    made_anew.then(|| "its role is made anew, and one alias cannot serve versions with two roles".to_owned())
}

/// What a reader of the plan has to know about a gradual shift.
fn told(step: &Gradual) -> Vec<String> {
    let mut notes = Vec::new();
    let mut strategies: Vec<&str> = step.moves.iter().map(|one| one.strategy.as_str()).collect();
    strategies.sort_unstable();
    strategies.dedup();
    if strategies.len() > 1 {
        notes.push(
            "functions with different strategies begin together, each at its own pace; if one has to go back, all do"
                .to_owned(),
        );
    }
    if step.alarms.is_empty() {
        notes.push("no alarm watches the shift: nothing would take it back".to_owned());
    }
    notes
}

/// Alarms that keep a shift from beginning. `states` are those that exist, by name.
pub(crate) fn blocks(steps: &[Step], states: Option<&BTreeMap<String, String>>) -> Vec<Block> {
    let Some(states) = states else { return Vec::new() };
    let watched = steps.iter().filter_map(|step| match step {
        Step::Gradual(step) => Some(&step.alarms),
        _ => None,
    });
    let mut blocks = Vec::new();
    for alarm in watched.flatten() {
        let Some(name) = &alarm.name else { continue };
        match states.get(name).map(String::as_str) {
            Some("ALARM") => blocks.push(Block {
                what: format!("alarm {name} is in ALARM already, and would take the release back at once"),
                allow: None,
                way_out: format!("see to its cause, or let the release go without it: `--ignore-alarm {name}`"),
            }),
            None if alarm.id.is_none() => blocks.push(Block {
                what: format!("alarm {name} does not exist, and is to watch the release"),
                allow: None,
                way_out: "name an alarm of the account, or a logical id of `resources:`, under `release: alarms`"
                    .to_owned(),
            }),
            _ => {}
        }
    }
    blocks
}

/// What keeps executions warm: the step that gives the live version what is declared and takes the rest away.
///
/// They hang on the version and not on the alias, since an alias that has them takes no second version
/// ("Alias with weights can not be used with Provisioned Concurrency").
pub(super) fn warmth(
    function: &str,
    name: &str,
    declared: &DesiredFunction,
    live: Option<&LiveFunction>,
    moves: bool,
) -> Option<Step> {
    let version = live.and_then(|live| live.alias.present()).map(|alias| alias.version.clone());
    let have = live.map(|live| live.provisioned.clone()).unwrap_or_default();
    let wanted: BTreeMap<String, u32> = version
        .iter()
        .zip(declared.provisioned)
        .map(|(version, executions)| (version.to_string(), executions))
        .collect();
    let is_right = match moves {
        false => have == wanted,
        true => declared.provisioned.is_none() && have.is_empty(),
    };
    (!is_right).then(|| Step::Provision {
        function: function.to_owned(),
        name: name.to_owned(),
        version: version.filter(|_| !moves),
        executions: declared.provisioned,
        remove: have.keys().map(|version| FunctionVersion::new(version.as_str())).collect(),
    })
}

#[cfg(test)]
mod tests;
