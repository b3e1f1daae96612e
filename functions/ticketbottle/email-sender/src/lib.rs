//! email-sender: sends the mails of a ticket shop, from a queue.
//!
//! - [`handler`]: each message of a batch: once, with the tickets where there are some
//! - [`mail`]: what a mail says; no effects
//! - [`once`]: who may send the mail of an event, and whether it was sent
//! - [`deps`]: what the handler needs from its environment

pub mod deps;
pub mod handler;
pub mod mail;
pub mod once;
