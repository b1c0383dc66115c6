//! State of a task: entries in memory, and what an open transaction replaced.
//!
//! Writes go straight to the entries; the transaction log keeps what each write replaced
//! ([`Replaced`]). Undoing one call, or aborting the whole transaction, walks that log backwards;
//! committing it sends the newest value of each key that changed to the changelog.
//!
//! A key-value store, ordered or not, may keep a part of its entries in memory only, over the task's checkpoint:
//! what the checkpoint does not have yet is always in memory, and what is there wins. An ordered one knows of which
//! ranges of keys it has everything ([`Pieces`]), and reads the others where they are asked for.

mod entries;
mod entry;
mod found;
mod layers;
mod ledger;
mod mark;
mod ordered;
mod pieces;
mod ranges;
mod segments;
mod table;
#[cfg(test)]
mod tests;
mod timers;
mod transaction;
mod typed;
mod window;

pub(crate) use entries::*;
pub(crate) use entry::*;
pub(crate) use found::*;
pub use ledger::*;
pub(crate) use mark::*;
pub(crate) use ordered::*;
pub(crate) use pieces::*;
pub(crate) use segments::*;
pub(crate) use table::*;
pub(crate) use timers::*;
pub(crate) use transaction::*;
pub use typed::*;
pub(crate) use window::*;
