//! What is read of built code for the comparison with its role: the operations in the executable, and the Rust sources.
//!
//! What an executable reaches is kept beside its package, whose name is its digest: it is read once.

use super::{Artifact, Artifacts, cargo, elf, pack};
use crate::ctx::Ctx;
use crate::exit::Failure;
use crate::iam::reach::{self, Reach, SCAN};
use crate::model::Stack;
use crate::privilege::{Seen, code::Code};
use serde::{Deserialize, Serialize};
use std::io::Read as _;
use std::path::Path;

/// What was read once.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    scan: u32,
    reach: Reach,
}

/// Reads what the functions of a stack reach, those for which `is_wanted`.
///
/// # Errors
/// When cargo does not tell which crates there are.
pub(crate) async fn seen(
    ctx: &Ctx,
    stack: &Stack,
    artifacts: &Artifacts,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Seen>, Failure> {
    let wanted: Vec<_> = artifacts.iter().filter(|(name, _)| is_wanted(name)).collect();
    let is_crate = |name: &str| stack.file.functions.get(name).is_some_and(|function| function.crate_name.is_some());
    let workspace = match wanted.iter().any(|(name, _)| is_crate(name)) {
        true => Some(cargo::workspace(ctx).await?),
        false => None,
    };
    let seen = wanted.into_iter().map(|(name, artifact)| {
        let crate_name = stack.file.functions.get(name).and_then(|function| function.crate_name.as_ref());
        let reach = crate_name.and_then(|_| reach_of(artifact));
        let code = match (crate_name, &workspace) {
            (Some(crate_name), Some(workspace)) => Code::new(sources(workspace, crate_name.value.as_str())),
            _ => Code::default(),
        };
        Seen { name: name.clone(), reach, code }
    });
    Ok(seen.collect())
}

/// What an executable reaches.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn reach(executable: &Path) -> std::io::Result<Reach> {
    Ok(scanned(&std::fs::read(executable)?))
}

/// What the executable of a package reaches; `None` when it holds none of ours.
fn reach_of(artifact: &Artifact) -> Option<Reach> {
    let Artifact::Zip { path, .. } = artifact else { return None };
    let note = path.with_extension("reach.json");
    let kept: Option<Kept> = std::fs::read(&note).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(kept) = kept.filter(|kept| kept.scan == SCAN) {
        return Some(kept.reach);
    }
    let reach = scanned(&bootstrap(path)?);
    let kept = Kept { scan: SCAN, reach };
    // A note that cannot be kept is made again.
    if let Ok(text) = serde_json::to_vec(&kept) {
        let _ = pack::write_whole(&note, &text);
    }
    Some(kept.reach)
}

fn scanned(executable: &[u8]) -> Reach {
    match elf::constants(executable) {
        Some(parts) => reach::of(parts),
        None => reach::of([executable]),
    }
}

fn bootstrap(path: &Path) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).ok()?).ok()?;
    let mut entry = archive.by_name("bootstrap").ok()?;
    let mut bytes = Vec::with_capacity(usize::try_from(entry.size()).unwrap_or(0));
    entry.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The Rust sources that go into a crate of the workspace: path relative to the workspace, and text.
fn sources(workspace: &cargo::Workspace, crate_name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in workspace.folders(crate_name) {
        let files = walkdir::WalkDir::new(folder.join("src")).sort_by_file_name().into_iter().filter_map(Result::ok);
        for file in files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs")) {
            let name = file.path().strip_prefix(&workspace.root).unwrap_or(file.path()).display().to_string();
            found.extend(std::fs::read_to_string(file.path()).ok().map(|text| (name, text)));
        }
    }
    found
}
