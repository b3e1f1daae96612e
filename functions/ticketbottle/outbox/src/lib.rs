//! TicketBottle's outbox: what the three functions with a database share.
//!
//! - [`migrations`]: the schema, as SQL in the repository, applied by `ticketbottle-migrate`
//! - [`event`]: what is published, and its JSON
//! - [`intake`]: an accepted webhook becomes one event, once
//! - [`claim`]: the processor's rows: taken, published, or tried in vain
//! - [`retention`]: old events go, and how the rest is doing
//! - [`message`]: an event as it reaches the functions behind the broker
//!
//! Knows neither a provider's format nor a broker.

pub mod claim;
pub mod event;
pub mod intake;
pub mod message;
pub mod migrations;
pub mod retention;

pub use event::{EventType, Order, PaymentEvent};
