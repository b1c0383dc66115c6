//! How likely each open clock breaches, from how long the clocks before it went on.
//!
//! A processor beside the clocks keeps, for each entity with open clocks, when it entered which state.
//! When a clock ends, the working time from each of those instants to the end is an observation for
//! its objective, class and state. What is expected of an open clock follows from them
//! (`docs/prediction.md` has the formula, and how well it holds); it is looked at again whenever
//! the entity changes, and each time a quarter of the remaining time has passed, and told on
//! [`TOPIC`] when it comes into another [`band`].
//!
//! Each partition learns from its own entities: their keys are hashed, so each sees a fair sample, and
//! what is learnt needs no way of its own from task to task. A clock that is still open has told nothing
//! yet: while an objective is young, or slower than ever before, what is seen is what ended early.

mod estimate;
mod processor;
mod times;

#[cfg(test)]
mod tests;

pub use estimate::band;
pub use processor::add_to;

/// The topic of predictions.
pub const TOPIC: &str = "hub.sla.prediction";
