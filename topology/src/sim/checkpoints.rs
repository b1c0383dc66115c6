//! Checkpoints in memory that survive a crashed worker, as a disk does.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use schemas::Timestamp;

use crate::{Checkpoint, CheckpointBatch, CheckpointError, Checkpoints, Offset, TaskId};

/// Checkpoints in memory. Clones share them; a batch is written by the second look whether it is, so
/// that a crash between the two loses it, as a crash loses what a disk has not taken yet.
#[derive(Clone, Default)]
pub struct MemoryCheckpoints(Arc<Mutex<BTreeMap<TaskId, Saved>>>);

#[derive(Clone, Default)]
struct Saved {
    stores: Vec<SavedStore>,
    committed_at: Option<Timestamp>,
}

#[derive(Clone, Default)]
struct SavedStore {
    entries: BTreeMap<Bytes, Bytes>,
    position: Option<Offset>,
}

impl MemoryCheckpoints {
    fn saved(&self) -> MutexGuard<'_, BTreeMap<TaskId, Saved>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries they hold.
    pub fn entries(&self) -> usize {
        self.saved().values().flat_map(|saved| &saved.stores).map(|store| store.entries.len()).sum()
    }
}

impl Checkpoints for MemoryCheckpoints {
    fn open(&self, task: &TaskId, stores: &[String]) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let mut saved = self.saved();
        saved.entry(task.clone()).or_default().stores.resize_with(stores.len(), SavedStore::default);
        drop(saved);
        Ok(Box::new(MemoryCheckpoint { place: self.clone(), task: task.clone(), batch: None }))
    }
}

struct MemoryCheckpoint {
    place: MemoryCheckpoints,
    task: TaskId,
    /// Being written, and whether it was asked for once.
    batch: Option<(CheckpointBatch, bool)>,
}

impl MemoryCheckpoint {
    fn with<T>(&self, work: impl FnOnce(&mut Saved) -> T) -> T {
        work(self.place.saved().entry(self.task.clone()).or_default())
    }

    fn apply(&self, batch: CheckpointBatch) {
        self.with(|saved| {
            saved.committed_at = Some(batch.committed_at);
            for (store, changes) in saved.stores.iter_mut().zip(batch.stores) {
                for (key, value) in changes.entries {
                    match value {
                        Some(value) => drop(store.entries.insert(key, value)),
                        None => drop(store.entries.remove(&key)),
                    }
                }
                store.position = changes.next_offset.or(store.position);
            }
        });
    }
}

impl Checkpoint for MemoryCheckpoint {
    fn position(&self, store: usize) -> Option<Offset> {
        self.with(|saved| saved.stores.get(store).and_then(|store| store.position))
    }

    fn committed_at(&self) -> Option<Timestamp> {
        self.with(|saved| saved.committed_at)
    }

    fn load(
        &self,
        store: usize,
        after: Option<&[u8]>,
        max_bytes: usize,
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<Option<Vec<u8>>, CheckpointError> {
        self.with(|saved| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let (mut bytes, mut last) = (0, None);
            for (key, value) in saved.stores[store].entries.range::<[u8], _>((from, Bound::Unbounded)) {
                each(key, value);
                bytes += key.len() + value.len();
                if bytes >= max_bytes {
                    last = Some(key.to_vec());
                    break;
                }
            }
            Ok(last)
        })
    }

    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        self.batch = Some((batch, false));
        Ok(())
    }

    fn is_busy(&mut self) -> Result<bool, CheckpointError> {
        match self.batch.take() {
            None => Ok(false),
            Some((batch, false)) => {
                self.batch = Some((batch, true));
                Ok(true)
            }
            Some((batch, true)) => {
                self.apply(batch);
                Ok(false)
            }
        }
    }

    fn finish(&mut self) -> Result<(), CheckpointError> {
        if let Some((batch, _)) = self.batch.take() {
            self.apply(batch);
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), CheckpointError> {
        self.batch = None;
        self.with(|saved| {
            saved.committed_at = None;
            saved.stores.iter_mut().for_each(|store| *store = SavedStore::default());
        });
        Ok(())
    }
}
