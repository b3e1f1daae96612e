//! payment: a wallet proves itself and gets its stream as the contract has it; beside it, a payment by gateway.
//!
//! - [`handler`]: request in, answer out
//! - [`wallet`]: what a wallet signs (EIP-191, EIP-712), and who signed it; no effects
//! - [`contract`]: the stream's state at a block, through JSON-RPC
//! - [`gateway`]: a payment through a gateway that speaks Stripe's API
//! - [`deps`]: what it needs from its environment

pub mod contract;
pub mod deps;
pub mod gateway;
pub mod handler;
pub mod wallet;
