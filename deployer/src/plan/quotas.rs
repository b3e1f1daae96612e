//! What the account has left, against what a plan would take of it.

use super::{Block, Step};
use crate::cfn::Template;
use serde::{Deserialize, Serialize};

/// Lambda's limits of an account and region, and what is used of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quotas {
    /// Executions that no function has reserved.
    pub(crate) unreserved: i64,
    /// Bytes of all code packages and layers, and how many there may be.
    pub(crate) code: i64,
    pub(crate) code_limit: i64,
}

/// Executions that Lambda leaves to functions which reserve none.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html> (read 2026-11).
const LEFT_OVER: i64 = 100;

/// Executions that the functions of a template reserve.
pub(crate) fn reserved(template: &Template) -> i64 {
    let each =
        template.resources.values().filter_map(|resource| resource.properties.get("ReservedConcurrentExecutions"));
    each.filter_map(serde_json::Value::as_i64).sum()
}

/// Everything that the account has not enough of; `more` are the executions that the plan reserves beyond what is reserved now.
pub(crate) fn exceeded(quotas: &Quotas, more: i64, steps: &[Step]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let left = quotas.unreserved - more;
    if more > 0 && left < LEFT_OVER {
        blocks.push(Block {
            what: format!(
                "{more} more reserved executions would leave {left} of the account's {} to all other functions; Lambda \
                 keeps {LEFT_OVER}",
                quotas.unreserved
            ),
            allow: None,
            way_out: "reserve less (`concurrency.reserved`), or have the account's limit raised (Service Quotas, \
                      `Concurrent executions`)"
                .to_owned(),
        });
    }
    let uploads = steps.iter().filter_map(|step| match step {
        Step::Upload { size, .. } => i64::try_from(*size).ok(),
        _ => None,
    });
    let code = quotas.code + uploads.sum::<i64>();
    if quotas.code_limit > 0 && code > quotas.code_limit {
        let [needed, limit] = [code, quotas.code_limit].map(|bytes| bytes / 1_000_000);
        blocks.push(Block {
            what: format!("all code of the account would take {needed} MB of {limit} MB"),
            allow: None,
            way_out: "delete old versions (`deployer prune`), or have the limit raised (Service Quotas, `Function and \
                      layer storage`)"
                .to_owned(),
        });
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn all_that_is_short_is_told_together() {
        let quotas = Quotas { unreserved: 150, code: 900, code_limit: 1_000 };
        let upload = |size: u64| Step::Upload {
            function: "f".to_owned(),
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            path: PathBuf::new(),
            size,
        };
        let count = |more: i64, size: u64| exceeded(&quotas, more, &[upload(size)]).len();
        assert_eq!([count(50, 100), count(51, 100), count(50, 101), count(51, 101), count(-5, 0)], [0, 1, 1, 2, 0]);
    }
}
