//! What a plan decides from changes: order, blocks, steps.

use super::*;
use crate::artifact::Artifact;
use crate::diff::diff;
use crate::diff::tests::{desired, state, template};
use crate::ids::{LogicalId, Sha256 as Digest};
use crate::state::Known;
use std::path::PathBuf;

const A: &str = "aaaa";

fn policy() -> Policy {
    let artifact = Artifact::Zip {
        sha256: Digest::new("00ff"),
        code_sha256: "new".to_owned(),
        size: 1_500_000,
        path: PathBuf::from("f.zip"),
    };
    Policy { artifacts: [("f".to_owned(), artifact)].into(), ..Policy::default() }
}

fn made(desired: &Desired, state: &State, policy: &Policy) -> Plan {
    plan(diff(desired, state), desired, state, None, policy, jiff::Timestamp::UNIX_EPOCH)
}

fn phases(plan: &Plan) -> Vec<Phase> {
    plan.steps.iter().map(Step::phase).collect()
}

#[test]
fn a_plan_without_changes_has_no_steps() {
    let plan = made(&desired(template("a", 256), A), &state(("a", 256), ("a", 256, A)), &policy());
    assert!(!plan.has_changes() && plan.lines.is_empty());
}

#[test]
fn new_code_is_uploaded_updated_published_and_shifted_without_the_stack() {
    let plan = made(&desired(template("a", 256), "new"), &state(("a", 256), ("a", 256, A)), &policy());
    let expected = [Phase::Upload, Phase::Open, Phase::Code, Phase::Publish, Phase::Shift, Phase::Close];
    assert_eq!(phases(&plan), expected);
    let uploaded = Policy { uploaded: vec![artifact_key("00ff")], ..policy() };
    let again = made(&desired(template("a", 256), "new"), &state(("a", 256), ("a", 256, A)), &uploaded);
    assert_eq!(phases(&again), expected[1..]);
}

#[test]
fn a_configuration_change_goes_through_the_stack_and_gets_a_version() {
    let plan = made(&desired(template("b", 256), A), &state(("a", 256), ("a", 256, A)), &policy());
    assert_eq!(phases(&plan), [Phase::Open, Phase::Stack, Phase::Publish, Phase::Shift, Phase::Close]);
    assert_eq!(plan.lines[0].undo, Undo::Alias);
}

#[test]
fn drift_is_repaired_by_lambdas_own_api_and_not_by_the_stack() {
    let plan = made(&desired(template("a", 256), A), &state(("a", 256), ("by-hand", 256, A)), &policy());
    assert_eq!(phases(&plan), [Phase::Open, Phase::Configure, Phase::Publish, Phase::Shift, Phase::Close]);
    let Some(Step::Configure { properties, .. }) = plan.steps.get(1) else {
        panic!("a Configure step: {:?}", plan.steps)
    };
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["Environment"]);
}

#[test]
fn a_value_that_changed_on_both_sides_blocks_until_it_is_allowed() {
    let (desired, state) = (desired(template("c", 256), A), state(("a", 256), ("b", 256, A)));
    let plan = made(&desired, &state, &policy());
    assert_eq!(plan.blocked[0].allow.as_deref(), Some("live-loss"));
    let allowed = Policy { allow: vec![Allow::LiveLoss], ..policy() };
    assert!(!made(&desired, &state, &allowed).is_blocked());
}

#[test]
fn a_bucket_that_would_go_with_its_objects_comes_first_and_blocks() {
    let mut state = state(("a", 256), ("a", 256, A));
    let Known::Present(deployed) = &mut state.deployed else { panic!("the stack is deployed") };
    let bucket = crate::cfn::Resource { kind: "AWS::S3::Bucket".to_owned(), ..Default::default() };
    deployed.template.resources.insert(LogicalId::new("B"), bucket);
    let plan = made(&desired(template("b", 256), A), &state, &policy());
    assert_eq!((plan.lines[0].change.id.as_str(), plan.lines[0].undo), ("B", Undo::No));
    assert_eq!(plan.blocked[0].allow.as_deref(), Some("delete-data"));
}

#[test]
fn cloudformations_verdict_overrides_the_table() {
    let (desired, state) = (desired(template("b", 256), A), state(("a", 256), ("a", 256, A)));
    let verdict = crate::change_set::ResourceChange {
        logical_id: LogicalId::new("F"),
        kind: "AWS::Lambda::Function".to_owned(),
        action: "Modify".to_owned(),
        replacement: "True".to_owned(),
    };
    let set = ChangeSet { id: "arn".to_owned(), name: "n".to_owned(), changes: vec![verdict] };
    let plan = plan(diff(&desired, &state), &desired, &state, Some(set), &policy(), jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(plan.lines[0].change.action, Action::Replace);
    assert_eq!(plan.blocked[0].allow.as_deref(), Some("replace"));
}

#[test]
fn a_stack_that_takes_no_update_blocks_with_a_way_out() {
    let mut state = state(("a", 256), ("a", 256, A));
    let Known::Present(deployed) = &mut state.deployed else { panic!("the stack is deployed") };
    deployed.status = "ROLLBACK_COMPLETE".to_owned();
    let plan = made(&desired(template("b", 256), A), &state, &policy());
    assert!(plan.blocked[0].way_out.contains("deployer destroy shop"), "{:?}", plan.blocked);
}

#[test]
fn a_saved_plan_reads_back_as_it_was() {
    let plan = made(&desired(template("b", 256), "new"), &state(("a", 256), ("c", 256, A)), &policy());
    let text = serde_json::to_string(&plan).expect("a plan holds only JSON values");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("what was written is read"), plan);
}
