//! The port to checkpoints: copies of a task's stores on a local disk, so that a start replays the
//! tail of the changelogs only.
//!
//! The changelogs are the durability, a checkpoint is a shortcut: it may be old, lost or thrown away
//! at any time. What it must never be is wrong, so its entries and the changelog offsets that they stand
//! for are written in one transaction. Implementations: `connectors::state` (LMDB), and
//! [`sim::MemoryCheckpoints`](crate::sim::MemoryCheckpoints).

use std::time::Duration;

use bytes::Bytes;
use schemas::Timestamp;
use thiserror::Error;

use crate::{Log, LogError, Offset, TaskId, TopicPartition};

/// A checkpoint could not be opened, read or written: the task goes on without it, and where its
/// stores were only a part of it, begins anew from the changelogs.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CheckpointError(pub String);

/// What changed in one store since the last checkpoint.
#[derive(Clone, Debug, Default)]
pub struct StoreChanges {
    /// Keys with their newest values; `None` for those that are gone. A key may occur more than once, each time
    /// with the same value.
    pub entries: Vec<(Bytes, Option<Bytes>)>,
    /// All keys before this one are gone, whatever `entries` has not: windows that expired. They may go bit by bit,
    /// with this batch and those that follow, for each of them says it again.
    pub expired_before: Option<Bytes>,
    /// The changelog's offset that the store stands for from now on, if it moved.
    pub next_offset: Option<Offset>,
}

/// What one transaction of a checkpoint writes: all stores of a task as of one commit.
#[derive(Clone, Debug)]
pub struct CheckpointBatch {
    /// By the number of the store.
    pub stores: Vec<StoreChanges>,
    /// The time of the commit.
    pub committed_at: Timestamp,
}

/// Where checkpoints are kept. Shared by all workers of a process.
pub trait Checkpoints: Send + Sync {
    /// The checkpoint of a task, empty at first. A process has one holder of a task at a time; what a
    /// former one was writing is waited for.
    ///
    /// # Errors
    /// When it cannot be used.
    fn open(&self, task: &TaskId, stores: &[String]) -> Result<Box<dyn Checkpoint>, CheckpointError>;
}

/// The checkpoint of one task's stores. Used by one thread at a time, and only
/// [`finish`](Self::finish) may wait for the disk.
pub trait Checkpoint: Send {
    /// The changelog's offset that a store stands for; `None` when nothing is known of the store.
    fn position(&self, store: usize) -> Option<Offset>;

    /// When the commit was that it stands for.
    fn committed_at(&self) -> Option<Timestamp>;

    /// Reads it as the last finished batch left it, and goes on to do so whatever is written later.
    ///
    /// # Errors
    /// When it cannot be read.
    fn reader(&self) -> Result<Box<dyn CheckpointReader>, CheckpointError>;

    /// Begins to write, in the background.
    ///
    /// # Errors
    /// When it cannot; never while [`is_busy`](Self::is_busy).
    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError>;

    /// Whether the last batch is still being written.
    ///
    /// # Errors
    /// When writing it failed. Later batches would leave a hole, so none may follow.
    fn is_busy(&mut self) -> Result<bool, CheckpointError>;

    /// Waits until the last batch is written.
    ///
    /// # Errors
    /// As [`is_busy`](Self::is_busy).
    fn finish(&mut self) -> Result<(), CheckpointError>;

    /// Throws all of it away.
    ///
    /// # Errors
    /// When it cannot.
    fn clear(&mut self) -> Result<(), CheckpointError>;
}

/// A checkpoint as of one finished batch.
pub trait CheckpointReader: Send {
    /// The value of a key.
    ///
    /// # Errors
    /// When it cannot be read. A key that is not there is no error.
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<&[u8]>, CheckpointError>;

    /// Gives a store's entries with keys in `[from, to)`, in the order of keys, until `each` says that it was the last
    /// one; `to` of `None` is unbounded, and is not before `from`.
    ///
    /// # Errors
    /// When it cannot be read.
    fn range(
        &self,
        store: usize,
        from: &[u8],
        to: Option<&[u8]>,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), CheckpointError>;

    /// Gives about `max_bytes` of a store's entries, each once over several calls: `after` is what the
    /// call before answered, on this reader or on another one of the same checkpoint. `None` when there
    /// are no more.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(
        &self,
        store: usize,
        after: Option<&[u8]>,
        max_bytes: usize,
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<Option<Vec<u8>>, CheckpointError>;
}

/// Whether a checkpoint may be used: it is young enough, and the changelogs of its stores reach as far as it.
pub(crate) fn is_usable(
    checkpoint: &dyn Checkpoint,
    changelogs: &[TopicPartition],
    log: &dyn Log,
    (now, age_max): (Timestamp, Duration),
) -> Result<bool, LogError> {
    let age = checkpoint.committed_at().map(|at| now.millis_since(at));
    if age.is_some_and(|age| age > age_max.as_millis() as i64) {
        return Ok(false);
    }
    let placed =
        changelogs.iter().enumerate().filter_map(|(store, log)| Some((log.clone(), checkpoint.position(store)?)));
    let (changelogs, positions): (Vec<_>, Vec<_>) = placed.unzip();
    // A topic that was deleted and made again begins anew.
    let ends = log.written_ends(&changelogs)?;
    Ok(positions.into_iter().zip(ends).all(|(position, end)| position <= end))
}

/// Whether a checkpoint has entries of a store without the changelog's offset that they stand for: the store is
/// replayed whole, and they would come up again where it does not have them.
pub(crate) fn has_unplaced(
    reader: &dyn CheckpointReader,
    positions: &[Option<Offset>],
) -> Result<bool, CheckpointError> {
    for store in (0..positions.len()).filter(|store| positions[*store].is_none()) {
        let mut has_any = false;
        reader.load(store, None, 1, &mut |_, _| has_any = true)?;
        if has_any {
            return Ok(true);
        }
    }
    Ok(false)
}
