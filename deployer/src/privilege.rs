//! Least privilege: what a function's role grants against what its code can reach.
//!
//! Takes what was read of the executables and sources ([`Seen`]); gives a [`Verdict`] per function, as a value and as what a
//! plan says of it. Reads nothing itself, and judges actions, not resources: that the queue is another one it does not see.

pub(crate) mod code;
pub(crate) mod fix;
mod suggest;
mod verdict;

#[cfg(test)]
use verdict::Missing;
pub(crate) use verdict::{Verdict, covers, operations, place, verdict};

use crate::diff::{Action, CODE, Cause};
use crate::iam::reach::Reach;
use crate::plan::{Block, Plan};
use crate::synth::logical_ids as ids;
use code::Code;

/// What was read of a function's code.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Seen {
    /// The function's name in the stack file.
    pub(crate) name: String,
    /// `None`: it is no Rust crate.
    pub(crate) reach: Option<Reach>,
    pub(crate) code: Code,
}

/// Adds verdicts to a plan: what is missing stops it, what is too much is worth a note, or stops it too.
pub(crate) fn tell(plan: &mut Plan, verdicts: Vec<Verdict>, strict: bool) {
    for verdict in &verdicts {
        let name = &verdict.function;
        plan.blocked.extend(verdict.missing.iter().map(|missing| Block {
            what: format!("{name} may not {}, which its code needs: {}", missing.action, missing.calls()),
            allow: None,
            way_out: format!("add to `access:` of {name}: `{}` (`deployer iam check --fix` does)", missing.add),
        }));
        for excess in &verdict.excess {
            let what = format!("{name} may {}, which nothing in its code reaches; {}", excess.action, excess.granted());
            let way_out = format!(
                "take it away (`deployer iam check --fix` does), or say why it stays: `suppress: [{{ excess: {}, because: … }}]`",
                excess.action
            );
            match strict {
                true => plan.blocked.push(Block { what, allow: None, way_out }),
                false => plan.notes.push(format!("{what}: {way_out}")),
            }
        }
        plan.notes.extend(verdict.unknown.iter().map(|operation| {
            format!("{name} calls {operation}, and no action is known by that name: grant by hand what it needs")
        }));
        plan.notes.extend(verdict.idle.iter().map(|place| format!("{name}: {place} suppresses nothing: take it away")));
    }
    plan.notes.extend(incomplete(&verdicts));
    plan.access = verdicts.into_iter().filter(|verdict| !verdict.is_silent()).collect();
}

/// Whether the plan changes what a function's code reaches or what its role grants.
pub(crate) fn is_changed(plan: &Plan, name: &str) -> bool {
    let (function, role) = (ids::function(name), ids::role(name));
    plan.lines.iter().filter(|line| !line.kept && line.change.cause != Cause::Drift).any(|line| {
        let change = &line.change;
        let has_code =
            change.action != Action::Update || change.properties.iter().any(|property| property.path == CODE);
        change.id == role || (change.id == function && has_code)
    })
}

/// Why some functions could not be looked into, each reason once.
fn incomplete(verdicts: &[Verdict]) -> Vec<String> {
    let mut reasons: indexmap::IndexMap<&str, Vec<&str>> = indexmap::IndexMap::new();
    for verdict in verdicts {
        verdict.incomplete.iter().for_each(|why| reasons.entry(why).or_default().push(&verdict.function));
    }
    let told = reasons.into_iter();
    told.map(|(why, names)| format!("not all that {} may need is known: {why}", names.join(", "))).collect()
}

#[cfg(test)]
mod tests;
