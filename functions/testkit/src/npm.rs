//! Programs that come by npm: installed once per version into the user's cache, shared by all clones.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The folder in which `packages` (each `name@version`) are installed, below its `node_modules`.
///
/// # Panics
/// When npm is missing or cannot install: the message says what to do, or why.
pub(crate) fn installed(packages: &[&str]) -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let cache = cache.expect("a user has a home").join("deployer/npm");
    let name = packages.join("+").replace(['/', '@'], "_");
    let folder = cache.join(name);
    if folder.is_dir() {
        return folder;
    }
    fs::create_dir_all(&cache).expect("the cache takes folders");
    // Installed beside it, then renamed: whoever comes first wins, and nobody sees half of it.
    let work = tempfile::Builder::new().prefix("install-").tempdir_in(&cache).expect("the cache takes folders");
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"])
        .arg(work.path())
        .args(packages)
        .output()
        .expect("npm is needed: `apt-get install nodejs npm`");
    assert!(output.status.success(), "npm install {packages:?}: {}", String::from_utf8_lossy(&output.stderr));
    if let Err(error) = fs::rename(work.path(), &folder) {
        assert!(folder.is_dir(), "{}: {error}", folder.display());
    }
    folder
}

/// A program that is spoken to line by line, and ends when its input does, so with the test at the latest.
#[derive(Debug)]
pub(crate) struct Companion {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Companion {
    pub(crate) fn start(program: &str, arguments: &[&Path]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it was piped"));
        Self { input: child.stdin.take(), child, output }
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        assert!(!line.is_empty(), "the program has ended; what it said stands above");
        line.trim_end().to_owned()
    }

    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open until it is dropped");
        writeln!(input, "{line}").expect("the program reads");
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
