//! Three values of the same resource made comparable, and the table of [`super::diff`] over their properties.

use super::{Cause, PropertyChange, compare};
use crate::normalize;
use crate::resolve::{self, Scope};
use crate::state::{Properties, State};
use serde_json::{Map, Value};

/// What is desired, was deployed and is live of one resource: evaluated, normalised, cut to what can be compared.
pub(super) struct Sides {
    desired: Properties,
    deployed: Properties,
    live: Properties,
    /// Top-level properties that all three sides could be asked for.
    covered: Vec<String>,
}

impl Sides {
    /// `live` covers the properties that it has a key for, `null` included; of those, what cannot be evaluated on one of
    /// the other sides is left out.
    pub(super) fn new(
        state: &State,
        kind: &str,
        desired: &Properties,
        deployed: &Properties,
        live: &Properties,
    ) -> Option<Self> {
        let scope = Scope::of(state)?;
        let mut covered: Vec<String> = live.keys().cloned().collect();
        let mut side = |properties: &Properties| {
            let mut resolved = Map::new();
            covered.retain(|key| match properties.get(key) {
                None => true,
                Some(value) => match resolve::resolve(value, &scope) {
                    Some(value) => {
                        resolved.insert(key.clone(), value);
                        true
                    }
                    None => false,
                },
            });
            resolved
        };
        let (desired, deployed) = (side(desired), side(deployed));
        let normal = |properties: &Properties| {
            let own = properties.iter().filter(|(key, _)| covered.contains(key));
            let own = own.map(|(key, value)| (key.clone(), value.clone())).collect();
            let mut normal = normalize::resource(kind, &own, &state.place.stack);
            normal.retain(|key, _| covered.contains(key));
            normal
        };
        // Live values of a function's environment are digests already.
        let mut seen = normalize::live(kind, live);
        seen.retain(|key, _| covered.contains(key));
        Some(Self { desired: normal(&desired), deployed: normal(&deployed), live: seen, covered })
    }

    pub(super) fn covers(&self, property: &str) -> bool {
        self.covered.iter().any(|key| key == property)
    }

    pub(super) fn changes(&self) -> Vec<PropertyChange> {
        let value = |side: &Properties| Value::Object(side.clone());
        three_way(&value(&self.desired), &value(&self.deployed), &value(&self.live))
    }

    /// The desired values, of properties for which `is_wanted`.
    pub(super) fn desired(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.desired.iter()
    }
}

/// The table of [`super::diff`] over every path in which any two of three values differ.
pub(super) fn three_way(desired: &Value, deployed: &Value, live: &Value) -> Vec<PropertyChange> {
    let between = |one: &Value, two: &Value| {
        let mut found = Vec::new();
        compare("", Some(one), Some(two), &mut found);
        found
    };
    let yours = between(deployed, desired);
    let theirs = between(deployed, live);
    let open = between(live, desired);
    let touches = |found: &[PropertyChange], path: &str| {
        found.iter().any(|change| {
            change.path == path
                || change.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
                || path.strip_prefix(change.path.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let mut found: Vec<PropertyChange> = open
        .into_iter()
        .map(|change| {
            let cause = match (touches(&yours, &change.path), touches(&theirs, &change.path)) {
                (true, true) => Cause::Both,
                (true, false) => Cause::Yours,
                (false, _) => Cause::Drift,
            };
            PropertyChange { cause, ..change }
        })
        .collect();
    // Done by hand already: nothing is open, but the stack has yet to learn of it.
    let converged: Vec<_> = yours
        .into_iter()
        .filter(|change| !touches(&found, &change.path))
        .map(|change| PropertyChange { cause: Cause::Converged, ..change })
        .collect();
    found.extend(converged);
    found
}
