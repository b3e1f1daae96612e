//! pdf-generator: makes a PDF of the tickets of a paid order, from a queue.
//!
//! - [`handler`]: each message of a batch: read it, draw it, store it
//! - [`ticket`]: the pages; no effects
//! - [`text`]: fonts, widths and lines
//! - [`deps`]: what the handler needs from its environment

pub mod deps;
pub mod handler;
pub mod text;
pub mod ticket;
