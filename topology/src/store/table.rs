//! Global tables: every worker's whole copy of a compacted topic.

use bytes::Bytes;

use super::{Entries, Entry, Epoch, Mark, prefix_end};
use crate::{GlobalTableSpec, Log, LogError, Offset, Record, StoreKind, TopicPartition};

/// How many bytes are read from the log at once.
const READ_BYTES: usize = 1 << 20;

/// A copy of a global table, kept fresh by reading its topic on.
pub(crate) struct GlobalTable {
    pub(crate) spec: GlobalTableSpec,
    entries: Entries,
    next: Vec<Offset>,
}

impl GlobalTable {
    /// An empty copy of a table whose topic has so many partitions.
    pub(crate) fn new(spec: GlobalTableSpec, partitions: u32) -> Self {
        let next = vec![Offset(0); partitions as usize];
        Self { spec, entries: Entries::new(&StoreKind::OrderedKeyValue), next }
    }

    /// Reads on to the end of its topic; returns how many records came.
    pub(crate) fn refresh(&mut self, log: &dyn Log, scratch: &mut Vec<Record>) -> Result<usize, LogError> {
        let mut count = 0;
        for partition in 0..self.next.len() {
            let source = TopicPartition { topic: self.spec.topic.clone(), partition: partition as u32 };
            loop {
                scratch.clear();
                let next = log.read(&source, self.next[partition], READ_BYTES, scratch)?;
                let moved = next > self.next[partition];
                self.next[partition] = next;
                count += scratch.len();
                for record in scratch.drain(..) {
                    self.apply(&record);
                }
                if !moved {
                    break;
                }
            }
        }
        Ok(count)
    }

    fn apply(&mut self, record: &Record) {
        // A record without a key cannot be found again, so it is no row.
        let Some(key) = &record.key else { return };
        match &record.value {
            Some(value) => drop(self.entries.put(0, Entry::new(key, value), Mark::value(Epoch::LOADED))),
            None => drop(self.entries.remove(0, key)),
        }
    }

    /// The value of a key, borrowed.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(0, key)
    }

    /// The rows whose keys start with `prefix`, in order.
    pub(crate) fn prefix(&self, prefix: &[u8], limit: usize) -> Vec<(Bytes, Bytes)> {
        collect(self.entries.range(prefix, prefix_end(prefix).as_deref()), limit)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.entries.bytes()
    }
}

/// The first entries, copied out.
pub(crate) fn collect<'a>(entries: impl Iterator<Item = &'a Entry>, limit: usize) -> Vec<(Bytes, Bytes)> {
    entries
        .take(limit)
        .map(|entry| (Bytes::copy_from_slice(entry.key()), Bytes::copy_from_slice(entry.value())))
        .collect()
}
