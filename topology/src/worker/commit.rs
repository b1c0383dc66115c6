//! The commit cycle: outputs, changelogs, books and positions in one transaction.
//!
//! A commit takes its time, mostly that of brokers. Where records wait meanwhile, the tasks work on: what they do is
//! the next transaction's, whose records the producer holds back until the one before has ended. At most one commit is
//! under way, and until its end is heard no task is taken over, begun anew or rolled back, no entry leaves memory, and
//! nothing is written to a checkpoint. If it aborts, all that was done since goes with it.

use std::time::Duration;

use schemas::Timestamp;

use super::{Connection, Worker, WorkerError};
use crate::Commit;
use crate::task::TaskError;

/// So often at least a commit is waited for, whatever waits: there is work that needs all transactions ended.
const REST_EVERY: Duration = Duration::from_secs(1);

/// A commit that has begun.
pub(super) struct UnderWay {
    /// When it did.
    at: Timestamp,
    /// When its transaction was opened.
    opened: Timestamp,
    /// How it ended, where the log said so at once.
    ended: Option<Commit>,
}

impl Worker {
    /// Commits what the tasks did since the last commit, and waits for it; nothing to commit is committed at once.
    ///
    /// After [`Commit::Aborted`] the tasks have gone back to the committed positions and do the
    /// same work again; after [`Commit::Fenced`] they are closed, and the next step joins anew.
    ///
    /// # Errors
    /// When the log cannot say how it ended. The worker must be dropped then: a new one finds out.
    pub fn commit(&mut self, now: Timestamp) -> Result<Commit, WorkerError> {
        if let Some(ended @ (Commit::Aborted | Commit::Fenced)) = self.settle()? {
            return Ok(ended);
        }
        if let Some(ended) = self.begin_commit(now, true)? {
            return Ok(ended);
        }
        Ok(self.settle()?.unwrap_or(Commit::Committed))
    }

    /// Whether a commit has begun whose end was not heard of yet.
    pub fn is_committing(&self) -> bool {
        self.under_way.is_some()
    }

    /// As [`commit`](Self::commit), but waits only for the commit before it where there is more to do meanwhile: records
    /// that wait, or those that come after what the last poll has `brought`.
    pub(super) fn commit_and_go_on(&mut self, now: Timestamp, brought: bool) -> Result<(), WorkerError> {
        if matches!(self.settle()?, Some(Commit::Aborted | Commit::Fenced)) {
            return Ok(());
        }
        // What was taken in already fills a transaction: there is no room for more beside it.
        let is_full = self.over_budget();
        let rests = is_full || !(brought || self.has_runnable_records()) || self.must_rest(now);
        self.begin_commit(now, rests)?;
        if self.under_way.as_ref().is_some_and(|under_way| under_way.ended.is_some()) {
            self.settle()?;
        }
        Ok(())
    }

    /// Whether there is something that can only be done when no transaction is open.
    fn must_rest(&self, now: Timestamp) -> bool {
        let is_long = |at: Timestamp| now.millis_since(at) >= REST_EVERY.as_millis() as i64;
        let pace = self.checkpoint_pace();
        self.is_warming
            || self.share.excess() > 0
            || self.rested_at.is_none_or(is_long)
            || self.tasks.iter().any(|task| task.wants_rest(now, pace))
    }

    /// Settles the commit under way if that takes no waiting.
    pub(super) fn settle_if_over(&mut self) -> Result<(), WorkerError> {
        let Some(UnderWay { ended, .. }) = &self.under_way else { return Ok(()) };
        let is_over = ended.is_some()
            || self.connection.as_mut().is_none_or(|Connection { producer, .. }| producer.has_commit_ended());
        if is_over {
            self.settle()?;
        }
        Ok(())
    }

    /// Begins to commit, and waits for the end where the worker `rests` meanwhile. Says how it ended where it ended before
    /// it began.
    fn begin_commit(&mut self, now: Timestamp, rests: bool) -> Result<Option<Commit>, WorkerError> {
        if !self.tasks.iter().any(|task| task.touched) {
            self.opened_at = None;
            return Ok(Some(Commit::Committed));
        }
        self.connect()?;
        let Some(Connection { consumer, producer }) = &mut self.connection else { return Ok(Some(Commit::Fenced)) };
        self.positions.clear();
        for (index, task) in self.tasks.iter_mut().enumerate().filter(|(_, task)| task.touched) {
            match task.prepare_commit(now, producer.as_mut(), &mut self.positions) {
                Ok(()) => {}
                Err(TaskError::Checkpoint(error)) => {
                    self.counters.aborts += 1;
                    self.heard = Some(Commit::Aborted);
                    self.restart_whole(index, &error)?;
                    return Ok(Some(Commit::Aborted));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let member = consumer.membership();
        let ended = if rests {
            self.rested_at = Some(now);
            Some(producer.commit_as(&member, &self.positions)?)
        } else {
            producer.begin_commit(&member, &self.positions)?
        };
        let opened = self.opened_at.take().unwrap_or(now);
        self.begun_at = Some(now);
        self.under_way = Some(UnderWay { at: now, opened, ended });
        Ok(None)
    }

    /// Waits for the commit under way, if there is one, and does what its end asks for.
    pub(super) fn settle(&mut self) -> Result<Option<Commit>, WorkerError> {
        let ended = self.hear_end()?;
        if ended == Some(Commit::Aborted) {
            self.rewind()?;
        }
        Ok(ended)
    }

    /// Waits for the commit under way, if there is one. Where it is aborted, the rewind is left to the caller.
    pub(super) fn hear_end(&mut self) -> Result<Option<Commit>, WorkerError> {
        let Some(UnderWay { at, opened, ended }) = self.under_way.take() else { return Ok(None) };
        let Some(Connection { producer, .. }) = &mut self.connection else { return Ok(None) };
        let ended = match ended {
            Some(ended) => ended,
            None => producer.end_commit()?,
        };
        self.heard = Some(ended);
        match ended {
            Commit::Committed => {
                self.note_changelog_offsets();
                self.tasks.iter_mut().for_each(|task| task.committed(at));
                self.counters.commits += 1;
                self.counters.last_transaction_millis = at.millis_since(opened);
                self.last_commit_at = Some(at);
            }
            Commit::Aborted => self.counters.aborts += 1,
            Commit::Fenced => {
                self.counters.fenced += 1;
                self.opened_at = None;
                self.close_all();
                self.disconnect();
            }
        }
        Ok(Some(ended))
    }
}
