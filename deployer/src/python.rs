//! Private Python environments: for the sandbox and for the cross linker, installed once per user.
//!
//! Takes a requirements text in which every version and hash is pinned, and gives the folder of a virtual environment
//! that holds exactly that. Touches no Python environment of the user's. A changed text is another folder.

use crate::ctx::Ctx;
use crate::exit::Failure;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// The oldest Python that MiniStack runs on: <https://pypi.org/project/ministack/> (1.5.33, read 2026-11).
const OLDEST: (u32, u32) = (3, 10);

/// The folder of this user's cache that all clones share: `$XDG_CACHE_HOME/deployer` or `~/.cache/deployer`.
///
/// # Errors
/// `Failure::Usage` when the environment names neither.
pub(crate) fn cache_home(ctx: &Ctx) -> Result<PathBuf, Failure> {
    let set = |name: &str| ctx.environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("deployer"))
        .ok_or_else(|| Failure::usage("neither XDG_CACHE_HOME nor HOME is set", "set HOME to your home folder"))
}

/// The virtual environment below `home` that holds `requirements`; `what` names it for the story.
///
/// # Errors
/// `Failure::World` when no fitting Python is there, or pip fails: then its own message is shown.
pub(crate) async fn environment(ctx: &Ctx, home: &Path, requirements: &str, what: &str) -> Result<PathBuf, Failure> {
    let digest = hex::encode(Sha256::digest(requirements));
    let folder = home.join(format!("venv-{}", &digest[..12]));
    let complete = folder.join(".complete");
    if complete.exists() {
        return Ok(folder);
    }
    let _lock = lock(&home.join("install.lock")).await?;
    if complete.exists() {
        return Ok(folder);
    }
    let python = find_python().await?;
    ctx.say(format!("installing {what} into {}, once", folder.display()));
    let broken = |message: String| {
        Failure::failed(
            message,
            format!("{what} is not installed; nothing else was touched"),
            "when the network or the package index was the cause: type the same command again",
        )
    };
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| broken(format!("cannot clear {}: {error}", folder.display())))?;
    }
    run(Command::new(&python).args(["-m", "venv"]).arg(&folder)).await.map_err(|text| {
        broken(format!("`{python} -m venv` failed (on Debian and Ubuntu it needs the package python3-venv): {text}"))
    })?;
    let listed = folder.join("requirements.txt");
    std::fs::write(&listed, requirements)
        .map_err(|error| broken(format!("cannot write {}: {error}", listed.display())))?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"])
        .args(["--no-deps", "-r"])
        .arg(&listed))
    .await
    .map_err(|text| broken(format!("pip could not install {what}: {text}")))?;
    std::fs::write(&complete, digest)
        .map_err(|error| broken(format!("cannot write {}: {error}", complete.display())))?;
    Ok(folder)
}

/// Holds the lock file until dropped; waits while another process holds it. Creates the folder.
pub(crate) async fn lock(path: &Path) -> Result<File, Failure> {
    let path = path.to_owned();
    let shown = path.display().to_string();
    let taken = tokio::task::spawn_blocking(move || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        file.lock()?;
        Ok::<File, std::io::Error>(file)
    })
    .await
    .map_err(std::io::Error::other)
    .and_then(|result| result);
    taken.map_err(|error| {
        Failure::failed(format!("cannot lock {shown}: {error}"), "nothing was touched", "make that folder writable")
    })
}

/// The first Python on the path that is new enough and can make virtual environments.
async fn find_python() -> Result<String, Failure> {
    let names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
    let mut seen = Vec::new();
    for name in names {
        let asked = "import sys; print('%d.%d' % sys.version_info[:2]); import venv, ensurepip";
        let Ok(output) = Command::new(name).args(["-c", asked]).stdin(std::process::Stdio::null()).output().await
        else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let version = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        if version.is_some_and(|version: (u32, u32)| version < OLDEST) {
            seen.push(format!("{name} is {text}, too old"));
        } else if output.status.success() && version.is_some() {
            return Ok(name.to_owned());
        } else if version.is_some() {
            seen.push(format!("{name} is {text}, without venv"));
        }
    }
    let found = if seen.is_empty() { "none was found".to_owned() } else { seen.join("; ") };
    Err(Failure::failed(
        format!("Python {}.{} or newer with venv is needed; {found}", OLDEST.0, OLDEST.1),
        "nothing was touched",
        "install it (Debian, Ubuntu: `sudo apt-get install python3 python3-venv`; Fedora: `sudo dnf install python3`; \
         macOS: `brew install python`), then type the same command again",
    ))
}

/// Runs to the end; the error is what the process said, its last lines.
async fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(std::process::Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(last_lines(&String::from_utf8_lossy(&said), 12))
}

/// The last `count` lines that say something.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn last_lines_leaves_out_empty_ones() {
        assert_eq!(last_lines("a\n\nb\n\nc\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }
}
