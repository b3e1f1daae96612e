//! What to write for a missing action: the finest entry of `access:` that grants it, and for which thing.
//!
//! Which thing is meant the code does not say; the function's environment does, where it names one of the kind.

use super::code::Code;
use crate::iam::grants::{VERBS, Verb};
use crate::model::Stack;
use crate::model::access::{Access, Grant, Subject};
use crate::model::function::Function;
use crate::model::reference::{EnvValue, Target};

/// An entry that grants an action.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Suggestion {
    pub(crate) verb: &'static Verb,
    /// The declared thing, or why that cannot be told.
    pub(crate) thing: Result<String, String>,
}

/// The entry that grants `action` and as little as can be besides; `None` where no verb does.
pub(crate) fn suggestion(stack: &Stack, function: &Function, code: &Code, action: &str) -> Option<Suggestion> {
    let verbs = VERBS.iter().filter(|verb| verb.actions.iter().any(|known| known.eq_ignore_ascii_case(action)));
    let verb = verbs.min_by_key(|verb| verb.actions.len())?;
    Some(Suggestion { verb, thing: thing(stack, function, code, verb.noun) })
}

/// As one line of YAML: `- { queue: mails, can: send }`.
pub(crate) fn text(suggestion: Option<&Suggestion>, action: &str) -> String {
    match suggestion {
        Some(Suggestion { verb, thing }) => {
            let name = thing.as_deref().unwrap_or("NAME");
            format!("- {{ {}: {name}, can: {} }}", verb.noun, verb.verb)
        }
        None => format!("- {{ allow: [{action}], on: ARN }}"),
    }
}

/// The one thing of the kind that the environment names; else the one that is granted already.
fn thing(stack: &Stack, function: &Function, code: &Code, noun: &str) -> Result<String, String> {
    let environment = stack.environment(function);
    let named = environment.iter().filter_map(|(variable, value)| match value {
        EnvValue::Declared(kind, name) if kind.word() == noun => Some((*variable, name.value.as_str())),
        _ => None,
    });
    let named: Vec<(&str, &str)> = named.collect();
    let is_read = |(variable, _): &&(&str, &str)| code.has_literal(variable);
    let read: Vec<&str> = named.iter().filter(is_read).map(|(_, name)| *name).collect();
    let all = || named.iter().map(|(_, name)| *name).collect();
    let granted = || grants(function).filter_map(|grant| declared(grant, noun)).collect();
    let candidates = [read, all(), granted()].into_iter().map(distinct).find(|names| !names.is_empty());
    match candidates.as_deref() {
        Some([name]) => Ok((*name).to_owned()),
        Some(names) => Err(format!("which {noun} is meant cannot be told: {}", names.join(" or "))),
        None => Err(format!("which {noun} is meant cannot be told: no variable of its environment names one")),
    }
}

fn distinct(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}

pub(super) fn grants(function: &Function) -> impl Iterator<Item = &Grant> {
    function.access.iter().filter_map(|access| match &access.value {
        Access::Grant(grant) => Some(grant),
        _ => None,
    })
}

/// The declared thing of that kind that a grant is about.
pub(super) fn declared<'a>(grant: &'a Grant, noun: &str) -> Option<&'a str> {
    grant.subjects().into_iter().find_map(|subject| match subject {
        Subject::Declared(kind, Target::Name(name)) if kind.word() == noun => Some(name.value.as_str()),
        _ => None,
    })
}
