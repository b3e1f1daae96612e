//! A real Chromium without a window: what a page becomes in it, and what it looks like. Makes no request.

use crate::harness::Project;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

/// Runs in the page and leaves what it measured in an element of its own; the page itself has no script, and its policy
/// forbids any, so both are put into a copy.
const MEASURE: &str = include_str!("measure.js");

impl View {
    /// The page's console: empty when nothing went wrong, the policy included.
    pub(crate) fn console(self, project: &Project, page: &str) -> Vec<String> {
        let path = written(project, "console.html", page);
        let (_, log) = self.run(project, &path, &["--dump-dom".to_owned()]);
        log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect()
    }

    /// A screenshot, as PNG.
    pub(crate) fn screenshot(self, project: &Project, page: &str) -> Vec<u8> {
        let path = written(project, "screenshot.html", page);
        let image = project.root.join(format!("{}-{}.png", self.width, if self.dark { "dark" } else { "light" }));
        self.run(project, &path, &[format!("--screenshot={}", image.display()), "--hide-scrollbars".to_owned()]);
        let bytes = fs::read(&image).expect("Chromium writes a screenshot");
        assert!(bytes.starts_with(b"\x89PNG"), "{} is no PNG", image.display());
        bytes
    }

    /// What [`MEASURE`] finds in the page.
    pub(crate) fn measured(self, project: &Project, page: &str) -> Value {
        let (before, rest) = page.split_once("<meta http-equiv").expect("the page has a policy");
        let (_, rest) = rest.split_once('>').expect("a tag ends");
        let copy = format!("{before}{rest}<script>{MEASURE}</script>");
        let path = written(project, "measured.html", &copy);
        let (dom, log) = self.run(project, &path, &["--dump-dom".to_owned()]);
        let found = dom.split_once("<pre id=\"measured\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let (text, _) = found.unwrap_or_else(|| panic!("nothing was measured\n{log}"));
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn run(self, project: &Project, page: &Path, arguments: &[String]) -> (String, String) {
        let profile = tempfile(project);
        let mut command = Command::new(program());
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
                // Whatever asks for a name is told that there is none.
                "--host-resolver-rules=MAP * ~NOTFOUND",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--window-size={},{}", self.width, self.height))
            .arg(format!("--blink-settings=preferredColorScheme={}", if self.dark { 0 } else { 1 }))
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null());
        let output = command.output().expect("Chromium runs");
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}\n{log}", output.status);
        let _ = fs::remove_dir_all(&profile);
        (String::from_utf8_lossy(&output.stdout).into_owned(), log)
    }
}

/// The browser of this machine.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    found
        .into_iter()
        .find(|program| program.is_file())
        .expect("Chromium is missing: run scripts/install-system-packages")
}

fn written(project: &Project, name: &str, page: &str) -> PathBuf {
    project.write(name, page);
    project.root.join(name)
}

/// A profile of its own: two browsers on one profile are one browser.
fn tempfile(project: &Project) -> PathBuf {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    project.root.join(format!("browser-{number}"))
}
