//! The table of `diff`, row by row, on one function; and the properties that hold for any values.

use super::*;
use crate::ids::{FunctionVersion, PhysicalId, StackName};
use crate::state::{Deployed, DeployedResource, LiveAlias, LiveFunction, Place, Snapshot, digest};
use proptest::prelude::*;
use std::collections::BTreeMap;

const CODE_A: &str = "aaaa";

fn properties(level: &str, memory: u32) -> Map<String, Value> {
    let value = json!({
        "FunctionName": "shop-dev-f", "MemorySize": memory, "Role": { "Fn::GetAtt": ["R", "Arn"] },
        "Environment": { "Variables": { "LEVEL": level, "QUEUE": { "Ref": "Q" } } },
        "Code": { "S3Bucket": { "Ref": "ArtifactBucket" }, "S3Key": { "Ref": "FCode" } },
    });
    value.as_object().cloned().expect("an object")
}

pub(crate) fn template(level: &str, memory: u32) -> Template {
    let resource = |kind: &str, properties: Value| Resource {
        kind: kind.to_owned(),
        properties: properties.as_object().cloned().expect("an object"),
        ..Resource::default()
    };
    Template {
        resources: [
            (LogicalId::new("F"), resource("AWS::Lambda::Function", Value::Object(properties(level, memory)))),
            (LogicalId::new("Q"), resource("AWS::SQS::Queue", json!({ "QueueName": "jobs" }))),
            (LogicalId::new("R"), resource("AWS::IAM::Role", json!({}))),
        ]
        .into(),
        ..Template::default()
    }
}

pub(crate) fn desired(template: Template, code: &str) -> Desired {
    let function = DesiredFunction {
        id: LogicalId::new("F"),
        code: code.to_owned(),
        parameters: ["FCode".to_owned(), "FVersion".to_owned()],
        provisioned: None,
    };
    Desired { template, functions: [("f".to_owned(), function)].into(), ..Desired::default() }
}

pub(crate) fn place() -> Place {
    Place {
        stack: StackName::new("shop-dev"),
        stage: "dev".to_owned(),
        region: "eu-west-1".to_owned(),
        account: "1".to_owned(),
        partition: "aws".to_owned(),
        bucket: "deployer-1-eu-west-1".to_owned(),
        caller: "arn:aws:iam::1:user/ann".to_owned(),
        sandbox: false,
    }
}

fn snapshot(level: &str, memory: u32, code: &str) -> Snapshot {
    let stack = StackName::new("shop-dev");
    let value = json!({
        "FunctionName": "shop-dev-f", "MemorySize": memory, "Timeout": 3, "Role": "arn:aws:iam::1:role/r",
        "Environment": { "Variables": {
            "LEVEL": digest(&stack, "LEVEL", level), "QUEUE": digest(&stack, "QUEUE", "https://sqs/1/jobs"),
        } },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/shop-dev-f" },
    });
    Snapshot {
        code_sha256: code.to_owned(),
        properties: value.as_object().cloned().expect("an object"),
        state: "Active".to_owned(),
        last_update: "Successful".to_owned(),
        reason: None,
    }
}

/// The stack as deployed with `deployed`, live with `live`: level, memory and code.
pub(crate) fn state(deployed: (&str, u32), live: (&str, u32, &str)) -> State {
    let resource = |kind: &str, id: &str| DeployedResource {
        kind: kind.to_owned(),
        physical_id: PhysicalId::new(id),
        status: "CREATE_COMPLETE".to_owned(),
    };
    let stack = Deployed {
        id: "arn:stack".to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        status_reason: None,
        protected: false,
        template: template(deployed.0, deployed.1),
        parameters: BTreeMap::new(),
        resolved: BTreeMap::new(),
        outputs: BTreeMap::new(),
        resources: [
            (LogicalId::new("F"), resource("AWS::Lambda::Function", "shop-dev-f")),
            (LogicalId::new("Q"), resource("AWS::SQS::Queue", "https://sqs/1/jobs")),
            (LogicalId::new("R"), resource("AWS::IAM::Role", "r")),
        ]
        .into(),
    };
    let snapshot = snapshot(live.0, live.1, live.2);
    let alias =
        LiveAlias { version: FunctionVersion::new("1"), weights: BTreeMap::new(), revision_id: "r1".to_owned() };
    let function = LiveFunction {
        name: "shop-dev-f".to_owned(),
        latest: snapshot.clone(),
        alias: Known::Present(alias),
        serving: Some(snapshot),
        provisioned: BTreeMap::new(),
    };
    State {
        busy: None,
        change_sets: Vec::new(),
        place: place(),
        deployed: Known::Present(stack),
        functions: [(LogicalId::new("F"), Known::Present(function))].into(),
        resources: IndexMap::new(),
        strangers: Vec::new(),
        unsearched: Vec::new(),
        releases: Known::Present(Vec::new()),
        exports: BTreeMap::new(),
    }
}

/// `path cause` of every property that differs, `Traffic` left out.
fn paths(changes: &[Change]) -> Vec<String> {
    let properties = changes.iter().flat_map(|change| &change.properties).filter(|property| property.path != TRAFFIC);
    properties.map(|property| format!("{} {:?}", property.path, property.cause)).collect()
}

fn check(desired_level: &str, deployed: &str, live: &str, expected: &[&str]) {
    let state = state((deployed, 256), (live, 256, CODE_A));
    let changes = diff(&desired(template(desired_level, 256), CODE_A), &state);
    assert_eq!(paths(&changes), expected, "desired {desired_level}, deployed {deployed}, live {live}");
}

#[test]
fn the_three_way_table_row_by_row() {
    let level = "Environment.Variables.LEVEL";
    check("a", "a", "a", &[]);
    check("b", "a", "a", &[&format!("{level} Yours")]);
    check("a", "a", "b", &[&format!("{level} Drift")]);
    check("b", "a", "b", &[&format!("{level} Converged")]);
    check("c", "a", "b", &[&format!("{level} Both")]);
}

#[test]
fn what_is_new_is_created_and_what_was_removed_is_deleted() {
    let state = state(("a", 256), ("a", 256, CODE_A));
    let mut template = template("a", 256);
    template.resources.shift_remove(&LogicalId::new("Q"));
    template
        .resources
        .insert(LogicalId::new("T"), Resource { kind: "AWS::SNS::Topic".to_owned(), ..Resource::default() });
    let changes = diff(&desired(template, CODE_A), &state);
    let actions: Vec<_> = changes.iter().map(|change| (change.id.as_str(), change.action)).collect();
    assert!(actions.contains(&("T", Action::Create)) && actions.contains(&("Q", Action::Delete)), "{actions:?}");
}

#[test]
fn a_function_deleted_by_hand_is_made_again() {
    let mut state = state(("a", 256), ("a", 256, CODE_A));
    state.functions.insert(LogicalId::new("F"), Known::Absent);
    let changes = diff(&desired(template("a", 256), CODE_A), &state);
    assert_eq!(changes.iter().map(|change| change.action).collect::<Vec<_>>(), [Action::Recreate]);
}

#[test]
fn what_could_not_be_read_is_compared_as_deployed_and_marked() {
    let mut state = state(("a", 256), ("a", 256, CODE_A));
    state.functions.insert(LogicalId::new("F"), Known::Unknown("denied".to_owned()));
    assert_eq!(diff(&desired(template("a", 256), CODE_A), &state), []);
    let changes = diff(&desired(template("b", 256), CODE_A), &state);
    assert_eq!(paths(&changes), ["Environment.Variables.LEVEL Yours"]);
    assert_eq!(changes[0].unverified.as_deref(), Some("denied"));
}

#[test]
fn code_that_no_release_of_ours_put_there_is_drift() {
    use crate::release::{self, Outcome, Released};
    let released = Released {
        function: "shop-dev-f".to_owned(),
        version: FunctionVersion::new("1"),
        code_sha256: CODE_A.to_owned(),
        changed: true,
        provisioned: None,
    };
    let mut state = state(("a", 256), ("a", 256, "by-hand"));
    let mut release = crate::plan::blank_record(&state, release::Action::Deploy, None, jiff::Timestamp::UNIX_EPOCH);
    release.outcome = Outcome::Succeeded;
    release.functions.insert("f".to_owned(), released);
    state.releases = Known::Present(vec![release]);
    assert_eq!(paths(&diff(&desired(template("a", 256), CODE_A), &state)), ["Code Drift"]);
    assert_eq!(paths(&diff(&desired(template("a", 256), "new"), &state)), ["Code Both"]);
}

#[test]
fn an_alias_that_serves_an_older_configuration_gets_a_new_version() {
    let mut state = state(("a", 256), ("a", 256, CODE_A));
    let Some(Known::Present(live)) = state.functions.get_mut(&LogicalId::new("F")) else {
        panic!("the function is live")
    };
    live.serving = Some(snapshot("older", 256, CODE_A));
    let changes = diff(&desired(template("a", 256), CODE_A), &state);
    let paths: Vec<_> =
        changes.iter().flat_map(|change| &change.properties).map(|property| property.path.as_str()).collect();
    assert_eq!(paths, [TRAFFIC]);
}

#[test]
fn live_environment_values_never_reach_a_change() {
    let state = state(("old", 256), ("live-secret", 256, CODE_A));
    let changes = diff(&desired(template("new", 256), CODE_A), &state);
    let text = serde_json::to_string(&changes).expect("changes hold only JSON values");
    assert!(text.contains("digest:") && text.contains("new") && !text.contains("secret"), "{text}");
}

#[test]
fn environment_values_of_the_templates_are_shown() {
    let state = state(("old", 256), ("old", 256, CODE_A));
    let changes = diff(&desired(template("new", 256), CODE_A), &state);
    let property = &changes[0].properties[0];
    assert_eq!((property.before.clone(), property.after.clone()), (Some(json!("old")), Some(json!("new"))));
}

#[test]
fn outputs_of_the_template_are_compared() {
    let state = state(("a", 256), ("a", 256, CODE_A));
    let mut template = template("a", 256);
    template.outputs.insert("Url".to_owned(), json!({ "Value": "x" }));
    let changes = diff(&desired(template, CODE_A), &state);
    assert_eq!(changes.iter().map(|change| change.kind.as_str()).collect::<Vec<_>>(), [SECTION]);
}

proptest! {
    #[test]
    fn a_state_that_is_as_desired_has_no_changes(level in "[a-z]{0,6}", memory in 128..1024u32, code in "[a-z]{1,6}") {
        let state = state((&level, memory), (&level, memory, &code));
        prop_assert_eq!(diff(&desired(template(&level, memory), &code), &state), []);
    }

    #[test]
    fn every_difference_from_live_is_found(one in "[a-c]", two in "[a-c]", three in "[a-c]", memory in 128..131u32) {
        let state = state((&two, 128), (&three, memory, CODE_A));
        let found = paths(&diff(&desired(template(&one, 129), CODE_A), &state));
        let names = |path: &str| found.iter().any(|line| line.starts_with(path));
        // Something is said exactly when the live value is not the desired one, or the stack has yet to learn of it.
        prop_assert_eq!(names("Environment.Variables.LEVEL"), one != three || one != two);
        prop_assert!(names("MemorySize"));
    }

    #[test]
    fn comparing_a_value_with_itself_finds_nothing(keys in proptest::collection::btree_map("[a-z]{1,3}", 0..9i64, 0..5)) {
        let value = json!(keys);
        let mut found = Vec::new();
        compare("", Some(&value), Some(&value), &mut found);
        prop_assert!(found.is_empty());
    }
}
