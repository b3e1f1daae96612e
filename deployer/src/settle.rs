//! How releases ended whose process did not live to say so. Pure.
//!
//! A record that says `started` while nobody works on the stack is of a process that was killed, or that could not write its
//! end. If all that it was to make live is live, it succeeded; else it failed, and whatever of it is live belongs to the
//! release that comes after.

use crate::cfn;
use crate::diff::is_versioned;
use crate::plan::Step;
use crate::release::{Action, Outcome, Release, Released};
use crate::state::{Known, LiveFunction, Snapshot, State};
use crate::unfinished;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Why a release failed that nobody lived to explain.
pub(crate) const DIED: &str = "its process ended before it was through";

/// The open records of `state` as they ought to read. None while somebody works on the stack. A release whose shift stands
/// in the middle is left open: it can be promoted or aborted.
pub(crate) fn records(state: &State) -> Vec<Release> {
    let unfinished = unfinished::found(state).map(|found| found.release.number);
    superseded(state).into_iter().filter(|release| Some(release.number) != unfinished).collect()
}

/// The same when another release comes after them: nothing stays open.
pub(crate) fn superseded(state: &State) -> Vec<Release> {
    if state.busy.is_some() {
        return Vec::new();
    }
    let releases = state.releases.present().map_or(&[][..], Vec::as_slice);
    let newest = releases.last().map(|release| release.number);
    let before = releases.iter().rev().find(|release| release.outcome.stands());
    let open = releases.iter().filter(|release| release.outcome == Outcome::Started);
    open.map(|release| match newest == Some(release.number) && is_live(release, state) {
        true => completed(release, before, state),
        // Its aliases may stand in the middle still, should the one that comes after it not get to move them.
        false if !release.shifting.is_empty() => {
            Release { outcome: Outcome::Held { reason: DIED.to_owned() }, ..release.clone() }
        }
        false => Release { outcome: Outcome::Failed { reason: DIED.to_owned() }, ..release.clone() },
    })
    .collect()
}

/// Reads the ledger of `state` as it ought to read; returns what has to be written for that.
pub(crate) fn settle(state: &mut State) -> Vec<Release> {
    let records = records(state);
    if let Known::Present(releases) = &mut state.releases {
        for release in releases {
            if let Some(record) = records.iter().find(|record| record.number == release.number) {
                *release = record.clone();
            }
        }
    }
    records
}

/// The release that a rollback means that names none, when the newest release was cut short: a rollback is completed, and of
/// a deployment what stood before it comes back. `settled` is what [`settle`] returned, `state` as it left it.
pub(crate) fn goes_on(settled: &[Release], state: &State) -> Option<u32> {
    let newest = state.releases.present()?.last()?;
    let cut_short = settled.iter().find(|record| record.number == newest.number)?;
    match cut_short.action {
        Action::Rollback { to } => Some(to),
        Action::Deploy if !cut_short.outcome.stands() => {
            let stands = state.current_release()?;
            let has_moved = |released: &Released| {
                let alias = live(state, released).and_then(|live| live.alias.present());
                alias.is_some_and(|alias| alias.version != released.version || !alias.weights.is_empty())
            };
            stands.functions.values().any(has_moved).then_some(stands.number)
        }
        Action::Deploy | Action::Destroy => None,
    }
}

/// Puts in what ends the stories of earlier releases: their records, and the change sets that they left behind. A change set
/// of ours is called after the release that it was planned for, and nobody can execute it once that number is claimed.
pub(crate) fn leave_nothing_open(steps: &mut Vec<Step>, settled: &[Release], state: &State) {
    let claims = steps.contains(&Step::OpenRelease);
    let newest = state.releases.present().and_then(|releases| releases.last()).map_or(0, |release| release.number);
    let claimed = newest + u32::from(claims);
    let is_stale = |name: &&String| change_set_number(name).is_some_and(|number| number <= claimed);
    let names: Vec<String> = state.change_sets.iter().filter(is_stale).cloned().collect();
    if !settled.is_empty() {
        steps.push(Step::Settle { records: settled.to_vec() });
    }
    if !names.is_empty() && !steps.is_empty() {
        steps.push(Step::DropChangeSets { names });
    }
    steps.sort_by_key(Step::phase);
}

/// The release that a change set of ours was planned for; `None` for those of others.
pub(crate) fn change_set_number(name: &str) -> Option<u32> {
    name.strip_prefix("release-")?.split('-').next()?.parse().ok()
}

/// Whether everything that `release` was to make live is live.
fn is_live(release: &Release, state: &State) -> bool {
    if release.action == Action::Destroy {
        return state.deployed == Known::Absent;
    }
    let Some(stack) = state.stack().filter(|stack| stack.status.ends_with("_COMPLETE")) else { return false };
    let digest = || hex::encode(Sha256::digest(cfn::to_text(&stack.template)));
    let serves = |released: &Released| {
        let Some(live) = live(state, released) else { return false };
        let Some(alias) = live.alias.present().filter(|alias| alias.weights.is_empty()) else { return false };
        match (&release.action, &live.serving) {
            (Action::Rollback { .. }, _) => alias.version == released.version,
            // What was published is `$LATEST` as it was then; a version that differs from it was not made by this release.
            (_, Some(serving)) => {
                serving.code_sha256 == released.code_sha256 && versioned(serving).eq(versioned(&live.latest))
            }
            (_, None) => false,
        }
    };
    let is_its_template =
        release.action != Action::Deploy || release.template_sha256.as_deref() == Some(digest().as_str());
    is_its_template && release.functions.values().all(serves)
}

/// What a version keeps of a configuration; each has a description of its own.
fn versioned(snapshot: &Snapshot) -> impl Iterator<Item = (&String, &Value)> {
    snapshot.properties.iter().filter(|(key, _)| is_versioned(key))
}

fn completed(release: &Release, before: Option<&Release>, state: &State) -> Release {
    let mut record = Release { outcome: Outcome::Succeeded, ..release.clone() };
    for (name, released) in &mut record.functions {
        if let Some(alias) = live(state, released).and_then(|live| live.alias.present()) {
            released.version = alias.version.clone();
        }
        let earlier = before.and_then(|before| before.functions.get(name)).map(|earlier| &earlier.version);
        released.changed = earlier != Some(&released.version);
    }
    record
}

fn live<'a>(state: &'a State, released: &Released) -> Option<&'a LiveFunction> {
    state.functions.values().filter_map(Known::present).find(|live| live.name == released.function)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::tests::state;
    use crate::ids::FunctionVersion;
    use crate::plan::blank_record;

    fn open(state: &State, action: Action, code: &str, version: &str) -> Release {
        let mut record = blank_record(state, action, None, jiff::Timestamp::UNIX_EPOCH);
        let template = state.stack().map(|stack| cfn::to_text(&stack.template)).unwrap_or_default();
        record.template_sha256 = Some(hex::encode(Sha256::digest(template)));
        let released = Released {
            function: "shop-dev-f".to_owned(),
            version: FunctionVersion::new(version),
            code_sha256: code.to_owned(),
            changed: false,
            provisioned: None,
        };
        record.functions.insert("f".to_owned(), released);
        record
    }

    fn outcome(mut state: State, records: Vec<Release>) -> Vec<&'static str> {
        state.releases = Known::Present(records);
        records_of(&state)
    }

    fn records_of(state: &State) -> Vec<&'static str> {
        records(state).iter().map(|release| release.outcome.word()).collect()
    }

    #[test]
    fn what_is_live_succeeded_and_what_is_not_failed() {
        let state = || state(("a", 256), ("a", 256, "a"));
        let deploy = |code: &str| open(&state(), Action::Deploy, code, "$LATEST");
        assert_eq!(outcome(state(), vec![deploy("a")]), ["succeeded"]);
        assert_eq!(outcome(state(), vec![deploy("b")]), ["failed"], "the alias serves other code");
        let rollback = |version: &str| open(&state(), Action::Rollback { to: 1 }, "a", version);
        assert_eq!(outcome(state(), vec![rollback("1")]), ["succeeded"]);
        assert_eq!(outcome(state(), vec![rollback("9")]), ["failed"], "the alias was not moved");
        assert_eq!(outcome(state(), vec![open(&state(), Action::Destroy, "a", "1")]), ["failed"], "the stack is there");
        let later = Release { number: 2, outcome: Outcome::Succeeded, ..deploy("a") };
        assert_eq!(outcome(state(), vec![deploy("a"), later]), ["failed"], "another came after it");
        let half = Release { template_sha256: Some("other".to_owned()), ..deploy("a") };
        assert_eq!(outcome(state(), vec![half]), ["failed"], "the stack was not changed");
    }

    #[test]
    fn a_release_that_succeeded_says_what_it_made_live() {
        let mut state = state(("a", 256), ("a", 256, "a"));
        let record = open(&state, Action::Deploy, "a", "$LATEST");
        state.releases = Known::Present(vec![record]);
        let settled = settle(&mut state);
        assert_eq!(settled[0].functions["f"].version.as_str(), "1");
        assert!(settled[0].functions["f"].changed);
        assert_eq!(state.current_release(), settled.first());
    }
}
