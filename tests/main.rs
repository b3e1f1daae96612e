//! The integration tests, one binary: each file runs the built `deployer` as its users do.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes")]

mod aws;
mod build;
mod check;
mod deploy;
mod drift;
mod harness;
mod rollback;
mod sandbox;
mod synth;
mod tidy;
