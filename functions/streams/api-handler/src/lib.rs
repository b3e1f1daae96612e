//! api-handler: `GET /api/streams/{id}`, a page of streams, and the end of every other path below `/api`.
//!
//! - [`handler`]: request in, answer with its caching headers out
//! - [`deps`]: what it needs from its environment

pub mod deps;
pub mod handler;
