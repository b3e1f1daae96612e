//! outbox-processor: every minute, publishes what stands in the outbox to Kafka.
//!
//! - [`handler`]: claim, publish, mark, until nothing is left or the time is up
//! - [`route`]: which events go where together; no effects
//! - [`partitioner`]: the partition of a key, as Java's client chooses it
//! - [`broker`]: the connection to Kafka; the only file that knows its library
//! - [`deps`]: what the handler needs from its environment

pub mod broker;
pub mod deps;
pub mod handler;
pub mod partitioner;
pub mod route;
