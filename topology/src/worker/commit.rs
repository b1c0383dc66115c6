//! The commit cycle: outputs, changelogs, books and positions in one transaction.

use schemas::Timestamp;

use super::{Connection, Worker, WorkerError};
use crate::task::{TaskError, TaskState};
use crate::{Commit, TopicPartition};

impl Worker {
    /// Commits what the tasks did since the last commit; nothing to commit is committed at once.
    ///
    /// After [`Commit::Aborted`] the tasks have gone back to the committed positions and do the
    /// same work again; after [`Commit::Fenced`] they are closed, and the next step joins anew.
    ///
    /// # Errors
    /// When the log cannot say how it ended. The worker must be dropped then: a new one finds out.
    pub fn commit(&mut self, now: Timestamp) -> Result<Commit, WorkerError> {
        if !self.tasks.iter().any(|task| task.touched) {
            self.opened_at = None;
            return Ok(Commit::Committed);
        }
        self.connect()?;
        let Some(Connection { consumer, producer }) = &mut self.connection else { return Ok(Commit::Fenced) };
        self.positions.clear();
        for (index, task) in self.tasks.iter_mut().enumerate().filter(|(_, task)| task.touched) {
            match task.prepare_commit(now, producer.as_mut(), &mut self.positions) {
                Ok(()) => {}
                Err(TaskError::Checkpoint(error)) => {
                    self.counters.aborts += 1;
                    self.restart_whole(index, &error)?;
                    return Ok(Commit::Aborted);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let ended = producer.commit_as(&consumer.membership(), &self.positions)?;
        let opened = self.opened_at.take().unwrap_or(now);
        match ended {
            Commit::Committed => {
                self.note_changelog_offsets();
                self.tasks.iter_mut().filter(|task| task.touched).for_each(|task| task.committed(now));
                self.counters.commits += 1;
                self.counters.last_transaction_millis = now.millis_since(opened);
                self.last_commit_at = Some(now);
            }
            Commit::Aborted => {
                self.counters.aborts += 1;
                self.rewind()?;
            }
            Commit::Fenced => {
                self.counters.fenced += 1;
                self.close_all();
                self.disconnect();
            }
        }
        Ok(ended)
    }

    /// Throws the open transaction away and reads on from the committed positions.
    pub(super) fn rewind(&mut self) -> Result<(), WorkerError> {
        self.connect()?;
        let Some(Connection { consumer, producer }) = &mut self.connection else { return Ok(()) };
        producer.abort();
        self.buffer.clear();
        self.opened_at = None;
        for task in self.tasks.iter_mut().filter(|task| task.state != TaskState::Restoring) {
            task.rollback()?;
            for queue in &task.queues {
                consumer.seek(&queue.partition, queue.committed)?;
            }
        }
        Ok(())
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
        self.close_tasks(partitions);
        self.rewind()
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.joined = false;
    }

    /// Drains what is queued, commits, closes the tasks and leaves the group.
    ///
    /// # Errors
    /// As [`Worker::run_once`]; what was not committed will be done again by the next owner.
    pub fn close(&mut self, now: Timestamp) -> Result<(), WorkerError> {
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
