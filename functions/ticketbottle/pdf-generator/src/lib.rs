//! pdf-generator: makes a PDF of the tickets of a paid order, from a queue.
//!
//! - [`handler`]: each message of a batch, and which of them must come again
//! - [`deps`]: what it needs from its environment

pub mod deps;
pub mod handler;
