//! What is no longer needed, as a plan: versions that nothing refers to, artifacts, templates and
//! plans that no release names. Pure.

use crate::ids::FunctionVersion;
use crate::picture;
use crate::plan::{Intent, Plan, Step, artifact_key, blank_record};
use crate::release::{self, Release};
use crate::state::{Known, State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::{BTreeMap, BTreeSet};

/// What there is, besides the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stock {
    /// Published versions by Lambda's name of the function.
    pub(crate) versions: BTreeMap<String, Vec<FunctionVersion>>,
    /// Those that an alias or provisioned concurrency refers to.
    pub(crate) referred: BTreeMap<String, Vec<FunctionVersion>>,
    /// Keys of the artifacts, templates and plans that are there.
    pub(crate) objects: BTreeSet<String>,
    /// Every release of every stack of the bucket.
    pub(crate) releases: Vec<Release>,
}

/// Keeps what the newest `keep` releases that stand name, what any open or later release names, and all of other stacks.
pub(crate) fn plan(state: &State, stock: &Stock, keep: usize, now: jiff::Timestamp) -> Plan {
    let stack = &state.place.stack;
    let mut own: Vec<&Release> = stock.releases.iter().filter(|release| release.stack == *stack).collect();
    own.sort_by_key(|release| release.number);
    let mut standing = own.iter().rev().filter(|release| release.outcome.stands());
    let oldest_kept = standing.nth(keep.saturating_sub(1)).map_or(0, |release| release.number);
    // What a kept rollback went back to is as old as that, and kept with it.
    let (kept, dropped): (Vec<&Release>, Vec<&Release>) =
        own.into_iter().partition(|release| release.number >= oldest_kept);
    let mut steps = Vec::new();
    for (name, versions) in &stock.versions {
        let named = kept.iter().flat_map(|release| release.functions.values());
        let mut needed: BTreeSet<&str> =
            named.filter(|released| released.function == *name).map(|released| released.version.as_str()).collect();
        needed.extend(stock.referred.get(name).into_iter().flatten().map(FunctionVersion::as_str));
        // The newest is what `$LATEST` may be published as, and what a release under way is about to serve.
        needed.extend(
            versions.iter().max_by_key(|version| version.as_str().parse::<u64>().ok()).map(FunctionVersion::as_str),
        );
        let gone: Vec<_> = versions.iter().filter(|version| !needed.contains(version.as_str())).cloned().collect();
        if !gone.is_empty() {
            steps.push(Step::DropVersions { name: name.clone(), versions: gone });
        }
    }
    let others = stock.releases.iter().filter(|release| release.stack != *stack);
    let mut needed: BTreeSet<String> = kept.iter().copied().chain(others).flat_map(keys).collect();
    // CloudFormation may read an object again under the key that the stack was given when it was made.
    needed.extend(state.deployed.present().into_iter().flat_map(|deployed| deployed.parameters.values().cloned()));
    let gone: BTreeSet<String> =
        dropped.into_iter().flat_map(keys).filter(|key| !needed.contains(key) && stock.objects.contains(key)).collect();
    if !gone.is_empty() {
        steps.push(Step::DropObjects { bucket: state.place.bucket.clone(), keys: gone.into_iter().collect() });
    }
    let notes = match (steps.is_empty(), oldest_kept) {
        (true, _) | (_, 0) => Vec::new(),
        (false, oldest) => vec![format!("no release before number {oldest} can be gone back to afterwards")],
    };
    Plan {
        format_version: 1,
        intent: Intent::Prune,
        place: state.place.clone(),
        base: state.fingerprints(),
        lines: Vec::new(),
        blocked: Vec::new(),
        steps,
        record: blank_record(state, release::Action::Deploy, None, now),
        notes,
        unverified: Vec::new(),
        access: Vec::new(),
        picture: picture::Picture::default(),
        dashboards: Vec::new(),
    }
}

/// Objects that belong to a release: its template, its plan, and the package of each function.
fn keys(release: &Release) -> Vec<String> {
    let packages = release.functions.values().filter_map(|released| {
        // The digest that Lambda gives a package is that of the object's name, written otherwise.
        let digest = STANDARD.decode(&released.code_sha256).ok().filter(|digest| digest.len() == 32)?;
        Some(artifact_key(&hex::encode(digest)))
    });
    packages.chain(release.template_key.clone()).chain([release::plan_key(&release.stack, release.number)]).collect()
}

/// Lambda's names of the functions of a stack that are there.
pub(crate) fn functions(state: &State) -> Vec<String> {
    state.functions.values().filter_map(Known::present).map(|live| live.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::tests::state;
    use crate::ids::StackName;
    use crate::release::{Action, Outcome, Released};

    fn digest(letter: u8) -> String {
        STANDARD.encode([letter; 32])
    }

    fn key(letter: u8) -> String {
        artifact_key(&hex::encode([letter; 32]))
    }

    fn release(number: u32, version: &str, code: u8, outcome: Outcome) -> Release {
        let state = state(("a", 256), ("a", 256, "a"));
        let released = Released {
            function: "shop-dev-f".to_owned(),
            version: FunctionVersion::new(version),
            code_sha256: digest(code),
            changed: true,
            provisioned: None,
        };
        Release {
            number,
            outcome,
            functions: [("f".to_owned(), released)].into(),
            ..blank_record(&state, Action::Deploy, None, jiff::Timestamp::UNIX_EPOCH)
        }
    }

    fn pruned(stock: &Stock, keep: usize) -> (Vec<String>, Vec<String>) {
        let (mut versions, mut keys) = (Vec::new(), Vec::new());
        for step in plan(&state(("a", 256), ("a", 256, "a")), stock, keep, jiff::Timestamp::UNIX_EPOCH).steps {
            match step {
                Step::DropVersions { versions: gone, .. } => versions.extend(gone.into_iter().map(|version| version.0)),
                Step::DropObjects { keys: gone, .. } => keys.extend(gone),
                other => panic!("{other:?} is no pruning"),
            }
        }
        (versions, keys)
    }

    #[test]
    fn what_anything_refers_to_stays() {
        let failed = Outcome::Failed { reason: "x".to_owned() };
        let ok = || Outcome::Succeeded;
        let mut stock = Stock {
            objects: (1..=4).map(key).collect(),
            versions: [("shop-dev-f".to_owned(), ["1", "2", "3", "4", "10"].map(FunctionVersion::new).to_vec())].into(),
            releases: vec![
                release(1, "1", 1, ok()),
                release(2, "2", 2, ok()),
                release(3, "3", 3, failed),
                release(4, "4", 4, ok()),
            ],
            ..Stock::default()
        };
        assert_eq!(pruned(&stock, 3), (vec![], vec![]), "three stand, three are kept");
        // 3 failed after 2 stood: it is younger than the oldest that is kept.
        assert_eq!(pruned(&stock, 2), (vec!["1".to_owned()], vec![key(1)]));
        assert_eq!(pruned(&stock, 1), (["1", "2", "3"].map(str::to_owned).to_vec(), vec![key(1), key(2), key(3)]));
        stock.referred.insert("shop-dev-f".to_owned(), vec![FunctionVersion::new("2")]);
        let mut other = release(1, "1", 1, ok());
        other.stack = StackName::new("other-dev");
        stock.releases.push(other);
        assert_eq!(pruned(&stock, 1), (["1", "3"].map(str::to_owned).to_vec(), vec![key(2), key(3)]));
    }
}
