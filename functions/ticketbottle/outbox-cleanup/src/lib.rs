//! outbox-cleanup: daily, removes published events that are old enough and reports what is stuck.
//!
//! - [`handler`]: batch after batch, then the metrics
//! - [`deps`]: what it needs from its environment

pub mod deps;
pub mod handler;
