//! Checkpoints in memory that survive a crashed worker, as a disk does.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use schemas::Timestamp;

use super::{FaultPlan, Rng};
use crate::{Checkpoint, CheckpointBatch, CheckpointError, CheckpointReader, Checkpoints, Offset, TaskId};

/// Checkpoints in memory. Clones share them; a batch is written after a few looks whether it is, so
/// that a crash before loses it, as a crash loses what a disk has not taken yet.
#[derive(Clone)]
pub struct MemoryCheckpoints(Arc<Mutex<Disk>>);

struct Disk {
    tasks: BTreeMap<TaskId, Arc<Saved>>,
    rng: Rng,
    faults: FaultPlan,
    events: DiskEvents,
}

/// How often a disk did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskEvents {
    /// Values and ranges looked up by stores that are not whole in memory.
    pub reads: u64,
    /// Of those, ranges that could be read.
    pub ranges: u64,
    /// Of those, failed.
    pub failed_reads: u64,
    /// Batches that were written.
    pub batches: u64,
    /// Batches that failed.
    pub failed_batches: u64,
}

impl DiskEvents {
    /// Adds what happened to another disk.
    pub fn add(&mut self, other: Self) {
        self.reads += other.reads;
        self.ranges += other.ranges;
        self.failed_reads += other.failed_reads;
        self.batches += other.batches;
        self.failed_batches += other.failed_batches;
    }
}

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

impl Default for MemoryCheckpoints {
    fn default() -> Self {
        Self::with_faults(0, FaultPlan::default())
    }
}

impl MemoryCheckpoints {
    /// Empty ones that fail as the plan says, by the seed.
    pub fn with_faults(seed: u64, faults: FaultPlan) -> Self {
        let (tasks, rng) = (BTreeMap::new(), Rng::new(seed));
        Self(Arc::new(Mutex::new(Disk { tasks, rng, faults, events: DiskEvents::default() })))
    }

    /// Fails as this plan says from now on.
    pub fn set_faults(&self, faults: FaultPlan) {
        self.disk().faults = faults;
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries they hold.
    pub fn entries(&self) -> usize {
        self.disk().tasks.values().flat_map(|saved| &saved.stores).map(|store| store.entries.len()).sum()
    }

    /// What happened to them.
    pub fn events(&self) -> DiskEvents {
        self.disk().events
    }
}

impl Checkpoints for MemoryCheckpoints {
    fn open(&self, task: &TaskId, stores: &[String]) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let mut disk = self.disk();
        let saved = disk.tasks.entry(task.clone()).or_default();
        Arc::make_mut(saved).stores.resize_with(stores.len(), SavedStore::default);
        drop(disk);
        Ok(Box::new(MemoryCheckpoint { disk: self.clone(), task: task.clone(), batch: None }))
    }
}

struct MemoryCheckpoint {
    disk: MemoryCheckpoints,
    task: TaskId,
    /// Being written, and how many looks more it takes.
    batch: Option<(CheckpointBatch, usize)>,
}

impl MemoryCheckpoint {
    fn with<T>(&self, work: impl FnOnce(&mut Saved) -> T) -> T {
        work(Arc::make_mut(self.disk.disk().tasks.entry(self.task.clone()).or_default()))
    }

    fn apply(&self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        let mut disk = self.disk.disk();
        let chance = disk.faults.checkpoint_write;
        if disk.rng.chance(chance) {
            disk.events.failed_batches += 1;
            return Err(CheckpointError("a simulated batch failed".to_owned()));
        }
        disk.events.batches += 1;
        drop(disk);
        self.with(|saved| {
            saved.committed_at = Some(batch.committed_at);
            for (store, changes) in saved.stores.iter_mut().zip(batch.stores) {
                for (key, value) in changes.entries {
                    match value {
                        Some(value) => drop(store.entries.insert(key, value)),
                        None => drop(store.entries.remove(&key)),
                    }
                }
                if let Some(first) = changes.expired_before {
                    store.entries = store.entries.split_off(&first);
                }
                store.position = changes.next_offset.or(store.position);
            }
        });
        Ok(())
    }
}

impl Checkpoint for MemoryCheckpoint {
    fn position(&self, store: usize) -> Option<Offset> {
        self.with(|saved| saved.stores.get(store).and_then(|store| store.position))
    }

    fn committed_at(&self) -> Option<Timestamp> {
        self.with(|saved| saved.committed_at)
    }

    fn reader(&self) -> Result<Box<dyn CheckpointReader>, CheckpointError> {
        let mut disk = self.disk.disk();
        let saved = disk.tasks.entry(self.task.clone()).or_default().clone();
        Ok(Box::new(MemoryReader { disk: self.disk.clone(), saved }))
    }

    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        let looks = self.disk.disk().rng.below(6);
        self.batch = Some((batch, looks));
        Ok(())
    }

    fn is_busy(&mut self) -> Result<bool, CheckpointError> {
        match self.batch.take() {
            None => Ok(false),
            Some((batch, 0)) => self.apply(batch).map(|()| false),
            Some((batch, looks)) => {
                self.batch = Some((batch, looks - 1));
                Ok(true)
            }
        }
    }

    fn finish(&mut self) -> Result<(), CheckpointError> {
        self.batch.take().map_or(Ok(()), |(batch, _)| self.apply(batch))
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

struct MemoryReader {
    disk: MemoryCheckpoints,
    saved: Arc<Saved>,
}

impl MemoryReader {
    fn may_read(&self) -> Result<(), CheckpointError> {
        let mut disk = self.disk.disk();
        disk.events.reads += 1;
        let chance = disk.faults.checkpoint_read;
        if disk.rng.chance(chance) {
            disk.events.failed_reads += 1;
            return Err(CheckpointError("a simulated read failed".to_owned()));
        }
        Ok(())
    }
}

impl CheckpointReader for MemoryReader {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<&[u8]>, CheckpointError> {
        self.may_read()?;
        Ok(self.saved.stores[store].entries.get(key).map(AsRef::as_ref))
    }

    fn range(
        &self,
        store: usize,
        from: &[u8],
        to: Option<&[u8]>,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), CheckpointError> {
        self.may_read()?;
        self.disk.disk().events.ranges += 1;
        let upper = to.map_or(Bound::Unbounded, Bound::Excluded);
        let mut entries = self.saved.stores[store].entries.range::<[u8], _>((Bound::Included(from), upper));
        entries.all(|(key, value)| each(key, value));
        Ok(())
    }

    fn load(
        &self,
        store: usize,
        after: Option<&[u8]>,
        max_bytes: usize,
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<Option<Vec<u8>>, CheckpointError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut bytes, mut last) = (0, None);
        for (key, value) in self.saved.stores[store].entries.range::<[u8], _>((from, Bound::Unbounded)) {
            each(key, value);
            bytes += key.len() + value.len();
            if bytes >= max_bytes {
                last = Some(key.to_vec());
                break;
            }
        }
        Ok(last)
    }
}
