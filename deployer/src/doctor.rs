//! What is the matter with a stack, and what would put it right. Pure: a diagnosis over [`State`], and a plan of recovery.

use crate::diff::{self, ALIAS};
use crate::ids::LogicalId;
use crate::lease::{Lease, Standing};
use crate::picture;
use crate::plan::{Intent, Plan, Step, blank_record, was_never_made};
use crate::release;
use crate::settle::{self, change_set_number};
use crate::state::{Deployed, Known, LiveFunction, State};
use crate::unfinished;

/// What a diagnosis is made from besides the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signs {
    pub(crate) lease: Option<(Lease, Standing)>,
    /// Resources of which the operator says that CloudFormation may leave them behind.
    pub(crate) skip: Vec<String>,
}

/// One thing that is wrong, what it means, and what is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) steps: Vec<Step>,
    /// What to type where no step of ours helps.
    pub(crate) way_out: Option<String>,
}

impl Finding {
    fn new(what: String, steps: Vec<Step>) -> Self {
        Self { what, steps, way_out: None }
    }

    fn advice(what: String, way_out: String) -> Self {
        Self { what, steps: Vec::new(), way_out: Some(way_out) }
    }
}

/// Everything that is wrong, worst first.
pub(crate) fn findings(state: &State, signs: &Signs) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Known::Present(stack) = &state.deployed {
        found.extend(of_stack(stack, state, signs));
    }
    for (id, live) in state.functions.iter().filter_map(|(id, known)| Some((id, known.present()?))) {
        found.extend(of_function(id, live, state));
    }
    found.extend(of_lease(signs));
    found.extend(unfinished::left(state).map(|shift| {
        let each: Vec<String> =
            shift.functions.iter().map(|half| format!("{} {}", half.function, half.text())).collect();
        let (promote, abort) = (state.place.command("promote"), state.place.command("abort"));
        Finding::advice(
            format!("the shift of release {} stands in the middle: {}", shift.release.number, each.join(", ")),
            format!("`{promote}` finishes it, `{abort}` takes it back"),
        )
    }));
    for record in settle::records(state) {
        let started = record.started.strftime("%Y-%m-%d %H:%M:%S UTC");
        let ended = match record.outcome.stands() {
            true => "all of it is live",
            false => "it did not come to its end",
        };
        let what = format!("release {} was begun {started}, its process is gone, and {ended}", record.number);
        found.push(Finding::new(what, vec![Step::Settle { records: vec![record] }]));
    }
    let newest = state.releases.present().and_then(|releases| releases.last()).map_or(0, |release| release.number);
    for name in &state.change_sets {
        match change_set_number(name) {
            Some(number) if number <= newest => {
                let what =
                    format!("the change set {name} was left behind; the plan that it belongs to cannot be applied");
                found.push(Finding::new(what, vec![Step::DropChangeSets { names: vec![name.clone()] }]));
            }
            Some(_) => {}
            None => found.push(Finding::advice(
                format!("the change set {name} was made by somebody else and waits to be executed"),
                "execute or delete it in CloudFormation".to_owned(),
            )),
        }
    }
    found
}

/// The first of `skip` that no recovery would leave as it is.
pub(crate) fn stray<'a>(skip: &'a [String], found: &[Finding]) -> Option<&'a String> {
    let steps = found.iter().flat_map(|finding| &finding.steps);
    let left: Vec<&LogicalId> = steps
        .filter_map(|step| match step {
            Step::ContinueRollback { skip } => Some(skip),
            _ => None,
        })
        .flatten()
        .collect();
    skip.iter().find(|name| left.iter().all(|id| id.as_str() != name.as_str()))
}

fn of_stack(stack: &Deployed, state: &State, signs: &Signs) -> Option<Finding> {
    let name = &state.place.stack;
    let why = stack.status_reason.as_deref().map(|reason| format!(" ({})", reason.trim_end_matches(['.', ' '])));
    let why = why.unwrap_or_default();
    // "The following resource(s) failed to update: [A, B]."
    let reason = stack.status_reason.as_deref().unwrap_or_default();
    let named: Vec<&str> = reason.split(['[', ']', ',', ' ']).collect();
    let failed = stack
        .resources
        .iter()
        .filter(|(id, resource)| resource.status.ends_with("_FAILED") || named.contains(&id.as_str()));
    let failed: Vec<&LogicalId> = failed.map(|(id, _)| id).collect();
    let names = failed.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    let of = |names: &str| if names.is_empty() { String::new() } else { format!(" of {names}") };
    let delete = || vec![Step::DeleteStack { id: stack.id.clone() }];
    let finding = match stack.status.as_str() {
        "REVIEW_IN_PROGRESS" => Finding::new(
            format!("{name} is in REVIEW_IN_PROGRESS: it was proposed and never made; there is nothing in it"),
            delete(),
        ),
        "DELETE_FAILED" => Finding::new(
            format!(
                "{name} is in DELETE_FAILED{why}: the deletion{} failed; what it deleted before is gone",
                of(&names)
            ),
            delete(),
        ),
        status if was_never_made(status) || status == "CREATE_FAILED" => Finding::new(
            format!("{name} is in {status}{why}: its creation failed, and CloudFormation takes no update of it"),
            delete(),
        ),
        "UPDATE_ROLLBACK_FAILED" => {
            let skip: Vec<LogicalId> =
                failed.into_iter().filter(|id| signs.skip.iter().any(|skip| skip == id.as_str())).cloned().collect();
            let mut finding = Finding::new(
                format!("{name} is in UPDATE_ROLLBACK_FAILED{why}: going back{} failed half-way", of(&names)),
                vec![Step::ContinueRollback { skip: skip.clone() }],
            );
            if skip.is_empty() && !names.is_empty() {
                finding.way_out = Some(format!(
                    "put right what kept it from going back; what cannot be, leave as it is with `--skip`: {names}"
                ));
            }
            finding
        }
        status if status.ends_with("_IN_PROGRESS") => Finding::advice(
            format!("CloudFormation is at work on {name} ({status})"),
            "wait until it is through, then look again".to_owned(),
        ),
        _ => return None,
    };
    Some(finding)
}

fn of_function(id: &LogicalId, live: &LiveFunction, state: &State) -> Vec<Finding> {
    let name = &live.name;
    let mut found = Vec::new();
    if live.latest.state == "Failed" || live.latest.last_update == "Failed" {
        found.push(Finding::advice(
            format!(
                "{name} is {}, its last update {}{}; its alias serves what it served before",
                live.latest.state,
                live.latest.last_update,
                live.latest
                    .reason
                    .as_deref()
                    .map(|reason| format!(" ({})", reason.trim_end_matches(['.', ' '])))
                    .unwrap_or_default()
            ),
            format!(
                "put right what Lambda names (its role, its network, its image), then `{}`",
                state.place.command("deploy")
            ),
        ));
    }
    let is_shifting = unfinished::found(state)
        .is_some_and(|found| found.release.shifting.values().any(|shifting| shifting.function == *name));
    let is_left = state.busy.is_none() && !is_shifting;
    let weighted = live.alias.present().filter(|alias| !alias.weights.is_empty() && is_left);
    if let Some(alias) = weighted {
        let shares: Vec<String> = alias
            .weights
            .iter()
            .map(|(version, share)| format!("{:.0}% on version {version}", share * 100.0))
            .collect();
        found.push(Finding::new(
            format!(
                "the traffic of {name} was left between versions: {}, the rest on {}",
                shares.join(", "),
                alias.version
            ),
            vec![Step::Shift {
                function: name.clone(),
                name: name.clone(),
                from: Some(alias.version.clone()),
                to: Some(alias.version.clone()),
                revision_id: Some(alias.revision_id.clone()),
            }],
        ));
    }
    let aliases = state.stack().into_iter().flat_map(|stack| stack.template.resources.values());
    let mut aliases = aliases.filter(|resource| resource.kind == ALIAS);
    if live.alias == Known::Absent && aliases.any(|alias| diff::of_alias(alias).as_ref() == Some(id)) {
        found.push(Finding::advice(
            format!("{name} has no alias `live`: nothing that calls it by that reaches it"),
            format!("`{}` makes it again", state.place.command("deploy")),
        ));
    }
    found
}

fn of_lease(signs: &Signs) -> Option<Finding> {
    let (lease, standing) = signs.lease.as_ref()?;
    let theirs = lease.told();
    match standing {
        Standing::Free => None,
        Standing::Held => Some(Finding::advice(
            format!("the stack is being changed by {theirs}"),
            "wait for it (`--wait`); if its process is dead, its lease runs out by itself".to_owned(),
        )),
        Standing::Expired => Some(Finding::advice(
            format!("the lease of {theirs} has run out without being given back"),
            "nothing to do: the next command takes it over".to_owned(),
        )),
        Standing::Dead => Some(Finding::advice(
            format!("the process of {theirs} is gone and did not give back its lease"),
            "nothing to do: the next command takes it over".to_owned(),
        )),
    }
}

/// The recovery as a plan; without steps where nothing of ours helps.
pub(crate) fn plan(found: &[Finding], state: &State, now: jiff::Timestamp) -> Plan {
    let mut steps: Vec<Step> = found.iter().flat_map(|finding| finding.steps.clone()).collect();
    // With the stack goes everything that hangs on it.
    if steps.iter().any(|step| matches!(step, Step::DeleteStack { .. })) {
        steps.retain(|step| matches!(step, Step::DeleteStack { .. } | Step::Settle { .. }));
    }
    steps.sort_by_key(Step::phase);
    let notes = found.iter().map(|finding| match &finding.way_out {
        Some(way_out) => format!("{}: {way_out}", finding.what),
        None => finding.what.clone(),
    });
    Plan {
        format_version: 1,
        intent: Intent::Recover,
        place: state.place.clone(),
        base: state.fingerprints(),
        lines: Vec::new(),
        blocked: Vec::new(),
        steps,
        record: blank_record(state, release::Action::Deploy, None, now),
        notes: notes.collect(),
        unverified: Vec::new(),
        access: Vec::new(),
        picture: picture::Picture::default(),
        dashboards: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
