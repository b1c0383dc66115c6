//! How much of a task's stores is in memory: giving back what the checkpoint has, bringing it back when
//! there is room. Of timers only the head comes back, as it is used up, unless no checkpoint is written any more.

use schemas::Timestamp;

use super::{CheckpointPace, Task};
use crate::CheckpointError;
use crate::store::{Entries, Epoch, Evicted};

/// How far the entries that only the checkpoint has are brought back.
#[derive(Default)]
pub(crate) struct Residence {
    /// The store that is being brought back, with the last key read.
    warming: Option<(usize, Option<Vec<u8>>)>,
    /// The last batch of the checkpoint when all that could be given back was: more can be after the next.
    exhausted_at: Option<Epoch>,
    /// How far the timers beyond the head were given back.
    trimming: Trimming,
}

/// One pass over the timers, from the last one down.
#[derive(Default)]
struct Trimming {
    /// The last batch of the checkpoint as it began.
    at: Epoch,
    /// Where it goes on.
    below: Option<Vec<u8>>,
    is_done: bool,
}

/// How many timers one step looks at, to give them back.
const TRIM_LIMIT: usize = 1_000;

impl Task {
    /// The memory that stores, queues and unwritten changes take, about.
    pub(crate) fn resident_bytes(&self) -> usize {
        let queued: usize = self.queues.iter().map(super::RecordQueue::bytes).sum();
        let unwritten = self.checkpoint.as_ref().map_or(0, super::Checkpointing::resident_bytes);
        self.core.stores.resident_bytes() + queued + unwritten
    }

    /// Gives memory back, about `bytes`. It has no open transaction. What is not in the checkpoint yet
    /// cannot be given back: where that is in the way, the next batch is hurried.
    pub(crate) fn evict(&mut self, bytes: usize) -> Evicted {
        debug_assert!(!self.is_open());
        let mut sum = Evicted::default();
        let Some(checkpoint) = &mut self.checkpoint else { return sum };
        let finished = self.core.stores.finished();
        if self.residence.exhausted_at != Some(finished) {
            // The books are read as a whole, and they are few.
            for store in 0..self.core.plan.ledger_store() {
                let left = bytes.saturating_sub(sum.bytes);
                let take = |entries: &mut Entries, finished| entries.evict(finished, left);
                let evicted = checkpoint.evict(store, &mut self.core.stores, take);
                if evicted.entries > 0 && self.residence.warming.as_ref().is_some_and(|(other, _)| *other == store) {
                    self.residence.warming = None;
                }
                sum.entries += evicted.entries;
                sum.bytes += evicted.bytes;
            }
            self.residence.exhausted_at = (sum.bytes < bytes).then_some(finished);
        }
        if sum.bytes < bytes {
            checkpoint.hurry();
        }
        sum
    }

    /// Gives timers back that the checkpoint has, the last ones first, where they take more than the head may. It has
    /// no open transaction.
    pub(crate) fn trim_timers(&mut self) {
        debug_assert!(!self.is_open());
        let excess = self.excess_of_timers();
        let Self { core, checkpoint: Some(checkpoint), residence, .. } = self else { return };
        let (store, finished) = (core.plan.timers_store(), core.stores.finished());
        let pass = &mut residence.trimming;
        if pass.at != finished {
            *pass = Trimming { at: finished, ..Trimming::default() };
        }
        if excess == 0 || pass.is_done {
            return;
        }
        let below = &mut pass.below;
        let take = |entries: &mut Entries, finished| entries.evict_last(finished, excess, below, TRIM_LIMIT);
        checkpoint.evict(store, &mut core.stores, take);
        pass.is_done = pass.below.is_none();
    }

    /// Whether there is something to do that no open transaction may be in the way of.
    pub(crate) fn wants_rest(&self, now: Timestamp, pace: CheckpointPace) -> bool {
        let Some(checkpoint) = &self.checkpoint else { return false };
        let trimming = &self.residence.trimming;
        let may_trim = trimming.at != self.core.stores.finished() || !trimming.is_done;
        checkpoint.is_due(now, pace) || (may_trim && self.excess_of_timers() > 0)
    }

    /// By how much the timers are more than the head may be.
    fn excess_of_timers(&self) -> usize {
        self.core.stores.entries(self.core.plan.timers_store()).bytes().saturating_sub(self.timer_head_bytes)
    }

    /// Brings about `max_bytes` back into memory; false when there is nothing to bring back. It has no
    /// open transaction.
    pub(crate) fn warm_step(&mut self, max_bytes: usize) -> Result<bool, CheckpointError> {
        debug_assert!(!self.is_open());
        let stores = &mut self.core.stores;
        // Without a next batch every timer that fires would have to be remembered for good.
        let timers = self.core.plan.timers_store() + usize::from(self.checkpoint.is_none());
        let next = || (0..timers).find(|store| !stores.entries(*store).is_whole());
        let Some((store, after)) = self.residence.warming.take().or_else(|| next().map(|store| (store, None))) else {
            return Ok(false);
        };
        match stores.warm(store, after.as_deref(), max_bytes)? {
            Some(last) => self.residence.warming = Some((store, Some(last))),
            None => stores.loaded(store),
        }
        self.residence.exhausted_at = None;
        Ok(true)
    }
}
