//! Finishing a shift that stands in the middle, or taking it back: plans like any other, of aliases alone.

use crate::ids::FunctionVersion;
use crate::picture;
use crate::plan::traffic::{self, Course, Move};
use crate::plan::{Block, Intent, Plan, Step, dashboards};
use crate::rollback;
use crate::schedule;
use crate::state::State;
use crate::unfinished::{Half, Unfinished};
use std::collections::BTreeMap;

/// How a shift is finished.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Little by little, as the stack file says, from where it stands; else everything at once.
    pub(crate) gradually: bool,
    pub(crate) courses: BTreeMap<String, Course>,
    pub(crate) ignore_alarms: Vec<String>,
    /// States of the alarms, by name; `None`: nobody asked.
    pub(crate) alarms: Option<BTreeMap<String, String>>,
}

/// The plan that gives the new versions everything.
pub(crate) fn promote(unfinished: &Unfinished<'_>, options: &Options, state: &State) -> Plan {
    let mut plan = blank(unfinished, state, Intent::Promote { release: unfinished.release.number });
    let mut gradual = Vec::new();
    for half in &unfinished.functions {
        if half.share == Some(100) {
            if let Some(released) = plan.record.functions.get_mut(half.function) {
                released.version = half.to.clone();
                released.changed = true;
            }
        } else if half.share.is_some() {
            let line = rollback::line(half.id.clone(), half.live, half.to.as_str(), "the new version gets all traffic");
            plan.lines.push(line);
            let course = options.courses.get(half.function).cloned().unwrap_or_default();
            match course.strategy.as_ref().filter(|_| options.gradually) {
                Some(strategy) => {
                    let stages = schedule::remaining(&schedule::stages(strategy), half.share.unwrap_or_default());
                    let one = Move {
                        function: half.function.to_owned(),
                        name: half.live.name.clone(),
                        from: half.from.clone(),
                        to: Some(half.to.clone()),
                        revision_id: half.alias.revision_id.clone(),
                        strategy: strategy.text(),
                        hold: course.hold,
                        least: course.least,
                    };
                    gradual.push((one, stages, course.alarms));
                }
                None => {
                    let shift = moved(half, half.to);
                    plan.steps.push(shift);
                    // Somebody decided; what is on already has still to be known and named.
                    let firing = firing(&course, options);
                    plan.blocked
                        .extend(firing.into_iter().filter(|block| !plan.blocked.contains(block)).collect::<Vec<_>>());
                }
            }
        }
        let executions = plan.record.functions.get(half.function).and_then(|released| released.provisioned);
        if let Some(executions) = executions {
            plan.steps.push(Step::Provision {
                function: half.function.to_owned(),
                name: half.live.name.clone(),
                version: Some(half.to.clone()),
                executions: Some(executions),
                remove: vec![half.from.clone()],
            });
        }
    }
    if !gradual.is_empty() {
        plan.steps.push(Step::Gradual(traffic::together(gradual, &options.ignore_alarms)));
    }
    plan.blocked.extend(traffic::blocks(&plan.steps, options.alarms.as_ref()));
    // Functions that the release made have no old version to share with: they moved, or the next deployment moves them.
    for released in plan.record.functions.values_mut().filter(|released| released.version.as_str() == "$LATEST") {
        let live = state.functions.values().filter_map(crate::state::Known::present);
        if let Some(alias) =
            live.into_iter().find(|live| live.name == released.function).and_then(|live| live.alias.present())
        {
            released.changed = alias.version != released.version;
            released.version = alias.version.clone();
        }
    }
    plan.steps.push(Step::CloseRelease);
    plan.steps.sort_by_key(Step::phase);
    plan
}

/// The plan that gives the old versions everything again.
pub(crate) fn abort(unfinished: &Unfinished<'_>, state: &State) -> Plan {
    let mut plan = blank(unfinished, state, Intent::Abort { release: unfinished.release.number });
    for half in unfinished.functions.iter().filter(|half| !matches!(half.share, None | Some(0))) {
        let line =
            rollback::line(half.id.clone(), half.live, half.from.as_str(), "the old version gets all traffic again");
        plan.lines.push(line);
        plan.steps.push(moved(half, half.from));
        let executions = state.current_release().and_then(|current| current.functions.get(half.function)?.provisioned);
        // Only a shift that was through had come to its warm executions.
        if half.share == Some(100) {
            plan.steps.push(Step::Provision {
                function: half.function.to_owned(),
                name: half.live.name.clone(),
                version: Some(half.from.clone()),
                executions,
                remove: vec![half.to.clone()],
            });
        }
    }
    plan.steps.push(Step::TakeBack { reason: format!("aborted by {}", state.place.caller) });
    plan.steps.sort_by_key(Step::phase);
    plan
}

fn blank(unfinished: &Unfinished<'_>, state: &State, intent: Intent) -> Plan {
    let strangers = unfinished.functions.iter().filter(|half| half.share.is_none());
    let notes = strangers.map(|half| {
        format!("{} serves version {}, which somebody else chose; it stays", half.function, half.alias.text())
    });
    Plan {
        format_version: 1,
        intent,
        place: state.place.clone(),
        base: state.fingerprints(),
        lines: Vec::new(),
        blocked: Vec::new(),
        steps: Vec::new(),
        // The release comes to its end; it is no new one.
        record: unfinished.release.clone(),
        notes: notes.collect(),
        unverified: Vec::new(),
        access: Vec::new(),
        picture: state.stack().map(|stack| picture::of(&stack.template)).unwrap_or_default(),
        dashboards: state.stack().map(|stack| dashboards(&stack.template)).unwrap_or_default(),
    }
}

fn moved(half: &Half<'_>, to: &FunctionVersion) -> Step {
    Step::Shift {
        function: half.function.to_owned(),
        name: half.live.name.clone(),
        from: Some(half.alias.version.clone()),
        to: Some(to.clone()),
        revision_id: Some(half.alias.revision_id.clone()),
    }
}

/// Alarms of a function that are on, as far as they are not to be ignored.
fn firing(course: &Course, options: &Options) -> Vec<Block> {
    let states = options.alarms.iter().flatten();
    let firing = states.filter(|(name, state)| {
        *state == "ALARM"
            && !options.ignore_alarms.contains(name)
            && course.alarms.iter().any(|alarm| alarm.name.as_ref() == Some(*name))
    });
    let block = |name: &String| Block {
        what: format!("alarm {name} is in ALARM"),
        allow: None,
        way_out: format!("take the release back with `abort`, or go on all the same: `--ignore-alarm {name}`"),
    };
    firing.map(|(name, _)| block(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::release::Strategy;
    use crate::plan::traffic::Watched;
    use crate::release::Outcome;
    use crate::unfinished::{found, tests::shifting};

    fn held(share: Option<f64>) -> State {
        shifting(share, Outcome::Held { reason: "too little".to_owned() })
    }

    fn options(gradually: bool) -> Options {
        let course = Course {
            strategy: Strategy::parse("linear 10% every 1m"),
            alarms: vec![Watched { name: Some("errors".to_owned()), id: None }],
            ..Course::default()
        };
        Options { gradually, courses: [("f".to_owned(), course)].into(), ..Options::default() }
    }

    #[test]
    fn a_promotion_moves_everything_at_once_or_goes_on_where_it_stands() {
        let state = held(Some(0.8));
        let unfinished = found(&state).expect("it is in the middle");
        let plan = promote(&unfinished, &options(false), &state);
        assert!(
            matches!(&plan.steps[..], [Step::Shift { to: Some(to), .. }, Step::CloseRelease] if to.as_str() == "2"),
            "{:?}",
            plan.steps
        );
        let plan = promote(&unfinished, &options(true), &state);
        let [Step::Gradual(step), Step::CloseRelease] = &plan.steps[..] else { panic!("{:?}", plan.steps) };
        let shares: Vec<_> = step.ticks.iter().map(|tick| (tick.at_ms, tick.shares["f"])).collect();
        assert_eq!(shares, [(0, 80), (60_000, 90), (120_000, 100)]);
    }

    #[test]
    fn an_alarm_that_is_on_is_named_before_a_promotion() {
        let state = held(Some(0.1));
        let unfinished = found(&state).expect("it is in the middle");
        let alarms = Some([("errors".to_owned(), "ALARM".to_owned())].into());
        let on = Options { alarms, ..options(false) };
        assert_eq!(promote(&unfinished, &on, &state).blocked.len(), 1);
        let ignored = Options { ignore_alarms: vec!["errors".to_owned()], ..on };
        assert_eq!(promote(&unfinished, &ignored, &state).blocked, []);
    }

    #[test]
    fn an_abort_moves_back_and_is_recorded_as_such() {
        let state = held(Some(0.1));
        let plan = abort(&found(&state).expect("it is in the middle"), &state);
        let [Step::Shift { to: Some(to), .. }, Step::TakeBack { .. }] = &plan.steps[..] else {
            panic!("{:?}", plan.steps)
        };
        assert_eq!(to.as_str(), "1");
        let state = held(None);
        let plan = abort(&found(&state).expect("it is in the middle"), &state);
        assert_eq!(plan.steps.len(), 1, "nothing had moved yet: only the record is written");
    }
}
