//! Bringing a task's stores and books back from their changelogs.

use std::time::Duration;

use schemas::Timestamp;
use thiserror::Error;

use super::commit::taken_of;
use super::{Task, TaskError, TaskState};
use crate::checkpoint::is_usable;
use crate::store::{Entry, from_sortable, sortable};
use crate::{
    CheckpointError, Counts, Log, LogError, Offset, Position, Record, TopicPartition, decode_value, encode_value,
};

/// The key of the books' entry that holds stream time; no topic has an empty name.
pub(crate) const STREAM_TIME: &[u8] = b"";

/// Why a step of the restore failed.
#[derive(Debug, Error)]
pub(crate) enum RestoreError {
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The checkpoint cannot be read: the changelogs hold all of it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl From<LogError> for RestoreError {
    fn from(error: LogError) -> Self {
        Self::Task(error.into())
    }
}

/// How far the replay of the changelogs is.
pub(crate) struct Restore {
    /// The counts that the committed positions carry, by source.
    taken: Vec<Option<u64>>,
    /// What is still to be read: store, next offset, end.
    open: Vec<(usize, Offset, Offset)>,
    /// Stores that are still to be read from the checkpoint, with the last key read.
    checkpointed: Vec<(usize, Option<Vec<u8>>)>,
    pub(super) records: u64,
    pub(super) total: u64,
    /// Of the records, those of changelogs.
    replayed: u64,
}

impl Restore {
    pub(super) fn new(positions: &[Position]) -> Self {
        Self {
            taken: positions.iter().map(taken_of).collect(),
            open: Vec::new(),
            checkpointed: Vec::new(),
            records: 0,
            total: 0,
            replayed: 0,
        }
    }
}

impl Task {
    /// Looks up how much there is to replay.
    pub(crate) fn begin_restore(&mut self, log: &dyn Log) -> Result<(), TaskError> {
        self.state.advance(TaskState::Restoring);
        self.restore.open.clear();
        (self.restore.records, self.restore.total, self.restore.replayed) = (0, 0, 0);
        let changelogs: Vec<_> = (0..self.core.plan.stores.len()).map(|store| self.changelog(store)).collect();
        let starts = log.bounds_of(&changelogs)?.into_iter().map(|(start, _)| start);
        // The positions are read already, so a former owner's transaction that they hold has
        // written all its records, but some of them may not be visible yet.
        let ends = log.written_ends(&changelogs)?;
        for (store, (start, end)) in starts.zip(ends).enumerate() {
            let position = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.port().position(store));
            if position.is_some() {
                if store != self.core.plan.ledger_store() && self.core.stores.entries(store).may_be_part() {
                    self.core.stores.start_from_checkpoint(store);
                } else {
                    self.restore.checkpointed.push((store, None));
                }
            }
            let start = position.map_or(start, |position| position.max(start));
            if start < end {
                self.restore.open.push((store, start, end));
                self.restore.total += (end.0 - start.0) as u64;
            }
        }
        let soon = self.restore.open.iter().map(|(store, start, _)| (self.changelog(*store), *start));
        log.prefetch(&soon.collect::<Vec<_>>());
        Ok(())
    }

    /// Whether the checkpoint may be used: it is young enough, and the changelogs reach as far as it.
    pub(crate) fn is_checkpoint_usable(
        &self,
        log: &dyn Log,
        now: Timestamp,
        age_max: Duration,
    ) -> Result<bool, TaskError> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(false) };
        let changelogs: Vec<_> = (0..self.core.plan.stores.len()).map(|store| self.changelog(store)).collect();
        Ok(is_usable(checkpoint.port(), &changelogs, log, (now, age_max))?)
    }

    /// Loads about `max_bytes` of the stores that must be whole; true when there is no more of them.
    fn load_step(&mut self, max_bytes: usize) -> Result<bool, CheckpointError> {
        let Self { restore, core, .. } = self;
        let Some((store, after)) = restore.checkpointed.pop() else { return Ok(true) };
        let before = core.stores.entries(store).len();
        if let Some(last) = core.stores.warm(store, after.as_deref(), max_bytes)? {
            restore.checkpointed.push((store, Some(last)));
        }
        let loaded = (core.stores.entries(store).len() - before) as u64;
        restore.records += loaded;
        restore.total += loaded;
        Ok(restore.checkpointed.is_empty())
    }

    /// Lets the stores start from the checkpoint, or throws it away where it is of no use.
    pub(crate) fn use_checkpoint(&mut self, is_usable: bool, now: Timestamp) -> Result<(), CheckpointError> {
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(()) };
        if !is_usable || checkpoint.has_unplaced_entries()? {
            checkpoint.clear()?;
        }
        checkpoint.starts(now);
        self.core.stores.attach(checkpoint.port().reader()?);
        Ok(())
    }

    /// Begins again without the checkpoint.
    pub(crate) fn forget_checkpoint(&mut self, log: &dyn Log) -> Result<(), TaskError> {
        self.checkpoint = None;
        self.restore.checkpointed.clear();
        self.core.stores.clear();
        self.state = TaskState::Created;
        self.begin_restore(log)
    }

    /// Replays about `max_bytes` of checkpoint or changelog; true when the task runs from now on.
    pub(crate) fn restore_step(
        &mut self,
        log: &dyn Log,
        max_bytes: usize,
        scratch: &mut Vec<Record>,
    ) -> Result<bool, RestoreError> {
        // The books come first, so that the rest of what has expired is not even kept for a moment.
        let is_loaded = self.load_step(max_bytes)?;
        self.expire_restored();
        if !is_loaded {
            return Ok(false);
        }
        if let Some((store, next, end)) = self.restore.open.pop() {
            scratch.clear();
            let read_to = log.read(&self.changelog(store), next, max_bytes, scratch)?;
            // What lies beyond is of an owner that came after this one: this task is to hear of it yet.
            for record in scratch.drain(..).take_while(|record| record.offset < end) {
                self.restore.records += 1;
                self.restore.replayed += 1;
                let Some(key) = &record.key else { continue };
                let is_pending = self.core.stores.restore(store, key, record.value.as_deref());
                if let Some(checkpoint) = &mut self.checkpoint {
                    checkpoint.replayed(store, key, record.value.as_ref(), record.offset.next(), is_pending);
                }
            }
            if read_to < end && (read_to > next || !log.is_replayed(&self.changelog(store), read_to, end)?) {
                self.restore.open.push((store, read_to, end));
            }
        }
        self.expire_restored();
        if !self.restore.open.is_empty() {
            return Ok(false);
        }
        self.read_books()?;
        self.state.advance(TaskState::Running);
        Ok(true)
    }

    /// Drops what has expired by the stream time that is restored so far, which never goes back.
    fn expire_restored(&mut self) {
        let stored = self.core.stores.get(self.core.plan.ledger_store(), STREAM_TIME);
        if let Some(stream_time) = stored.and_then(from_sortable) {
            self.expire_windows(stream_time);
        }
    }

    /// How much of the changelogs was replayed, in records, and how much there is at most.
    pub(crate) fn restore_progress(&self) -> (u64, u64) {
        (self.restore.records, self.restore.total.max(self.restore.records))
    }

    /// How many records of changelogs were replayed: what its checkpoint did not have.
    pub(crate) fn replayed(&self) -> u64 {
        self.restore.replayed
    }

    fn changelog(&self, store: usize) -> TopicPartition {
        TopicPartition { topic: self.core.plan.stores[store].changelog.clone(), partition: self.core.id.partition }
    }

    /// Takes the counts from the books' store and compares them with what the positions say.
    fn read_books(&mut self) -> Result<(), TaskError> {
        let store = self.core.plan.ledger_store();
        let rows: Vec<Entry> = self.core.stores.entries(store).range(&[], None).cloned().collect();
        for row in rows {
            if row.key() == STREAM_TIME {
                self.core.stream_time = from_sortable(row.value()).unwrap_or_default();
                continue;
            }
            let stop = |fault| TaskError::Stop { place: format!("the books of {}", self.core.id), fault };
            let topic = String::from_utf8_lossy(row.key()).into_owned();
            let counts: Counts = decode_value(row.value()).map_err(stop)?;
            let book = self.core.book_of(&topic);
            self.core.books[book].1 = counts;
        }
        for (source, taken) in self.restore.taken.iter().enumerate() {
            let booked = self.core.books[source].1.taken;
            if let Some(taken) = taken.filter(|taken| *taken != booked) {
                return Err(TaskError::Books { input: source, taken, booked });
            }
            // A position without a count was set by hand: the books go on from where they are.
            self.queues[source].taken = booked;
            self.queues[source].committed_taken = booked;
        }
        self.committed_books.clone_from(&self.core.books);
        self.committed_stream_time = self.core.stream_time;
        Ok(())
    }

    /// Puts the counts that changed into the books' store, to be committed with all else.
    pub(super) fn write_books(&mut self) -> Result<(), TaskError> {
        let store = self.core.plan.ledger_store();
        for source in 0..self.queues.len() {
            let (taken, booked) = (self.queues[source].taken, self.core.books[source].1.taken);
            if taken != booked {
                let topic = &self.core.books[source].0;
                return Err(TaskError::Invariant(format!(
                    "{}: {taken} records of {topic} were taken in, the books say {booked}",
                    self.core.id
                )));
            }
        }
        for (index, (topic, counts)) in self.core.books.iter().enumerate() {
            if self.committed_books.get(index).map(|(_, counts)| counts) != Some(counts) {
                let stop = |fault| TaskError::Stop { place: format!("the books of {}", self.core.id), fault };
                let value = encode_value(counts).map_err(stop)?;
                self.core.stores.put(store, topic.as_bytes(), &value);
            }
        }
        if self.core.stream_time != self.committed_stream_time {
            let time: Timestamp = self.core.stream_time;
            self.core.stores.put(store, STREAM_TIME, &sortable(time));
        }
        Ok(())
    }
}
