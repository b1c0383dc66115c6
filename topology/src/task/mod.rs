//! Tasks: one sub-topology on one partition each, with their stores, queues and books.

mod checkpointing;
mod commit;
mod core;
mod id;
mod letter;
mod opening;
mod plan;
mod queue;
mod resident;
mod restore;
mod run;
mod state;

pub(crate) use self::core::*;
pub(crate) use checkpointing::*;
pub(crate) use commit::taken_of;
pub use id::*;
pub use letter::*;
pub(crate) use plan::*;
pub(crate) use queue::*;
pub(crate) use resident::*;
pub(crate) use restore::{RestoreError, STREAM_TIME};
pub(crate) use run::*;
pub use state::*;
