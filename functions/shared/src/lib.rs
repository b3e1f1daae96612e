//! What every function of this repository starts with.
//!
//! - [`config`]: the environment, read once, with every mistake named together
//! - [`secrets`]: values that live in Secrets Manager, by ARN, cached for a while
//! - [`clients`]: the one SDK configuration (one TLS stack, endpoint override honoured)
//! - [`database`]: a PostgreSQL connection that survives from one invocation to the next
//! - [`tls`]: whom a TLS connection trusts
//! - [`telemetry`]: JSON log lines with request and trace id; metrics as log lines
//! - [`problem`]: the one error type and what it answers over HTTP
//! - [`http`]: the answer and the body of an HTTP API event
//! - [`https`] (feature `https`): a client for servers that are not AWS
//! - [`queue`] (feature `queue`): a batch of messages, and what becomes of each
//! - [`invoke`]: the loop around a handler, and its deadline
//!
//! Knows no function's business: nothing here names a provider, a table or a queue.

pub mod clients;
pub mod config;
pub mod database;
pub mod http;
#[cfg(feature = "https")]
pub mod https;
pub mod invoke;
pub mod problem;
#[cfg(feature = "queue")]
pub mod queue;
pub mod secrets;
pub mod telemetry;
pub mod tls;

pub use config::{ConfigError, Env};
pub use database::Database;
pub use invoke::{Deadline, main};
pub use problem::Problem;
pub use secrets::{Secret, Secrets};

/// What ends a function's start: anything that can say what was wrong.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;
