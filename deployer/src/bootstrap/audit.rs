//! Holds the deploy role against the operations that this very tool can send: nothing is missing, nothing is too much.

use super::needs::ROWS;
use super::row::WITHHELD;
use crate::iam::operations::needs;
use crate::iam::reach::{Operation, Reach};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with the rows; all empty where nothing is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Actions that the tool can need, that no row grants and that are not withheld with a reason; by operation.
    pub(crate) missing: BTreeMap<String, String>,
    /// `direct` actions, or withheld ones, that nothing in the tool reaches.
    pub(crate) excess: Vec<String>,
    /// Operations that lead to no known action.
    pub(crate) unknown: Vec<String>,
    /// Actions that are granted since the tool reaches them.
    pub(crate) granted: BTreeSet<String>,
}

impl Audit {
    pub(crate) fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.excess.is_empty() && self.unknown.is_empty()
    }
}

/// Compares what `reach` says of the tool's binary with the rows.
pub(crate) fn audit(reach: &Reach) -> Audit {
    let direct: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.direct).copied().collect();
    let withheld: BTreeSet<&str> = WITHHELD.iter().map(|(action, _)| *action).collect();
    let mut audit = Audit::default();
    let mut used = BTreeSet::new();
    for operation in &reach.operations {
        let name = format!("{}.{}", operation.sdk, operation.name);
        let Some(actions) = actions(operation) else {
            audit.unknown.push(name);
            continue;
        };
        for action in actions {
            if direct.contains(action.as_str()) {
                audit.granted.insert(action.clone());
            } else if !withheld.contains(action.as_str()) {
                audit.missing.insert(action.clone(), name.clone());
            }
            used.insert(action);
        }
    }
    audit.excess = direct
        .iter()
        .chain(&withheld)
        .filter(|action| !used.contains(**action))
        .map(|action| (*action).to_owned())
        .collect();
    audit
}

/// The actions of an operation. API Gateway's are called like HTTP's methods.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples.html> (read 2026-11).
fn actions(operation: &Operation) -> Option<Vec<String>> {
    if operation.sdk == "apigatewayv2" {
        let methods = [("create_", "POST"), ("delete_", "DELETE"), ("get_", "GET"), ("update_", "PATCH")];
        let (_, method) = methods.iter().find(|(word, _)| operation.name.starts_with(word))?;
        return Some(vec![format!("apigateway:{method}")]);
    }
    needs(operation).map(|needs| needs.core)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(operations: &[(&str, &str)]) -> Reach {
        let operation = |(sdk, name): &(&str, &str)| Operation { sdk: (*sdk).to_owned(), name: (*name).to_owned() };
        Reach { operations: operations.iter().map(operation).collect(), ..Reach::default() }
    }

    #[test]
    fn what_is_reached_and_not_granted_is_missing_and_what_is_not_reached_is_too_much() {
        let found = audit(&reach(&[
            ("lambda", "update_alias"),
            ("dynamodb", "put_item"),
            ("iam", "delete_role_permissions_boundary"),
            ("apigatewayv2", "update_route"),
            ("nope", "nope"),
        ]));
        assert_eq!(found.missing, BTreeMap::from([("dynamodb:PutItem".to_owned(), "dynamodb.put_item".to_owned())]));
        assert_eq!(found.unknown, ["nope.nope"]);
        assert_eq!(found.granted, BTreeSet::from(["apigateway:PATCH".to_owned(), "lambda:UpdateAlias".to_owned()]));
        assert!(found.excess.contains(&"lambda:PublishVersion".to_owned()), "nothing published here");
        assert!(!found.excess.contains(&"lambda:UpdateAlias".to_owned()) && !found.is_sound());
    }
}
