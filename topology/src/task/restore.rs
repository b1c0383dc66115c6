//! Bringing a task's stores and books back from their changelogs.

use schemas::Timestamp;

use super::run::taken_of;
use super::{Task, TaskError, TaskState};
use crate::store::{Entry, from_sortable, sortable};
use crate::{Counts, Log, Offset, Position, Record, TopicPartition, decode_value, encode_value};

/// The key of the books' entry that holds stream time; no topic has an empty name.
const STREAM_TIME: &[u8] = b"";

/// How far the replay of the changelogs is.
pub(crate) struct Restore {
    /// The counts that the committed positions carry, by source.
    taken: Vec<Option<u64>>,
    /// What is still to be read: store, next offset, end.
    open: Vec<(usize, Offset, Offset)>,
    pub(super) records: u64,
    pub(super) total: u64,
}

impl Restore {
    pub(super) fn new(positions: &[Position]) -> Self {
        Self { taken: positions.iter().map(taken_of).collect(), open: Vec::new(), records: 0, total: 0 }
    }
}

impl Task {
    /// Looks up how much there is to replay.
    pub(crate) fn begin_restore(&mut self, log: &dyn Log) -> Result<(), TaskError> {
        self.state.advance(TaskState::Restoring);
        for store in 0..self.core.plan.stores.len() {
            let changelog = self.changelog(store);
            // The positions are read already, so a former owner's transaction that they hold has
            // written all its records, but some of them may not be visible yet.
            let (start, end) = (log.bounds(&changelog)?.0, log.written_end(&changelog)?);
            if start < end {
                self.restore.open.push((store, start, end));
                self.restore.total += (end.0 - start.0) as u64;
            }
        }
        Ok(())
    }

    /// Replays about `max_bytes` of changelog; true when the task runs from now on.
    pub(crate) fn restore_step(
        &mut self,
        log: &dyn Log,
        max_bytes: usize,
        scratch: &mut Vec<Record>,
    ) -> Result<bool, TaskError> {
        if let Some((store, next, end)) = self.restore.open.pop() {
            scratch.clear();
            let read_to = log.read(&self.changelog(store), next, max_bytes, scratch)?;
            for record in scratch.drain(..) {
                self.restore.records += 1;
                let Some(key) = &record.key else { continue };
                self.core.stores.restore(store, key, record.value.as_deref());
            }
            if read_to < end && (read_to > next || !log.is_replayed(&self.changelog(store), read_to, end)?) {
                self.restore.open.push((store, read_to, end));
            }
        }
        if !self.restore.open.is_empty() {
            return Ok(false);
        }
        self.read_books()?;
        self.state.advance(TaskState::Running);
        Ok(true)
    }

    /// How much of the changelogs was replayed, in records, and how much there is at most.
    pub(crate) fn restore_progress(&self) -> (u64, u64) {
        (self.restore.records, self.restore.total.max(self.restore.records))
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
                return Err(TaskError::Invariant(format!(
                    "{}: the committed position of {} stands for {taken} records taken in, the books say {booked}",
                    self.core.id, self.core.books[source].0
                )));
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
