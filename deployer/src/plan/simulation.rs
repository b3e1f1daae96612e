//! Properties that hold for any templates and any live state, with an AWS simulated in a few lines: what a plan's steps make
//! of it is planned again, and nothing may be left to do.

use super::*;
use crate::artifact::Artifact;
use crate::diff::tests::place;
use crate::diff::{DesiredFunction, FUNCTION, PropertyChange, compare, diff};
use crate::ids::Sha256 as Digest;
use crate::ids::{LogicalId, PhysicalId};
use crate::normalize;
use crate::repair;
use crate::resolve::{self, Scope};
use crate::state::{
    Deployed, DeployedResource, LiveAlias, LiveFunction, LiveResource, Properties, ReadBy, Snapshot, Stranger,
};
use aws::{applied, told};
use kinds::{Kind, kinds};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;

mod aws;
mod kinds;

/// What a resource of a kind is in one of the three states: for each property the number of its value; `None` where it is
/// not there.
type Picked = Option<Vec<usize>>;

/// The same resource three times; whether its live state is read.
#[derive(Debug, Clone)]
struct Three {
    kind: usize,
    desired: Picked,
    deployed: Picked,
    live: Picked,
    reads: bool,
}

/// A function: level, memory and code, desired, deployed (no code), on `$LATEST`, and served.
#[derive(Debug, Clone)]
struct Function {
    desired: (u8, u32, u8),
    deployed: (u8, u32),
    latest: (u8, u32, u8),
    served: (u8, u32, u8),
    has_alias: bool,
    shares: bool,
    is_gone: bool,
}

#[derive(Debug, Clone)]
struct World {
    resources: Vec<Three>,
    function: Function,
    stranger: bool,
}

fn properties(kind: &Kind, picked: &[usize]) -> Properties {
    let each = kind.properties.iter().zip(picked);
    each.map(|((key, values), at)| ((*key).to_owned(), values[at % values.len()].clone())).collect()
}

fn without_nulls(properties: Properties) -> Properties {
    properties.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn id_of(at: usize) -> LogicalId {
    LogicalId::new(format!("R{at}"))
}

fn read_by(kind: &str) -> ReadBy {
    if repair::is_by_service(kind) { ReadBy::Service } else { ReadBy::DriftDetection }
}

fn function_properties(level: u8, memory: u32) -> Properties {
    let value = json!({
        "FunctionName": "shop-dev-f", "MemorySize": memory, "Timeout": 3,
        "Environment": { "Variables": { "LEVEL": format!("level {level}") } },
        "Code": { "S3Bucket": { "Ref": "ArtifactBucket" }, "S3Key": { "Ref": "FCode" } },
    });
    value.as_object().cloned().expect("an object")
}

fn alias() -> crate::cfn::Resource {
    let properties =
        json!({ "Name": "live", "FunctionName": { "Ref": "F" }, "FunctionVersion": { "Ref": "FVersion" } });
    crate::cfn::Resource {
        kind: "AWS::Lambda::Alias".to_owned(),
        properties: properties.as_object().cloned().expect("an object"),
        ..Default::default()
    }
}

fn snapshot((level, memory, code): (u8, u32, u8)) -> Snapshot {
    let normal = normalize::resource(FUNCTION, &function_properties(level, memory), &place().stack);
    Snapshot {
        code_sha256: format!("code {code}"),
        properties: normal,
        state: "Active".to_owned(),
        last_update: "Successful".to_owned(),
        reason: None,
    }
}

impl World {
    fn template(&self, of: impl Fn(&Three) -> &Picked, level: u8, memory: u32) -> crate::cfn::Template {
        let kinds = kinds();
        let resource = |kind: &str, properties: Properties| crate::cfn::Resource {
            kind: kind.to_owned(),
            properties,
            ..Default::default()
        };
        let mut template = crate::cfn::Template::default();
        for (at, three) in self.resources.iter().enumerate() {
            if let Some(picked) = of(three) {
                let kind = &kinds[three.kind];
                template.resources.insert(id_of(at), resource(kind.kind, without_nulls(properties(kind, picked))));
            }
        }
        template.resources.insert(LogicalId::new("F"), resource(FUNCTION, function_properties(level, memory)));
        template.resources.insert(LogicalId::new("FLive"), alias());
        template
    }

    fn desired(&self) -> Desired {
        let (level, memory, code) = self.function.desired;
        let function = DesiredFunction {
            id: LogicalId::new("F"),
            code: format!("code {code}"),
            parameters: ["FCode".to_owned(), "FVersion".to_owned()],
            provisioned: None,
        };
        Desired {
            template: self.template(|three| &three.desired, level, memory),
            functions: [("f".to_owned(), function)].into(),
            ..Desired::default()
        }
    }

    fn state(&self) -> State {
        let kinds = kinds();
        let template = self.template(|three| &three.deployed, self.function.deployed.0, self.function.deployed.1);
        let mut resources = IndexMap::new();
        for (at, three) in self.resources.iter().enumerate() {
            let kind = &kinds[three.kind];
            if !three.reads || (three.deployed.is_none() && three.live.is_some()) {
                continue;
            }
            let known = match &three.live {
                Some(picked) => {
                    Known::Present(LiveResource { properties: properties(kind, picked), source: read_by(kind.kind) })
                }
                None if three.deployed.is_some() => Known::Absent,
                None => continue,
            };
            resources.insert(id_of(at), known);
        }
        let alias = LiveAlias {
            version: FunctionVersion::new("1"),
            weights: self.function.shares.then(|| ("7".to_owned(), 0.5)).into_iter().collect(),
            revision_id: "r".to_owned(),
        };
        let live = LiveFunction {
            name: "shop-dev-f".to_owned(),
            latest: snapshot(self.function.latest),
            alias: if self.function.has_alias { Known::Present(alias) } else { Known::Absent },
            serving: self.function.has_alias.then(|| snapshot(self.function.served)),
            provisioned: BTreeMap::new(),
        };
        let live = if self.function.is_gone { Known::Absent } else { Known::Present(live) };
        let stranger = Stranger {
            owner: LogicalId::new("F"),
            kind: "AWS::Lambda::Permission".to_owned(),
            identifier: "somebody".to_owned(),
            properties: Properties::new(),
        };
        State {
            place: place(),
            deployed: Known::Present(Deployed {
                id: "arn:stack".to_owned(),
                status: "UPDATE_COMPLETE".to_owned(),
                template: template.clone(),
                ..Deployed::of(deployed_resources(&template))
            }),
            functions: [(LogicalId::new("F"), live)].into(),
            resources,
            strangers: self.stranger.then_some(stranger).into_iter().collect(),
            unsearched: Vec::new(),
            releases: Known::Present(Vec::new()),
            exports: BTreeMap::new(),
            busy: None,
            change_sets: Vec::new(),
        }
    }
}

fn deployed_resources(template: &crate::cfn::Template) -> IndexMap<LogicalId, DeployedResource> {
    let each = template.resources.iter().map(|(id, resource)| {
        let deployed = DeployedResource {
            kind: resource.kind.clone(),
            physical_id: PhysicalId::new(id.as_str()),
            status: "UPDATE_COMPLETE".to_owned(),
        };
        (id.clone(), deployed)
    });
    each.collect()
}

fn policy(keep_drift: bool) -> Policy {
    let artifact = Artifact::Zip {
        sha256: Digest::new("00ff"),
        code_sha256: "unused".to_owned(),
        size: 1,
        path: PathBuf::from("f.zip"),
    };
    let artifacts = [("f".to_owned(), artifact)].into();
    Policy { artifacts, keep_drift, ..Policy::default() }
}

fn planned(desired: &Desired, state: &State, keep_drift: bool) -> Plan {
    plan(diff(desired, state), desired, state, None, &policy(keep_drift), jiff::Timestamp::UNIX_EPOCH)
}

prop_compose! {
    fn picked()(numbers in proptest::collection::vec(0..6usize, 8), is_there in 0..8u8) -> Picked {
        (is_there > 0).then_some(numbers)
    }
}

prop_compose! {
    fn three()(
        kind in 0..kinds().len(), desired in picked(), other in picked(), third in picked(), like in 0..4u8,
        reads in 0..6u8,
    ) -> Three {
        // Often enough only one of the three is another one.
        let (deployed, live) = match like {
            0 => (desired.clone(), third),
            1 => (other.clone(), other),
            2 => (other, desired.clone()),
            _ => (other, third),
        };
        Three { kind, desired, deployed, live, reads: reads > 0 }
    }
}

prop_compose! {
    fn function()(
        desired in (0..2u8, 128..130u32, 0..2u8), deployed in (0..2u8, 128..130u32), latest in (0..2u8, 128..130u32, 0..2u8),
        served in (0..2u8, 128..130u32, 0..2u8), flags in (0..5u8, 0..5u8, 0..8u8),
    ) -> Function {
        Function {
            desired, deployed, latest, served, has_alias: flags.0 > 0, shares: flags.1 == 0, is_gone: flags.2 == 0,
        }
    }
}

prop_compose! {
    fn world()(
        resources in proptest::collection::vec(three(), 0..7), function in function(), stranger in proptest::bool::ANY,
    ) -> World {
        World { resources, function, stranger }
    }
}

/// What is left to do, in words.
fn left(plan: &Plan) -> Vec<String> {
    let told = plan.lines.iter().map(|line| {
        let found = line.change.properties.iter();
        let paths: Vec<_> =
            found.map(|found| format!("{} {:?} → {:?}", found.path, found.before, found.after)).collect();
        format!("{:?} {} {} {paths:?}", line.change.action, line.change.kind, line.change.id)
    });
    told.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_left_to_do_after_a_plan(world in world()) {
        let (desired, state) = (world.desired(), world.state());
        let plan = planned(&desired, &state, false);
        let after = applied(&plan, &desired, &state);
        let again = planned(&desired, &after, false);
        prop_assert_eq!(left(&again), Vec::<String>::new(), "after {:#?}", left(&plan));
        prop_assert_eq!(again.steps.len(), 0);
    }

    #[test]
    fn drift_that_is_kept_is_not_touched(world in world()) {
        let (desired, state) = (world.desired(), world.state());
        let plan = planned(&desired, &state, true);
        let after = applied(&plan, &desired, &state);
        for line in plan.lines.iter().filter(|line| line.kept && line.change.action != Action::Update) {
            let id = &line.change.id;
            prop_assert_eq!(state.resources.get(id), after.resources.get(id), "{}", id);
        }
        let removes = plan.steps.iter().any(|step| matches!(step, Step::Remove { .. }));
        prop_assert!(!removes, "what others attached");
        for line in &plan.lines {
            let ours: Vec<&str> = line.change.properties.iter()
                .filter(|property| property.cause != Cause::Drift).map(PropertyChange::property).collect();
            let replaced = line.change.action == Action::Replace;
            // What the template spells in another way, CloudFormation writes.
            let spelled = |template: &crate::cfn::Template, key: &str| {
                template.resources.get(&line.change.id).and_then(|resource| resource.properties.get(key).cloned())
            };
            let deployed = &state.stack().expect("the stack is there").template;
            let respelled = |key: &str| spelled(deployed, key) != spelled(&desired.template, key);
            let drifted = line.change.properties.iter().filter(|property| property.cause == Cause::Drift);
            for property in drifted.map(PropertyChange::property).filter(|own| !replaced && !ours.contains(own) && !respelled(own)) {
                let live = |state: &State| match line.change.kind.as_str() {
                    FUNCTION => state.live(&line.change.id).map(|live| live.latest.properties.get(property).cloned()),
                    _ => state.resources.get(&line.change.id).and_then(Known::present)
                        .map(|live| live.properties.get(property).cloned()),
                };
                prop_assert_eq!(live(&state), live(&after), "{} {}", &line.change.id, property);
            }
        }
    }

    #[test]
    fn every_difference_of_what_is_read_is_told(world in world()) {
        let (desired, state) = (world.desired(), world.state());
        let plan = planned(&desired, &state, false);
        for (id, known) in &state.resources {
            let line = plan.lines.iter().find(|line| line.change.id == *id);
            let Some(resource) = desired.template.resources.get(id) else {
                prop_assert!(line.is_some_and(|line| line.change.action == Action::Delete), "{}", id);
                continue;
            };
            let Known::Present(live) = known else {
                let gone = line.is_some_and(|line| [Action::Recreate, Action::Replace].contains(&line.change.action));
                prop_assert!(gone, "{} is gone", id);
                continue;
            };
            let wanted = told(&resource.kind, &resource.properties, &state);
            let normal = normalize::live(&resource.kind, &live.properties);
            for key in live.properties.keys() {
                let mut found = Vec::new();
                compare(key, normal.get(key), wanted.get(key), &mut found);
                let is_told = line.is_some_and(|line| {
                    line.change.action == Action::Replace
                        || line.change.properties.iter().any(|property| property.property() == key)
                });
                prop_assert!(found.is_empty() || is_told, "{} {}: {:?}", id, key, found);
            }
        }
    }

    #[test]
    fn a_state_compared_with_itself_has_no_changes(world in world()) {
        let desired = world.desired();
        let mut state = world.state();
        state.strangers.clear();
        let Known::Present(deployed) = &mut state.deployed else { panic!("the stack is there") };
        deployed.template = desired.template.clone();
        deployed.resources = deployed_resources(&desired.template);
        state.resources = desired.template.resources.iter()
            .filter(|(_, resource)| !resource.kind.starts_with("AWS::Lambda::F") && resource.kind != "AWS::Lambda::Alias")
            .map(|(id, resource)| {
                let live = without_nulls(resource.properties.clone());
                let source = read_by(&resource.kind);
                (id.clone(), Known::Present(LiveResource { properties: live, source }))
            })
            .collect();
        let served = snapshot(world.function.desired);
        let alias = LiveAlias { version: FunctionVersion::new("1"), weights: BTreeMap::new(), revision_id: "r".to_owned() };
        let live = LiveFunction {
            name: "shop-dev-f".to_owned(), latest: served.clone(), alias: Known::Present(alias), serving: Some(served),
            provisioned: BTreeMap::new(),
        };
        state.functions.insert(LogicalId::new("F"), Known::Present(live));
        prop_assert_eq!(diff(&desired, &state), Vec::<Change>::new());
    }

    #[test]
    fn normal_forms_of_every_kind_stay_as_they_are(kind in 0..kinds().len(), numbers in proptest::collection::vec(0..6usize, 8)) {
        let kind = &kinds()[kind];
        let once = normalize::live(kind.kind, &properties(kind, &numbers));
        prop_assert_eq!(normalize::live(kind.kind, &once), once);
    }
}

#[test]
fn every_type_that_a_service_tells_about_is_simulated() {
    // Permissions are always made anew, and buses have nothing that is told in two ways.
    let known: Vec<&str> =
        kinds().iter().map(|kind| kind.kind).chain(["AWS::Lambda::Permission", "AWS::Events::EventBus"]).collect();
    let missing: Vec<&str> = repair::kinds().filter(|kind| !known.contains(kind)).collect();
    assert_eq!(missing, [""; 0]);
}
