//! What the functions of stream payments share.
//!
//! - [`stream`]: a stream as it is stored and told
//! - [`tokens`]: signed tokens that say who somebody is, under keys that can be rotated
//! - [`units`]: exact amounts as text

pub mod stream;
pub mod tokens;
pub mod units;
