//! Sink connectors: each consumes one `out.*` topic, delivers in the order of each key, and writes
//! how every record ended to `hub.delivery` in the same log transaction as the consumed position.
//!
//! [`run_http`] keeps many deliveries under way at once; [`run_sql`] applies batches to a
//! database that stores the position itself. Both end each record exactly once, over restarts too.

mod batch;
mod calls;
mod ending;
mod flow;
mod http_runner;
mod ledger;
mod metrics;
mod progress;
mod pursue;
mod reader;
mod settings;
mod shutdown;
mod sql_runner;
mod target;
#[cfg(test)]
mod tests;
mod uncommitted;

pub use batch::SinkError;
pub use ending::UNKNOWN_TARGET;
pub use http_runner::run as run_http;
pub use ledger::{Ledger, SinkSnapshot, TargetCounts};
pub use metrics::describe as describe_metrics;
pub use settings::{SinkSettings, TargetSettings};
pub use shutdown::Shutdown;
pub use sql_runner::run as run_sql;
pub use target::{Subject, Target};

/// Where outcomes go.
pub const DELIVERY_TOPIC: &str = "hub.delivery";
/// Where given-up records go.
pub const DEAD_LETTER_TOPIC: &str = "hub.dead_letter";
