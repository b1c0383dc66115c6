//! Entities: what the hub knows of each order, ticket, payment, customer, ... and how an event
//! changes it.
//!
//! Every event takes the same way through [`Engine`]: repeats are found ([`dedupe`]), events wait
//! for the entity they refer to or for an earlier one of their own ([`held`]), and what is left is
//! a step in a table ([`machine`]). The families differ in what an event does to their entity:
//! [`order`], [`ticket`], [`account`], [`customer`], [`catalog`], [`partner`]. Each change becomes
//! a lifecycle fact and is offered to the routes ([`Publisher`]).

pub mod account;
pub mod catalog;
pub mod customer;
pub mod dedupe;
mod engine;
mod fault;
mod head;
pub mod held;
pub mod lookup;
pub mod machine;
mod merge;
pub mod order;
pub mod partner;
mod publish;
mod reference;
mod settings;
pub mod step;
pub mod ticket;

#[cfg(test)]
mod tests;

pub use engine::{Chance, Decision, Engine, Family, Label};
pub(crate) use fault::undecodable;
pub use head::{Flag, Gate, Head};
pub use publish::{Change, Publisher};
pub(crate) use reference::bare_fact;
pub use settings::{EntitySettings, MissingParent, UnknownEntity};

/// The sinks that every entity processor may send to, with their topics.
pub const SINKS: [(&str, &str); 5] = [
    ("lifecycle", "hub.lifecycle"),
    ("billing", "out.billing"),
    ("floworx", "out.floworx"),
    ("partner", "out.partner"),
    ("notification", "out.notification"),
];

/// The sink of whole entities for a global table.
pub const TABLE_SINK: &str = "table";
