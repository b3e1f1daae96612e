//! Shifts against a scripted world, with the clock of the test.

use super::*;
use crate::ids::FunctionVersion;
use crate::model::release::Strategy;
use crate::plan::traffic::{Watched, together};
use crate::schedule::stages;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Does what it is told at which second.
#[derive(Default)]
struct Scripted {
    /// Second from which on the alarm is on.
    alarm: Option<u64>,
    /// Second from which on the alarms cannot be read.
    unreadable: Option<u64>,
    stopped: Option<u64>,
    traffic: u64,
    hold: bool,
    /// Function and share that is refused.
    refuses: Option<(&'static str, u8, Refusal)>,
    start: Cell<Option<Instant>>,
    done: RefCell<Vec<String>>,
}

impl Scripted {
    fn seconds(&self) -> u64 {
        let start = self.start.get().unwrap_or_else(Instant::now);
        self.start.set(Some(start));
        (Instant::now() - start).as_secs()
    }

    fn since(&self, second: Option<u64>) -> bool {
        second.is_some_and(|second| self.seconds() >= second)
    }
}

impl World for Scripted {
    fn policy(&self) -> gate::Policy {
        let least = |function: &str| gate::Least { function: function.to_owned(), invocations: 1, hold: self.hold };
        gate::Policy { watched: vec!["errors".to_owned()], functions: vec![least("f"), least("g")] }
    }

    async fn weigh(&self, one: &Move, share: u8) -> Result<(), Refusal> {
        if let Some((function, at, refusal)) = &self.refuses
            && *function == one.function
            && *at == share
        {
            return Err(refusal.clone());
        }
        self.done.borrow_mut().push(format!("{}s {} {share}", self.seconds(), one.function));
        Ok(())
    }

    async fn back(&self, one: &Move) -> Result<(), String> {
        self.done.borrow_mut().push(format!("{}s {} back", self.seconds(), one.function));
        Ok(())
    }

    async fn sample(&self, _: bool) -> Result<Sample, String> {
        if self.since(self.unreadable) {
            return Err("no answer".to_owned());
        }
        let state = if self.since(self.alarm) { "ALARM" } else { "OK" };
        let alarm = Alarm { name: "errors".to_owned(), state: state.to_owned(), reason: "1 error".to_owned() };
        let traffic: BTreeMap<String, u64> = ["f", "g"].map(|name| (name.to_owned(), self.traffic)).into();
        Ok(Sample { alarms: vec![alarm], traffic })
    }

    fn is_stopped(&self) -> bool {
        self.since(self.stopped)
    }
}

fn step(f: &str, g: &str) -> Gradual {
    let one = |function: &str, strategy: &str| {
        let strategy = Strategy::parse(strategy).expect("a strategy");
        let one = Move {
            function: function.to_owned(),
            name: function.to_owned(),
            from: FunctionVersion::new("1"),
            to: None,
            revision_id: "r".to_owned(),
            strategy: strategy.text(),
            hold: false,
            least: 1,
        };
        let alarm = Watched { name: Some("errors".to_owned()), id: None };
        (one, stages(&strategy), vec![alarm])
    };
    together(vec![one("f", f), one("g", g)], &[])
}

const CANARY: &str = "canary 10% for 5m";

async fn run(world: Scripted) -> (Ended, Vec<String>) {
    let ended = shift(&step(CANARY, CANARY), &world, |_| {}).await;
    (ended, world.done.into_inner())
}

#[tokio::test(start_paused = true)]
async fn all_functions_move_in_step() {
    let (ended, done) = run(Scripted { traffic: 5, ..Scripted::default() }).await;
    assert_eq!(ended, Ended::Complete { unjudged: Vec::new() });
    assert_eq!(done, ["0s f 10", "0s g 10", "300s f 100", "300s g 100"]);
}

#[tokio::test(start_paused = true)]
async fn each_group_keeps_its_pace() {
    let world = Scripted { traffic: 5, ..Scripted::default() };
    let ended = shift(&step("canary 20% for 90s", "linear 50% every 1m"), &world, |_| {}).await;
    assert_eq!(ended, Ended::Complete { unjudged: Vec::new() });
    assert_eq!(world.done.into_inner(), ["0s f 20", "0s g 50", "60s g 100", "90s f 100"]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_in_the_middle_moves_everything_back() {
    let (ended, done) = run(Scripted { alarm: Some(42), ..Scripted::default() }).await;
    assert!(matches!(ended, Ended::TakenBack { ref alarms, .. } if alarms[0].reason == "1 error"), "{ended:?}");
    // The next look after second 42; they are ten seconds apart.
    assert_eq!(done, ["0s f 10", "0s g 10", "50s f back", "50s g back"]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_before_the_beginning_moves_nothing() {
    let (ended, done) = run(Scripted { alarm: Some(0), ..Scripted::default() }).await;
    assert!(matches!(ended, Ended::TakenBack { .. }), "{ended:?}");
    assert!(done.is_empty());
}

#[tokio::test(start_paused = true)]
async fn too_little_traffic_holds_or_is_told() {
    let (ended, done) = run(Scripted { hold: true, ..Scripted::default() }).await;
    let why = "too little traffic to judge: f had 0 of 1 invocations, g had 0 of 1 invocations".to_owned();
    assert_eq!(ended, Ended::Held { why });
    assert_eq!(done, ["0s f 10", "0s g 10"]);
    let (ended, done) = run(Scripted::default()).await;
    assert!(matches!(ended, Ended::Complete { ref unjudged } if unjudged.len() == 2), "{ended:?}");
    assert_eq!(done.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn alarms_that_cannot_be_read_hold() {
    let (ended, done) = run(Scripted { unreadable: Some(100), traffic: 1, ..Scripted::default() }).await;
    assert_eq!(ended, Ended::Held { why: "the alarms and metrics cannot be read: no answer".to_owned() });
    assert_eq!(done, ["0s f 10", "0s g 10"]);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_wants_to_stop_does_not_wait_for_the_stage() {
    let (ended, done) = run(Scripted { stopped: Some(3), ..Scripted::default() }).await;
    assert_eq!(ended, Ended::Interrupted);
    assert_eq!(done, ["0s f 10", "0s g 10"]);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_cannot_move_takes_the_others_back() {
    let failed = Refusal::Failed("no".to_owned());
    let (ended, done) = run(Scripted { traffic: 1, refuses: Some(("g", 100, failed)), ..Scripted::default() }).await;
    assert_eq!(ended, Ended::Failed { message: "no".to_owned(), problems: Vec::new() });
    assert_eq!(done[2..], ["300s f 100", "300s f back", "300s g back"]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_moved_is_left_to_them() {
    let theirs = Refusal::Overtaken("somebody moved g".to_owned());
    let (ended, done) = run(Scripted { traffic: 1, refuses: Some(("g", 100, theirs)), ..Scripted::default() }).await;
    assert_eq!(ended, Ended::Overtaken { message: "somebody moved g".to_owned() });
    assert_eq!(done[2..], ["300s f 100"]);
}
