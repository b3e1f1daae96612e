//! Permissions one by one, and put together again as few statements.

use super::condition::Clause;
use super::pattern::Pattern;
use crate::iam::policy::Effect;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One principal, one action, one resource, under conditions: the smallest thing that a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) effect: Effect,
    pub(super) principal: Element,
    pub(super) action: Element,
    pub(super) resource: Element,
    /// All must hold.
    pub(super) clauses: BTreeSet<Clause>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    One(Pattern),
    /// `NotAction` and the like: everything but these.
    Except(BTreeSet<Pattern>),
}

/// Several units in one: what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    Known {
        effect: Effect,
        principals: Scope,
        actions: Scope,
        resources: Scope,
        clauses: BTreeSet<Clause>,
    },
    /// One that is not known before it is deployed.
    Unknown(Value),
}

/// These, or all but these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scope {
    pub(crate) except: bool,
    pub(crate) of: BTreeSet<Pattern>,
}

impl Element {
    /// Whether everything that `other` names is named by this. False when that cannot be told.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(two)) => one.covers(two),
            (Self::Except(not), Self::One(two)) => not.iter().all(|one| one.is_apart_from(two)),
            (Self::Except(one), Self::Except(two)) => one.iter().all(|one| two.iter().any(|two| two.covers(one))),
            (Self::One(one), Self::Except(_)) => one.is_everything(),
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::One(one) => Scope { except: false, of: [one].into() },
            Self::Except(of) => Scope { except: true, of },
        }
    }
}

impl Unit {
    /// Whether this says at least what `other` says, effects aside.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.action.covers(&other.action)
            && self.resource.covers(&other.resource)
            && self.principal.covers(&other.principal)
            && self.clauses.iter().all(|clause| other.clauses.iter().any(|other| clause.follows_from(other)))
    }

    fn key(&self) -> (bool, &Element, &Element, &Element, &BTreeSet<Clause>) {
        (self.effect == Effect::Deny, &self.principal, &self.action, &self.resource, &self.clauses)
    }
}

impl PartialOrd for Unit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Unit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Units above which nothing is left out for being said twice: the comparison is quadratic.
const MANY: usize = 1_500;

/// Without what another unit says already.
pub(super) fn reduced(units: BTreeSet<Unit>) -> BTreeSet<Unit> {
    if units.len() > MANY {
        return units;
    }
    let all: Vec<&Unit> = units.iter().collect();
    let is_said = |position: usize| {
        all.iter().enumerate().any(|(other, unit)| {
            other != position
                && unit.effect == all[position].effect
                && unit.covers(all[position])
                && (other < position || !all[position].covers(unit))
        })
    };
    (0..all.len()).filter(|position| !is_said(*position)).map(|position| all[position].clone()).collect()
}

/// What the parts of statements have in common while one dimension is put together.
type Rest = (bool, Vec<Scope>, BTreeSet<Clause>);

/// The same as few statements: actions on the same resource together, then resources with the same actions, then
/// principals.
pub(super) fn grouped(units: BTreeSet<Unit>) -> Vec<Statement> {
    let mut parts: Vec<([Scope; 3], bool, BTreeSet<Clause>)> = units
        .into_iter()
        .map(|unit| {
            let scopes = [unit.principal.scope(), unit.action.scope(), unit.resource.scope()];
            (scopes, unit.effect == Effect::Deny, unit.clauses)
        })
        .collect();
    for dimension in [1, 2, 0] {
        let mut joined: BTreeMap<Rest, Vec<Scope>> = BTreeMap::new();
        for (scopes, deny, clauses) in parts {
            let own = scopes[dimension].clone();
            let others = scopes.iter().enumerate().filter(|(at, _)| *at != dimension);
            let rest = (deny, others.map(|(_, scope)| scope.clone()).collect(), clauses);
            let found = joined.entry(rest).or_default();
            // What names nobody is not the same as what names somebody.
            let names = |scope: &Scope| scope.of.iter().any(|pattern| !pattern.is_absent());
            match found.iter_mut().find(|scope| !scope.except && !own.except && names(scope) == names(&own)) {
                Some(scope) => scope.of.extend(own.of),
                None => found.push(own),
            }
        }
        let apart = joined.into_iter().flat_map(|((deny, rest, clauses), found)| {
            found.into_iter().filter_map(move |scope| {
                let mut scopes = rest.clone();
                scopes.insert(dimension, scope);
                Some((<[Scope; 3]>::try_from(scopes).ok()?, deny, clauses.clone()))
            })
        });
        parts = apart.collect();
    }
    let known = parts.into_iter().map(|([principals, actions, resources], deny, clauses)| Statement::Known {
        effect: if deny { Effect::Deny } else { Effect::Allow },
        principals,
        actions,
        resources,
        clauses,
    });
    known.collect()
}
