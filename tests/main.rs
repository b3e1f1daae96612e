//! The integration tests, one binary: each file runs the built `deployer` as its users do.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes")]

mod build;
mod check;
mod harness;
mod sandbox;
mod synth;
mod tidy;
