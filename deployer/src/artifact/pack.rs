//! Zips: the same content gives the same bytes, and so the same name.
//!
//! Entries in byte order of their names, times at the zip format's zero (1980-01-01), modes 0755 or 0644, one
//! compression level per platform. What was packed before is not packed again.

use super::{Artifact, Platform};
use crate::exit::Failure;
use crate::ids::Sha256;
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

/// The largest unzipped package that Lambda takes, layers included. Bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> (read 2026-11). The 50 MB for a
/// zipped package is a limit of direct uploads; ours go through S3.
const LARGEST_UNZIPPED: u64 = 250 * 1024 * 1024;

/// The folder of packed artifacts.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// What an executable was packed into: valid while its length and time stay.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    length: u64,
    modified: String,
    level: i64,
    sha256: String,
}

impl Store {
    pub(super) fn open(folder: PathBuf) -> Result<Self, Failure> {
        std::fs::create_dir_all(&folder).map_err(|error| cannot("make", &folder, &error))?;
        Ok(Self { folder })
    }

    /// The zip that holds this executable as `bootstrap`.
    ///
    /// # Errors
    /// `Failure::World` when a file cannot be read or written, or the package is too large for AWS.
    pub(super) fn bootstrap(&self, executable: &Path, platform: Platform) -> Result<Artifact, Failure> {
        let unreadable = |error: std::io::Error| cannot("read", executable, &error);
        let metadata = std::fs::metadata(executable).map_err(unreadable)?;
        check_size(metadata.len(), executable, platform)?;
        let modified = format!("{:?}", metadata.modified().map_err(unreadable)?);
        let key = hex::encode(sha2::Sha256::digest(executable.as_os_str().as_encoded_bytes()));
        let note = self.folder.join(format!("{}.json", &key[..16]));

        let known: Option<Packed> = std::fs::read(&note).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let is_same = |packed: &Packed| {
            (packed.length, &packed.modified, packed.level) == (metadata.len(), &modified, level(platform))
        };
        if let Some(packed) = known.filter(is_same)
            && let Some(artifact) = self.stored(&packed.sha256)
        {
            return Ok(artifact);
        }
        let bytes = std::fs::read(executable).map_err(unreadable)?;
        let zip = zipped([("bootstrap".to_owned(), true, bytes)], level(platform));
        let (artifact, sha256) = self.keep(&zip.map_err(|error| cannot("zip", executable, &error))?)?;
        let packed = Packed { length: metadata.len(), modified, level: level(platform), sha256 };
        let text = serde_json::to_vec(&packed).map_err(|error| cannot("note", &note, &error))?;
        write_whole(&note, &text)?;
        Ok(artifact)
    }

    /// The zip of a folder's files.
    ///
    /// # Errors
    /// `Failure::World` for a link inside the folder, an unreadable file, or more than AWS takes.
    pub(super) fn folder(&self, folder: &Path, platform: Platform) -> Result<Artifact, Failure> {
        let mut files = Vec::new();
        let mut size = 0;
        for entry in walkdir::WalkDir::new(folder).min_depth(1) {
            let entry = entry.map_err(|error| cannot("read", folder, &error))?;
            if entry.file_type().is_dir() {
                continue;
            }
            if !entry.file_type().is_file() {
                return Err(Failure::failed(
                    format!("{} is a link or a special file; a package holds files only", entry.path().display()),
                    "nothing was uploaded, and AWS was not called",
                    "put the file itself there, or take the link away",
                ));
            }
            let bytes = std::fs::read(entry.path()).map_err(|error| cannot("read", entry.path(), &error))?;
            size += bytes.len() as u64;
            check_size(size, folder, platform)?;
            files.push((entry_name(folder, entry.path())?, is_executable(&entry), bytes));
        }
        if files.is_empty() {
            return Err(Failure::failed(
                format!("{} holds no file", folder.display()),
                "nothing was uploaded, and AWS was not called",
                "put the function's code there, or give the right folder as `code: {dir: …}`",
            ));
        }
        files.sort_by(|one, other| one.0.cmp(&other.0));
        let zip = zipped(files, level(platform)).map_err(|error| cannot("zip", folder, &error))?;
        Ok(self.keep(&zip)?.0)
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.zip"))
    }

    /// An artifact that was packed before. Its name is its digest, and it was written whole.
    fn stored(&self, sha256: &str) -> Option<Artifact> {
        let size = std::fs::metadata(self.path(sha256)).ok()?.len();
        let digest = hex::decode(sha256).ok()?;
        Some(artifact(&digest, size, self.path(sha256)))
    }

    fn keep(&self, zip: &[u8]) -> Result<(Artifact, String), Failure> {
        let digest = sha2::Sha256::digest(zip);
        let sha256 = hex::encode(digest);
        let path = self.path(&sha256);
        if !path.exists() {
            write_whole(&path, zip)?;
        }
        Ok((artifact(&digest, zip.len() as u64, path), sha256))
    }
}

/// A zip that somebody else made, used as it is.
///
/// # Errors
/// `Failure::World` when it is no zip, or larger than AWS takes.
pub(super) fn ready_made(path: &Path, platform: Platform) -> Result<Artifact, Failure> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    let unfit = |error: zip::result::ZipError| {
        Failure::failed(
            format!("{} is not a zip that Lambda could read: {error}", path.display()),
            "nothing was uploaded, and AWS was not called",
            "make it again, for example with `zip -r`",
        )
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).map_err(unfit)?;
    let mut size = 0;
    for index in 0..archive.len() {
        size += archive.by_index(index).map_err(unfit)?.size();
    }
    check_size(size, path, platform)?;
    Ok(artifact(&sha2::Sha256::digest(&bytes), bytes.len() as u64, path.to_owned()))
}

fn artifact(digest: &[u8], size: u64, path: PathBuf) -> Artifact {
    let code_sha256 = base64::engine::general_purpose::STANDARD.encode(digest);
    Artifact::Zip { sha256: Sha256::new(hex::encode(digest)), code_sha256, size, path }
}

/// Quick where a person waits for it, small where it travels.
fn level(platform: Platform) -> i64 {
    match platform {
        Platform::Host => 1,
        Platform::Aws => 9,
    }
}

fn zipped(files: impl IntoIterator<Item = (String, bool, Vec<u8>)>, level: i64) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, is_executable, bytes) in files {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(level))
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(if is_executable { 0o755 } else { 0o644 });
        writer.start_file(name, options)?;
        writer.write_all(&bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// The entry's name: relative, with `/`.
fn entry_name(folder: &Path, path: &Path) -> Result<String, Failure> {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let parts: Option<Vec<&str>> = relative.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/")).ok_or_else(|| cannot("pack", path, &"its name is not UTF-8"))
}

#[cfg(unix)]
fn is_executable(entry: &walkdir::DirEntry) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    entry.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

fn check_size(unzipped: u64, what: &Path, platform: Platform) -> Result<(), Failure> {
    if platform == Platform::Host || unzipped <= LARGEST_UNZIPPED {
        return Ok(());
    }
    let mebibytes = |bytes: u64| bytes.div_ceil(1024 * 1024);
    Err(Failure::failed(
        format!(
            "{} is {} MiB unzipped; Lambda takes {} MiB",
            what.display(),
            mebibytes(unzipped),
            mebibytes(LARGEST_UNZIPPED)
        ),
        "nothing was uploaded, and AWS was not called",
        "leave out what does not run, or deploy a container image: `code: {image: …}`",
    ))
}

/// Written under another name and moved: whoever reads it sees all of it or nothing.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let written = std::fs::write(&fresh, bytes).and_then(|()| std::fs::rename(&fresh, path));
    written.map_err(|error| cannot("write", path, &error))
}

fn cannot(verb: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(
        format!("cannot {verb} {}: {error}", path.display()),
        "nothing was uploaded, and AWS was not called",
        "correct that, then type the same command again",
    )
}

#[cfg(test)]
mod tests {
    use super::{Store, ready_made, zipped};
    use crate::artifact::{Artifact, Platform};
    use std::io::{Cursor, Read as _};
    use std::path::{Path, PathBuf};

    /// A folder of this test's own, empty.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("deployer-pack-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        folder
    }

    fn entries(zip: &[u8]) -> Vec<(String, u32, String)> {
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("a zip");
        (0..archive.len())
            .map(|index| {
                let mut entry = archive.by_index(index).expect("an entry");
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("a text");
                assert_eq!(entry.last_modified().map(|time| time.year()), Some(1980));
                (entry.name().expect("UTF-8").into_owned(), entry.unix_mode().unwrap_or(0) & 0o777, text)
            })
            .collect()
    }

    fn of(artifact: Artifact) -> (String, PathBuf) {
        match artifact {
            Artifact::Zip { sha256, path, .. } => (sha256.0, path),
            Artifact::Image { uri } => (uri, PathBuf::new()),
        }
    }

    fn message(result: Result<Artifact, crate::exit::Failure>) -> String {
        match result.expect_err("a failure") {
            crate::exit::Failure::World { message, .. } => message,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn one_content_has_one_name_whatever_its_time() {
        let here = folder("name");
        let store = Store::open(here.join("store")).expect("a store");
        let executable = here.join("program");
        std::fs::write(&executable, "code").expect("written");
        let first = of(store.bootstrap(&executable, Platform::Host).expect("packed"));
        assert_eq!(entries(&std::fs::read(&first.1).expect("the zip")), [("bootstrap".into(), 0o755, "code".into())]);
        // Another file, another time, the same bytes.
        let copy = here.join("copy");
        std::fs::write(&copy, "code").expect("written");
        assert_eq!(of(store.bootstrap(&copy, Platform::Host).expect("packed")), first);
        assert_eq!(first.1.file_name().and_then(|name| name.to_str()), Some(format!("{}.zip", first.0).as_str()));
        std::fs::write(&copy, "other code").expect("written");
        assert_ne!(of(store.bootstrap(&copy, Platform::Host).expect("packed")), first);
    }

    #[test]
    fn what_was_packed_is_not_packed_again_unless_the_zip_is_gone() {
        let here = folder("again");
        let store = Store::open(here.join("store")).expect("a store");
        let executable = here.join("program");
        std::fs::write(&executable, "code").expect("written");
        let (_, path) = of(store.bootstrap(&executable, Platform::Host).expect("packed"));
        std::fs::write(&path, "a mark").expect("written");
        store.bootstrap(&executable, Platform::Host).expect("known");
        assert_eq!(std::fs::read(&path).expect("the zip"), b"a mark");
        std::fs::remove_file(&path).expect("removed");
        store.bootstrap(&executable, Platform::Host).expect("packed anew");
        assert_eq!(entries(&std::fs::read(&path).expect("the zip")).len(), 1);
    }

    #[test]
    fn a_folder_is_packed_in_the_order_of_names() {
        let here = folder("order");
        let store = Store::open(here.join("store")).expect("a store");
        let code = here.join("code");
        std::fs::create_dir_all(code.join("b")).expect("a folder");
        for (name, text) in [("z.py", "1"), ("b/c.py", "2"), ("b.py", "3")] {
            std::fs::write(code.join(name), text).expect("written");
        }
        let (_, path) = of(store.folder(&code, Platform::Host).expect("packed"));
        let names: Vec<String> =
            entries(&std::fs::read(path).expect("the zip")).into_iter().map(|entry| entry.0).collect();
        assert_eq!(names, ["b.py", "b/c.py", "z.py"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_folder_is_refused() {
        let here = folder("link");
        let store = Store::open(here.join("store")).expect("a store");
        let code = here.join("code");
        std::fs::create_dir_all(&code).expect("a folder");
        std::os::unix::fs::symlink("/etc/hostname", code.join("link")).expect("a link");
        assert!(message(store.folder(&code, Platform::Host)).contains("is a link or a special file"));
    }

    #[test]
    fn an_empty_folder_is_refused() {
        let here = folder("empty");
        let store = Store::open(here.join("store")).expect("a store");
        assert!(message(store.folder(&here.join("store"), Platform::Host)).ends_with("holds no file"));
    }

    #[test]
    fn a_ready_made_zip_is_used_as_it_is_and_must_be_one() {
        let here = folder("ready");
        let path = here.join("code.zip");
        std::fs::write(&path, zipped([("a".to_owned(), false, b"x".to_vec())], 6).expect("a zip")).expect("written");
        assert_eq!(of(ready_made(&path, Platform::Aws).expect("a zip")).1, path);
        std::fs::write(&path, "no zip").expect("written");
        assert!(message(ready_made(&path, Platform::Aws)).contains("is not a zip that Lambda could read"));
    }

    #[test]
    fn more_than_lambda_takes_is_refused_for_aws_only() {
        let large = |platform| super::check_size(251 * 1024 * 1024, Path::new("program"), platform);
        assert!(large(Platform::Host).is_ok());
        let failure = large(Platform::Aws).expect_err("too large");
        let crate::exit::Failure::World { message, .. } = failure else { panic!("another failure") };
        assert_eq!(message, "program is 251 MiB unzipped; Lambda takes 250 MiB");
    }
}
