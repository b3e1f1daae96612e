//! A private PostgreSQL server on a free loopback port, and databases in it.
//!
//! Uses the server binaries that Debian installs under `/usr/lib/postgresql/VERSION/bin`, or those in
//! `POSTGRES_BIN`. The server's data lives in a temporary directory without fsync: nothing survives it,
//! and nothing is meant to. As root it runs as the user `postgres`, since PostgreSQL refuses root. When
//! the test process dies, however it dies, the kernel ends the server.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc},
    thread,
    time::{Duration, Instant},
};

#[cfg(feature = "tls")]
use std::os::unix::fs::PermissionsExt as _;

use tokio_postgres::NoTls;

/// How long a server may take to accept connections; a loaded machine is slow.
const START: Duration = Duration::from_secs(60);

/// A running server. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    data: tempfile::TempDir,
    port: u16,
    settings: Vec<String>,
    server: Mutex<Option<Server>>,
}

/// One run of the server process, and the thread that is its parent: the kernel's death signal follows
/// the thread that started a process, and a test's thread ends before the server should.
#[derive(Debug)]
struct Server {
    pid: u32,
    stop: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// A database of one test's own. Holds on to its server.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    pub server: Arc<Postgres>,
    /// `postgres://…`, without TLS.
    pub url: String,
}

impl Postgres {
    /// The server that all tests of this process share; started by the first that asks, stopped after the last.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// A server for one test alone: for tests that stop or restart it.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start: the message says what to install, or why.
    pub fn start() -> Self {
        Self::prepare(|_| Vec::new())
    }

    /// The same with TLS, showing this certificate. Connections without TLS stay possible.
    #[cfg(feature = "tls")]
    pub fn start_with_tls(shown: &crate::Authority) -> Self {
        Self::prepare(|data| {
            let write = |name: &str, text: &str| {
                let file = data.join(name);
                fs::write(&file, text).expect("the data directory is writable");
                // The server refuses a key that others can read.
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is our file");
                give_to_postgres(&file);
                file.display().to_string()
            };
            let (certificate, key) = (write("testkit.crt", &shown.certificate), write("testkit.key", &shown.key));
            vec!["ssl=on".to_owned(), format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")]
        })
    }

    fn prepare(settings: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let bin = binaries();
        let data =
            tempfile::Builder::new().prefix("testkit-postgres-").tempdir().expect("a temporary directory can be made");
        give_to_postgres(data.path());
        let mut initdb = unprivileged(&bin.join("initdb"));
        initdb
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(data.path());
        succeed("initdb", &initdb.output().expect("initdb runs"));
        // The first line that fits decides: this one user must know its password, the others are let in.
        let access = data.path().join("pg_hba.conf");
        let known = fs::read_to_string(&access).expect("initdb wrote it");
        fs::write(&access, format!("host all with_password 127.0.0.1/32 scram-sha-256\n{known}"))
            .expect("the data directory is writable");
        let settings = settings(data.path());
        let server = Self { bin, data, port: free_port(), settings, server: Mutex::new(None) };
        server.resume();
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database in this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// A new, empty database. `name` only has to differ from the others in this process.
    pub async fn database(self: &Arc<Self>, name: &str) -> TestDatabase {
        let (client, connection) =
            tokio_postgres::connect(&self.url("postgres"), NoTls).await.expect("the server accepts connections");
        let driver = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.expect("the name is not taken");
        drop(client);
        // Ends when the client is gone; its result says nothing more.
        let _ = driver.await;
        TestDatabase { server: self.clone(), url: self.url(name) }
    }

    /// Stops the server at once, cutting every connection, as when a database fails over.
    pub fn pause(&self) {
        let Some(server) = self.lock().take() else { return };
        // QUIT is PostgreSQL's immediate shutdown: no goodbye to anyone.
        let _ = Command::new("kill").arg("-QUIT").arg(server.pid.to_string()).status();
        let _ = server.stop.send(());
        let _ = server.thread.join();
    }

    /// Starts the server again over the same data and the same port, and waits until it accepts connections.
    pub fn resume(&self) {
        let mut slot = self.lock();
        if slot.is_some() {
            return;
        }
        let log = self.data.path().join("testkit.log");
        let mut command = unprivileged(&self.bin.join("postgres"));
        command.arg("-D").arg(self.data.path()).arg("-k").arg(self.data.path()).arg("-p").arg(self.port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=100",
            "shared_buffers=32MB",
        ] {
            command.arg("-c").arg(setting);
        }
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        let file = fs::File::create(&log).expect("the data directory is writable");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file can be cloned")).stderr(file);
        *slot = Some(spawn(command));
        drop(slot);
        self.wait(&log);
    }

    fn wait(&self, log: &Path) {
        let since = Instant::now();
        while since.elapsed() < START {
            let ready = Command::new(self.bin.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "PostgreSQL did not accept connections within {START:?}:\n{}",
            fs::read_to_string(log).unwrap_or_default()
        );
    }

    fn lock(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.pause();
    }
}

/// Starts `command` in a thread that stays until the server is told to stop.
fn spawn(mut command: Command) -> Server {
    let (stop, stopped) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let mut child: Child = command.spawn().expect("the server program runs");
        let _ = tell.send(child.id());
        // Either `pause`, or every sender is gone.
        let _ = stopped.recv();
        let _ = child.wait();
    });
    Server { pid: told.recv().expect("the thread says which process it started"), stop, thread }
}

/// The newest server installed.
fn binaries() -> PathBuf {
    if let Some(bin) = std::env::var_os("POSTGRES_BIN") {
        return bin.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max_by_key(|bin| {
            bin.parent().and_then(Path::file_name).and_then(|version| version.to_str()?.parse::<u32>().ok())
        });
    newest.expect("PostgreSQL is needed for this test. Install it with: apt-get install postgresql (or set POSTGRES_BIN to the directory with initdb and postgres)")
}

/// As root, the server runs as another user, to whom its files must belong.
fn give_to_postgres(path: &Path) {
    if is_root() {
        let owner = Command::new("chown").arg("postgres:").arg(path).output().expect("chown runs");
        assert!(
            owner.status.success(),
            "cannot give {} to the user `postgres`; install it with: apt-get install postgresql",
            path.display()
        );
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// `program` under a user that PostgreSQL accepts, ended by the kernel when its parent ends.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command.arg(program).current_dir("/");
    command
}

/// A port that was free a moment ago. Nobody else on a test machine asks the kernel for that very one.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
        .port()
}

fn succeed(what: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{what} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count(url: &str) -> Result<i64, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client.query_one("SELECT count(*) FROM kept", &[]).await?.get(0))
    }

    #[tokio::test]
    async fn a_server_keeps_its_rows_over_a_pause_and_is_gone_after() {
        let server = Arc::new(Postgres::start());
        let database = server.database("one").await;
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.expect("connects");
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)").await.expect("writes");

        server.pause();
        count(&database.url).await.expect_err("nobody listens");
        server.resume();
        assert_eq!(count(&database.url).await.expect("is back"), 1);

        let (data, url) = (server.data.path().to_owned(), database.url.clone());
        drop((client, server, database));
        assert!(!data.exists(), "{} is removed", data.display());
        count(&url).await.expect_err("nobody listens any more");
    }
}
