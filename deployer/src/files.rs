//! Writes result files: templates, saved plans. The project's own files are read in `project.rs`.

use crate::exit::Failure;
use std::fs;
use std::path::Path;

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
