//! A PostgreSQL connection that is kept from one invocation to the next.
//!
//! One connection per execution environment: Lambda gives an environment one event at a time. Each
//! [`Database::session`] checks that the connection still answers (a frozen environment does not notice
//! that the server went away) and opens a new one if not, so a restarted database costs one reconnect and
//! no failed request. Statements are bounded on the server, and the connection dies by itself when the
//! server falls silent. Knows no table.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};
use tokio_postgres::{Client, error::SqlState};

use crate::secrets::{SecretError, Secrets, Source};

mod target;

use target::Target;
pub use target::TargetError;

/// How long each part may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// TCP, TLS and authentication together.
    pub connect: Duration,
    /// One statement, also the wait for a lock in it; enforced by the server.
    pub statement: Duration,
    /// An open transaction in which nothing happens; the server ends the session then, and its locks with it.
    pub idle_in_transaction: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(10),
            idle_in_transaction: Duration::from_secs(60),
        }
    }
}

/// How long a kept connection may take to show that it is alive.
const PING: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("connect to PostgreSQL")]
    Connect(#[source] tokio_postgres::Error),
    #[error("no connection to PostgreSQL within {0:?}")]
    ConnectTimeout(Duration),
}

/// A database to be reached when it is first needed.
#[derive(Debug)]
pub struct Database {
    source: Source,
    secrets: Arc<Secrets>,
    limits: Limits,
    kept: Mutex<Option<Client>>,
}

impl Database {
    /// `source` holds a `postgres://` URL, or the JSON of a secret that RDS manages; see [`TargetError`].
    pub fn new(source: Source, secrets: Arc<Secrets>) -> Self {
        Self::with_limits(source, secrets, Limits::default())
    }

    pub fn with_limits(source: Source, secrets: Arc<Secrets>, limits: Limits) -> Self {
        Self { source, secrets, limits, kept: Mutex::new(None) }
    }

    /// The connection, alive, for as long as the session is held. A second caller waits.
    ///
    /// # Errors
    /// When no connection can be made in [`Limits::connect`].
    pub async fn session(&self) -> Result<Session<'_>, DatabaseError> {
        let mut kept = self.kept.lock().await;
        if let Some(client) = kept.take_if(|client| !client.is_closed()) {
            match timeout(PING, client.simple_query("")).await {
                Ok(Ok(_)) => *kept = Some(client),
                _ => tracing::info!("the kept connection to PostgreSQL is gone; connecting anew"),
            }
        } else {
            *kept = None;
        }
        if kept.is_none() {
            *kept = Some(self.connect().await?);
        }
        Ok(Session(kept))
    }

    async fn connect(&self) -> Result<Client, DatabaseError> {
        match self.try_connect().await {
            // A rotated password: the value that we hold may be the old one.
            Err(DatabaseError::Connect(error))
                if is_wrong_password(&error) && matches!(self.source, Source::Reference { .. }) =>
            {
                self.secrets.forget(&self.source);
                self.try_connect().await
            }
            other => other,
        }
    }

    async fn try_connect(&self) -> Result<Client, DatabaseError> {
        let target = Target::parse(self.secrets.value(&self.source).await?.expose(), self.limits.connect)?;
        let limit = self.limits.connect;
        let client = timeout(limit, target.connect())
            .await
            .map_err(|_| DatabaseError::ConnectTimeout(limit))?
            .map_err(DatabaseError::Connect)?;
        // Set by statement: RDS Proxy and PgBouncer refuse the `options` start-up parameter.
        let settings = format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            self.limits.statement.as_millis(),
            self.limits.idle_in_transaction.as_millis()
        );
        timeout(limit, client.batch_execute(&settings))
            .await
            .map_err(|_| DatabaseError::ConnectTimeout(limit))?
            .map_err(DatabaseError::Connect)?;
        Ok(client)
    }
}

/// `invalid_password` and `invalid_authorization_specification`.
fn is_wrong_password(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// The connection, borrowed.
#[derive(Debug)]
pub struct Session<'a>(MutexGuard<'a, Option<Client>>);

impl Deref for Session<'_> {
    type Target = Client;
    fn deref(&self) -> &Client {
        self.0.as_ref().expect("Database::session fills it before it lends it")
    }
}

impl DerefMut for Session<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.as_mut().expect("Database::session fills it before it lends it")
    }
}
