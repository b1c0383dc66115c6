//! How a task's part of a transaction ends. While its commit is under way the task may work on: what it does then
//! belongs to the next transaction, and goes with this one if it aborts.

use schemas::Timestamp;

use super::run::make_nodes;
use super::{RecordQueue, Task, TaskCore, TaskError};
use crate::{Counts, Offset, OutgoingRecord, Position, Producer, TopicName, TopicPartition, TopologyError};

/// Of how many expired windows of one store one commit gives the memory back.
const EXPIRE_LIMIT: usize = 10_000;

/// What a commit under way makes durable, as it was when the commit began.
pub(super) struct Prepared {
    /// How much of the stores' undo log is of this transaction; what follows is of the next one.
    savepoint: usize,
    books: Vec<(TopicName, Counts)>,
    stream_time: Timestamp,
    /// The next offset of each source, and how many records were taken in.
    positions: Vec<(Offset, u64)>,
    sent_bytes: usize,
}

impl Task {
    /// Whether there is a transaction that may still be undone: the open one, or one whose commit is under way.
    pub(crate) fn is_open(&self) -> bool {
        self.touched || self.prepared.is_some()
    }

    /// Writes changelogs and books into the open transaction and names the positions to commit. What the task does
    /// from now on belongs to the next transaction.
    pub(crate) fn prepare_commit(
        &mut self,
        now: Timestamp,
        producer: &mut dyn Producer,
        positions: &mut Vec<(TopicPartition, Position)>,
    ) -> Result<(), TaskError> {
        debug_assert!(self.prepared.is_none(), "one commit ends before the next one begins");
        self.write_books()?;
        self.check_reads()?;
        let Self { core, queues, checkpoint, .. } = self;
        let TaskCore { stores, plan, id, .. } = core;
        stores.for_each_changed(|store, key, value, is_pending| {
            if let Some(checkpoint) = checkpoint
                && !is_pending
            {
                checkpoint.stage(store, &key, value.as_ref());
            }
            producer.send(OutgoingRecord {
                topic: plan.stores[store].changelog.clone(),
                partition: Some(id.partition),
                key: Some(key),
                value,
                timestamp: now,
                headers: Vec::new(),
            })
        })?;
        // All positions, moved or not: a log fences a writer that no longer owns them.
        for queue in queues.iter() {
            let metadata = taken_note(queue.taken);
            positions.push((queue.partition.clone(), Position { next_offset: queue.next, metadata }));
        }
        self.prepared = Some(Prepared {
            savepoint: self.core.stores.savepoint(),
            books: self.core.books.clone(),
            stream_time: self.core.stream_time,
            positions: self.queues.iter().map(|queue| (queue.next, queue.taken)).collect(),
            sent_bytes: self.sent_bytes,
        });
        self.touched = false;
        Ok(())
    }

    /// The prepared transaction is durable, as of `now`.
    pub(crate) fn committed(&mut self, now: Timestamp) {
        let Some(prepared) = self.prepared.take() else { return };
        self.core.stores.committed_to(prepared.savepoint);
        self.opened.committed();
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.committed(now);
        }
        self.committed_books = prepared.books;
        self.committed_stream_time = prepared.stream_time;
        for (queue, (next, taken)) in self.queues.iter_mut().zip(prepared.positions) {
            queue.committed = next;
            queue.committed_taken = taken;
        }
        self.sent_bytes -= prepared.sent_bytes;
        if self.core.stores.savepoint() == 0 {
            self.expire_windows(self.committed_stream_time);
        } else {
            // What the next transaction has changed by now may have to come back as it was: no window may expire.
            self.core.stores.free_expired(EXPIRE_LIMIT);
        }
    }

    /// Throws away what is not durable and goes back to the committed positions.
    pub(crate) fn rollback(&mut self) -> Result<(), TopologyError> {
        self.prepared = None;
        self.core.stores.undo_to(0);
        self.opened.rolled_back();
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.rolled_back();
        }
        self.core.books.clone_from(&self.committed_books);
        self.core.stream_time = self.committed_stream_time;
        self.queues.iter_mut().for_each(RecordQueue::rewind);
        // A processor that kept something outside its stores must not remember what never was.
        self.nodes = make_nodes(&self.core.id, &self.core.plan)?;
        self.touched = false;
        self.sent_bytes = 0;
        Ok(())
    }

    /// Drops the windows that have expired by this stream time, which is committed.
    pub(super) fn expire_windows(&mut self, stream_time: Timestamp) {
        let TaskCore { stores, plan, .. } = &mut self.core;
        for (index, store) in plan.stores.iter().enumerate() {
            if let Some(horizon) = store.kind.horizon(stream_time) {
                stores.expire(index, horizon, EXPIRE_LIMIT);
            }
        }
    }

    /// The positions that were committed last, of all sources.
    pub(crate) fn committed_positions(&self) -> Vec<Position> {
        let position = |queue: &RecordQueue| Position {
            next_offset: queue.committed,
            metadata: taken_note(queue.committed_taken),
        };
        self.queues.iter().map(position).collect()
    }
}

/// The note that a position carries with the count of records taken in.
fn taken_note(taken: u64) -> String {
    format!("taken={taken}")
}

/// The count of records taken in that a committed position carries.
pub(crate) fn taken_of(position: &Position) -> Option<u64> {
    position.metadata.strip_prefix("taken=")?.parse().ok()
}
