//! `ticketbottle-migrate`: brings the database named by `DATABASE_URL` to this build's schema.
//!
//! Prints what it applied, and nothing is wrong with running it again.

use std::{io::Write as _, process::ExitCode, sync::Arc, time::Duration};

use shared::{Database, Env, Secrets, clients, database::Limits};
use ticketbottle_outbox::migrations::migrate;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = run().await;
    let (text, code) = match &outcome {
        Ok(text) => (text.clone(), ExitCode::SUCCESS),
        Err(error) => (format!("error: {error}"), ExitCode::FAILURE),
    };
    // Nothing can be done about a closed stdout or stderr.
    let _ = if outcome.is_ok() { writeln!(std::io::stdout(), "{text}") } else { writeln!(std::io::stderr(), "{text}") };
    code
}

async fn run() -> Result<String, shared::StartError> {
    // The AWS configuration is only needed for a reference, and costs a look for credentials.
    let is_reference = std::env::var("DATABASE_URL").is_ok_and(|url| url.starts_with("arn:"));
    let secrets = if is_reference { Secrets::new(&clients::sdk_config().await) } else { Secrets::none() };
    let secrets = Arc::new(secrets);
    let mut env = Env::load(&secrets, &["DATABASE_URL"]).await;
    let source = env.secret_source("DATABASE_URL");
    let source = env.finish(source)?;
    // A migration may wait for another one, and may build an index.
    let limits = Limits { statement: Duration::from_secs(600), ..Limits::default() };
    let database = Database::with_limits(source, secrets, limits);
    let mut session = database.session().await.map_err(|error| explain(&error))?;
    let applied = migrate(&mut session).await.map_err(|error| explain(&error))?;
    Ok(match applied.as_slice() {
        [] => "the schema is up to date; nothing to apply".to_owned(),
        applied => {
            let lines: Vec<_> = applied
                .iter()
                .map(|migration| format!("applied {:04} {}", migration.version, migration.name))
                .collect();
            lines.join("\n")
        }
    })
}

/// An error with its causes on one line.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
