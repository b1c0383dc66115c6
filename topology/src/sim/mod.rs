//! A whole log in memory, deterministic, and a harness that steps several workers on it in one
//! thread, with faults from a seed.
//!
//! [`SimLog`] implements the whole port of [`Log`](crate::Log): transactions, fencing, groups with
//! rebalances in band. It never waits: a poll that finds nothing returns [`Poll::Idle`](crate::Poll)
//! at once, and time passes only where the caller moves it. [`Simulation`] adds workers, a clock and
//! chance: every run is a pure function of its seed, so a failing seed replays.
//!
//! A [`FaultPlan`] says what the log does to the workers on it:
//!
//! ```
//! use schemas::Timestamp;
//! use topology::sim::{FaultPlan, SimLog};
//! use topology::{Commit, Log, OutgoingRecord, TopicSpec};
//!
//! let log = SimLog::with_faults(7, FaultPlan::NONE);
//! log.ensure_topics(&[TopicSpec::delete("words", 1, None)])?;
//! let word = |value: &'static [u8]| OutgoingRecord {
//!     topic: "words".into(),
//!     partition: None,
//!     key: None,
//!     value: Some(value.into()),
//!     timestamp: Timestamp(0),
//!     headers: Vec::new(),
//! };
//! let mut producer = log.producer("outside")?;
//!
//! // Every commit aborts: its caller has to do the work again.
//! log.set_faults(FaultPlan { abort: 1000, ..FaultPlan::NONE });
//! producer.send(word(b"lost"))?;
//! assert_eq!(producer.commit("outside", &[])?, Commit::Aborted);
//!
//! // Every commit succeeds, and nobody hears of it: its caller has to find out before it does the work again.
//! log.set_faults(FaultPlan { lost_acknowledgement: 1000, ..FaultPlan::NONE });
//! producer.send(word(b"once"))?;
//! assert!(producer.commit("outside", &[]).is_err());
//! let values: Vec<_> = log.records("words").into_iter().filter_map(|record| record.value).collect();
//! assert_eq!(values, ["once"]);
//! # Ok::<(), topology::LogError>(())
//! ```
//!
//! [`Producer::abort`](crate::Producer::abort) has no fault of its own: it cannot fail at the port, and a log that
//! fails below it shows that with the next call.
//!
//! A [`Partner`] is an outside system that is slow and lies, as [`PartnerFaults`] say. It answers with values, so it
//! is of use to whoever calls outside systems, on whatever clock: the sinks in `connectors` run on this log and
//! against such partners in virtual time.

mod checkpoints;
mod consumer;
mod fault;
mod group;
mod harness;
mod log;
mod partner;
mod producer;
mod rng;
mod seeds;

pub use checkpoints::*;
pub use fault::*;
pub use harness::*;
pub use log::*;
pub use partner::*;
pub use rng::*;
pub use seeds::*;
