//! The schema, applied in order, each file once.
//!
//! Safe to run twice and from two places at once: an advisory lock lets one in at a time, and the table
//! `schema_migrations` remembers what was applied with its checksum. A file that changed after it was
//! applied is an error: the database no longer is what the repository says.

use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;

/// One file of `migrations/`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: i32,
    pub name: &'static str,
    sql: &'static str,
}

/// All of them. A new one is a new file and a line here; an old one is never edited.
pub static MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "outbox", sql: include_str!("../migrations/0001_outbox.sql") },
    Migration { version: 2, name: "claim_order", sql: include_str!("../migrations/0002_claim_order.sql") },
];

/// Names the lock in `pg_locks`: the letters "tktb".
const LOCK: i64 = 0x746b_7462;

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error(
        "migration {version} ({name}) was changed after it was applied; restore the file and put the change into a new one"
    )]
    Changed { version: i32, name: &'static str },
    #[error("the database has migration {0}, which this build does not know; deploy from a newer commit")]
    Unknown(i32),
    #[error("migration {version} ({name}); nothing of it was kept")]
    Failed {
        version: i32,
        name: &'static str,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
}

/// Applies what is missing and returns it.
///
/// # Errors
/// When the database and the repository disagree, or a statement fails; earlier migrations stay applied.
pub async fn migrate(client: &mut Client) -> Result<Vec<Migration>, MigrationError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let outcome = apply(client).await;
    // Also after a failure; when the connection is gone, the lock is gone with it.
    let unlocked = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await;
    let applied = outcome?;
    unlocked?;
    Ok(applied)
}

async fn apply(client: &mut Client) -> Result<Vec<Migration>, MigrationError> {
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    let rows = client.query("SELECT version, sha256 FROM schema_migrations ORDER BY version", &[]).await?;
    for row in &rows {
        let (version, checksum): (i32, String) = (row.get(0), row.get(1));
        let known = MIGRATIONS.iter().find(|known| known.version == version).ok_or(MigrationError::Unknown(version))?;
        if known.sha256() != checksum {
            return Err(MigrationError::Changed { version, name: known.name });
        }
    }
    let mut applied = Vec::new();
    for migration in MIGRATIONS.iter().filter(|known| !rows.iter().any(|row| row.get::<_, i32>(0) == known.version)) {
        let Migration { version, name, sql } = *migration;
        let failed = |source| MigrationError::Failed { version, name, source };
        let transaction = client.transaction().await?;
        transaction.batch_execute(sql).await.map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
                &[&version, &name, &migration.sha256()],
            )
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        applied.push(*migration);
    }
    Ok(applied)
}

impl Migration {
    fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }
}
