//! The integration tests, one binary: each file runs the built `deployer` as its users do.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes")]

mod check;
mod harness;
mod synth;
mod tidy;
//! The deployer from outside: one test binary, a module per command.
#![allow(clippy::disallowed_methods, reason = "tests are effects")]
mod build;
mod sandbox;
