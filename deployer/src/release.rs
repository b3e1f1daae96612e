//! Release records: what was made live, when, by whom, from which commit. Stored by `aws/s3.rs`, one object each.

use crate::ids::{FunctionVersion, StackName};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One release of one stack. `format_version` 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Release {
    pub(crate) format_version: u32,
    /// Counted per stack from 1, without gaps.
    pub(crate) number: u32,
    pub(crate) stack: StackName,
    pub(crate) stage: String,
    /// What was done: a deployment, or a rollback to an earlier release.
    pub(crate) action: Action,
    pub(crate) commit: Option<Commit>,
    pub(crate) started: jiff::Timestamp,
    pub(crate) finished: Option<jiff::Timestamp>,
    /// ARN of whoever did it.
    pub(crate) by: String,
    /// SHA-256 of the deployed template's text.
    pub(crate) template_sha256: Option<String>,
    /// Key of the template in the artifact bucket.
    pub(crate) template_key: Option<String>,
    /// Every function of the stack by its name in the stack file, as this release left it.
    pub(crate) functions: IndexMap<String, Released>,
    /// Functions whose traffic moves little by little, written before the first does.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) shifting: IndexMap<String, Shifting>,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Deploy,
    Rollback {
        to: u32,
    },
    /// The stack was deleted; versions from before it are gone.
    Destroy,
}

/// The commit that the working tree stood on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Commit {
    pub(crate) id: String,
    /// First line of its message.
    pub(crate) subject: String,
    /// Whether tracked files differed from it.
    pub(crate) dirty: bool,
}

/// A function as a release left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Released {
    /// Lambda's name.
    pub(crate) function: String,
    pub(crate) version: FunctionVersion,
    /// Base64 of the SHA-256 of the code package.
    pub(crate) code_sha256: String,
    /// Whether this release moved it.
    pub(crate) changed: bool,
    /// Executions that are kept warm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provisioned: Option<u32>,
}

/// From where to where a function's traffic moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Shifting {
    /// Lambda's name.
    pub(crate) function: String,
    pub(crate) from: FunctionVersion,
    pub(crate) to: FunctionVersion,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "result")]
pub(crate) enum Outcome {
    /// Under way, or its process was killed.
    Started,
    Succeeded,
    /// What failed. Aliases are where they were before.
    Failed {
        reason: String,
    },
    /// An alarm or a smoke check took it back.
    TakenBack {
        reason: String,
    },
    /// Its shift stays in the middle, until somebody promotes or aborts it.
    Held {
        reason: String,
    },
}

impl Outcome {
    /// Whether what the release made live is live.
    pub(crate) fn stands(&self) -> bool {
        *self == Self::Succeeded
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::TakenBack { .. } => "taken back",
            Self::Held { .. } => "held",
        }
    }
}

impl Commit {
    /// `3f2a1bc`, with `+` when the tree was dirty.
    pub(crate) fn short(&self) -> String {
        let id = &self.id[..self.id.len().min(7)];
        if self.dirty { format!("{id}+") } else { id.to_owned() }
    }
}

/// Key of the plan that a release carried out, in the artifact bucket.
pub(crate) fn plan_key(stack: &StackName, number: u32) -> String {
    format!("plans/{stack}/{number:08}.json")
}

/// The release that moved the alias of `function`, as Lambda calls it, to `version` last.
pub(crate) fn made_live<'a>(releases: &'a [Release], function: &str, version: &str) -> Option<&'a Release> {
    releases.iter().rev().find(|release| {
        release.outcome.stands()
            && release.functions.values().any(|released| {
                released.changed && released.function == function && released.version.as_str() == version
            })
    })
}

/// Why there is nothing to go back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTarget {
    #[error("stack {0} has no release yet")]
    NoRelease(StackName),
    #[error("stack {stack} has no release before number {current} that succeeded")]
    NothingBefore { stack: StackName, current: u32 },
    #[error("stack {stack} has no release {number}; it has {first} to {last}")]
    Unknown { stack: StackName, number: u32, first: u32, last: u32 },
    #[error("release {number} of {stack} did not succeed ({outcome})")]
    DidNotSucceed { stack: StackName, number: u32, outcome: String },
}

/// The release to go back to: number `to`, or the one that was live before the current one.
///
/// After a rollback to 3, "before" is what was live before 3, so that rolling back twice goes back twice.
pub(crate) fn target<'a>(releases: &'a [Release], stack: &StackName, to: Option<u32>) -> Result<&'a Release, NoTarget> {
    let destroyed = releases.iter().rposition(|release| release.action == Action::Destroy && release.outcome.stands());
    let releases = destroyed.map_or(releases, |position| &releases[position + 1..]);
    let (Some(first), Some(last)) = (releases.first(), releases.last()) else {
        return Err(NoTarget::NoRelease(stack.clone()));
    };
    if let Some(number) = to {
        let found = releases.iter().find(|release| release.number == number).ok_or_else(|| NoTarget::Unknown {
            stack: stack.clone(),
            number,
            first: first.number,
            last: last.number,
        })?;
        return match found.outcome.stands() {
            true => Ok(found),
            false => {
                Err(NoTarget::DidNotSucceed { stack: stack.clone(), number, outcome: found.outcome.word().to_owned() })
            }
        };
    }
    let current = releases.iter().rev().find(|release| release.outcome.stands());
    let current = current.ok_or_else(|| NoTarget::NothingBefore { stack: stack.clone(), current: last.number })?;
    // What a rollback made live is the release that it went back to.
    let effective = |release: &Release| match release.action {
        Action::Rollback { to } => to,
        Action::Deploy | Action::Destroy => release.number,
    };
    let ceiling = effective(current);
    releases
        .iter()
        .rev()
        .filter(|release| release.outcome.stands() && release.action == Action::Deploy)
        .find(|release| release.number < ceiling)
        .ok_or(NoTarget::NothingBefore { stack: stack.clone(), current: current.number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: u32, action: Action, outcome: Outcome) -> Release {
        Release {
            format_version: 1,
            number,
            stack: StackName::new("shop-dev"),
            stage: "dev".to_owned(),
            action,
            commit: None,
            started: jiff::Timestamp::UNIX_EPOCH,
            finished: None,
            by: "arn:aws:iam::000000000000:root".to_owned(),
            template_sha256: None,
            template_key: None,
            functions: IndexMap::new(),
            shifting: IndexMap::new(),
            outcome,
        }
    }

    fn number(releases: &[Release], to: Option<u32>) -> Result<u32, NoTarget> {
        target(releases, &StackName::new("shop-dev"), to).map(|release| release.number)
    }

    #[test]
    fn a_rollback_goes_to_the_release_before_the_current_one() {
        let failed = Outcome::Failed { reason: "x".to_owned() };
        let releases = [
            release(1, Action::Deploy, Outcome::Succeeded),
            release(2, Action::Deploy, failed),
            release(3, Action::Deploy, Outcome::Succeeded),
        ];
        assert_eq!(number(&releases, None), Ok(1));
    }

    #[test]
    fn rolling_back_twice_goes_back_twice() {
        let mut releases: Vec<_> = (1..=3).map(|n| release(n, Action::Deploy, Outcome::Succeeded)).collect();
        releases.push(release(4, Action::Rollback { to: 2 }, Outcome::Succeeded));
        assert_eq!(number(&releases, None), Ok(1));
        releases.push(release(5, Action::Rollback { to: 1 }, Outcome::Succeeded));
        assert!(matches!(number(&releases, None), Err(NoTarget::NothingBefore { current: 5, .. })));
    }

    #[test]
    fn nothing_from_before_a_deletion_is_a_target() {
        let mut releases =
            vec![release(1, Action::Deploy, Outcome::Succeeded), release(2, Action::Destroy, Outcome::Succeeded)];
        assert!(matches!(number(&releases, None), Err(NoTarget::NoRelease(_))));
        releases.push(release(3, Action::Deploy, Outcome::Succeeded));
        assert!(matches!(number(&releases, None), Err(NoTarget::NothingBefore { .. })));
        assert!(matches!(number(&releases, Some(1)), Err(NoTarget::Unknown { .. })));
    }

    #[test]
    fn a_release_that_failed_is_no_target() {
        let releases = [release(1, Action::Deploy, Outcome::Started)];
        assert!(matches!(number(&releases, Some(1)), Err(NoTarget::DidNotSucceed { .. })));
        assert!(matches!(number(&releases, Some(7)), Err(NoTarget::Unknown { number: 7, .. })));
    }
}
