//! The deployer from outside: one test binary, a module per command.

#![allow(clippy::disallowed_methods, reason = "tests are effects")]

mod build;
mod sandbox;
