//! What the tests start for themselves, and stop again. Development only: nothing deployed depends on it.
//!
//! - [`FakeAws`] (feature `aws`): what the functions ask of S3, SES and SQS, in memory
//! - [`Postgres`]: a private PostgreSQL server on a free loopback port, thrown away afterwards
//!
//! - [`Kafka`] (feature `kafka`): a cluster of brokers in this process, reachable over loopback
//!
//! A program that is missing ends the test with the name of the package that brings it; no test is
//! skipped.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "kafka")]
mod kafka;
mod postgres;

#[cfg(feature = "aws")]
pub use aws::FakeAws;
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaRecord};

pub use postgres::{Postgres, TestDatabase};
