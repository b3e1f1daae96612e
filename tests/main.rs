//! The integration tests, one binary: each file runs the built `deployer` as its users do.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes")]

mod adopt;
mod aws;
mod bootstrap;
mod bridge;
mod browser;
mod build;
mod check;
mod comfrt;
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
mod prove;
mod prove_ticketbottle;
mod proxy;
mod rates;
mod rollback;
mod rows;
mod sandbox;
mod scan;
mod settled;
mod shift;
mod stuck;
mod streams;
mod synth;
mod system;
mod ticketbottle;
mod tidy;
mod verbs;
mod watch;
