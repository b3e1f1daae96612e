//! The integration tests, one binary: each file runs the built `deployer` as its users do.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes")]

mod adopt;
mod aws;
mod bridge;
mod browser;
mod build;
mod check;
mod cost;
mod deploy;
mod destroy;
mod drift;
mod failure;
mod faults;
mod hand;
mod harness;
mod iam;
mod lease;
mod local;
mod measure;
mod model;
mod offline;
mod page;
mod plan;
mod plan_cases;
mod proxy;
mod rates;
mod rollback;
mod rows;
mod sandbox;
mod scan;
mod settled;
mod shift;
mod stuck;
mod synth;
mod taly;
mod ticketbottle;
mod tidy;
mod verbs;
mod watch;
