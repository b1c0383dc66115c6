//! What a task's checkpoint still lacks, and when it is written.

use std::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;
use schemas::Timestamp;

use crate::{Checkpoint, CheckpointBatch, CheckpointError, Offset, StoreChanges, TaskId};

/// What an entry costs here beside its bytes, about.
const ENTRY_OVERHEAD: usize = 96;

/// When checkpoints are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckpointPace {
    pub(crate) interval: Duration,
    pub(crate) bytes_max: usize,
}

/// A task's checkpoint, with the committed changes that are not in it.
pub(crate) struct Checkpointing {
    port: Box<dyn Checkpoint>,
    /// Changes of the open transaction, by store.
    staged: Vec<(usize, Bytes, Option<Bytes>)>,
    /// Committed changes, by store.
    pending: Vec<Pending>,
    bytes: usize,
    committed_at: Timestamp,
    last_at: Option<Timestamp>,
}

#[derive(Default)]
struct Pending {
    entries: HashMap<Bytes, Option<Bytes>, foldhash::fast::RandomState>,
    next_offset: Option<Offset>,
}

fn size(key: &Bytes, value: Option<&Bytes>) -> usize {
    key.len() + value.map_or(0, Bytes::len) + ENTRY_OVERHEAD
}

impl Checkpointing {
    pub(crate) fn new(port: Box<dyn Checkpoint>, stores: usize) -> Self {
        Self {
            port,
            staged: Vec::new(),
            pending: (0..stores).map(|_| Pending::default()).collect(),
            bytes: 0,
            committed_at: Timestamp::default(),
            last_at: None,
        }
    }

    pub(crate) fn port(&self) -> &dyn Checkpoint {
        self.port.as_ref()
    }

    /// Throws the checkpoint away: the stores are replayed from the beginning.
    pub(crate) fn clear(&mut self) -> Result<(), CheckpointError> {
        self.port.clear()
    }

    /// A change that the open transaction sends to a changelog.
    pub(crate) fn stage(&mut self, store: usize, key: &Bytes, value: Option<&Bytes>) {
        self.staged.push((store, key.clone(), value.cloned()));
    }

    /// A record of the changelog that was replayed.
    pub(crate) fn replayed(&mut self, store: usize, key: &Bytes, value: Option<&Bytes>, next: Offset) {
        self.keep(store, key.clone(), value.cloned());
        self.moved(store, next);
    }

    /// The open transaction is thrown away.
    pub(crate) fn rolled_back(&mut self) {
        self.staged.clear();
    }

    /// The open transaction is committed.
    pub(crate) fn committed(&mut self, now: Timestamp) {
        self.committed_at = now;
        let mut staged = std::mem::take(&mut self.staged);
        for (store, key, value) in staged.drain(..) {
            self.keep(store, key, value);
        }
        self.staged = staged;
    }

    /// A changelog was written up to `next`, by a transaction that is committed.
    pub(crate) fn moved(&mut self, store: usize, next: Offset) {
        let position = &mut self.pending[store].next_offset;
        *position = Some(position.map_or(next, |known| known.max(next)));
    }

    fn keep(&mut self, store: usize, key: Bytes, value: Option<Bytes>) {
        let added = size(&key, value.as_ref());
        match self.pending[store].entries.entry(key) {
            hashbrown::hash_map::Entry::Occupied(mut known) => {
                self.bytes -= known.get().as_ref().map_or(0, Bytes::len);
                self.bytes += value.as_ref().map_or(0, Bytes::len);
                known.insert(value);
            }
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                self.bytes += added;
                vacant.insert(value);
            }
        }
    }

    /// Writes what is due; never waits.
    pub(crate) fn step(&mut self, now: Timestamp, pace: CheckpointPace, task: &TaskId) -> Result<(), CheckpointError> {
        if self.bytes == 0 {
            return Ok(());
        }
        // Tasks that start together shall not write together.
        let last_at = *self.last_at.get_or_insert_with(|| now.plus_millis(-spread(task, pace.interval)));
        let is_due = now.millis_since(last_at) >= pace.interval.as_millis() as i64 || self.bytes >= pace.bytes_max;
        if !is_due || self.port.is_busy()? {
            return Ok(());
        }
        self.write(now)
    }

    /// Writes all there is and waits for it.
    pub(crate) fn finish(&mut self, now: Timestamp) -> Result<(), CheckpointError> {
        self.port.finish()?;
        if self.bytes > 0 {
            self.write(now)?;
        }
        self.port.finish()
    }

    fn write(&mut self, now: Timestamp) -> Result<(), CheckpointError> {
        self.last_at = Some(now);
        self.bytes = 0;
        let stores = self.pending.iter_mut().map(|pending| StoreChanges {
            entries: std::mem::take(&mut pending.entries).into_iter().collect(),
            next_offset: pending.next_offset.take(),
        });
        self.port.write(CheckpointBatch { stores: stores.collect(), committed_at: self.committed_at })
    }

    /// Bytes that are committed but not in the checkpoint.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A part of the interval that depends on the task.
fn spread(task: &TaskId, interval: Duration) -> i64 {
    let name =
        task.sub_topology.bytes().fold(task.partition, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    i64::from(name % 64) * interval.as_millis() as i64 / 64
}
