//! Conditions of a statement as clauses that must all hold, and when one clause follows from another.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>
//! (read 2026-11).

use super::pattern::{Pattern, Reading};
use serde_json::Value;
use std::collections::BTreeSet;

/// One operator on one key. Ordered and compared without case in operator and key.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    /// Lower case; `arnlike` for `ArnEquals`, which is the same.
    pub(super) operator: String,
    pub(super) key: String,
    pub(crate) values: BTreeSet<Pattern>,
    /// Operator and key as they were written.
    pub(crate) shown: (String, String),
}

type Identity<'a> = (&'a str, &'a str, &'a BTreeSet<Pattern>);

impl Clause {
    fn identity(&self) -> Identity<'_> {
        (&self.operator, &self.key, &self.values)
    }

    /// Whether this holds whenever `other` does.
    pub(crate) fn follows_from(&self, other: &Self) -> bool {
        let same = self.operator == other.operator;
        let if_exists = self.operator.strip_suffix("ifexists") == Some(other.operator.as_str());
        if self.key != other.key || !(same || if_exists) {
            return false;
        }
        let base = base(&self.operator);
        let holds = |set: &BTreeSet<Pattern>, value: &Pattern| {
            set.contains(value)
                || (["stringlike", "stringnotlike"].contains(&base) && set.iter().any(|one| one.covers(value)))
        };
        match base {
            "null" | UNKNOWN => self.values == other.values,
            // None of the values may match: whoever excludes more is stricter.
            _ if base.contains("not") => self.values.iter().all(|value| holds(&other.values, value)),
            // One of the values has to match.
            _ => other.values.iter().all(|value| holds(&self.values, value)),
        }
    }
}

impl PartialEq for Clause {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Clause {}

impl PartialOrd for Clause {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Clause {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// The operator of a condition that is not known before it is deployed.
const UNKNOWN: &str = "?";

/// The operator without what says how many values of the request are looked at.
fn base(operator: &str) -> &str {
    let operator = operator.rsplit(':').next().unwrap_or(operator);
    operator.strip_suffix("ifexists").unwrap_or(operator)
}

/// The clauses of a `Condition` element.
pub(crate) fn clauses(condition: &Value, variables: &str) -> BTreeSet<Clause> {
    let unknown = |key: String, value: &Value| Clause {
        operator: UNKNOWN.to_owned(),
        key,
        values: [Pattern::new("", value, Reading::Literal, variables)].into(),
        shown: (UNKNOWN.to_owned(), value.to_string()),
    };
    let Some(operators) = condition.as_object().filter(|object| crate::resolve::intrinsic(object).is_none()) else {
        return [unknown(String::new(), condition)].into();
    };
    let mut clauses = BTreeSet::new();
    for (operator, keys) in operators {
        let Some(keys) = keys.as_object().filter(|object| crate::resolve::intrinsic(object).is_none()) else {
            clauses.insert(unknown(operator.to_lowercase(), keys));
            continue;
        };
        let folded = operator.to_lowercase();
        let same = folded.replace("arnequals", "arnlike").replace("arnnotequals", "arnnotlike");
        let reading = match base(&same) {
            "stringlike" | "stringnotlike" | "arnlike" | "arnnotlike" => Reading::Wild,
            "stringequalsignorecase" | "stringnotequalsignorecase" | "bool" | "null" => Reading::LiteralAnyCase,
            _ => Reading::Literal,
        };
        for (key, values) in keys {
            let items = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
            let mut values: BTreeSet<Pattern> =
                items.iter().map(|value| Pattern::new("", value, reading, variables)).collect();
            if values.is_empty() {
                // Nobody says what an empty list means: equal to itself alone.
                values.insert(Pattern::absent("an empty list"));
            }
            let shown = (operator.clone(), key.clone());
            clauses.insert(Clause { operator: same.clone(), key: key.to_lowercase(), values, shown });
        }
    }
    clauses
}
