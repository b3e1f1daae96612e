//! A state, what is said about it, and what is offered.

use super::*;
use crate::diff::tests::state;
use crate::ids::StackName;
use crate::release::{Action, Outcome, Release};

fn sound() -> State {
    state(("a", 256), ("a", 256, "a"))
}

fn in_status(status: &str, failed: &[&str]) -> State {
    let mut state = sound();
    if let Known::Present(stack) = &mut state.deployed {
        stack.status = status.to_owned();
        stack.status_reason = Some("R failed.".to_owned());
        for (id, resource) in &mut stack.resources {
            if failed.contains(&id.as_str()) {
                resource.status = "UPDATE_FAILED".to_owned();
            }
        }
    }
    state
}

fn with_function(change: impl Fn(&mut LiveFunction)) -> State {
    let mut state = sound();
    for known in state.functions.values_mut() {
        if let Known::Present(live) = known {
            change(live);
        }
    }
    state
}

fn record(state: &State, number: u32, outcome: Outcome) -> Release {
    Release { number, outcome, ..blank_record(state, Action::Deploy, None, jiff::Timestamp::UNIX_EPOCH) }
}

#[test]
fn every_sickness_has_a_name_and_a_cure() {
    let weights = with_function(|live| {
        if let Known::Present(alias) = &mut live.alias {
            alias.weights.insert("2".to_owned(), 0.1);
        }
    });
    let failed = with_function(|live| live.latest.state = "Failed".to_owned());
    let plain = with_function(|live| live.alias = Known::Absent);
    let mut bare = plain.clone();
    if let Known::Present(stack) = &mut bare.deployed {
        let alias = crate::cfn::Resource::new(diff::ALIAS, serde_json::json!({ "FunctionName": { "Ref": "F" } }));
        stack.template.resources.insert(LogicalId::new("FLive"), alias);
    }
    let mut open = sound();
    open.releases = Known::Present(vec![record(&open, 1, Outcome::Started), record(&open, 2, Outcome::Succeeded)]);
    let mut sets = sound();
    sets.releases = Known::Present(vec![record(&sets, 1, Outcome::Succeeded)]);
    sets.change_sets = ["release-1-5-6", "release-2-7-8", "by-hand"].map(str::to_owned).to_vec();
    // State, a part of every finding, and the steps that are offered.
    let table: [(State, &[&str], &[&str]); 12] = [
        (sound(), &[], &[]),
        (plain, &[], &[]),
        (
            in_status("ROLLBACK_COMPLETE", &[]),
            &["ROLLBACK_COMPLETE (R failed): its creation failed"],
            &["delete the stack"],
        ),
        (in_status("REVIEW_IN_PROGRESS", &[]), &["proposed and never made"], &["delete the stack"]),
        (in_status("DELETE_FAILED", &["R"]), &["the deletion of R failed"], &["delete the stack"]),
        (
            in_status("UPDATE_ROLLBACK_FAILED", &["R"]),
            &["going back of R failed half-way: put right what kept it"],
            &["let CloudFormation go on going back"],
        ),
        (in_status("UPDATE_IN_PROGRESS", &[]), &["CloudFormation is at work"], &[]),
        (weights, &["10% on version 2, the rest on 1"], &["put all traffic of shop-dev-f on version 1"]),
        (failed, &["shop-dev-f is Failed"], &[]),
        (bare, &["no alias `live`"], &[]),
        (open, &["release 1 was begun"], &["record release 1: failed, its process ended before it was through"]),
        (
            sets,
            &["release-1-5-6 was left behind", "by-hand was made by somebody else"],
            &["delete the change set release-1-5-6"],
        ),
    ];
    for (state, told, offered) in table {
        let plan = plan(&findings(&state, &Signs::default()), &state, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(plan.notes.len(), told.len(), "{:?}", plan.notes);
        for (note, told) in plan.notes.iter().zip(told) {
            assert!(note.contains(told), "{note:?} does not say {told:?}");
        }
        let steps: Vec<String> = plan.steps.iter().filter_map(crate::render::step).collect();
        assert_eq!(steps, offered);
    }
}

#[test]
fn only_what_failed_can_be_skipped() {
    let state = in_status("UPDATE_ROLLBACK_FAILED", &["R"]);
    let signs = Signs { skip: vec!["R".to_owned(), "Q".to_owned()], ..Signs::default() };
    let found = findings(&state, &signs);
    assert_eq!(found[0].steps, [Step::ContinueRollback { skip: vec![LogicalId::new("R")] }]);
    assert_eq!(found[0].way_out, None);
}

#[test]
fn a_lease_is_told_as_it_stands() {
    let lease = Lease::new(StackName::new("shop-dev"), None, jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::UNIX_EPOCH);
    let told = |standing| {
        let signs = Signs { lease: Some((lease.clone(), standing)), ..Signs::default() };
        findings(&sound(), &signs).into_iter().map(|finding| finding.what).collect::<Vec<_>>()
    };
    assert_eq!(told(Standing::Free), Vec::<String>::new());
    assert_eq!(told(Standing::Held), ["the stack is being changed by nobody"]);
    assert_eq!(told(Standing::Expired), ["the lease of nobody has run out without being given back"]);
    assert_eq!(told(Standing::Dead), ["the process of nobody is gone and did not give back its lease"]);
}
