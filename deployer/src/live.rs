//! Reads what was deployed and what is live, side by side, into a [`State`].
//!
//! A part that cannot be read becomes `Unknown`; only a failure to read the stack itself ends the run.

use crate::aws::kinds::{self, Wanted};
use crate::aws::{AwsError, Clients, Identity, cloudformation, cloudwatch, lambda, s3, secrets, traffic, wiring};
use crate::cfn::Template;
use crate::diff::{ALARM, FUNCTION};
use crate::hold;
use crate::ids::{FunctionVersion, LogicalId, StackName};
use crate::lease::Lease;
use crate::model::Stack;
use crate::release::{Outcome, Release};
use crate::repair;
use crate::resolve::{self, Scope};
use crate::state::{Deployed, Known, LiveResource, Place, Properties, ReadBy, State, Stranger};
use futures::StreamExt as _;
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Functions that are read at the same time; each takes three calls.
const SIDE_BY_SIDE: usize = 10;

/// Where `stack` stands, for whoever calls.
pub(crate) fn place(stack: &Stack, clients: &Clients, identity: &Identity) -> Place {
    let region = clients.region.clone();
    let account = identity.account.clone();
    Place {
        stack: stack.name(),
        stage: stack.stage.clone(),
        bucket: format!("deployer-{account}-{region}"),
        partition: identity.arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        caller: identity.arn.clone(),
        sandbox: clients.is_sandbox,
        region,
        account,
    }
}

/// Reads what a rollback and a status need: the stack, its releases and its functions.
pub(crate) async fn read_functions(clients: &Clients, place: Place) -> Result<State, AwsError> {
    let (deployed, releases) = futures::join!(
        cloudformation::read(&clients.cloudformation, &place.stack),
        releases(clients, &place.bucket, &place.stack)
    );
    let deployed = deployed?;
    let mut state = blank(place, deployed, releases, BTreeMap::new());
    let (functions, busy) =
        futures::join!(functions(clients, state.deployed.present(), &state.place.stack), busy(clients, &state));
    state.functions = functions;
    state.busy = busy;
    Ok(state)
}

/// Reads what a diagnosis needs: what a rollback does, and the change sets that wait.
pub(crate) async fn read_for_doctor(clients: &Clients, place: Place) -> Result<State, AwsError> {
    let mut state = read_functions(clients, place).await?;
    state.change_sets = change_sets(clients, &state).await;
    Ok(state)
}

fn blank(
    place: Place,
    deployed: Known<Deployed>,
    releases: Known<Vec<Release>>,
    exports: BTreeMap<String, String>,
) -> State {
    State {
        place,
        deployed,
        functions: IndexMap::new(),
        resources: IndexMap::new(),
        strangers: Vec::new(),
        unsearched: Vec::new(),
        releases,
        busy: None,
        change_sets: Vec::new(),
        exports,
    }
}

/// Who works on the stack. Asked only when a release is open; what cannot be read counts as nobody, whose lease cannot be
/// taken either.
async fn busy(clients: &Clients, state: &State) -> Option<Lease> {
    let releases = state.releases.present()?;
    match releases.iter().any(|release| release.outcome == Outcome::Started) {
        true => hold::busy(clients, &state.place).await.ok().flatten(),
        false => None,
    }
}

/// Reads everything that a plan is made from. `desired` tells whether exports are needed, and under which names something
/// may be there already.
pub(crate) async fn read(clients: &Clients, place: Place, desired: &Template) -> Result<State, AwsError> {
    let imports = serde_json::to_string(desired).is_ok_and(|text| text.contains("Fn::ImportValue"));
    let exports = async {
        match imports {
            true => cloudformation::exports(&clients.cloudformation).await.unwrap_or_default(),
            false => BTreeMap::new(),
        }
    };
    let (deployed, releases, exports) = futures::join!(
        cloudformation::read(&clients.cloudformation, &place.stack),
        releases(clients, &place.bucket, &place.stack),
        exports
    );
    let mut deployed = deployed?;
    if let Known::Present(deployed) = &mut deployed {
        secrets::with_arns(&clients.secrets, &mut deployed.resources).await;
    }
    let mut state = blank(place, deployed, releases, exports);
    let wanted = wanted(&state, desired);
    let targets: Vec<(&LogicalId, &str)> = made(&state, FUNCTION).collect();
    let hanging = wanted.iter().filter(|wanted| wiring::KINDS.contains(&wanted.kind.as_str())).collect();
    let (functions, resources, wiring, alarms, drifted, busy, change_sets) = futures::join!(
        functions(clients, state.stack(), &state.place.stack),
        kinds::read(clients, &wanted),
        wiring::read(&clients.lambda, hanging, &targets),
        alarms(clients, &state, &targets),
        drifted(clients, &state),
        busy(clients, &state),
        change_sets(clients, &state)
    );
    let mut unsearched = wiring.unsearched;
    let alarms = alarms.unwrap_or_else(|error| {
        unsearched.push(error.reason());
        Vec::new()
    });
    let (strangers, undecided) = ownerless(clients, wiring.strangers.into_iter().chain(alarms).collect()).await;
    unsearched.extend(undecided);
    unsearched.sort();
    unsearched.dedup();
    let service = resources.into_iter().chain(wiring.readings).map(|(id, read)| (id, read, ReadBy::Service));
    let detected = drifted.into_iter().map(|(id, read)| (id, read, ReadBy::DriftDetection));
    let mut resources: Vec<_> = service
        .chain(detected)
        .map(|(id, read, source)| (id, known(read, source)))
        // That nothing stands under a new name is what one expects.
        .filter(|(id, known)| !matches!(known, Known::Absent | Known::Unknown(_)) || is_deployed(&state, id))
        .collect();
    resources.sort_by(|(one, _), (two, _)| one.cmp(two));
    state.functions = functions;
    state.resources = resources.into_iter().collect();
    state.strangers = strangers;
    state.busy = busy;
    state.change_sets = change_sets;
    state.unsearched = unsearched;
    Ok(state)
}

fn is_deployed(state: &State, id: &LogicalId) -> bool {
    state.stack().is_some_and(|deployed| deployed.resources.contains_key(id))
}

fn known(read: Result<Known<Properties>, AwsError>, source: ReadBy) -> Known<LiveResource> {
    match read {
        Ok(Known::Present(properties)) => Known::Present(LiveResource { properties, source }),
        Ok(Known::Absent) => Known::Absent,
        Ok(Known::Unknown(why)) => Known::Unknown(why),
        Err(error) => Known::Unknown(error.reason()),
    }
}

/// What services are to be asked for: all of the stack, and the names that new resources would take.
fn wanted(state: &State, desired: &Template) -> Vec<Wanted> {
    let scope = Scope::of(state);
    // What cannot be evaluated stays as it is written: a reader that needs it then says so.
    let evaluated = |properties: &Properties| -> Properties {
        let each = properties.iter().map(|(key, value)| {
            let known = scope.as_ref().and_then(|scope| resolve::resolve(value, scope));
            (key.clone(), known.unwrap_or_else(|| value.clone()))
        });
        each.collect()
    };
    let nothing = Template::default();
    let deployed = state.stack();
    let template = deployed.map_or(&nothing, |deployed| &deployed.template);
    let ours = deployed.into_iter().flat_map(|deployed| &deployed.resources).filter_map(|(id, resource)| {
        let declared = template.resources.get(id).map(|declared| evaluated(&declared.properties)).unwrap_or_default();
        repair::is_by_service(&resource.kind).then(|| Wanted {
            id: id.clone(),
            kind: resource.kind.clone(),
            physical_id: resource.physical_id.to_string(),
            declared,
        })
    });
    let new = desired.resources.iter().filter(|(id, _)| !is_deployed(state, id)).filter_map(|(id, resource)| {
        let name = resource.properties.get(repair::naming_property(&resource.kind)?)?.as_str()?.to_owned();
        Some(Wanted {
            id: id.clone(),
            kind: resource.kind.clone(),
            physical_id: name,
            declared: evaluated(&resource.properties),
        })
    });
    ours.chain(new).collect()
}

/// What nobody else reads, by CloudFormation's drift detection.
async fn drifted(clients: &Clients, state: &State) -> Vec<kinds::Reading> {
    let Some(deployed) = state.stack().filter(|deployed| deployed.status.ends_with("_COMPLETE")) else {
        return Vec::new();
    };
    let others: Vec<&LogicalId> = deployed
        .resources
        .iter()
        .filter(|(_, resource)| repair::is_left_to_drift_detection(&resource.kind))
        .map(|(id, _)| id)
        .collect();
    match others.is_empty() {
        true => Vec::new(),
        false => cloudformation::drifts(&clients.cloudformation, &state.place.stack, &others).await,
    }
}

/// Logical and physical ids of what the stack made of a type.
fn made<'a>(state: &'a State, kind: &'static str) -> impl Iterator<Item = (&'a LogicalId, &'a str)> {
    let resources = state.stack().into_iter().flat_map(|deployed| &deployed.resources);
    resources
        .filter(move |(_, resource)| resource.kind == kind)
        .map(|(id, resource)| (id, resource.physical_id.as_str()))
}

/// Alarms over metrics of the functions that the stack does not declare.
async fn alarms(clients: &Clients, state: &State, functions: &[(&LogicalId, &str)]) -> Result<Vec<Stranger>, AwsError> {
    let names: Vec<&str> = functions.iter().map(|(_, name)| *name).collect();
    let own: Vec<&str> = made(state, ALARM).map(|(_, name)| name).collect();
    let found = cloudwatch::watching(&clients.cloudwatch, &names).await?;
    let others = found.into_iter().filter(|watching| !own.contains(&watching.alarm.as_str()));
    let strangers = others.filter_map(|watching| {
        let (owner, _) = functions.iter().find(|(_, name)| *name == watching.function)?;
        Some(Stranger {
            owner: (*owner).clone(),
            kind: ALARM.to_owned(),
            identifier: watching.alarm,
            properties: watching.properties,
        })
    });
    Ok(strangers.collect())
}

/// Change sets that wait on the stack. A list that is denied is empty: they do no harm.
async fn change_sets(clients: &Clients, state: &State) -> Vec<String> {
    match &state.deployed {
        Known::Present(_) => {
            cloudformation::change_sets(&clients.cloudformation, &state.place.stack).await.unwrap_or_default()
        }
        Known::Absent | Known::Unknown(_) => Vec::new(),
    }
}

/// Those that no other stack declares, and why it is not known of some: what may be another stack's is not taken away.
async fn ownerless(clients: &Clients, strangers: Vec<Stranger>) -> (Vec<Stranger>, Vec<String>) {
    let owners = strangers.into_iter().map(|stranger| async move {
        match cloudformation::owner(&clients.cloudformation, &stranger.identifier).await {
            Ok(None) => Ok(Some(stranger)),
            Ok(Some(_)) => Ok(None),
            Err(error) => Err(error.reason()),
        }
    });
    let (mut found, mut undecided) = (Vec::new(), Vec::new());
    for owned in futures::future::join_all(owners).await {
        match owned {
            Ok(stranger) => found.extend(stranger),
            Err(why) => undecided.push(why),
        }
    }
    (found, undecided)
}

/// Executions that are kept warm: of `declared` functions, and of those that a release declared. Others cost no call.
pub(crate) async fn warm(clients: &Clients, state: &mut State, declared: &[LogicalId]) -> Result<(), AwsError> {
    let releases: Vec<Release> = state.releases.present().cloned().unwrap_or_default();
    for (id, known) in &mut state.functions {
        let Known::Present(live) = known else { continue };
        let released = releases.iter().rev().flat_map(|release| release.functions.values());
        let released: Vec<_> = released.filter(|released| released.function == live.name).take(RELEASES_WARM).collect();
        if !declared.contains(id) && released.iter().all(|released| released.provisioned.is_none()) {
            continue;
        }
        let mut versions: Vec<FunctionVersion> = released.iter().map(|released| released.version.clone()).collect();
        versions.extend(live.alias.present().map(|alias| alias.version.clone()));
        versions.retain(|version| version.as_str() != "$LATEST");
        versions.sort();
        versions.dedup();
        live.provisioned = traffic::provisioned(&clients.lambda, &live.name, &versions).await?;
    }
    Ok(())
}

/// Functions of `target`, by their names in the stack file, whose version from then is gone. What cannot be asked counts as
/// there: moving the alias will tell.
pub(crate) async fn without_version(clients: &Clients, state: &State, target: &Release) -> Vec<String> {
    let live: Vec<_> = state.functions.values().filter_map(Known::present).collect();
    // What is served is there.
    let moves = target.functions.iter().filter(|(_, released)| {
        let now = live.iter().find(|live| live.name == released.function).and_then(|live| live.alias.present());
        now.is_some_and(|alias| alias.version != released.version)
    });
    let asked = futures::stream::iter(moves).map(|(name, released)| async move {
        let found = lambda::has_version(&clients.lambda, &released.function, &released.version).await;
        found.is_ok_and(|found| !found).then(|| name.clone())
    });
    asked.buffered(SIDE_BY_SIDE).filter_map(std::future::ready).collect().await
}

/// Releases whose versions may still be warm.
const RELEASES_WARM: usize = 3;

async fn releases(clients: &Clients, bucket: &str, stack: &StackName) -> Known<Vec<Release>> {
    match s3::releases(&clients.s3, bucket, stack).await {
        Ok(releases) => Known::Present(releases),
        Err(error) if error.is_missing() => Known::Absent,
        Err(error) => Known::Unknown(error.reason()),
    }
}

async fn functions(
    clients: &Clients,
    deployed: Option<&Deployed>,
    stack: &StackName,
) -> IndexMap<LogicalId, Known<crate::state::LiveFunction>> {
    let resources = deployed.into_iter().flat_map(|deployed| &deployed.resources);
    let functions = resources.filter(|(_, resource)| resource.kind == FUNCTION);
    futures::stream::iter(functions)
        .map(|(id, resource)| async move {
            let read = lambda::read(&clients.lambda, resource.physical_id.as_str(), stack).await;
            (id.clone(), read.unwrap_or_else(|error| Known::Unknown(error.reason())))
        })
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await
}
