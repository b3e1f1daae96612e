//! `rollback --infra`: an earlier release's template through a plan with a change set, then the aliases.

use crate::apply::aws_runner;
use crate::aws::{AwsError, cloudformation, s3};
use crate::cfn::Template;
use crate::change_set::Made;
use crate::ctx::Ctx;
use crate::diff::{Change, Desired, diff};
use crate::exit::Failure;
use crate::ids::StackName;
use crate::model::Stack;
use crate::model::stage::Allow;
use crate::pipeline;
use crate::plan::{self, Intent, Phase, Plan, Policy, Step, artifact_key};
use crate::release::{Commit, Release};
use crate::session::Connection;
use crate::state::{Known, State};
use crate::synth::{self, logical_ids};
use crate::{live, rollback, sandbox};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// The plan that makes `target` live again, template and aliases. `before` is the state that the target was chosen from.
pub(crate) async fn plan(
    ctx: &Ctx,
    connection: &Connection,
    stack: &Stack,
    target: &Release,
    before: &State,
    allow: &[Allow],
    commit: Option<Commit>,
) -> Result<Plan, Failure> {
    let clients = &connection.clients;
    let template = template(connection, target, before).await?;
    let by_api = match clients.is_sandbox {
        true => sandbox::adapt(&synth::synth(stack), &sandbox::brokers(ctx)).by_api,
        false => IndexMap::new(),
    };
    let by_api = by_api.into_iter().filter(|(id, _)| template.resources.contains_key(id)).collect();
    let mut state = live::read(clients, before.place.clone(), &template).await.map_err(pipeline::unread)?;
    state.releases = before.releases.clone();
    // Code and traffic are the aliases' part: no function is named here.
    let desired = Desired { template, by_api, functions: IndexMap::new() };
    let changes = diff(&desired, &state);
    let policy = Policy {
        allow: allow.iter().chain(&stack.settings.allow).copied().collect(),
        protect: stack.settings.protect,
        tags: pipeline::tags(stack),
        commit: commit.clone(),
        ..Policy::default()
    };
    let parameters = parameters(target, &desired.template, &state);
    let planned = |changes: Vec<Change>, change_set| {
        let mut plan = plan::plan(changes, &desired, &state, change_set, &policy, ctx.now);
        for step in &mut plan.steps {
            if let Step::Stack(step) = step {
                step.parameters.clone_from(&parameters);
            }
        }
        plan
    };
    let mut plan = planned(changes.clone(), None);
    let update = plan.steps.iter().find_map(|step| match step {
        Step::Stack(step) if !step.create => Some(step.clone()),
        _ => None,
    });
    if let Some(step) = update.filter(|_| !plan.is_blocked()) {
        let name = format!("release-{}-{}-{}", plan.record.number, ctx.now.as_millisecond(), std::process::id());
        plan = match aws_runner::change_set(clients, &plan, &step, &name).await.map_err(unplanned)? {
            Made::Changes(change_set) => planned(changes, Some(change_set)),
            Made::Nothing => planned(changes.into_iter().filter(|change| !change.is_for_the_stack()).collect(), None),
        };
    }
    let gone = live::without_version(clients, &state, target).await;
    let aliases = rollback::plan(target, None, &gone, &state, commit, ctx.now);
    Ok(joined(plan, aliases, target, &state))
}

/// The stack's plan and the aliases' as one; what the template makes anew gets a version of its own.
fn joined(mut plan: Plan, aliases: Plan, target: &Release, state: &State) -> Plan {
    let is_there = |name: &str| state.functions.values().filter_map(Known::present).any(|live| live.name == name);
    let ids: Vec<_> = aliases.lines.iter().map(|line| line.change.id.clone()).collect();
    let (mut both, others): (Vec<_>, Vec<_>) = plan.lines.into_iter().partition(|line| ids.contains(&line.change.id));
    plan.lines = others;
    for mut line in aliases.lines {
        if let Some(position) = both.iter().position(|other| other.change.id == line.change.id) {
            let mut with = both.remove(position);
            with.change.properties.append(&mut line.change.properties);
            line = with;
        }
        plan.lines.push(line);
    }
    plan.steps.extend(aliases.steps.into_iter().filter(|step| step.phase() == Phase::Shift));
    for (function, released) in target.functions.iter().filter(|(_, released)| !is_there(&released.function)) {
        let (function, name) = (function.clone(), released.function.clone());
        plan.steps.push(Step::Publish { function: function.clone(), name: name.clone(), code_sha256: None });
        plan.steps.push(Step::Shift { function, name, from: None, to: None, revision_id: None });
    }
    if !plan.steps.is_empty() {
        for step in [Step::OpenRelease, Step::CloseRelease] {
            if !plan.steps.contains(&step) {
                plan.steps.push(step);
            }
        }
    }
    plan.steps.sort_by_key(Step::phase);
    plan.lines.sort_by_key(|line| std::cmp::Reverse(line.risk));
    plan.intent = Intent::Rollback { to: target.number };
    plan.record = aliases.record;
    plan.blocked.extend(aliases.blocked);
    plan.notes = vec![format!(
        "the stack file still says otherwise: the next deployment brings back what this takes away, unless it goes back to \
         the commit of release {} too",
        target.number
    )];
    plan
}

/// What is deployed keeps its values; what comes back is given the code that the release recorded.
fn parameters(target: &Release, template: &Template, state: &State) -> BTreeMap<String, Option<String>> {
    let is_kept = |key: &str| state.stack().is_some_and(|stack| stack.parameters.contains_key(key));
    let mut given: BTreeMap<String, Option<String>> = BTreeMap::new();
    given.insert(logical_ids::ARTIFACT_BUCKET.to_owned(), Some(state.place.bucket.clone()));
    for (function, released) in &target.functions {
        let digest = STANDARD.decode(&released.code_sha256).ok().filter(|digest| digest.len() == 32);
        let code = digest.map_or_else(|| released.code_sha256.clone(), |digest| artifact_key(&hex::encode(digest)));
        given.insert(logical_ids::code_parameter(function), Some(code));
        given.insert(logical_ids::version_parameter(function), Some("$LATEST".to_owned()));
    }
    let declared = template.parameters.keys().filter_map(|key| match is_kept(key) {
        true => Some((key.clone(), None)),
        false => given.get(key).map(|value| (key.clone(), value.clone())),
    });
    declared.collect()
}

async fn template(connection: &Connection, target: &Release, state: &State) -> Result<Template, Failure> {
    let lost = |why: String| {
        let next = state.place.command("releases");
        Failure::failed(
            format!("the template of release {} cannot be had: {why}", target.number),
            "nothing was changed",
            next,
        )
    };
    let key = target.template_key.as_deref().ok_or_else(|| lost("it recorded none".to_owned()))?;
    let text = s3::get_text(&connection.clients.s3, &state.place.bucket, key).await;
    serde_json::from_str(&text.map_err(|error| lost(error.to_string()))?).map_err(|error| lost(error.to_string()))
}

fn unplanned(error: AwsError) -> Failure {
    let message = format!("CloudFormation does not accept the earlier template: {error}");
    Failure::failed(message, "nothing was changed", "roll back without --infra, which moves the aliases alone")
}

/// Takes away the change set of a plan that nobody agreed to.
pub(crate) async fn forget(connection: &Connection, stack: &StackName, plan: &Plan) {
    if let Some(change_set) = pipeline::change_set_of(plan) {
        // It does no harm; doctor names it.
        let _ = cloudformation::delete_change_set(&connection.clients.cloudformation, stack, &change_set.id).await;
    }
}
