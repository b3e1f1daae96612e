//! `deployer`: from stack files to running Lambda functions, and back.
//!
//! Files in → values → values → effects out. Modules stand in pipeline order; those under "the outside" are the only
//! ones that may touch files, processes, clocks or AWS, and clippy holds the others to it (`clippy.toml`).

#![allow(dead_code, unused_macros, unused_imports)]
mod cli;

mod ctx;
mod exit;

// commands: glue
mod cmd;

// words every stage speaks: pure
mod diag;
mod ids;
mod source;
mod units;

// load: pure
mod decode;
mod jinja;
mod model;
mod overlay;
mod rules;
mod yaml;

// synth: pure
mod cfn;
mod iam;
mod synth;

// compare: pure
mod change_set;
mod destroy;
mod diff;
mod normalize;
mod plan;
mod release;
mod resolve;
mod risk;
mod rollback;
mod state;

// show: pure, the writer is passed in
mod render;

// the outside: effects
mod apply;
#[expect(clippy::disallowed_methods, reason = "effects: runs cargo, reads and writes artifacts")]
mod artifact;
mod aws;
mod git;
mod live;
mod pipeline;
mod project;
#[expect(clippy::disallowed_methods, reason = "effects: installs into the user's cache")]
mod python;
#[expect(clippy::disallowed_methods, reason = "effects: starts and stops the local AWS")]
mod sandbox;
mod session;
