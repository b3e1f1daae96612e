//! payment-webhook-handler: `POST /webhooks/{provider}` for ZaloPay and payOS.
//!
//! - [`handler`]: request in, acknowledgement out; the row in between
//! - [`deps`]: what it needs from its environment
//! - [`zalopay`], [`payos`]: a body becomes a verified payment, or a refusal; no effects
//! - [`signature`]: HMAC-SHA256 in constant time

pub mod deps;
pub mod handler;
pub mod payment;
pub mod payos;
pub mod signature;
pub mod zalopay;
