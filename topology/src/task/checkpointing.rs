//! What a task's checkpoint still lacks, and when it is written.

use std::time::Duration;

use bytes::Bytes;
use schemas::Timestamp;

use crate::checkpoint::has_unplaced;
use crate::store::{Entries, Epoch, Evicted, Stores};
use crate::{Checkpoint, CheckpointBatch, CheckpointError, Offset, StoreChanges, TaskId};

/// What a key costs here beside its bytes, about.
const KEY_OVERHEAD: usize = 48;
/// What an entry of a batch costs beside its bytes, about.
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
    /// Keys that the open transaction puts into the next batch: store, key, size of the value.
    staged: Vec<(usize, Bytes, usize)>,
    /// What goes into the next batch, by store.
    pending: Vec<Pending>,
    /// The size of the next batch, with its values.
    bytes: usize,
    /// What its keys take, which are all that is kept of it here.
    key_bytes: usize,
    /// Of the batch under way, if one is.
    writing: Option<Writing>,
    /// Whether the next batch is due whatever the time: memory waits for it.
    is_urgent: bool,
    /// As of when the next batch lacks nothing.
    as_of: Timestamp,
    last_at: Option<Timestamp>,
}

/// A batch under way.
struct Writing {
    /// The keys that it deletes, by store.
    deleted: Vec<(usize, Bytes)>,
    bytes: usize,
}

/// Keys whose committed values are resident until they are in the checkpoint. One may occur more than once.
#[derive(Default)]
struct Pending {
    keys: Vec<Bytes>,
    next_offset: Option<Offset>,
}

impl Checkpointing {
    pub(crate) fn new(port: Box<dyn Checkpoint>, stores: usize) -> Self {
        Self {
            port,
            staged: Vec::new(),
            pending: (0..stores).map(|_| Pending::default()).collect(),
            bytes: 0,
            key_bytes: 0,
            writing: None,
            is_urgent: false,
            as_of: Timestamp::default(),
            last_at: None,
        }
    }

    /// The task starts from what it has. What is replayed upon it makes it no younger; what is replayed from the
    /// beginning lacks nothing that was there at `now`.
    pub(crate) fn starts(&mut self, now: Timestamp) {
        self.as_of = self.port.committed_at().unwrap_or(now);
    }

    pub(crate) fn port(&self) -> &dyn Checkpoint {
        self.port.as_ref()
    }

    /// Whether it has entries that would come up again where a replay does not have them.
    pub(crate) fn has_unplaced_entries(&self) -> Result<bool, CheckpointError> {
        let positions: Vec<_> = (0..self.pending.len()).map(|store| self.port.position(store)).collect();
        has_unplaced(self.port.reader()?.as_ref(), &positions)
    }

    /// Throws the checkpoint away: the stores are replayed from the beginning.
    pub(crate) fn clear(&mut self) -> Result<(), CheckpointError> {
        self.port.clear()
    }

    /// A key that the open transaction sends to a changelog, and that is not in the next batch yet.
    pub(crate) fn stage(&mut self, store: usize, key: &Bytes, value: Option<&Bytes>) {
        self.staged.push((store, key.clone(), value.map_or(0, Bytes::len)));
    }

    /// A record of the changelog was replayed; `is_known` says that its key is in the next batch already.
    pub(crate) fn replayed(&mut self, store: usize, key: &Bytes, value: Option<&Bytes>, next: Offset, is_known: bool) {
        if !is_known {
            // The record's memory is that of all that was read with it.
            self.keep(store, Bytes::copy_from_slice(key), value.map_or(0, Bytes::len));
        }
        self.moved(store, next);
    }

    /// The open transaction is thrown away.
    pub(crate) fn rolled_back(&mut self) {
        self.staged.clear();
    }

    /// The open transaction is committed.
    pub(crate) fn committed(&mut self, now: Timestamp) {
        self.as_of = now;
        let mut staged = std::mem::take(&mut self.staged);
        for (store, key, value_bytes) in staged.drain(..) {
            self.keep(store, key, value_bytes);
        }
        self.staged = staged;
    }

    /// A changelog was written up to `next`, by a transaction that is committed.
    pub(crate) fn moved(&mut self, store: usize, next: Offset) {
        let position = &mut self.pending[store].next_offset;
        *position = Some(position.map_or(next, |known| known.max(next)));
    }

    fn keep(&mut self, store: usize, key: Bytes, value_bytes: usize) {
        self.bytes += key.len() + value_bytes + ENTRY_OVERHEAD;
        self.key_bytes += key.len() + KEY_OVERHEAD;
        self.pending[store].keys.push(key);
    }

    /// Writes what is due and tells the stores what is written; never waits. While a transaction `is_open` the stores
    /// hold what is not committed, so nothing is begun.
    pub(crate) fn step(
        &mut self,
        now: Timestamp,
        pace: CheckpointPace,
        task: &TaskId,
        stores: &mut Stores,
        is_open: bool,
    ) -> Result<(), CheckpointError> {
        if let Some(writing) = self.writing.take() {
            if self.port.is_busy()? {
                self.writing = Some(writing);
                return Ok(());
            }
            let deleted = writing.deleted.iter().map(|(store, key)| (*store, key.as_ref()));
            stores.batch_finished(self.port.reader()?, deleted);
        }
        if self.bytes == 0 || is_open {
            return Ok(());
        }
        // Tasks that start together shall not write together.
        self.last_at.get_or_insert_with(|| now.plus_millis(-spread(task, pace.interval)));
        if self.is_due(now, pace) { self.write(now, stores) } else { Ok(()) }
    }

    /// Whether the next batch is due: it is written when no transaction is open, and the one before is written.
    pub(crate) fn is_due(&self, now: Timestamp, pace: CheckpointPace) -> bool {
        let is_old = |at: Timestamp| now.millis_since(at) >= pace.interval.as_millis() as i64;
        let is_wanted = self.is_urgent || self.bytes >= pace.bytes_max || self.last_at.is_none_or(is_old);
        self.bytes > 0 && self.writing.is_none() && is_wanted
    }

    /// Writes all there is and waits for it. The task ends with this.
    pub(crate) fn finish(&mut self, now: Timestamp, stores: &mut Stores) -> Result<(), CheckpointError> {
        self.port.finish()?;
        if self.bytes > 0 {
            self.write(now, stores)?;
        }
        self.port.finish()
    }

    fn write(&mut self, now: Timestamp, stores: &mut Stores) -> Result<(), CheckpointError> {
        self.last_at = Some(now);
        self.is_urgent = false;
        self.key_bytes = 0;
        let mut deleted = Vec::new();
        let mut changes = Vec::with_capacity(self.pending.len());
        for (store, pending) in self.pending.iter_mut().enumerate() {
            let entry = |key: Bytes| {
                let value = stores.resident(store, &key).map(Bytes::copy_from_slice);
                if value.is_none() {
                    deleted.push((store, key.clone()));
                }
                (key, value)
            };
            let entries = std::mem::take(&mut pending.keys).into_iter().map(entry).collect();
            let expired_before = stores.entries(store).first_kept().map(|first| Bytes::copy_from_slice(&first));
            changes.push(StoreChanges { entries, expired_before, next_offset: pending.next_offset.take() });
        }
        self.writing = Some(Writing { deleted, bytes: std::mem::take(&mut self.bytes) });
        stores.batch_begun();
        self.port.write(CheckpointBatch { stores: changes, committed_at: self.as_of })
    }

    /// Gives memory of a store back, as `take` does, of what the checkpoint has.
    pub(crate) fn evict(
        &self,
        store: usize,
        stores: &mut Stores,
        take: impl FnOnce(&mut Entries, Epoch) -> Evicted,
    ) -> Evicted {
        let pending = self.pending[store].keys.iter();
        let writing = self.writing.iter().flat_map(|writing| &writing.deleted).filter(|(other, _)| *other == store);
        stores.evict(store, take, pending.map(AsRef::as_ref), writing.map(|(_, key)| key.as_ref()))
    }

    /// Writes the next batch as soon as it can: only then more memory can be given back.
    pub(crate) fn hurry(&mut self) {
        self.is_urgent = true;
    }

    /// Bytes that are committed but not in the checkpoint.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a batch is under way.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// The memory that all that is not in the checkpoint takes here.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.key_bytes + self.writing.as_ref().map_or(0, |writing| writing.bytes)
    }
}

/// A part of the interval that depends on the task.
fn spread(task: &TaskId, interval: Duration) -> i64 {
    let name =
        task.sub_topology.bytes().fold(task.partition, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    i64::from(name % 64) * interval.as_millis() as i64 / 64
}
