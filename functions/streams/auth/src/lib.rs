//! auth: accounts with a password. Register, login, verify, refresh.
//!
//! - [`handler`]: request in, answer out
//! - [`accounts`]: users, sessions and failed attempts in one table
//! - [`attempts`]: when somebody has tried too often; no effects
//! - [`passwords`]: argon2id, and the same work for a user who does not exist
//! - [`deps`]: what it needs from its environment

pub mod accounts;
pub mod attempts;
pub mod deps;
pub mod handler;
pub mod passwords;
