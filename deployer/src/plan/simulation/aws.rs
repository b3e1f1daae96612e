//! What the steps of a plan make of AWS, as far as a plan looks at it.

use super::kinds::kinds;
use super::*;

/// Every property that the table knows of a kind, as `properties` say it and as the service would tell it.
pub(super) fn told(kind: &str, wanted: &Properties, state: &State) -> Properties {
    let scope = Scope::of(state).expect("the stack is there");
    let evaluated =
        wanted.iter().map(|(key, value)| (key.clone(), resolve::resolve(value, &scope).unwrap_or_default()));
    let mut told = normalize::resource(kind, &evaluated.collect(), &state.place.stack);
    let keys = kinds().iter().filter(|known| known.kind == kind).flat_map(|known| &known.properties);
    for (key, _) in keys {
        told.entry(*key).or_insert(Value::Null);
    }
    told
}

/// What AWS is after the steps, as far as a plan looks at it.
pub(super) fn applied(plan: &Plan, desired: &Desired, before: &State) -> State {
    let mut state = before.clone();
    for step in &plan.steps {
        match step {
            Step::LetGo(step) => stack(&mut state, &step.template, desired, false),
            Step::Stack(step) => stack(&mut state, &step.template, desired, step.revert_drift),
            Step::Repair { id, kind, properties, changed, again, .. } => {
                let live = told(kind, properties, &state);
                let known = state.resources.entry(id.clone()).or_insert(Known::Absent);
                match known {
                    Known::Present(known) if !again => {
                        for key in changed {
                            known.properties.insert(key.clone(), live.get(key).cloned().unwrap_or_default());
                        }
                    }
                    _ => *known = Known::Present(LiveResource { properties: live, source: read_by(kind) }),
                }
            }
            Step::Remove { stranger, .. } => state.strangers.retain(|known| known != stranger),
            Step::Configure { id, properties, .. } => {
                let live = told(FUNCTION, properties, &state);
                let Some(Known::Present(known)) = state.functions.get_mut(id) else { panic!("{id} is there") };
                for key in properties.keys() {
                    known.latest.properties.insert(key.clone(), live.get(key).cloned().unwrap_or_default());
                }
            }
            Step::UpdateCode { function, .. } => live(&mut state, |live| {
                live.latest.code_sha256.clone_from(&desired.functions[function].code);
            }),
            Step::Shift { from, .. } => live(&mut state, |live| {
                assert_eq!(from.as_ref(), live.alias.present().map(|alias| &alias.version).filter(|_| from.is_some()));
                let version = FunctionVersion::new("9");
                let alias = LiveAlias { version, weights: BTreeMap::new(), revision_id: "s".to_owned() };
                live.alias = Known::Present(alias);
                live.serving = Some(live.latest.clone());
            }),
            _ => {}
        }
    }
    state
}

fn live(state: &mut State, with: impl Fn(&mut LiveFunction)) {
    match state.functions.get_mut(&LogicalId::new("F")) {
        Some(Known::Present(live)) => with(live),
        other => panic!("the function is there: {other:?}"),
    }
}

/// CloudFormation: makes what is new, takes away what is no longer there, and of the rest changes the properties that differ
/// between the templates; or all, when it looks at what is live.
fn stack(state: &mut State, template: &str, desired: &Desired, revert_drift: bool) {
    let template: crate::cfn::Template = serde_json::from_str(template).expect("a template");
    let before = state.stack().expect("the stack is there").template.clone();
    for (id, after) in &template.resources {
        let had = before.resources.get(id).filter(|had| had.kind == after.kind);
        let differs = |key: &String| had.is_none_or(|had| had.properties.get(key) != after.properties.get(key));
        if after.kind == FUNCTION {
            let code = desired.functions["f"].code.clone();
            let full = told(FUNCTION, &after.properties, state);
            let Some(Known::Present(known)) = state.functions.get_mut(id).filter(|_| had.is_some()) else {
                let latest = Snapshot { code_sha256: code, properties: full, ..snapshot((0, 0, 0)) };
                let live = LiveFunction {
                    name: "shop-dev-f".to_owned(),
                    latest,
                    alias: Known::Absent,
                    serving: None,
                    provisioned: std::collections::BTreeMap::new(),
                };
                state.functions.insert(id.clone(), Known::Present(live));
                continue;
            };
            for key in normalize::LIVE_FUNCTION_PROPERTIES.map(str::to_owned) {
                if revert_drift || differs(&key) {
                    known.latest.properties.insert(key.clone(), full.get(&key).cloned().unwrap_or_default());
                }
            }
            continue;
        }
        if after.kind == "AWS::Lambda::Alias" {
            if had.is_none() {
                live(state, |live| {
                    let version = FunctionVersion::new("$LATEST");
                    let alias = LiveAlias { version, weights: BTreeMap::new(), revision_id: "t".to_owned() };
                    live.alias = Known::Present(alias);
                });
            }
            continue;
        }
        let full = told(&after.kind, &after.properties, state);
        let keys = after.properties.keys().chain(had.into_iter().flat_map(|had| had.properties.keys()));
        let is_new = keys
            .filter(|key| differs(key))
            .any(|key| crate::risk::is_create_only(&after.kind, key.as_str()) == Some(true));
        let had = had.filter(|_| !is_new);
        match state.resources.get_mut(id) {
            Some(Known::Present(known)) if had.is_some() => {
                let keys: Vec<String> = known.properties.keys().cloned().collect();
                for key in keys.into_iter().filter(|key| revert_drift || differs(key)) {
                    known.properties.insert(key.clone(), full.get(&key).cloned().unwrap_or_default());
                }
            }
            // What nobody reads stays unread, and what is gone stays gone.
            _ if had.is_some() => {}
            _ => {
                let live = LiveResource { properties: full, source: read_by(&after.kind) };
                state.resources.insert(id.clone(), Known::Present(live));
            }
        }
    }
    for id in before.resources.keys().filter(|id| !template.resources.contains_key(*id)) {
        state.resources.shift_remove(id);
        state.functions.shift_remove(id);
    }
    let Known::Present(deployed) = &mut state.deployed else { panic!("the stack is there") };
    deployed.resources = deployed_resources(&template);
    deployed.template = template;
}
