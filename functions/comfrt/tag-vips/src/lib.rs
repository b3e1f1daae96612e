//! tag-vips: finds the VIP customers of a Shopify store and tags them.
//!
//! - [`handler`]: a request, a message or the schedule in; runs, and what becomes of them
//! - [`run`]: one run through a store, page by page
//! - [`tier`]: who belongs to which tier, and what that changes; no effects
//! - [`store`]: Shopify's API, with its points, its throttling and its bad days
//! - [`operations`]: the types of what is asked, made from the schema
//! - [`bucket`]: how many points a store has left; no effects
//! - [`ledger`]: the same for all runs at once, in a table
//! - [`deps`]: what it needs from its environment

pub mod bucket;
pub mod deps;
pub mod handler;
pub mod ledger;
pub mod operations;
pub mod run;
pub mod store;
pub mod tier;
