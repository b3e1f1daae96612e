//! What stands in the way of applying a plan, and the way out of each.

use super::{Block, Line, Policy};
use crate::diff::{Action, Cause};
use crate::guard::Violation;
use crate::model::stage::Allow;
use crate::risk::Risk;
use crate::state::{Known, State};

/// Everything that must be allowed first, or cannot be done at all.
pub(super) fn blocks(lines: &[Line], state: &State, policy: &Policy) -> Vec<Block> {
    let mut blocks: Vec<Block> = policy.violations.iter().map(broken_rule).collect();
    if let Known::Unknown(why) = &state.releases {
        blocks.push(Block {
            what: format!("the release records cannot be read: {why}"),
            allow: None,
            way_out: match why.contains(" may not ") {
                true => format!("see to it that the caller may list and read {}", state.place.bucket),
                false => "run the command again".to_owned(),
            },
        });
    }
    if let Some(deployed) = state.deployed.present() {
        blocks.extend(stuck(&deployed.status, state));
    }
    for line in lines {
        let name = &line.change.name;
        let both = line.change.properties.iter().any(|property| property.cause == Cause::Both);
        let needed = match (line.change.action, line.risk) {
            (Action::Import, _) if !policy.import_existing => {
                blocks.push(Block {
                    what: format!("{name} exists already and belongs to no stack of this name"),
                    allow: None,
                    way_out: "take it over with `deploy --import-existing`, give yours another name, or delete it"
                        .to_owned(),
                });
                continue;
            }
            (_, Risk::LosesData) => Some(Allow::DeleteData),
            (_, Risk::Replaces) => Some(Allow::Replace),
            _ if both => Some(Allow::LiveLoss),
            // What drift repair brings back was reviewed when it was deployed.
            (_, Risk::Broadens) if policy.protect && line.change.cause != Cause::Drift => Some(Allow::BroadenIam),
            _ => None,
        };
        let Some(needed) = needed.filter(|needed| !policy.allow.contains(needed)) else { continue };
        let what = match needed {
            Allow::DeleteData => format!("{name} would lose what it holds"),
            Allow::Replace => format!("{name} would be replaced: {}", line.reason),
            Allow::LiveLoss => {
                format!("{name} was changed both here and by hand; the change by hand would be overwritten")
            }
            Allow::BroadenIam => format!("{name} would be allowed more than before in a protected stage"),
        };
        blocks.push(Block {
            what,
            allow: Some(needed.word().to_owned()),
            way_out: format!("add `--allow {}` when that is meant", needed.word()),
        });
    }
    blocks
}

fn broken_rule(violation: &Violation) -> Block {
    Block {
        what: format!("rule {} of {} is not kept: {}", violation.rule, violation.file, violation.details.join("; ")),
        allow: None,
        way_out: "change the stack file, or see whoever keeps the rules".to_owned(),
    }
}

/// States of a stack in which CloudFormation takes no update.
fn stuck(status: &str, state: &State) -> Option<Block> {
    let stack = &state.place.stack;
    let way_out = match status {
        _ if was_never_made(status) => {
            format!("its creation failed; delete it with `{}` and deploy again", state.place.command("destroy"))
        }
        "UPDATE_ROLLBACK_FAILED" => {
            format!("`{}` explains it and goes on with the rollback; then deploy again", state.place.command("doctor"))
        }
        _ if status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" => match &state.busy {
            Some(lease) => format!("wait for {} (`--wait`)", lease.told()),
            None => "CloudFormation is at work, for somebody who may be gone; wait until it is through (`--wait`)"
                .to_owned(),
        },
        _ => return None,
    };
    Some(Block { what: format!("stack {stack} is in {status}"), allow: None, way_out })
}

/// States of a stack that can only be deleted.
pub(crate) fn was_never_made(status: &str) -> bool {
    ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"].contains(&status)
}
