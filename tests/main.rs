//! The integration tests, one binary: each file runs the built `deployer` as its users do.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes")]

mod aws;
mod browser;
mod build;
mod check;
mod deploy;
mod destroy;
mod drift;
mod failure;
mod harness;
mod local;
mod offline;
mod page;
mod rollback;
mod sandbox;
mod synth;
mod tidy;
