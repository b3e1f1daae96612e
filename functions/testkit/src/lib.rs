//! What the tests start for themselves, and stop again. Development only: nothing deployed depends on it.
//!
//! - [`FakeAws`] (feature `aws`): what the functions ask of S3, SES and SQS, in memory
//! - [`Postgres`]: a private PostgreSQL server on a free loopback port, thrown away afterwards
//!
//! - [`Kafka`] (feature `kafka`): a cluster of brokers in this process, reachable over loopback
//! - [`SecureKafka`] (feature `kafka`): the same cluster behind TLS and a login
//! - [`Anvil`] (feature `npm`): an Ethereum node, and [`solidity`] to compile what runs on it
//! - [`Shopify`] (feature `npm`): the used part of Shopify's Admin API, over graphql-js
//! - [`Authority`] (feature `tls`): certificates for loopback, and the authority that signed them
//!
//! A program that is missing ends the test with the name of the package that brings it; no test is
//! skipped.

#[cfg(feature = "npm")]
mod anvil;
#[cfg(feature = "tls")]
mod authority;
#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "npm")]
mod npm;
mod postgres;
#[cfg(feature = "kafka")]
mod secure_kafka;
#[cfg(feature = "npm")]
mod shopify;

#[cfg(feature = "npm")]
pub use anvil::{Anvil, solidity};
#[cfg(feature = "tls")]
pub use authority::Authority;
#[cfg(feature = "aws")]
pub use aws::FakeAws;
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaRecord};
#[cfg(feature = "kafka")]
pub use secure_kafka::SecureKafka;
#[cfg(feature = "npm")]
pub use shopify::Shopify;

pub use postgres::{Postgres, TestDatabase};
