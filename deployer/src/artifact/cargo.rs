//! Cargo: which crates there are, and one build pass for all that are needed.
//!
//! What makes two release builds alike: zig's linker and the pinned compiler; `--remap-path-prefix` for the folders of
//! the project and of cargo, which would otherwise stand in panic messages; and cargo itself, which names workspace
//! members relative to the workspace. Dev builds for this machine are left as cargo makes them.
//!
//! Cargo unites the features of all packages of one pass, so which packages a pass covers decides what comes out. It must
//! not depend on which stacks were asked for, or a function would look changed because another was not built with it.
//! For AWS a pass covers all functions of the workspace; for this machine the whole workspace, which shares its
//! dependencies with `cargo build --workspace` and `cargo test --workspace`. Only the executables asked for are built.

use super::Crate;
use crate::ctx::Ctx;
use crate::exit::Failure;
use crate::model::function::Architecture;
use crate::python;
use indexmap::IndexMap;
use serde::Deserialize;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The newest glibc that an executable for AWS may need: that of Amazon Linux 2023, which `provided.al2023` is.
///
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html> (read 2026-11).
pub(super) const GLIBC: (u32, u32) = (2, 34);

/// The cargo workspace of the project.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Workspace {
    packages: Vec<Package>,
    /// Where cargo builds.
    #[serde(rename = "target_directory")]
    pub(super) target: PathBuf,
    #[serde(rename = "workspace_root")]
    pub(super) root: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
struct Package {
    name: String,
    id: String,
    targets: Vec<Target>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    manifest_path: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for an ordinary one, `dev` or `build`.
    kind: Option<String>,
    /// Its folder, where it is a crate of this machine's.
    #[serde(default)]
    path: Option<PathBuf>,
}

impl Workspace {
    /// Folders of the crate called `name` and of all crates of the workspace that go into it.
    pub(super) fn folders(&self, name: &str) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = Vec::new();
        let mut open: Vec<&Package> = self.packages.iter().filter(|package| package.name == name).collect();
        while let Some(package) = open.pop() {
            let Some(folder) = package.manifest_path.parent().filter(|folder| !folders.iter().any(|own| own == folder))
            else {
                continue;
            };
            folders.push(folder.to_path_buf());
            let needed = package.dependencies.iter().filter(|dependency| dependency.kind.is_none());
            let paths: Vec<_> = needed.filter_map(|dependency| dependency.path.as_deref()).collect();
            open.extend(
                self.packages
                    .iter()
                    .filter(|other| other.manifest_path.parent().is_some_and(|folder| paths.contains(&folder))),
            );
        }
        folders
    }
}

impl Package {
    fn binaries(&self) -> Vec<&str> {
        let is_binary = |target: &&Target| target.kind.iter().any(|kind| kind == "bin");
        self.targets.iter().filter(is_binary).map(|target| target.name.as_str()).collect()
    }

    /// Whether it is a Lambda function: an executable that depends on `lambda_runtime`, `lambda_http` or the like.
    fn is_function(&self) -> bool {
        let is_runtime = |dependency: &Dependency| dependency.kind.is_none() && dependency.name.starts_with("lambda_");
        !self.binaries().is_empty() && self.dependencies.iter().any(is_runtime)
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Why a crate's name leads to no executable.
#[derive(Debug)]
pub(super) struct NoBinary {
    pub(super) problem: Problem,
    pub(super) help: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    NoCrate,
    NoBinary,
    ManyBinaries,
    SharedName,
}

impl Problem {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NoCrate => "D0801",
            Self::NoBinary | Self::ManyBinaries | Self::SharedName => "D0802",
        }
    }
    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::NoCrate => "no crate of that name in the workspace",
            Self::NoBinary => "a crate without an executable",
            Self::ManyBinaries => "a crate with several executables",
            Self::SharedName => "two crates with executables of one name",
        }
    }
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::NoCrate => "not a crate of this workspace",
            Self::NoBinary => "only a library: there is nothing to run",
            Self::ManyBinaries => "which one is meant?",
            Self::SharedName => "its executable is called like another's",
        }
    }
}

impl Workspace {
    /// The package of that name and its executable for the function `function`: the only one, or the one called like the
    /// function, or like the package, or `bootstrap`.
    pub(super) fn binary(&self, name: &str, function: &str) -> Result<(String, String), NoBinary> {
        let Some(package) = self.packages.iter().find(|package| package.name == name) else {
            let names = self.packages.iter().map(|package| package.name.as_str());
            let nearest = names
                .map(|known| (strsim::jaro_winkler(name, known), known))
                .filter(|(likeness, _)| *likeness > 0.7)
                .max_by(|one, other| one.0.total_cmp(&other.0));
            let help = nearest.map_or_else(
                || "add it to `members` in the workspace's Cargo.toml".to_owned(),
                |(_, known)| format!("the nearest crate is {known:?}"),
            );
            return Err(NoBinary { problem: Problem::NoCrate, help });
        };
        let binaries = package.binaries();
        let chosen = match binaries.as_slice() {
            [only] => Some(*only),
            several => [function, name, "bootstrap"].into_iter().find(|known| several.contains(known)),
        };
        let Some(binary) = chosen else {
            let (problem, help) = match binaries.is_empty() {
                true => (Problem::NoBinary, "give it a src/main.rs".to_owned()),
                false => {
                    let names = binaries.join(", ");
                    (
                        Problem::ManyBinaries,
                        format!("it has {names}; call one of them {function:?}, {name:?} or \"bootstrap\""),
                    )
                }
            };
            return Err(NoBinary { problem, help });
        };
        let is_other = |other: &&Package| other.name != name && other.binaries().contains(&binary);
        if let Some(other) = self.packages.iter().find(is_other) {
            let help = format!(
                "{:?} has an executable {binary:?} too, and cargo would overwrite one with the other: rename one",
                other.name
            );
            return Err(NoBinary { problem: Problem::SharedName, help });
        }
        Ok((name.to_owned(), binary.to_owned()))
    }
}

/// Reads the workspace's crates.
///
/// # Errors
/// `Failure::World` when there is no cargo or no workspace.
pub(super) async fn workspace(ctx: &Ctx) -> Result<Workspace, Failure> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(&ctx.root);
    let output = command.stdin(Stdio::null()).output().await.map_err(|error| no_cargo(&error))?;
    if !output.status.success() {
        return Err(Failure::failed(
            format!("cargo finds no workspace: {}", String::from_utf8_lossy(&output.stderr).trim()),
            "nothing was built",
            "functions with `crate:` need a Cargo.toml beside `stacks/`; others can use `code:`",
        ));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| {
        Failure::failed(format!("cannot read `cargo metadata`: {error}"), "nothing was built", "try `cargo metadata`")
    })
}

fn no_cargo(error: &std::io::Error) -> Failure {
    Failure::failed(
        format!("cannot run cargo: {error}"),
        "nothing was built",
        "install Rust (https://rustup.rs), then type the same command again",
    )
}

/// Builds all crates, one pass per target; the executable of each.
///
/// # Errors
/// `Failure::World` when cargo fails; its own message has been printed by then.
pub(super) async fn build(
    ctx: &Ctx,
    workspace: &Workspace,
    crates: &[&Crate],
) -> Result<IndexMap<Crate, PathBuf>, Failure> {
    let mut executables = IndexMap::new();
    let mut targets: Vec<Option<&'static str>> = crates.iter().map(|found| found.target).collect();
    targets.sort_unstable();
    targets.dedup();
    for target in targets {
        let wanted: Vec<&Crate> = crates.iter().copied().filter(|found| found.target == target).collect();
        let command = match target {
            None => {
                let mut command = Command::new("cargo");
                command.args(["build", "--workspace"]);
                command
            }
            Some(target) => for_aws(ctx, workspace, &wanted, target).await?,
        };
        pass(ctx, workspace, command, &wanted, &mut executables).await?;
    }
    Ok(executables)
}

/// The command that builds for AWS. Installs the linker when it is used first.
async fn for_aws(ctx: &Ctx, workspace: &Workspace, crates: &[&Crate], target: &str) -> Result<Command, Failure> {
    let home = python::cache_home(ctx)?.join("zig");
    let venv = python::environment(ctx, &home, REQUIREMENTS, "the linker for AWS (cargo-zigbuild, zig)").await?;
    has_standard_library(target).await?;
    let mut command = Command::new(venv.join("bin/cargo-zigbuild"));
    command.args(["zigbuild", "--release", "--target"]);
    command.arg(format!("{target}.{}.{}", GLIBC.0, GLIBC.1));
    // It prefers this Python's zig to any other on the path.
    command.env("CARGO_ZIGBUILD_PYTHON_PATH", venv.join("bin/python"));
    let is_wanted = |package: &Package| crates.iter().any(|found| found.package == package.name);
    for package in workspace.packages.iter().filter(|package| package.is_function() || is_wanted(package)) {
        command.args(["-p", &package.name]);
    }
    remap(ctx, workspace, target, &mut command);
    Ok(command)
}

/// Rust's name of the platform.
pub(super) fn target(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
    }
}

/// Takes this machine's folders out of the executable. Flags of the user's stay: cargo reads `RUSTFLAGS` before its
/// configuration, so ours go where theirs are.
fn remap(ctx: &Ctx, workspace: &Workspace, target: &str, command: &mut Command) {
    let set = |name: &str| ctx.environment.get(name).filter(|value| !value.is_empty());
    let cargo_home = set("CARGO_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cargo")));
    let mut flags = vec![format!("--remap-path-prefix={}=/project", workspace.root.display())];
    flags.extend(cargo_home.map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    if let Some(theirs) = set("CARGO_ENCODED_RUSTFLAGS") {
        let all: Vec<&str> = theirs.split('\u{1f}').chain(flags.iter().map(String::as_str)).collect();
        command.env("CARGO_ENCODED_RUSTFLAGS", all.join("\u{1f}"));
    } else if let Some(theirs) = set("RUSTFLAGS") {
        let theirs = theirs.split_whitespace().map(str::to_owned);
        let all: Vec<String> = theirs.chain(flags).collect();
        command.env("CARGO_ENCODED_RUSTFLAGS", all.join("\u{1f}"));
    } else {
        let list = serde_json::to_string(&flags).expect("a list of texts is JSON, and so TOML");
        command.arg("--config").arg(format!("target.{target}.rustflags={list}"));
    }
}

/// # Errors
/// `Failure::World` that names the command which installs the target, when it is missing.
async fn has_standard_library(target: &str) -> Result<(), Failure> {
    let mut command = Command::new("rustc");
    command.args(["--print", "target-libdir", "--target", target]).stdin(Stdio::null());
    let output = command.output().await.map_err(|error| no_cargo(&error))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    if entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-")) {
        return Ok(());
    }
    Err(Failure::failed(
        format!("Rust's standard library for {target} is not installed"),
        "nothing was built",
        format!("rustup target add {target}"),
    ))
}

/// One line of cargo's `--message-format=json`; other kinds of lines have other fields.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

/// Runs one build and notes the executables that it reports.
async fn pass(
    ctx: &Ctx,
    workspace: &Workspace,
    mut command: Command,
    crates: &[&Crate],
    executables: &mut IndexMap<Crate, PathBuf>,
) -> Result<(), Failure> {
    for found in crates {
        command.args(["--bin", &found.binary]);
    }
    command.arg("--message-format=json-render-diagnostics");
    if ctx.global.quiet {
        command.arg("--quiet");
    }
    let many = if crates.len() == 1 { "1 crate".to_owned() } else { format!("{} crates", crates.len()) };
    ctx.say(format!("building {many} with cargo"));
    // Cargo's progress and its diagnostics go to the user as they are.
    command.current_dir(&workspace.root).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let child = command.kill_on_drop(true).spawn().map_err(|error| no_cargo(&error))?;
    let output = child.wait_with_output().await.map_err(|error| no_cargo(&error))?;
    if !output.status.success() {
        return Err(Failure::failed(
            "cargo could not build the functions; its own message stands above",
            "nothing was uploaded, and AWS was not called",
            "correct what cargo reports, then type the same command again",
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    for message in text.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok()) {
        let (Some(target), Some(path)) = (message.target, message.executable) else { continue };
        let package = workspace.packages.iter().find(|package| package.id == message.package_id);
        let is_binary = message.reason == "compiler-artifact" && target.kind.iter().any(|kind| kind == "bin");
        if let (Some(package), true) = (package, is_binary) {
            let is_it = |found: &&&Crate| found.package == package.name && found.binary == target.name;
            if let Some(found) = crates.iter().find(is_it) {
                executables.insert((*found).clone(), path);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Problem, Workspace};

    fn workspace() -> Workspace {
        let bin = |name: &str| serde_json::json!({ "name": name, "kind": ["bin"] });
        let lib = serde_json::json!({ "name": "shared", "kind": ["lib"] });
        serde_json::from_value(serde_json::json!({
            "target_directory": "/t", "workspace_root": "/w",
            "packages": [
                { "name": "orders-webhook", "id": "1", "targets": [bin("handler")] },
                { "name": "shared", "id": "2", "targets": [lib] },
                { "name": "two", "id": "3", "targets": [bin("one"), bin("two")] },
                { "name": "three", "id": "4", "targets": [bin("one"), bin("other")] },
                { "name": "left", "id": "5", "targets": [bin("bootstrap")] },
                { "name": "right", "id": "6", "targets": [bin("bootstrap")] },
            ],
        }))
        .expect("a workspace")
    }

    #[test]
    fn a_crate_leads_to_its_executable() {
        let pair = |one: &str, two: &str| (one.to_owned(), two.to_owned());
        assert_eq!(workspace().binary("orders-webhook", "hook").expect("found"), pair("orders-webhook", "handler"));
        assert_eq!(workspace().binary("two", "other").expect("found"), pair("two", "two"));
        assert_eq!(
            workspace().binary("three", "other").expect("found"),
            pair("three", "other"),
            "called like the function"
        );
    }

    #[test]
    fn what_leads_nowhere_says_why_and_what_to_do() {
        let of = |name: &str| {
            let none = workspace().binary(name, "hook").expect_err("nothing to find");
            (none.problem, none.help)
        };
        assert_eq!(of("orders-webhok"), (Problem::NoCrate, "the nearest crate is \"orders-webhook\"".to_owned()));
        assert_eq!(of("zzz").1, "add it to `members` in the workspace's Cargo.toml");
        assert_eq!(of("shared"), (Problem::NoBinary, "give it a src/main.rs".to_owned()));
        let many = "it has one, other; call one of them \"hook\", \"three\" or \"bootstrap\"".to_owned();
        assert_eq!(of("three"), (Problem::ManyBinaries, many));
        let shared =
            "\"right\" has an executable \"bootstrap\" too, and cargo would overwrite one with the other: rename one";
        assert_eq!(of("left"), (Problem::SharedName, shared.to_owned()));
    }
}
