//! Artifacts: cargo builds the crates, a reproducible zip per function, named by its SHA-256.
//!
//! Takes loaded stacks and gives, for each function, a zip on this machine or an image's URI. Uploads nothing and calls
//! no AWS. Two builds of the same tree give the same bytes, also from two folders (`cargo.rs` says how).

mod cargo;
mod elf;
mod pack;
mod scan;

pub(crate) use scan::{reach, seen};

use crate::ctx::Ctx;
use crate::diag::{Diagnostic, Diagnostics};
use crate::exit::Failure;
use crate::ids::Sha256;
use crate::model::Stack;
use crate::model::function::{Architecture, Code, Function};
use crate::source::{Sources, Spanned};
use indexmap::IndexMap;
use std::path::PathBuf;

/// What is deployed as a function's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Artifact {
    /// A zip on this machine.
    Zip {
        sha256: Sha256,
        /// Base64 of the same digest: what Lambda reports as `CodeSha256`.
        code_sha256: String,
        /// Bytes of the zip.
        size: u64,
        path: PathBuf,
    },
    /// A container image in a registry.
    Image { uri: String },
}

/// Artifacts by the function's name in the stack file.
pub(crate) type Artifacts = IndexMap<String, Artifact>;

/// What the code is to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// `provided.al2023` in AWS, the function's architecture, glibc 2.34 at the newest, release profile.
    Aws,
    /// This machine, dev profile.
    Host,
}

impl Platform {
    pub(crate) fn of(ctx: &crate::ctx::Ctx) -> Self {
        Self::in_sandbox(ctx.global.sandbox)
    }

    /// The sandbox runs functions on this machine.
    pub(crate) fn in_sandbox(is_sandbox: bool) -> Self {
        if is_sandbox { Self::Host } else { Self::Aws }
    }
}

/// A crate of the workspace that a function is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Crate {
    package: String,
    binary: String,
    /// Rust's name of the platform; `None` for this machine.
    target: Option<&'static str>,
}

/// Where a function's code comes from, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Crate(Crate),
    Folder(PathBuf),
    Zip(PathBuf),
    Image(String),
}

/// Builds and packs the functions of `stacks`: artifacts per stack, in the order of `stacks`. `sources` are the files
/// that the stacks were read from.
///
/// # Errors
/// `Failure::Input` for a function whose crate or folder is not there, every one of them;
/// `Failure::World` when cargo fails (its own message has been printed) or a file cannot be read.
pub(crate) async fn build(
    ctx: &Ctx,
    sources: &Sources,
    stacks: &[Stack],
    platform: Platform,
) -> Result<Vec<Artifacts>, Failure> {
    let needs_cargo = stacks.iter().any(|stack| stack.file.functions.values().any(|each| each.crate_name.is_some()));
    let workspace = if needs_cargo { Some(cargo::workspace(ctx).await?) } else { None };

    let mut diagnostics = Diagnostics::default();
    let mut origins: Vec<IndexMap<&str, Option<Origin>>> = Vec::with_capacity(stacks.len());
    for stack in stacks {
        let of = |(name, function): (_, _)| {
            (name, origin(ctx, stack, function, platform, workspace.as_ref(), &mut diagnostics))
        };
        origins.push(stack.file.functions.iter().map(|(name, function)| (name.as_str(), function)).map(of).collect());
    }
    if diagnostics.has_errors() {
        return Err(Failure::Input { diagnostics, sources: sources.clone() });
    }

    let mut crates: Vec<&Crate> = origins
        .iter()
        .flat_map(IndexMap::values)
        .filter_map(|origin| match origin {
            Some(Origin::Crate(found)) => Some(found),
            _ => None,
        })
        .collect();
    crates.sort();
    crates.dedup();
    let executables = match &workspace {
        Some(workspace) if !crates.is_empty() => cargo::build(ctx, workspace, &crates).await?,
        _ => IndexMap::new(),
    };

    let store = pack::Store::open(match &workspace {
        Some(workspace) => workspace.target.join("deployer/artifacts"),
        None => ctx.root.join(".deployer/artifacts"),
    })?;
    let mut all = Vec::with_capacity(stacks.len());
    for by_name in origins {
        let mut artifacts = Artifacts::new();
        for (name, origin) in by_name {
            let artifact = match origin {
                Some(Origin::Crate(found)) => {
                    let executable = executables.get(&found).ok_or_else(|| nothing_built(&found))?;
                    if let Some(target) = found.target {
                        elf::check(executable, target)?;
                    }
                    store.bootstrap(executable, platform)?
                }
                Some(Origin::Folder(path)) => store.folder(&path, platform)?,
                Some(Origin::Zip(path)) => pack::ready_made(&path, platform)?,
                Some(Origin::Image(uri)) => Artifact::Image { uri },
                None => continue,
            };
            artifacts.insert(name.to_owned(), artifact);
        }
        all.push(artifacts);
    }
    Ok(all)
}

fn nothing_built(found: &Crate) -> Failure {
    Failure::failed(
        format!("cargo reported no executable {:?} of crate {:?}", found.binary, found.package),
        "nothing was uploaded, and AWS was not called",
        format!("see what `cargo build -p {}` builds", found.package),
    )
}

/// Where the code of one function comes from. A mistake is a diagnostic; `None` then, or for a function without code,
/// which loading has complained about.
fn origin(
    ctx: &Ctx,
    stack: &Stack,
    function: &Function,
    platform: Platform,
    workspace: Option<&cargo::Workspace>,
    diagnostics: &mut Diagnostics,
) -> Option<Origin> {
    if let (Some(name), Some(workspace)) = (&function.crate_name, workspace) {
        let architecture = function.architecture.or(stack.file.defaults.architecture);
        let target = (platform == Platform::Aws).then(|| cargo::target(architecture.unwrap_or(Architecture::X86_64)));
        return match workspace.binary(name) {
            Ok((package, binary)) => Some(Origin::Crate(Crate { package, binary, target })),
            Err(cargo::NoBinary { problem, help }) => {
                let finding = Diagnostic::error(problem.code(), problem.summary());
                diagnostics.push(finding.at(name.span, problem.label()).help(help));
                None
            }
        };
    }
    let code = function.code.as_ref()?;
    origin_of_code(ctx, code, diagnostics)
}

fn origin_of_code(ctx: &Ctx, code: &Code, diagnostics: &mut Diagnostics) -> Option<Origin> {
    let mut found = |path: &Spanned<String>, is_there: fn(&std::path::Path) -> bool, what: &str| {
        let full = ctx.root.join(&path.value);
        if !is_there(&full) {
            let finding = Diagnostic::error("D0803", format!("no {what} at this path"));
            let help = format!("paths are relative to the project: {} was looked for", full.display());
            diagnostics.push(finding.at(path.span, format!("no {what} here")).help(help));
            return None;
        }
        Some(full)
    };
    if let Some(path) = &code.dir {
        return found(path, std::path::Path::is_dir, "folder").map(Origin::Folder);
    }
    if let Some(path) = &code.zip {
        return found(path, std::path::Path::is_file, "zip").map(Origin::Zip);
    }
    code.image.as_ref().map(|uri| Origin::Image(uri.value.clone()))
}
