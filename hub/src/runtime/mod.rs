//! The running hub: its threads and spawned futures, how they are watched and how they end.
//!
//! ```text
//!            +-> workers (threads)  --+
//! listener --+-> sinks (billing: a thread; HTTP: futures) --+--> Failure: the first one ends the hub
//!            +-> maintenance, SLA view, exporter -----------+
//!
//! stop: close the door -> workers drain and commit -> sinks drain -> log closed -> exit 0
//! ```

mod asking;
mod burn_view;
mod escalation_view;
mod exporter;
mod failure;
mod hanging;
mod hub;
mod instance;
mod instances;
mod kpi_view;
mod lag;
mod log;
mod maintenance;
mod observation;
mod prediction_view;
mod process;
mod schemas;
mod scorecard_view;
mod sinks;
mod sla_answer;
mod sla_news;
mod sla_view;
mod standby;
mod status;
mod tail;
mod transaction_ends;
mod violation_view;
mod waiting;
mod workers;

pub use exporter::recorder;
pub use failure::Note;
pub use hub::{Hub, StartError};
pub use log::administered_log;
pub use observation::Observation;
pub use process::private_directory;
