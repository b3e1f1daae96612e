//! What policies allow, compared by meaning: equal, wider, narrower, and the exact statements between them.
//!
//! Order, case of actions, single text or list, `Sid` and how permissions are split into statements carry no meaning.
//! Values may be unresolved intrinsic functions: these are equal to themselves alone. Sound rather than complete: what
//! is called equal or narrower allows nothing new; in doubt the answer is [`Relation::Incomparable`].

#[cfg(test)]
mod canonical;
mod condition;
mod parse;
mod pattern;
mod statement;

pub(crate) use condition::Clause;
pub(crate) use pattern::Pattern;
pub(crate) use statement::{Scope, Statement};

use crate::iam::policy::Effect;
use parse::Document;
use serde_json::Value;

/// How what a policy allows has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    /// Everything that was allowed still is, and it may be more.
    Wider,
    /// Nothing is allowed that was not before.
    Narrower,
    /// Neither can be shown.
    Incomparable,
}

/// The relation of `after` to `before`. Each is a document, a statement, a list or a map of policies, or a list of ARNs
/// of managed policies; `None` allows and denies nothing.
///
/// A policy of others counts as what it allows: ARNs of AWS's own policies only ever grant, unless their name says
/// otherwise; any other is unknown, and equal to itself alone.
pub(crate) fn relation(before: Option<&Value>, after: Option<&Value>) -> Relation {
    let (before, after) = (Document::of(before), Document::of(after));
    match (within(&after, &before), within(&before, &after)) {
        (true, true) => Relation::Equal,
        (true, false) => Relation::Narrower,
        (false, true) => Relation::Wider,
        (false, false) => Relation::Incomparable,
    }
}

/// What `after` says and `before` does not: new permissions and new denials, as few small statements.
pub(crate) fn added(before: Option<&Value>, after: Option<&Value>) -> Vec<Statement> {
    let (before, after) = (Document::of(before), Document::of(after));
    let new = after.units.iter().filter(|unit| !before.holds(unit)).cloned().collect();
    let unknown = after.unknown.iter().filter(|(text, _)| !before.unknown.contains_key(*text));
    let unknown = unknown.map(|(_, value)| Statement::Unknown(value.clone()));
    statement::grouped(statement::reduced(new)).into_iter().chain(unknown).collect()
}

/// What `before` says and `after` no longer does.
pub(crate) fn removed(before: Option<&Value>, after: Option<&Value>) -> Vec<Statement> {
    added(after, before)
}

/// Whether `inner` allows no more than `outer`, and denies no less.
fn within(inner: &Document, outer: &Document) -> bool {
    let allowed = inner.units.iter().filter(|unit| unit.effect == Effect::Allow);
    let denied = outer.units.iter().filter(|unit| unit.effect == Effect::Deny);
    inner.unknown.keys().eq(outer.unknown.keys())
        && allowed.into_iter().all(|unit| outer.holds(unit))
        && denied.into_iter().all(|unit| inner.holds(unit))
}

#[cfg(test)]
mod tests;
