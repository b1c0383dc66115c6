//! A telecom day at speed: a seeded generator of TM Forum events as JSON lines.
//!
//! It is pure: the same [`Settings`] give the same lines, whatever the machine or the hour.
//! Customers, offerings and partners are functions of the seed and a number, so the world costs no
//! memory; only the orders, tickets and bills in flight are kept, in a heap ordered by the instant
//! at which their next event is due.
//!
//! ```text
//! Settings -> Generator --next()--> Generated { due_at, json, kind }
//!                |  heap of (due, step of a flow | text that waits)
//!                +- order | ticket | bill | top-up | reference: plans of steps through a TMF machine
//!                +- faults: repeats, late and swapped events, wrong spellings, refused records
//! ```
//!
//! Floworx answers for itself (see `sandbox`): no process or task flow is made here.

mod bill;
mod dice;
mod emit;
mod envelope;
mod fault;
mod flow;
mod generator;
mod order;
mod order_plan;
mod reference;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod ticket;
mod world;
mod writer;

pub use generator::{Generated, Generator};
pub use settings::Settings;
pub use writer::{Written, write_path};
