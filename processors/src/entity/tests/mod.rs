//! The entity processors in the whole topology, under the test driver.

mod account;
mod changes;
mod fixture;
mod layout;
mod order;
mod order_waits;
mod reference;
mod ticket;
mod ways;
