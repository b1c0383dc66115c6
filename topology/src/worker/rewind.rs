//! Giving up: the open transaction, partitions that are another's, everything.

use schemas::Timestamp;

use super::{Connection, Worker, WorkerError};
use crate::task::TaskState;
use crate::{Commit, TopicPartition};

impl Worker {
    /// Throws the open transaction away and reads on from the committed positions. False where a commit that was under
    /// way turned out to be fenced: there is no task any more.
    pub(super) fn rewind(&mut self) -> Result<bool, WorkerError> {
        if self.hear_end()? == Some(Commit::Fenced) {
            return Ok(false);
        }
        self.connect()?;
        let Some(Connection { consumer, producer }) = &mut self.connection else { return Ok(false) };
        producer.abort();
        self.buffer.clear();
        self.opened_at = None;
        for task in self.tasks.iter_mut().filter(|task| task.state != TaskState::Restoring) {
            task.rollback()?;
            for queue in &task.queues {
                consumer.seek(&queue.partition, queue.committed)?;
            }
        }
        Ok(true)
    }

    /// These partitions will be taken away: commits, then closes their tasks.
    pub(super) fn revoked(&mut self, now: Timestamp, partitions: &[TopicPartition]) -> Result<(), WorkerError> {
        self.suspend_tasks(partitions);
        if self.commit(now)? == Commit::Committed {
            self.finish_checkpoints_of(partitions, now);
        }
        self.close_tasks(partitions);
        Ok(())
    }

    /// These partitions are another's already. The transaction holds work of theirs, which cannot
    /// be taken out of it: it is thrown away, and what is still ours is done again.
    pub(super) fn lost(&mut self, partitions: &[TopicPartition]) -> Result<(), WorkerError> {
        self.lost += partitions.len();
        self.close_tasks(partitions);
        self.rewind().map(drop)
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
        self.joined = false;
    }

    /// Drains what is queued, commits, closes the tasks and leaves the group.
    ///
    /// # Errors
    /// As [`Worker::run_once`]; what was not committed will be done again by the next owner.
    pub fn close(&mut self, now: Timestamp) -> Result<(), WorkerError> {
        self.settle()?;
        // A task that waits to retry would hold the drain up: its records stay uncommitted.
        while self.process(now)?.records > 0 {
            if self.over_budget() {
                self.commit(now)?;
            }
        }
        if self.commit(now)? == Commit::Committed {
            self.finish_checkpoints(now);
        }
        self.close_all();
        self.disconnect();
        Ok(())
    }
}
