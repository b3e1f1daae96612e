//! outbox-processor: every minute, publishes what stands in the outbox to Kafka.
//!
//! - [`handler`]: claim, publish, mark
//! - [`deps`]: what it needs from its environment

pub mod deps;
pub mod handler;
