//! Records of one source partition that wait for their turn.

use std::collections::VecDeque;

use schemas::Timestamp;

use crate::{Offset, Record, TopicPartition};

/// Records of one source partition, in offset order.
pub(crate) struct RecordQueue {
    pub(crate) partition: TopicPartition,
    records: VecDeque<Record>,
    bytes: usize,
    /// The next offset that the task has not taken in.
    pub(crate) next: Offset,
    /// The position that was committed last.
    pub(crate) committed: Offset,
    /// How many records were taken in, ever, as the committed position says.
    pub(crate) taken: u64,
    pub(crate) committed_taken: u64,
    pub(crate) paused: bool,
}

/// What a record occupies in a queue.
pub(crate) fn record_bytes(record: &Record) -> usize {
    let size = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    size(&record.key) + size(&record.value) + size_of::<Record>()
}

impl RecordQueue {
    pub(crate) fn new(partition: TopicPartition, next: Offset, taken: u64) -> Self {
        Self {
            partition,
            records: VecDeque::new(),
            bytes: 0,
            next,
            committed: next,
            taken,
            committed_taken: taken,
            paused: false,
        }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += record_bytes(&record);
        self.records.push_back(record);
    }

    /// The timestamp of the record whose turn is next.
    pub(crate) fn head(&self) -> Option<Timestamp> {
        self.records.front().map(|record| record.timestamp)
    }

    pub(crate) fn pop(&mut self) -> Option<Record> {
        let record = self.records.pop_front()?;
        self.bytes -= record_bytes(&record);
        Some(record)
    }

    /// Puts a record back that could not be processed yet.
    pub(crate) fn unpop(&mut self, record: Record) {
        self.bytes += record_bytes(&record);
        self.records.push_front(record);
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets what was read and goes back to the committed position.
    pub(crate) fn rewind(&mut self) {
        self.records.clear();
        self.bytes = 0;
        self.next = self.committed;
        self.taken = self.committed_taken;
    }
}
