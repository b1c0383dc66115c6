//! What scenarios share: the real binary as a process, its HTTP side, and what it left behind.

mod billing;
mod certificates;
mod cluster;
mod event;
mod files;
mod generated;
mod hub;
pub mod java;
mod kafka;
mod order;
pub mod prometheus;
mod provider;
mod proxy;
mod registry;
pub mod secured;
mod wait;

pub use billing::Billing;
pub use cluster::Cluster;
pub use event::{event, now, order_created, order_state, outgoing};
pub use files::files_with;
pub use generated::{generated, post_lines};
pub use hub::{Hub, Running, ask, free_port, hub_command, lag, run_hub, sum, unix_seconds};
pub use kafka::{Broker, jars_folder, log_at, member};
pub use order::{differing, is_of, out_of_order};
pub use provider::{Provider, jwt};
pub use proxy::{Lose, Proxy};
pub use registry::Registry;
pub use wait::until;
