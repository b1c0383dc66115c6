//! The resident layer over the checkpoint: what may leave memory, and what comes back.

use super::{Entries, Epoch, Evicted, Stores};
use crate::{CheckpointError, CheckpointReader};

impl Stores {
    /// The checkpoint that the stores may be a part of.
    pub(crate) fn attach(&mut self, reader: Box<dyn CheckpointReader>) {
        self.reader = Some(reader);
    }

    /// The batch that commits go into is handed over to be written: what is committed from now on goes
    /// into the next one.
    pub(crate) fn batch_begun(&mut self) {
        self.epoch = self.epoch.next();
    }

    /// The batch that was begun last is written, and `reader` shows it. `deleted` are the keys that it
    /// deleted: the checkpoint says by itself that they are gone.
    pub(crate) fn batch_finished<'a>(
        &mut self,
        reader: Box<dyn CheckpointReader>,
        deleted: impl IntoIterator<Item = (usize, &'a [u8])>,
    ) {
        self.reader = Some(reader);
        self.finished = self.epoch.before();
        for (store, key) in deleted {
            let hash = self.hash(key);
            self.entries[store].forget_deleted(hash, key, self.finished);
        }
    }

    /// The last batch that the checkpoint shows.
    pub(crate) fn finished(&self) -> Epoch {
        self.finished
    }

    /// A store holds nothing but what its checkpoint does not have.
    pub(crate) fn start_from_checkpoint(&mut self, store: usize) {
        debug_assert!(self.reader.is_some() && self.entries[store].len() == 0);
        self.entries[store].set_whole(false);
    }

    /// All of a store's checkpoint is resident.
    pub(crate) fn loaded(&mut self, store: usize) {
        self.entries[store].set_whole(true);
    }

    /// Gives memory of a store back, about `bytes`; never what the checkpoint does not have.
    ///
    /// `pending` and `writing` are the keys that the next batch and the one under way delete. A whole
    /// store does not remember them; one that is a part must, or the checkpoint would bring them back.
    pub(crate) fn evict<'a>(
        &mut self,
        store: usize,
        bytes: usize,
        pending: impl Iterator<Item = &'a [u8]>,
        writing: impl Iterator<Item = &'a [u8]>,
    ) -> Evicted {
        debug_assert!(self.reader.is_some());
        let was_whole = self.entries[store].is_whole();
        let evicted = self.entries[store].evict(self.finished, bytes);
        if was_whole && !self.entries[store].is_whole() {
            let (next, under_way) = (self.epoch, self.epoch.before());
            pending.for_each(|key| self.remember_deleted(store, key, next));
            writing.for_each(|key| self.remember_deleted(store, key, under_way));
        }
        evicted
    }

    /// About `max_bytes` of what the checkpoint has of a store, from after `after` on, becomes resident;
    /// nothing when that was the end.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub(crate) fn warm(
        &mut self,
        store: usize,
        after: Option<&[u8]>,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, CheckpointError> {
        let reader = self.reader.take().expect("a store is warmed from its checkpoint");
        let last = reader.load(store, after, max_bytes, &mut |key, value| self.load(store, key, value));
        self.reader = Some(reader);
        last
    }

    /// What all stores occupy, the open transaction's log included.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.entries.iter().map(Entries::resident_bytes).sum::<usize>() + self.open_bytes
    }
}
