//! Result files: templates, saved plans, states; written, and read back. The project's own files are read in `project.rs`.

use crate::ctx::Ctx;
use crate::exit::Failure;
use std::fs;
use std::path::Path;

/// Reads a file that the command line names: a saved plan, a state, rules.
///
/// # Errors
/// `Failure::Usage` when it cannot be read as text.
pub(crate) fn read(ctx: &Ctx, path: &Path) -> Result<String, Failure> {
    fs::read_to_string(ctx.folder.join(path)).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", path.display()), "check the path; nothing was touched")
    })
}

/// Whether a file is still there.
pub(crate) fn exists(path: &Path) -> bool {
    path.is_file()
}

/// Writes `text` to `path`, making the folders above it.
///
/// # Errors
/// `Failure::Usage` when the place cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = folder.map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|error| {
        Failure::usage(format!("{} cannot be written: {error}", path.display()), "choose another place with -o")
    })
}
