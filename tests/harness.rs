//! A project in a temporary folder and the built `deployer` run in it, with nothing inherited from the environment.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A temporary project. Removed when dropped, unless the test failed.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    environment: BTreeMap<String, String>,
}

/// What a run of `deployer` left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// -1 when a signal ended the process.
    pub(crate) code: i32,
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_path_buf()
}

impl Project {
    /// An empty project with a folder `stacks`.
    pub(crate) fn new(name: &str) -> Self {
        Self::below(Path::new(env!("CARGO_TARGET_TMPDIR")), name)
    }

    /// The same inside of the repository, whose crates it can deploy: cargo builds them where it built these tests.
    pub(crate) fn of_this_workspace(name: &str) -> Self {
        let mut project = Self::below(&repository().join(".deployer/tests"), name);
        let target = Path::new(env!("CARGO_BIN_EXE_deployer")).ancestors().nth(2).expect("target/debug/deployer");
        project.environment("CARGO_TARGET_DIR", &target.display().to_string());
        // Else cargo would compile all of it again.
        if let Ok(flags) = std::env::var("RUSTFLAGS") {
            project.environment("RUSTFLAGS", &flags);
        }
        project
    }

    fn below(folder: &Path, name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = folder.join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(root.join("stacks")).expect("the folder takes new folders");
        Self { root, environment: BTreeMap::new() }
    }

    /// Writes a file below the root.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a path below the root")).expect("the folder can be made");
        fs::write(path, bytes).expect("the file can be written");
        self
    }

    /// Sets a variable of the environment for all runs that follow.
    pub(crate) fn environment(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// `deployer`, to be run in the root of the project, with nobody at the keyboard.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        command.args(arguments).current_dir(&self.root).env_clear().stdin(Stdio::null());
        // What finds programs and their files; nothing that configures AWS, colours or CI.
        for name in ["PATH", "HOME", "XDG_CACHE_HOME", "RUSTUP_HOME", "CARGO_HOME", "SystemRoot"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&self.environment);
        command
    }

    /// Runs `deployer` in the root of the project.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.ended(&self.command(arguments).output().expect("the built binary runs"))
    }

    /// Runs it with `input` on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the built binary runs");
        let mut stdin = child.stdin.take().expect("it was piped");
        stdin.write_all(input.as_bytes()).expect("it reads its input");
        drop(stdin);
        self.ended(&child.wait_with_output().expect("it ends"))
    }

    /// What a process of this project left behind.
    pub(crate) fn ended(&self, output: &Output) -> Run {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&root.display().to_string(), "[root]");
        Run { stdout: text(&output.stdout), stderr: text(&output.stderr), code: output.status.code().unwrap_or(-1) }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

impl Run {
    /// Exit code, stdout and stderr as one text to compare: wording is behaviour.
    pub(crate) fn text(&self) -> String {
        let part = |name: &str, text: &str| match text.trim_end() {
            "" => String::new(),
            text => format!("--- {name}\n{text}\n"),
        };
        let lines = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        format!("exit {}\n", self.code) + &part("stdout", &lines(&self.stdout)) + &part("stderr", &lines(&self.stderr))
    }
}

/// Compares `text` with the file at `path`; with `BLESS=1` it is written instead. Returns the difference.
pub(crate) fn compare(path: &Path, text: &str) -> Option<String> {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, text).expect("the expectation can be written");
        return None;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    (expected != text).then(|| format!("== {}\n-- expected\n{expected}\n-- found\n{text}", path.display()))
}

/// The folders below `folder`, sorted.
pub(crate) fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of cases is there");
    let mut paths: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    paths
}

/// All files below `folder` that end in `extension`, sorted.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
