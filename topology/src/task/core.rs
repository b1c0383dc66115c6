//! What a task's processors work on: stores, sends, forwards, books.

use std::sync::Arc;

use schemas::Timestamp;

use super::{LetterSettings, PartPlan, TaskId};
use crate::store::Stores;
use crate::{Counts, Fate, Fault, Outcome, OutgoingRecord, Record, TopicName, Verdict, Waiting};

/// What a log adds to a record at most: lengths, offset, timestamp, the header of a batch.
const RECORD_OVERHEAD: usize = 128;

/// What a record without headers counts against the log's limit.
pub(crate) fn record_size(key: Option<&[u8]>, value: Option<&[u8]>) -> usize {
    RECORD_OVERHEAD + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len)
}

/// The part of a task that its processors see through their context.
pub(crate) struct TaskCore {
    pub(crate) id: TaskId,
    pub(crate) plan: Arc<PartPlan>,
    pub(crate) stores: Stores,
    pub(crate) stream_time: Timestamp,
    /// Sends of the call that runs; handed to the producer when it succeeded.
    pub(crate) outgoing: Vec<OutgoingRecord>,
    /// Records for children, of the call that runs.
    pub(crate) forwards: Vec<(usize, Record)>,
    /// Settlements of the call that runs.
    pub(crate) settled: Vec<(usize, Waiting, Outcome)>,
    /// Counts by source; topics that are no source of this task come after.
    pub(crate) books: Vec<(TopicName, Counts)>,
    pub(crate) letters: LetterSettings,
    pub(crate) max_record_bytes: usize,
    /// A fault that the call met without being told, such as a send beyond the limit.
    pub(crate) call_fault: Option<Fault>,
}

impl TaskCore {
    /// Keeps a record to be sent when the call has succeeded.
    pub(crate) fn send(&mut self, record: OutgoingRecord) {
        let size = record_size(record.key.as_deref(), record.value.as_deref());
        if size > self.max_record_bytes {
            self.too_large(size, &record.topic.clone());
            return;
        }
        self.outgoing.push(record);
    }

    /// Puts a value that its changelog can hold.
    pub(crate) fn put(&mut self, store: usize, key: &[u8], value: &[u8]) {
        let size = record_size(Some(key), Some(value));
        if size > self.max_record_bytes {
            self.too_large(size, &self.plan.stores[store].changelog.clone());
            return;
        }
        self.stores.put(store, key, value);
    }

    /// The call that runs fails: the log would refuse what it made, now and at every repetition.
    fn too_large(&mut self, size: usize, topic: &str) {
        let detail =
            format!("a record of {size} bytes for {topic} is larger than the limit of {}", self.max_record_bytes);
        self.call_fault.get_or_insert(Fault::new(Fate::DeadLetter, "HUB-3090", "output_too_large", detail));
    }

    /// The number of a topic's counts.
    pub(crate) fn book_of(&mut self, topic: &str) -> usize {
        let found = self.books.iter().position(|(name, _)| name.as_ref() == topic);
        found.unwrap_or_else(|| {
            self.books.push((topic.into(), Counts::default()));
            self.books.len() - 1
        })
    }

    /// Undoes all that the running call did.
    pub(crate) fn undo_call(&mut self, savepoint: usize) {
        self.stores.undo_to(savepoint);
        self.outgoing.clear();
        self.forwards.clear();
        self.settled.clear();
        self.call_fault = None;
    }

    /// The running call succeeded: its settlements and its record's verdict are booked.
    pub(crate) fn book_call(&mut self, verdict: Option<(usize, Verdict)>) {
        for (topic, from, to) in self.settled.drain(..) {
            self.books[topic].1.settle(from, to);
        }
        if let Some((topic, verdict)) = verdict {
            self.books[topic].1.take();
            self.books[topic].1.count(verdict);
        }
    }
}
