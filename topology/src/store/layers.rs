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

    /// Gives memory of a store back, as `take` does with its entries and the last batch that the checkpoint shows;
    /// never what the checkpoint does not have.
    ///
    /// `pending` are the keys of the next batch, and `writing` those that the one under way deletes. Which
    /// of them are gone a whole store does not remember; one that is a part must, or the checkpoint would
    /// bring them back.
    pub(crate) fn evict<'a>(
        &mut self,
        store: usize,
        take: impl FnOnce(&mut Entries, Epoch) -> Evicted,
        pending: impl Iterator<Item = &'a [u8]>,
        writing: impl Iterator<Item = &'a [u8]>,
    ) -> Evicted {
        debug_assert!(self.reader.is_some());
        let was_whole = self.entries[store].is_whole();
        let evicted = take(&mut self.entries[store], self.finished);
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use schemas::Timestamp;

    use super::*;
    use crate::sim::MemoryCheckpoints;
    use crate::{Checkpoint, CheckpointBatch, Checkpoints, Offset, StoreChanges, StoreKind, TaskId};

    const KEYS: [&[u8]; 3] = [b"kept", b"deleted before the batch", b"deleted after it"];

    fn batch(keys: &[&[u8]], value: Option<&'static str>) -> CheckpointBatch {
        let entries = keys.iter().map(|key| (Bytes::copy_from_slice(key), value.map(Bytes::from)));
        let changes =
            StoreChanges { entries: entries.collect(), next_offset: Some(Offset(1)), ..StoreChanges::default() };
        CheckpointBatch { stores: vec![changes], committed_at: Timestamp(0) }
    }

    fn finished(checkpoint: &mut dyn Checkpoint, batch: CheckpointBatch) -> Box<dyn CheckpointReader> {
        checkpoint.write(batch).unwrap();
        checkpoint.finish().unwrap();
        checkpoint.reader().unwrap()
    }

    fn commit(stores: &mut Stores) {
        stores.for_each_changed::<()>(|_, _, _, _| Ok(())).unwrap();
        stores.committed();
    }

    #[test]
    fn a_store_that_becomes_a_part_remembers_what_its_checkpoint_does_not_know_to_be_gone() {
        let task = TaskId { sub_topology: "part".into(), partition: 0 };
        let mut checkpoint = MemoryCheckpoints::default().open(&task, &["store".to_owned()]).unwrap();
        let mut stores = Stores::new([&StoreKind::KeyValue]);
        for key in KEYS {
            stores.put(0, key, b"value");
        }
        commit(&mut stores);
        stores.batch_begun();
        stores.batch_finished(finished(checkpoint.as_mut(), batch(&KEYS, Some("value"))), []);
        // One deletion is in a batch that is being written, the other waits for the next.
        stores.delete(0, KEYS[1]);
        commit(&mut stores);
        stores.batch_begun();
        stores.delete(0, KEYS[2]);
        commit(&mut stores);
        assert_eq!(stores.entries(0).len(), 1, "a whole store forgets what is gone");
        stores.evict(
            0,
            |entries, finished| entries.evict(finished, usize::MAX),
            [KEYS[2]].into_iter(),
            [KEYS[1]].into_iter(),
        );
        assert!(!stores.entries(0).is_whole() && stores.entries(0).len() == 0);
        assert_eq!(KEYS.map(|key| stores.get(0, key).map(<[u8]>::to_vec)), [Some(b"value".to_vec()), None, None]);
        // Once the batches are written the checkpoint says so by itself.
        stores.batch_finished(finished(checkpoint.as_mut(), batch(&KEYS[1..2], None)), [(0, KEYS[1])]);
        assert_eq!(stores.get(0, KEYS[1]), None);
        assert_eq!(stores.get(0, KEYS[2]), None);
    }
}
