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
mod diff;
mod normalize;
mod plan;
mod release;
mod risk;
mod state;

// show: pure, the writer is passed in
mod render;

// the outside: effects
mod apply;
mod artifact;
mod aws;
mod live;
mod project;
mod sandbox;
