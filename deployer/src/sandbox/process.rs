//! The sandbox's server process: started detached, found again, stopped.
//!
//! A record beside its log says which process was started; a random name that the server repeats on its health page
//! proves that what listens is that process. Only a process that this tool started is ever ended.

use super::http::{Answer, ask};
use super::{Endpoint, VERSION};
use crate::ctx::Ctx;
use crate::exit::Failure;
use crate::python;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const REQUIREMENTS: &str = include_str!("requirements.txt");
/// MiniStack with what its CloudWatch lacks; starts it.
const PROGRAM: &str = include_str!("cloudwatch.py");
const DEFAULT_PORT: u16 = 4566;
/// Starting takes 0.4 s on two idle cores; a loaded machine gets plenty.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Saving the state at the end takes as long as there is state.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// What was started; kept in `process.json` while the server is meant to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    pid: u32,
    /// Repeated by the server's health page as its edition.
    name: String,
    version: String,
    started: jiff::Timestamp,
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) endpoint: Endpoint,
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) started: jiff::Timestamp,
    pub(crate) log: PathBuf,
}

/// What `deployer sandbox status` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    Running(Running),
    Stopped {
        url: String,
        /// Whether an earlier run's state waits for the next start.
        has_state: bool,
    },
    /// The port is taken by something that this tool did not start.
    Taken {
        url: String,
        by: &'static str,
    },
}

/// Where one server keeps its things.
#[derive(Debug, Clone)]
struct Place {
    /// Shared by all ports: the virtual environment.
    home: PathBuf,
    /// This port's: record, log, state.
    folder: PathBuf,
    port: u16,
}

impl Place {
    fn of(ctx: &Ctx) -> Result<Self, Failure> {
        let set = |name: &str| ctx.environment.get(name).filter(|value| !value.is_empty());
        let port = match set("DEPLOYER_SANDBOX_PORT") {
            None => DEFAULT_PORT,
            Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                Failure::usage(
                    format!("DEPLOYER_SANDBOX_PORT is {text:?}, which is no port"),
                    "give a number from 1 to 65535, or unset it to use 4566",
                )
            })?,
        };
        let home = match set("DEPLOYER_SANDBOX_HOME") {
            Some(path) => ctx.root.join(path),
            None => python::cache_home(ctx)?.join("sandbox").join(VERSION),
        };
        Ok(Self { folder: home.join(port.to_string()), home, port })
    }

    fn url(&self) -> String {
        Endpoint::on(self.port).url
    }
    fn record(&self) -> PathBuf {
        self.folder.join("process.json")
    }
    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    async fn lock(&self) -> Result<File, Failure> {
        python::lock(&self.folder.join("lock")).await
    }

    fn recorded(&self) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(self.record()).ok()?).ok()
    }

    fn running(&self, record: &Record) -> Running {
        Running {
            endpoint: Endpoint::on(self.port),
            pid: record.pid,
            version: record.version.clone(),
            started: record.started,
            log: self.log(),
        }
    }

    /// What is there now. A record whose process is gone counts for nothing.
    async fn look(&self) -> Status {
        let url = self.url();
        match (ask(self.port, ANSWER_PATIENCE).await, self.recorded()) {
            (Answer::MiniStack { edition }, Some(record)) if edition == record.name => {
                Status::Running(self.running(&record))
            }
            (Answer::MiniStack { .. }, _) => Status::Taken { url, by: "a MiniStack that this tool did not start" },
            (Answer::Other, _) => Status::Taken { url, by: "a program that is no MiniStack" },
            (Answer::Nothing, _) => {
                let has_state = std::fs::read_dir(self.state()).is_ok_and(|mut entries| entries.next().is_some());
                Status::Stopped { url, has_state }
            }
        }
    }
}

/// Starts the sandbox unless it runs, and says where it is.
///
/// # Errors
/// `Failure::World` when Python is missing, the port is taken, or the server does not come up: its log is quoted.
pub(crate) async fn ensure(ctx: &Ctx) -> Result<Endpoint, Failure> {
    let own = start(ctx).await?.endpoint;
    let own = match ctx.environment.get("DEPLOYER_SANDBOX_CREDENTIALS").filter(|text| !text.is_empty()) {
        None => own,
        Some(text) => own.signed_by(text).ok_or_else(|| {
            Failure::usage(
                "DEPLOYER_SANDBOX_CREDENTIALS is no `KEY-ID SECRET TOKEN`",
                "write the three parts of temporary credentials with spaces between them, or unset it",
            )
        })?,
    };
    match ctx.environment.get("DEPLOYER_SANDBOX_ENDPOINT").filter(|url| !url.is_empty()) {
        None => Ok(own),
        Some(url) if is_on_loopback(url) => Ok(Endpoint { url: url.clone(), ..own }),
        Some(url) => Err(Failure::usage(
            format!("DEPLOYER_SANDBOX_ENDPOINT is {url:?}, which is no address on this machine"),
            "give `http://127.0.0.1:PORT`, or unset it to talk to the sandbox directly",
        )),
    }
}

/// What stands between the tool and the sandbox must be on this machine: nothing meant for the sandbox goes elsewhere.
fn is_on_loopback(url: &str) -> bool {
    let port = url.strip_prefix("http://127.0.0.1:").or_else(|| url.strip_prefix("http://localhost:"));
    port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// As [`ensure`], with all that is known about the server. Two callers at once get the same one.
pub(crate) async fn start(ctx: &Ctx) -> Result<Running, Failure> {
    let place = Place::of(ctx)?;
    // The common case takes no lock: it runs. And nothing is installed for a port that is taken.
    match place.look().await {
        Status::Running(running) => return Ok(running),
        Status::Taken { url, by } => return Err(taken(&url, by)),
        Status::Stopped { .. } => {}
    }
    let venv =
        python::environment(ctx, &place.home, REQUIREMENTS, &format!("the sandbox (MiniStack {VERSION})")).await?;
    let _lock = place.lock().await?;
    start_locked(ctx, &place, &venv).await
}

async fn start_locked(ctx: &Ctx, place: &Place, venv: &Path) -> Result<Running, Failure> {
    match place.look().await {
        Status::Running(running) => return Ok(running),
        Status::Taken { url, by } => return Err(taken(&url, by)),
        Status::Stopped { .. } => {}
    }
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        Failure::failed(
            format!("cannot {what}: {error}"),
            "the sandbox does not run",
            format!("make {} writable, or set DEPLOYER_SANDBOX_HOME to a folder that is", place.home.display()),
        )
    };
    let temporary = place.folder.join("tmp");
    for folder in [&temporary, &place.state(), &place.folder.join("s3")] {
        std::fs::create_dir_all(folder).map_err(|error| cannot("make a folder for the sandbox", &error))?;
    }
    let program = place.folder.join("ministack.py");
    std::fs::write(&program, PROGRAM).map_err(|error| cannot("write the sandbox's program", &error))?;
    let log = File::create(place.log()).map_err(|error| cannot("open the sandbox's log", &error))?;
    let errors = log.try_clone().map_err(|error| cannot("open the sandbox's log", &error))?;

    let record_name = format!("deployer-{}-{}", std::process::id(), jiff::Timestamp::now().as_nanosecond());
    let mut command = tokio::process::Command::new(venv.join("bin/python"));
    command.arg("-I").arg(&program).current_dir(&place.folder);
    // A function's process inherits all of the server's environment, so that holds nothing of the user's but the path.
    command.env_clear().envs(server_environment(ctx, place, &record_name));
    // A process group of its own: Ctrl-C in the terminal that started it is not for it.
    command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0).kill_on_drop(false);
    let mut child = command.spawn().map_err(|error| cannot("start the sandbox", &error))?;
    let record = Record {
        pid: child.id().unwrap_or_default(),
        name: record_name,
        version: VERSION.to_owned(),
        started: jiff::Timestamp::now(),
    };
    write_record(place, &record).map_err(|error| cannot("write the sandbox's record", &error))?;

    let deadline = tokio::time::Instant::now() + START_PATIENCE;
    loop {
        match ask(place.port, ANSWER_PATIENCE).await {
            Answer::MiniStack { edition } if edition == record.name => break,
            Answer::Nothing | Answer::Other | Answer::MiniStack { .. } => {}
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || tokio::time::Instant::now() > deadline {
            let _ = std::fs::remove_file(place.record());
            let said = python::last_lines(&std::fs::read_to_string(place.log()).unwrap_or_default(), 8);
            let what = ended.map_or_else(
                || format!("did not answer within {} s", START_PATIENCE.as_secs()),
                |status| format!("ended at once ({status})"),
            );
            end(record.pid, rustix::process::Signal::TERM);
            return Err(Failure::failed(
                format!("the sandbox {what}; its log ends with:\n{said}"),
                "the sandbox does not run",
                format!("read {}; `deployer sandbox reset` clears its state", place.log().display()),
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
    ctx.say(format!("sandbox: MiniStack {VERSION} on {}", place.url()));
    Ok(place.running(&record))
}

/// Ends the server that this tool started; its state stays for the next start. `None` when none ran.
///
/// # Errors
/// `Failure::World` when it does not end in time.
pub(crate) async fn stop(ctx: &Ctx) -> Result<Option<u32>, Failure> {
    let place = Place::of(ctx)?;
    let _lock = place.lock().await?;
    stop_locked(&place).await
}

async fn stop_locked(place: &Place) -> Result<Option<u32>, Failure> {
    let running = match place.look().await {
        Status::Running(running) => running,
        Status::Taken { url, by } => return Err(taken(&url, by)),
        Status::Stopped { .. } => {
            let _ = std::fs::remove_file(place.record());
            return Ok(None);
        }
    };
    end(running.pid, rustix::process::Signal::TERM);
    let deadline = tokio::time::Instant::now() + STOP_PATIENCE;
    while is_alive(running.pid) || ask(place.port, ANSWER_PATIENCE).await != Answer::Nothing {
        if tokio::time::Instant::now() > deadline {
            return Err(Failure::failed(
                format!("the sandbox (process {}) did not end within {} s", running.pid, STOP_PATIENCE.as_secs()),
                "it may still be saving its state",
                format!("look at {}, or end it with `kill -KILL {}`", running.log.display(), running.pid),
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
    let _ = std::fs::remove_file(place.record());
    Ok(Some(running.pid))
}

/// What is there now.
pub(crate) async fn status(ctx: &Ctx) -> Result<Status, Failure> {
    Ok(Place::of(ctx)?.look().await)
}

/// Forgets everything that was deployed: stops the server, removes its state, and starts it again if it ran.
pub(crate) async fn reset(ctx: &Ctx) -> Result<Option<Running>, Failure> {
    let place = Place::of(ctx)?;
    let _lock = place.lock().await?;
    let ran = stop_locked(&place).await?.is_some();
    for folder in [place.state(), place.folder.join("s3"), place.folder.join("tmp")] {
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Failure::failed(
                format!("cannot remove {}: {error}", folder.display()),
                "the sandbox is stopped, and part of its state is left",
                format!("remove {} by hand", folder.display()),
            ));
        }
    }
    if !ran {
        return Ok(None);
    }
    let venv =
        python::environment(ctx, &place.home, REQUIREMENTS, &format!("the sandbox (MiniStack {VERSION})")).await?;
    start_locked(ctx, &place, &venv).await.map(Some)
}

fn taken(url: &str, by: &str) -> Failure {
    Failure::failed(
        format!("{url} is taken by {by}"),
        "the sandbox does not run; the other program was left alone",
        "stop that program, or choose another port: `export DEPLOYER_SANDBOX_PORT=4567`",
    )
}

/// Whole or not at all: a reader never sees half a record.
fn write_record(place: &Place, record: &Record) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(record).map_err(std::io::Error::other)?;
    let fresh = place.folder.join("process.json.new");
    std::fs::write(&fresh, text)?;
    std::fs::rename(fresh, place.record())
}

fn end(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // Gone already is what we want.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Whether the process still does something: a zombie, which nobody collected, does not.
fn is_alive(pid: u32) -> bool {
    let Some(known) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    let exists = rustix::process::test_kill_process(known).is_ok();
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = line.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'));
    exists && !is_zombie
}

/// All that the server and, through it, the functions see of this machine.
fn server_environment(ctx: &Ctx, place: &Place, name: &str) -> Vec<(String, String)> {
    let path = |path: PathBuf| path.display().to_string();
    let inherited = |name: &str| ctx.environment.get(name).cloned().unwrap_or_default();
    let mut all = vec![
        ("PATH", inherited("PATH")),
        ("LANG", "C.UTF-8".to_owned()),
        // No `~/.aws` for a function to find.
        ("HOME", path(place.folder.clone())),
        ("TMPDIR", path(place.folder.join("tmp"))),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", place.port.to_string()),
        // The host in queue URLs and in the names of APIs.
        ("MINISTACK_HOST", "localhost".to_owned()),
        ("MINISTACK_ACCOUNT_ID", Endpoint::on(place.port).account),
        ("MINISTACK_EDITION", name.to_owned()),
        ("AUTH", "true".to_owned()),
        ("PERSIST_STATE", "1".to_owned()),
        ("STATE_DIR", path(place.state())),
        ("S3_PERSIST", "1".to_owned()),
        ("S3_DATA_DIR", path(place.folder.join("s3"))),
        // What functions call. Set after their own variables, so nothing of theirs can point elsewhere.
        ("AWS_ENDPOINT_URL", place.url()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        // Listeners that nobody asked for, on all interfaces.
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("SFTP_ENABLED", "0".to_owned()),
        // It would remove containers that it takes for its own.
        ("DOCKER_HOST", format!("unix://{}", path(place.folder.join("no-docker.sock")))),
    ];
    for (from, to) in [("DEPLOYER_SANDBOX_KAFKA", "MINISTACK_MSK_BOOTSTRAP")] {
        if let Some(value) = ctx.environment.get(from) {
            all.push((to, value.clone()));
        }
    }
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What stands for the brokers of a Kafka cluster in adapted templates.
pub(crate) fn brokers(ctx: &Ctx) -> String {
    let set = ctx.environment.get("DEPLOYER_SANDBOX_KAFKA").filter(|value| !value.is_empty());
    set.cloned().unwrap_or_else(|| "127.0.0.1:9092".to_owned())
}
