//! Who moves gradually, who cannot, and what keeps a shift from beginning.

use super::*;
use crate::diff::tests::{desired, state, template};
use crate::diff::{Desired, diff};
use crate::model::release as declared;
use crate::plan::{Phase, Plan, Policy, plan};
use crate::state::{Known, State};
use serde_json::json;

fn course(strategy: &str) -> Course {
    let alarm = Watched { name: Some("errors".to_owned()), id: None };
    Course { strategy: Strategy::parse(strategy), alarms: vec![alarm], least: 1, ..Course::default() }
}

fn policy(course: Course) -> Policy {
    Policy { courses: [("f".to_owned(), course)].into(), ..Policy::default() }
}

fn made(desired: &Desired, state: &State, policy: &Policy) -> Plan {
    plan(diff(desired, state), desired, state, None, policy, jiff::Timestamp::UNIX_EPOCH)
}

fn changed() -> (Desired, State) {
    (desired(template("b", 256), "aaaa"), state(("a", 256), ("a", 256, "aaaa")))
}

fn live(state: &mut State) -> &mut LiveFunction {
    match state.functions.get_mut(&LogicalId::new("F")) {
        Some(Known::Present(live)) => live,
        other => panic!("a live function: {other:?}"),
    }
}

fn gradual(plan: &Plan) -> Option<&Gradual> {
    plan.steps.iter().find_map(|step| match step {
        Step::Gradual(step) => Some(step),
        _ => None,
    })
}

#[test]
fn every_detail_of_a_canary_stands_in_the_plan() {
    let (desired, state) = changed();
    let plan = made(&desired, &state, &policy(course("canary 10% for 5m")));
    let step = gradual(&plan).expect("a gradual shift");
    assert_eq!(step.moves[0].from.as_str(), "1");
    assert_eq!(step.moves[0].revision_id, "r1");
    let ticks: Vec<_> = step.ticks.iter().map(|tick| (tick.at_ms, tick.shares["f"])).collect();
    assert_eq!(ticks, [(0, 10), (300_000, 100)]);
    assert_eq!(step.alarms[0].name.as_deref(), Some("errors"));
    assert_eq!(step.poll_ms, 10_000);
    assert_eq!(plan.notes, [""; 0]);
}

#[test]
fn versions_that_cannot_share_an_alias_move_all_at_once_and_the_plan_says_why() {
    let (mut other_role, state) = changed();
    let function = other_role.template.resources.get_mut(&LogicalId::new("F")).expect("it is there");
    function.properties.insert("Role".to_owned(), json!("arn:aws:iam::1:role/other"));
    let mut other_queue = changed().0;
    let function = other_queue.template.resources.get_mut(&LogicalId::new("F")).expect("it is there");
    function.properties.insert("DeadLetterConfig".to_owned(), json!({ "TargetArn": "q" }));
    let mut first = changed().1;
    let Known::Present(alias) = &mut live(&mut first).alias else { panic!("it has an alias") };
    alias.version = FunctionVersion::new("$LATEST");
    for (desired, state, why) in [
        (other_role, state, "another role"),
        (other_queue, changed().1, "another dead-letter target"),
        (changed().0, first, "no version is live yet"),
    ] {
        let plan = made(&desired, &state, &policy(course("canary 10% for 5m")));
        assert!(gradual(&plan).is_none(), "{why}");
        assert!(plan.steps.iter().any(|step| matches!(step, Step::Shift { .. })), "{why}: {:?}", plan.steps);
        assert!(plan.notes[0].contains(why), "{why}: {:?}", plan.notes);
    }
}

#[test]
fn an_alarm_that_is_on_or_missing_blocks_and_one_that_is_ignored_does_not_watch() {
    let (desired, state) = changed();
    let states = |text: &str| Some([("errors".to_owned(), text.to_owned())].into());
    let with = |alarms, ignore_alarms| Policy { alarms, ignore_alarms, ..policy(course("linear 10% every 1m")) };
    let on = made(&desired, &state, &with(states("ALARM"), Vec::new()));
    assert!(on.blocked[0].way_out.contains("--ignore-alarm errors"), "{:?}", on.blocked);
    let missing = made(&desired, &state, &with(Some(BTreeMap::new()), Vec::new()));
    assert!(missing.blocked[0].what.contains("does not exist"), "{:?}", missing.blocked);
    let ignored = made(&desired, &state, &with(states("ALARM"), vec!["errors".to_owned()]));
    assert_eq!(ignored.blocked, []);
    assert_eq!(gradual(&ignored).map(|step| step.alarms.len()), Some(0));
    assert_eq!(made(&desired, &state, &with(states("OK"), Vec::new())).blocked, []);
}

#[test]
fn checks_come_between_publishing_and_moving() {
    let (desired, state) = changed();
    let check = Check {
        asks: "e.json".to_owned(),
        event: json!({}),
        status: None,
        contains: Vec::new(),
        json: serde_json::Map::new(),
    };
    let plan = made(&desired, &state, &policy(Course { checks: vec![check], ..Course::default() }));
    let phases: Vec<Phase> = plan.steps.iter().map(Step::phase).collect();
    assert_eq!(phases, [Phase::Open, Phase::Stack, Phase::Publish, Phase::Check, Phase::Shift, Phase::Close]);
}

#[test]
fn the_stacks_own_alarms_over_a_function_watch_it() {
    let mut template = template("a", 256);
    let mut alarm = |id: &str, properties: serde_json::Value| {
        template.resources.insert(LogicalId::new(id), Resource::new(ALARM, properties));
    };
    let by = |value: serde_json::Value| json!([{ "Name": "FunctionName", "Value": value }]);
    alarm("ByRef", json!({ "AlarmName": "by-ref", "Dimensions": by(json!({ "Ref": "F" })) }));
    alarm("ByName", json!({ "Dimensions": by(json!("shop-dev-f")) }));
    let math = json!([{ "MetricStat": { "Metric": { "Dimensions": by(json!({ "Ref": "F" })) } } }]);
    alarm("ByMath", json!({ "AlarmName": "by-math", "Metrics": math }));
    alarm("Other", json!({ "Dimensions": by(json!("shop-dev-g")) }));
    // Of the alarms of sets only those of a critical one, about this function, whatever their metrics are.
    for (id, severity, function) in [("Bad", "critical", "f"), ("Slow", "warning", "f"), ("Far", "critical", "g")] {
        let mut resource = Resource::new(ALARM, json!({ "AlarmName": id, "Dimensions": by(json!("shop-dev-f")) }));
        resource.metadata.insert("deployer".to_owned(), json!({ "severity": severity, "function": function }));
        template.resources.insert(LogicalId::new(id), resource);
    }
    let of = |declared: &declared::Course| {
        let course = Course::of(declared, "f", &LogicalId::new("F"), "shop-dev-f", &template, None, Vec::new());
        course.alarms.iter().map(|alarm| (alarm.name.clone(), alarm.id.clone().map(|id| id.0))).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    let mut written = declared::Course::of(Strategy::AllAtOnce);
    let own = [
        (some("by-ref"), some("ByRef")),
        (None, some("ByName")),
        (some("by-math"), some("ByMath")),
        (some("Bad"), some("Bad")),
    ];
    assert_eq!(of(&written), own);
    let words = ["Other", "elsewhere"].map(|word| crate::source::Spanned::new(word.to_owned(), Default::default()));
    written.alarms = Some(words.into());
    assert_eq!(of(&written), [(None, some("Other")), (some("elsewhere"), None)]);
}

#[test]
fn executions_are_kept_warm_where_traffic_goes() {
    let (mut desired, mut state) = changed();
    desired.functions["f"].provisioned = Some(3);
    live(&mut state).provisioned = [("1".to_owned(), 3)].into();
    let warmed = |plan: &Plan| {
        plan.steps.iter().find_map(|step| match step {
            Step::Provision { version, executions, remove, .. } => {
                Some((version.clone().map(|version| version.0), *executions, remove.len()))
            }
            _ => None,
        })
    };
    // A new version is published: it gets them, the old one loses them.
    assert_eq!(warmed(&made(&desired, &state, &Policy::default())), Some((None, Some(3), 1)));
    // Nothing is published: the live version has what it needs, or gets it.
    desired.template = template("a", 256);
    assert_eq!(warmed(&made(&desired, &state, &Policy::default())), None);
    live(&mut state).provisioned.clear();
    assert_eq!(warmed(&made(&desired, &state, &Policy::default())), Some((Some("1".to_owned()), Some(3), 0)));
    desired.functions["f"].provisioned = None;
    assert_eq!(warmed(&made(&desired, &state, &Policy::default())), None);
}
