//! Applying, against scripted answers: order, stopping, taking back, recording.

use super::*;
use crate::diff::tests::{place, state};
use crate::ids::FunctionVersion;
use crate::plan::{Intent, blank_record};
use crate::release::Action;
use std::cell::RefCell;

/// Answers every step, fails the ones that are named, and keeps what it was asked.
struct Scripted {
    fails: Vec<&'static str>,
    /// What ends the plan, and with what.
    stops: Option<(&'static str, Stopped)>,
    asked: RefCell<Vec<String>>,
}

fn name(step: &Step) -> String {
    match step {
        Step::OpenRelease => "open".to_owned(),
        Step::Publish { function, .. } => format!("publish {function}"),
        Step::Shift { function, to, .. } => {
            format!("shift {function} to {}", to.as_ref().map_or("new", FunctionVersion::as_str))
        }
        Step::CloseRelease => "close".to_owned(),
        Step::FailRelease { reason } => format!("fail: {reason}"),
        Step::TakeBack { reason } => format!("take back: {reason}"),
        Step::HoldRelease { reason } => format!("hold: {reason}"),
        Step::Check { function, .. } => format!("check {function}"),
        Step::Provision { function, .. } => format!("warm {function}"),
        other => format!("{other:?}"),
    }
}

impl StepRunner for Scripted {
    async fn run(&self, step: &Step) -> Result<Done, StepError> {
        let name = name(step);
        self.asked.borrow_mut().push(name.clone());
        if self.fails.contains(&name.as_str()) {
            return Err(StepError { message: format!("{name} went wrong"), now: "as before".to_owned() });
        }
        if let Some((stop, stopped)) = &self.stops
            && *stop == name
        {
            return Ok(Done::Stopped(stopped.clone()));
        }
        match step {
            Step::Shift { function, .. } => {
                let back = shift(function, Some("1"));
                Ok(Done::Moved { back: Box::new(back) })
            }
            _ => Ok(Done::Plain),
        }
    }
}

fn shift(function: &str, to: Option<&str>) -> Step {
    Step::Shift {
        function: function.to_owned(),
        name: function.to_owned(),
        from: None,
        to: to.map(FunctionVersion::new),
        revision_id: None,
    }
}

async fn run(fails: Vec<&'static str>, interrupted: bool) -> (Outcome, Vec<String>) {
    run_with(fails, None, interrupted, Vec::new()).await
}

/// The same, with more steps, and one that ends the plan.
async fn run_with(
    fails: Vec<&'static str>,
    stops: Option<(&'static str, Stopped)>,
    interrupted: bool,
    more: Vec<Step>,
) -> (Outcome, Vec<String>) {
    let publish =
        |function: &str| Step::Publish { function: function.to_owned(), name: function.to_owned(), code_sha256: None };
    let state = state(("a", 256), ("a", 256, "a"));
    let mut plan = Plan {
        format_version: 1,
        intent: Intent::Deploy,
        place: place(),
        base: std::collections::BTreeMap::new(),
        lines: Vec::new(),
        blocked: Vec::new(),
        steps: vec![
            Step::OpenRelease,
            publish("f"),
            publish("g"),
            shift("f", None),
            shift("g", None),
            Step::CloseRelease,
        ],
        record: blank_record(&state, Action::Deploy, None, jiff::Timestamp::UNIX_EPOCH),
        notes: Vec::new(),
        unverified: Vec::new(),
        access: Vec::new(),
        picture: crate::picture::Picture::default(),
        dashboards: Vec::new(),
    };
    plan.steps.extend(more);
    plan.steps.sort_by_key(Step::phase);
    let runner = Scripted { fails, stops, asked: RefCell::default() };
    let outcome = apply(&plan, &runner, &AtomicBool::new(interrupted), |_| {}).await;
    (outcome, runner.asked.into_inner())
}

#[tokio::test]
async fn phases_run_in_order_and_the_release_is_closed() {
    let (outcome, asked) = run(Vec::new(), false).await;
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(asked, ["open", "publish f", "publish g", "shift f to new", "shift g to new", "close"]);
}

#[tokio::test]
async fn a_failed_shift_moves_the_others_back_and_is_recorded() {
    let (outcome, asked) = run(vec!["shift g to new"], false).await;
    assert!(
        matches!(outcome, Outcome::Failed { ref message, .. } if message == "shift g to new went wrong"),
        "{outcome:?}"
    );
    assert_eq!(asked[5..], ["shift f to 1", "fail: shift g to new went wrong"]);
}

#[tokio::test]
async fn a_failure_before_any_shift_moves_nothing() {
    let (_, asked) = run(vec!["publish g"], false).await;
    assert_eq!(asked, ["open", "publish f", "publish g", "fail: publish g went wrong"]);
}

#[tokio::test]
async fn a_release_that_was_not_opened_is_not_marked_as_failed() {
    let (_, asked) = run(vec!["open"], false).await;
    assert_eq!(asked, ["open"]);
}

#[tokio::test]
async fn an_alias_that_does_not_move_back_is_said() {
    let (outcome, _) = run(vec!["shift g to new", "shift f to 1"], false).await;
    assert!(
        matches!(outcome, Outcome::Failed { ref now, .. } if now.contains("moving an alias back failed")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_interrupt_stops_before_the_next_phase() {
    let (outcome, asked) = run(Vec::new(), true).await;
    assert!(
        matches!(outcome, Outcome::Interrupted { ref now } if now.contains("nothing that runs was changed")),
        "{outcome:?}"
    );
    assert!(asked.is_empty());
}

fn check() -> Step {
    Step::Check { function: "f".to_owned(), name: "f".to_owned(), checks: Vec::new() }
}

fn said(message: &str) -> (String, String) {
    (message.to_owned(), "as before".to_owned())
}

#[tokio::test]
async fn a_check_that_fails_ends_the_plan_before_anything_moves() {
    let (message, now) = said("expected 200, got 500");
    let stopped = Stopped::TakenBack { message: message.clone(), now: now.clone() };
    let (outcome, asked) = run_with(Vec::new(), Some(("check f", stopped)), false, vec![check()]).await;
    assert_eq!(outcome, Outcome::TakenBack { message, now });
    assert_eq!(asked, ["open", "publish f", "publish g", "check f", "take back: expected 200, got 500"]);
}

#[tokio::test]
async fn what_moved_beside_a_shift_that_is_taken_back_goes_back_too() {
    let (message, now) = said("errors");
    let stopped = Stopped::TakenBack { message: message.clone(), now: now.clone() };
    let (_, asked) = run_with(Vec::new(), Some(("shift g to new", stopped)), false, Vec::new()).await;
    assert_eq!(asked[4..], ["shift g to new", "shift f to 1", "take back: errors"]);
    let held = Stopped::Held { message, now };
    let (outcome, asked) = run_with(Vec::new(), Some(("shift g to new", held)), false, Vec::new()).await;
    assert!(matches!(outcome, Outcome::Held { .. }), "{outcome:?}");
    assert_eq!(asked[4..], ["shift g to new", "hold: errors"], "what is held stays");
}

#[tokio::test]
async fn a_record_that_somebody_else_took_over_is_left_alone() {
    let (message, now) = said("somebody else moved g");
    let stopped = Stopped::Overtaken { message, now };
    let (outcome, asked) = run_with(Vec::new(), Some(("shift g to new", stopped)), false, Vec::new()).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(asked.last().map(String::as_str), Some("shift g to new"));
}

#[tokio::test]
async fn executions_that_do_not_get_warm_take_no_release_back() {
    let warm = Step::Provision {
        function: "f".to_owned(),
        name: "f".to_owned(),
        version: None,
        executions: Some(2),
        remove: Vec::new(),
    };
    let (outcome, asked) = run_with(vec!["warm f"], None, false, vec![warm]).await;
    assert!(matches!(outcome, Outcome::Failed { ref now, .. } if now.contains("the release is live")), "{outcome:?}");
    assert_eq!(asked[5..], ["warm f", "close"]);
}
