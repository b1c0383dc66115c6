//! A whole log in memory, deterministic, and a harness that steps several workers on it in one
//! thread, with faults from a seed.
//!
//! [`SimLog`] implements the whole port of [`Log`](crate::Log): transactions, fencing, groups with
//! rebalances in band. It never waits: a poll that finds nothing returns [`Poll::Idle`](crate::Poll)
//! at once, and time passes only where the caller moves it. [`Simulation`] adds workers, a clock and
//! chance: every run is a pure function of its seed, so a failing seed replays.

mod checkpoints;
mod consumer;
mod fault;
mod group;
mod harness;
mod log;
mod producer;
mod rng;

pub use checkpoints::*;
pub use fault::*;
pub use harness::*;
pub use log::*;
pub use rng::*;
