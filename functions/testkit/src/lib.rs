//! What the tests start for themselves, and stop again. Development only: nothing deployed depends on it.
//!
//! - [`Postgres`]: a private PostgreSQL server on a free loopback port, thrown away afterwards
//!
//! A program that is missing ends the test with the name of the package that brings it; no test is
//! skipped.

mod postgres;

pub use postgres::{Postgres, TestDatabase};
