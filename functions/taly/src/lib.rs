//! Taly's functions, one module each; the executables in `bin/` only call them.
//!
//! - [`mail`] (send-email): booking, reminder and receipt events become mails, each once
//! - [`payment`] (process-payment): charges and refunds through Stripe or PayPal, and their webhooks
//! - [`report`] (generate-reports): bookings, payments, activity as CSV, XLSX or PDF, streamed to S3
//! - [`cleanup`] (cleanup-temp-files): old files below one prefix go, and a list of them stays
//! - [`activity`] (user-activity-logger): what users did, in order and each thing once
//!
//! Shared by several: [`table`] (DynamoDB's values), [`claims`] (who may do a thing once), [`upload`] (a file to S3 in parts),
//! [`money`] (minor units).

pub mod activity;
pub mod claims;
pub mod cleanup;
pub mod mail;
pub mod money;
pub mod payment;
pub mod report;
pub mod table;
pub mod upload;
