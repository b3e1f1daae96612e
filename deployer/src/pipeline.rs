//! From a sound stack to a plan: what `plan` and `deploy` share.

use crate::apply::aws_runner;
use crate::artifact::{self, Artifact, Artifacts};
use crate::aws::{AwsError, cloudformation, lambda, s3, traffic};
use crate::cfn::Template;
use crate::change_set::{ChangeSet, Made};
use crate::ctx::Ctx;
use crate::diff::{Change, Desired, DesiredFunction, diff};
use crate::exit::Failure;
use crate::guard::{self, Rules};
use crate::ids::LogicalId;
use crate::model::Stack;
use crate::model::stage::Allow;
use crate::model::suppression::Strictness;
use crate::plan::{self, Block, Intent, Plan, Policy, StackStep, Step, quotas};
use crate::release::Commit;
use crate::sandbox::Adapted;
use crate::session::Connection;
use crate::source::Sources;
use crate::state::State;
use crate::synth::{self, logical_ids};
use crate::{courses, live, privilege, sandbox};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// A plan and what it was made from.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    /// What the sandbox cannot hold, a line each.
    pub(crate) adapted: Vec<String>,
    pub(crate) desired: Desired,
}

/// What the command line and the working tree add to the stack file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) allow: Vec<Allow>,
    pub(crate) import_existing: bool,
    pub(crate) keep_drift: bool,
    /// Rules of others that the template must keep.
    pub(crate) rules: Vec<Rules>,
    pub(crate) commit: Option<Commit>,
    /// Alarms that are not to watch the release.
    pub(crate) ignore_alarms: Vec<String>,
}

/// What ought to be, for AWS or for the sandbox.
fn desired(ctx: &Ctx, is_sandbox: bool, stack: &Stack, artifacts: &Artifacts) -> (Desired, Vec<String>) {
    let template = synth::synth(stack);
    let adapted = match is_sandbox {
        true => sandbox::adapt(&template, &sandbox::brokers(ctx)),
        false => Adapted { template, ..Adapted::default() },
    };
    let Adapted { template, by_api, notes } = adapted;
    let functions = artifacts.iter().map(|(name, artifact)| {
        let code = match artifact {
            Artifact::Zip { code_sha256, .. } => code_sha256.clone(),
            Artifact::Image { uri } => uri.clone(),
        };
        (name.clone(), declared(name, code, provisioned(stack, name)))
    });
    (Desired { template, by_api, functions: functions.collect() }, notes)
}

fn declared(name: &str, code: String, provisioned: Option<u32>) -> DesiredFunction {
    let parameters = [logical_ids::code_parameter(name), logical_ids::version_parameter(name)];
    DesiredFunction { id: logical_ids::function(name), code, parameters, provisioned }
}

/// Executions that the stack file wants kept warm for a function.
fn provisioned(stack: &Stack, function: &str) -> Option<u32> {
    let concurrency = stack.file.functions.get(function)?.concurrency.as_ref()?;
    concurrency.provisioned.as_ref().map(|count| count.value)
}

/// Functions that are to have warm executions.
pub(crate) fn declared_warm(stack: &Stack) -> Vec<LogicalId> {
    let functions = stack.file.functions.keys().filter(|name| provisioned(stack, name).is_some());
    functions.map(|name| logical_ids::function(name)).collect()
}

/// States of the alarms that are to watch the plan's shift; `None` when nothing shifts.
async fn alarms(connection: &Connection, plan: &Plan) -> Result<Option<BTreeMap<String, String>>, AwsError> {
    let Some(shift) = plan.steps.iter().find_map(|step| match step {
        Step::Gradual(step) => Some(step),
        _ => None,
    }) else {
        return Ok(None);
    };
    let names: Vec<String> = shift.alarms.iter().filter_map(|alarm| alarm.name.clone()).collect();
    let found = traffic::alarms(&connection.clients.cloudwatch, &names).await?;
    Ok(Some(found.into_iter().map(|alarm| (alarm.name, alarm.state)).collect()))
}

/// Reads, compares and plans. For a stack that exists, CloudFormation is asked for its change set.
pub(crate) async fn prepare(
    ctx: &Ctx,
    connection: &Connection,
    sources: &Sources,
    stack: &Stack,
    artifacts: &Artifacts,
    options: &Options,
) -> Result<Prepared, Failure> {
    let clients = &connection.clients;
    let (desired, adapted) = desired(ctx, clients.is_sandbox, stack, artifacts);
    let place = live::place(stack, clients, &connection.identity);
    let mut state = live::read(clients, place, &desired.template).await.map_err(unread)?;
    live::warm(clients, &mut state, &declared_warm(stack)).await.map_err(unread)?;
    let changes = diff(&desired, &state);
    let policy = Policy {
        uploaded: uploaded(connection, &state, &changes, &desired, artifacts).await.map_err(unread)?,
        ..policy(ctx, stack, artifacts, options, &desired.template, &state)?
    };
    let mut plan = plan::plan(changes.clone(), &desired, &state, None, &policy, ctx.now);
    let policy = Policy { alarms: alarms(connection, &plan).await.map_err(unread)?, ..policy };
    if policy.alarms.is_some() {
        plan = plan::plan(changes.clone(), &desired, &state, None, &policy, ctx.now);
    }
    let update = plan.steps.iter().find_map(|step| match step {
        Step::Stack(step) if !step.create => Some(step.clone()),
        _ => None,
    });
    // What the stack has to let go of first would still be in its change set.
    let update = update.filter(|_| !plan.steps.iter().any(|step| matches!(step, Step::LetGo(_))));
    // A plan that is blocked for want of a rested stack has no change set to ask for.
    let rested = state
        .deployed
        .present()
        .is_some_and(|deployed| deployed.status.ends_with("_COMPLETE") && !plan::was_never_made(&deployed.status));
    if let Some(step) = update.filter(|_| rested) {
        plan = match change_set(ctx, connection, &plan, &step).await.map_err(unplanned)? {
            Made::Changes(change_set) => plan::plan(changes, &desired, &state, Some(change_set), &policy, ctx.now),
            Made::Nothing => {
                let (for_the_stack, rest): (Vec<Change>, Vec<Change>) =
                    changes.into_iter().partition(Change::is_for_the_stack);
                let mut plan = plan::plan(rest, &desired, &state, None, &policy, ctx.now);
                plan.notes.extend(for_the_stack.iter().map(|change| {
                    format!("{} differs in the template, but CloudFormation sees nothing to change", change.name)
                }));
                plan
            }
        };
    }
    plan.blocked.extend(exceeded(connection, &state, &desired, &plan).await);
    compare_roles(ctx, sources, stack, artifacts, &mut plan).await?;
    Ok(Prepared { plan, adapted, desired })
}

/// What the account has not enough of. Asked only where the plan takes some; what cannot be read is left to AWS to say.
async fn exceeded(connection: &Connection, state: &State, desired: &Desired, plan: &Plan) -> Vec<Block> {
    let before = state.stack().map_or(0, |deployed| quotas::reserved(&deployed.template));
    let more = quotas::reserved(&desired.template) - before;
    let takes = more > 0 || plan.steps.iter().any(|step| matches!(step, Step::Upload { .. }));
    match takes {
        false => Vec::new(),
        true => match lambda::quotas(&connection.clients.lambda).await {
            Ok(quotas) => quotas::exceeded(&quotas, more, &plan.steps),
            Err(error) => {
                tracing::debug!(%error, "the account's limits were not read");
                Vec::new()
            }
        },
    }
}

/// The plan from a saved state. What AWS alone can tell, its change set and which artifacts it has, stays open.
pub(crate) async fn offline(
    ctx: &Ctx,
    sources: &Sources,
    stack: &Stack,
    state: &State,
    artifacts: &Artifacts,
    options: &Options,
) -> Result<Prepared, Failure> {
    let (desired, adapted) = desired(ctx, state.place.sandbox, stack, artifacts);
    let policy = policy(ctx, stack, artifacts, options, &desired.template, state)?;
    let mut plan = plan::plan(diff(&desired, state), &desired, state, None, &policy, ctx.now);
    compare_roles(ctx, sources, stack, artifacts, &mut plan).await?;
    Ok(Prepared { plan, adapted, desired })
}

/// Holds the roles of functions whose code or role the plan changes against what their code can reach.
async fn compare_roles(
    ctx: &Ctx,
    sources: &Sources,
    stack: &Stack,
    artifacts: &Artifacts,
    plan: &mut Plan,
) -> Result<(), Failure> {
    let changed: Vec<&str> =
        stack.file.functions.keys().map(String::as_str).filter(|name| privilege::is_changed(plan, name)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let seen = artifact::seen(ctx, stack, artifacts, |name| changed.contains(&name)).await?;
    let verdicts = seen.iter().filter_map(|seen| privilege::verdict(stack, sources, seen)).collect();
    privilege::tell(plan, verdicts, stack.file.iam == Strictness::Strict);
    Ok(())
}

/// The drift of a stack as a plan without steps: what is live against what was deployed.
pub(crate) async fn drift(ctx: &Ctx, connection: &Connection, stack: &Stack) -> Result<Plan, Failure> {
    let clients = &connection.clients;
    let place = live::place(stack, clients, &connection.identity);
    let mut state = live::read(clients, place, &Template::default()).await.map_err(unread)?;
    live::warm(clients, &mut state, &[]).await.map_err(unread)?;
    let template = state.stack().map(|deployed| deployed.template.clone()).unwrap_or_default();
    let by_api = match ctx.global.sandbox {
        true => sandbox::adapt(&synth::synth(stack), &sandbox::brokers(ctx)).by_api,
        false => IndexMap::new(),
    };
    let released = state.current_release().map(|release| release.functions.clone()).unwrap_or_default();
    let functions = released.into_iter().map(|(name, released)| {
        let declared = declared(&name, released.code_sha256, released.provisioned);
        (name, declared)
    });
    let desired = Desired { by_api, functions: functions.collect(), template };
    let mut plan = plan::plan(diff(&desired, &state), &desired, &state, None, &Policy::default(), ctx.now);
    plan.intent = Intent::Drift;
    plan.steps.clear();
    plan.blocked.clear();
    Ok(plan)
}

/// What the stack file and the command line allow and ask for.
fn policy(
    ctx: &Ctx,
    stack: &Stack,
    artifacts: &Artifacts,
    options: &Options,
    desired: &Template,
    state: &State,
) -> Result<Policy, Failure> {
    let template = synth::synth(stack);
    let mut violations = Vec::new();
    for rules in &options.rules {
        violations.extend(guard::violations(&template, rules).map_err(|error| {
            Failure::usage(format!("{}: {error}", rules.name), "correct the rules; nothing was touched")
        })?);
    }
    Ok(Policy {
        allow: options.allow.iter().chain(&stack.settings.allow).copied().collect(),
        protect: stack.settings.protect,
        tags: tags(stack),
        commit: options.commit.clone(),
        import_existing: options.import_existing,
        keep_drift: options.keep_drift,
        violations,
        uploaded: Vec::new(),
        artifacts: artifacts.clone(),
        courses: courses::of(&ctx.root, stack, desired, Some(state)),
        ignore_alarms: options.ignore_alarms.clone(),
        alarms: None,
    })
}

/// The one stack that a command is about.
pub(crate) fn only<'a>(stacks: &'a [Stack], command: &str) -> Result<&'a Stack, Failure> {
    match stacks {
        [stack] => Ok(stack),
        _ => {
            let names: Vec<&str> = stacks.iter().map(|stack| stack.file.stack.value.as_str()).collect();
            Err(Failure::usage(format!("{command} is about one stack"), format!("name one of: {}", names.join(", "))))
        }
    }
}

async fn change_set(ctx: &Ctx, connection: &Connection, plan: &Plan, step: &StackStep) -> Result<Made, AwsError> {
    // Nobody else's: two deployments that plan the same release at once must not take each other's change set away.
    let name = format!("release-{}-{}-{}", plan.record.number, ctx.now.as_millisecond(), std::process::id());
    aws_runner::change_set(&connection.clients, plan, step, &name).await
}

/// The change set that a plan would execute.
pub(crate) fn change_set_of(plan: &Plan) -> Option<&ChangeSet> {
    plan.steps.iter().find_map(|step| match step {
        Step::Stack(step) => step.change_set.as_ref(),
        _ => None,
    })
}

/// Removes the change set of a plan that will not be applied.
pub(crate) async fn forget(connection: &Connection, plan: &Plan) -> Result<(), Failure> {
    match change_set_of(plan) {
        Some(change_set) => {
            cloudformation::delete_change_set(&connection.clients.cloudformation, &plan.place.stack, &change_set.id)
                .await
                .map_err(unread)
        }
        None => Ok(()),
    }
}

/// Keys of the artifacts that changed functions need and that the bucket has already.
async fn uploaded(
    connection: &Connection,
    state: &State,
    changes: &[Change],
    desired: &Desired,
    artifacts: &Artifacts,
) -> Result<Vec<String>, AwsError> {
    if state.releases.present().is_none() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = artifacts
        .iter()
        .filter(|(name, _)| {
            desired.functions.get(*name).is_some_and(|declared| changes.iter().any(|change| change.id == declared.id))
        })
        .filter_map(|(_, artifact)| match artifact {
            Artifact::Zip { sha256, .. } => Some(plan::artifact_key(sha256.as_str())),
            Artifact::Image { .. } => None,
        })
        .collect();
    let (client, bucket) = (&connection.clients.s3, state.place.bucket.as_str());
    let heads = keys.iter().map(|key| s3::object_exists(client, bucket, key));
    let found = futures::future::try_join_all(heads).await?;
    Ok(keys.into_iter().zip(found).filter_map(|(key, found)| found.then_some(key)).collect())
}

/// Tags of the stack; CloudFormation passes them on to what takes tags.
pub(crate) fn tags(stack: &Stack) -> Vec<(String, String)> {
    let own = [("deployer:stack", stack.file.stack.value.clone()), ("deployer:stage", stack.stage.clone())];
    let own: BTreeMap<String, String> = own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let declared = stack.file.tags.clone();
    own.into_iter().chain(declared).collect()
}

pub(crate) fn unread(error: AwsError) -> Failure {
    let next = match error.is_denied() {
        true => format!("grant {} to the caller, then run the command again", error.action),
        false => "run the command again".to_owned(),
    };
    Failure::failed(format!("cannot read what is deployed: {error}"), "nothing was changed", next)
}

fn unplanned(error: AwsError) -> Failure {
    // Whoever executes a change set takes the others away, and CloudFormation makes none while it works.
    if error.code == "ChangeSetNotFound" || error.message.contains("_IN_PROGRESS state") {
        let message = "another deployment changed the stack while this one was planned";
        return Failure::failed(message, "nothing was changed here; the other one goes on", "run the command again");
    }
    Failure::failed(
        format!("CloudFormation does not accept the change: {error}"),
        "nothing was changed",
        "correct the stack file (`deployer synth` shows the template), then plan again",
    )
}
