//! One function's verdict: missing, excess, and what could not be told.

use super::suggest::{suggestion, text};
use super::{Seen, code::Code};
use crate::iam::actions;
use crate::iam::operations::{Conditional, needs};
use crate::iam::policy::Effect;
use crate::iam::reach::{Operation, Reach};
use crate::model::Stack;
use crate::model::access::Access;
use crate::model::function::Function;
use crate::model::suppression::Suppression;
use crate::source::{Sources, Span};
use crate::synth::role;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a role grants against what the code can reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Verdict {
    /// The function's name in the stack file.
    pub(crate) function: String,
    /// Operations that the code can send: `s3.get_object`.
    pub(crate) reached: Vec<String>,
    /// Needed and not granted.
    pub(crate) missing: Vec<Missing>,
    /// Granted, and nothing reaches it.
    pub(crate) excess: Vec<Excess>,
    /// Operations for which no action is known.
    pub(crate) unknown: Vec<String>,
    /// Why there may be more, in words.
    pub(crate) incomplete: Vec<String>,
    /// What was found and suppressed, with the reason.
    pub(crate) suppressed: Vec<Suppressed>,
    /// Places of suppressions that match nothing.
    pub(crate) idle: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Missing {
    /// `sqs:SendMessage`
    pub(crate) action: String,
    /// `sqs.send_message`
    pub(crate) operation: String,
    /// File and line of a call, or of the parameter that asks for the action.
    pub(crate) called: Option<String>,
    /// An entry for `access:`.
    pub(crate) add: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Excess {
    /// As it is granted, wildcards included.
    pub(crate) action: String,
    /// File, line and text of the entry that grants it.
    pub(crate) granted: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Suppressed {
    /// `excess s3:PutObject`, `missing …`, `never …`.
    pub(crate) what: String,
    pub(crate) because: String,
}

impl Verdict {
    /// Whether there was nothing to compare.
    pub(crate) fn is_silent(&self) -> bool {
        *self == Self { function: self.function.clone(), ..Self::default() }
    }
}

impl Missing {
    /// `sqs.send_message at src/queue.rs:12`
    pub(crate) fn calls(&self) -> String {
        match &self.called {
            Some(place) => format!("{} at {place}", self.operation),
            None => format!("{}, called by a crate that it depends on", self.operation),
        }
    }
}

impl Excess {
    /// `granted at stacks/x.yaml:12 …`
    pub(crate) fn granted(&self) -> String {
        format!("granted at {}", self.granted)
    }
}

/// The suppressions of a function, and which of them matched.
struct Suppressions<'a> {
    all: &'a [Suppression],
    used: BTreeSet<Span>,
    told: Vec<Suppressed>,
}

impl Suppressions<'_> {
    /// Whether `what` is suppressed as one of `kind`: `excess`, `missing`, `never`.
    fn take(&mut self, kind: &str, what: &str) -> bool {
        let listed = |suppression: &Suppression| {
            suppression
                .listed()
                .into_iter()
                .find(|(own, entry)| *own == kind && entry.eq_ignore_ascii_case(what))
                .map(|(_, entry)| entry.span)
        };
        let Some((span, because)) = self.all.iter().find_map(|one| Some((listed(one)?, &one.because.value))) else {
            return false;
        };
        self.used.insert(span);
        self.told.push(Suppressed { what: format!("{kind} {what}"), because: because.clone() });
        true
    }

    fn idle(&self, sources: &Sources) -> Vec<String> {
        let entries = self.all.iter().flat_map(Suppression::listed);
        entries
            .filter(|(_, entry)| !self.used.contains(&entry.span))
            .map(|(_, entry)| place(sources, entry.span))
            .collect()
    }
}

/// Judges one function. `None` where its role is made elsewhere.
pub(crate) fn verdict(stack: &Stack, sources: &Sources, seen: &Seen) -> Option<Verdict> {
    let function = stack.file.functions.get(&seen.name).filter(|function| function.role.is_none())?;
    let mut verdict = Verdict { function: seen.name.clone(), ..Verdict::default() };
    let Some(reach) = &seen.reach else {
        // Without access there is nothing that could be too much, and a denial shows at once.
        if !function.access.is_empty() {
            verdict.incomplete.push("its code is no Rust crate, and what it calls is not seen".to_owned());
        }
        return Some(verdict);
    };
    let mut suppressions = Suppressions { all: &function.suppress, used: BTreeSet::new(), told: Vec::new() };
    let operations = operations(reach, &seen.code);
    verdict.reached = operations.iter().map(ToString::to_string).collect();
    verdict.incomplete.clone_from(&reach.incomplete);
    let granted = granted(stack, &seen.name, function);
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut missing: BTreeMap<String, Missing> = BTreeMap::new();
    for operation in operations {
        if suppressions.take("never", &operation.to_string()) {
            continue;
        }
        let Some(needs) = needs(operation) else {
            verdict.unknown.push(operation.to_string());
            continue;
        };
        let called = seen.code.call(operation);
        let core = needs.core.into_iter().map(|action| (action, called.clone()));
        let conditional = needs.conditional.iter().filter_map(|more| match asked_for(more, operation, &seen.code) {
            Asked::At(place) => Some((more.action.to_owned(), Some(place))),
            Asked::Perhaps => {
                used.extend(granted.own.keys().filter(|pattern| covers(pattern, more.action)).map(String::as_str));
                None
            }
            Asked::No => None,
        });
        for (action, called) in core.chain(conditional.collect::<Vec<_>>()) {
            let by: Vec<&str> =
                granted.own.keys().filter(|pattern| covers(pattern, &action)).map(String::as_str).collect();
            if by.is_empty() && !granted.besides.iter().any(|pattern| covers(pattern, &action)) {
                let add = text(suggestion(stack, function, &seen.code, &action).as_ref(), &action);
                let operation = operation.to_string();
                missing.entry(action.clone()).or_insert(Missing { action, operation, called, add });
            }
            used.extend(by);
        }
    }
    let managed = managed(function);
    for missing in missing.into_values().filter(|missing| !suppressions.take("missing", &missing.action)) {
        match managed.as_str() {
            "" => verdict.missing.push(missing),
            policy => verdict.incomplete.push(format!(
                "{} ({}) may be missing, unless {policy} allows it",
                missing.action,
                missing.calls()
            )),
        }
    }
    // What cannot be seen is not called too much.
    if reach.incomplete.is_empty() {
        for (action, span) in granted.own.iter().filter(|(action, _)| !used.contains(action.as_str())) {
            if !suppressions.take("excess", action) {
                verdict.excess.push(Excess { action: action.clone(), granted: place(sources, *span) });
            }
        }
    }
    verdict.idle = suppressions.idle(sources);
    verdict.suppressed = suppressions.told;
    Some(verdict)
}

/// What the code can send: plumbing counts where the code itself calls it.
pub(crate) fn operations<'a>(reach: &'a Reach, code: &Code) -> Vec<&'a Operation> {
    let called = reach.plumbing.iter().filter(|operation| code.call(operation).is_some());
    reach.operations.iter().chain(called).collect()
}

/// Whether a parameter that needs the action is set.
enum Asked {
    At(String),
    /// Nothing in the code tells, or the call stands in a crate that is not ours.
    Perhaps,
    No,
}

fn asked_for(more: &Conditional, operation: &Operation, code: &Code) -> Asked {
    match code.evidence(operation, more.evidence) {
        Some(place) => Asked::At(place),
        None if more.evidence.is_empty() || code.call(operation).is_none() => Asked::Perhaps,
        None => Asked::No,
    }
}

/// What the role grants.
struct Granted {
    /// By `access:`, with the place of the entry.
    own: BTreeMap<String, Span>,
    /// For triggers, settings and keys: a key is used by the service that it encrypts for, which no operation says.
    besides: BTreeSet<String>,
}

fn granted(stack: &Stack, name: &str, function: &Function) -> Granted {
    let mut granted = Granted { own: BTreeMap::new(), besides: BTreeSet::new() };
    for one in role::statements(stack, name, function) {
        let statement = one.statement;
        if statement.effect == Effect::Deny {
            continue;
        }
        let is_key = statement.condition.as_ref().is_some_and(|when| when.to_string().contains("kms:ViaService"));
        match one.from.filter(|_| !is_key) {
            Some(span) => statement.actions.into_iter().for_each(|action| {
                granted.own.entry(action).or_insert(span);
            }),
            None => granted.besides.extend(statement.actions),
        }
    }
    granted
}

/// The managed policies of a function, whose statements are not known here.
fn managed(function: &Function) -> String {
    let names = function.access.iter().filter_map(|access| match &access.value {
        Access::Managed(managed) => Some(managed.managed.value.as_str()),
        _ => None,
    });
    names.collect::<Vec<_>>().join(" or ")
}

/// Whether a granted action, which may hold wildcards, allows `action`.
pub(crate) fn covers(pattern: &str, action: &str) -> bool {
    let (Some((service, name)), Some((own, wanted))) = (pattern.split_once(':'), action.split_once(':')) else {
        return pattern == "*";
    };
    service == own
        && (name.eq_ignore_ascii_case(wanted)
            || (name.contains(['*', '?'])
                && actions::service(own)
                    .is_some_and(|known| known.matching(name).any(|action| action.name.eq_ignore_ascii_case(wanted)))))
}

/// ``stacks/x.yaml:12 `the text` ``
pub(crate) fn place(sources: &Sources, span: Span) -> String {
    let source = sources.get(span.file);
    let line = source.text[..span.start.min(source.text.len())].matches('\n').count() + 1;
    format!("{}:{line} `{}`", source.name, sources.text(span).split_whitespace().collect::<Vec<_>>().join(" "))
}
