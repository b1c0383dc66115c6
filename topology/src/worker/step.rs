//! One step of a worker.

use std::time::Duration;

use schemas::Timestamp;

use super::{Connection, Worker, WorkerError};
use crate::task::{RestoreError, TaskError, TaskState, Work, taken_of};
use crate::{Commit, LogError, Poll, TopicPartition};

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Records that were taken in.
    pub records: usize,
    /// Timers that fired.
    pub timers: usize,
    /// How the last commit ended that did in this step, if one did.
    pub commit: Option<Commit>,
    /// Partitions that turned out to be another's already. What was done for them since the last commit is thrown away.
    pub lost: usize,
    /// Whether nothing is left to do but to wait: no record queued, nothing uncommitted, nothing
    /// restoring.
    pub idle: bool,
    /// When a wall-clock timer or a retry is due next.
    pub wake_at: Option<Timestamp>,
}

impl Worker {
    /// Polls, feeds, processes, punctuates and maybe commits, once. It waits up to `timeout` for
    /// records when there is nothing else to do, less when a timer or a commit is due before, and for the end of a commit
    /// as long as the log takes.
    ///
    /// # Errors
    /// Any error ends the worker: drop it, and make a new one or stop, as the error says.
    pub fn run_once(&mut self, now: Timestamp, timeout: Duration) -> Result<Step, WorkerError> {
        self.connect()?;
        (self.heard, self.lost) = (None, 0);
        self.settle_if_over()?;
        let log = self.log.clone();
        for table in &mut self.tables {
            table.refresh(log.as_ref(), &mut self.scratch)?;
        }
        self.restore()?;
        self.tasks.iter_mut().for_each(|task| task.resume_if_due(now));
        let patience = self.patience(now, timeout);
        let brought = self.poll(now, patience)?;
        if !(brought || self.has_runnable_records()) || self.over_budget() {
            // There is nothing to do beside a commit that is under way, or no room for it.
            self.settle()?;
        }
        self.open(now)?;
        let mut work = self.process(now)?;
        work.timers += self.punctuate(now)?;
        self.throttle();
        if self.commit_is_due(now, brought) {
            self.commit_and_go_on(now, brought)?;
        }
        self.write_checkpoints(now);
        self.keep_budget();
        self.warm()?;
        self.counters.records += work.records as u64;
        self.counters.timers += work.timers as u64;
        Ok(Step {
            records: work.records,
            timers: work.timers,
            commit: self.heard,
            lost: self.lost,
            idle: self.is_idle(),
            wake_at: self.wake_at(),
        })
    }

    /// How long a poll may wait.
    fn patience(&self, now: Timestamp, timeout: Duration) -> Duration {
        let until = |instant: Timestamp| Duration::from_millis(instant.millis_since(now).max(0) as u64);
        if self.has_runnable_records() || self.is_restoring() || self.is_warming || self.under_way.is_some() {
            return Duration::ZERO;
        }
        let mut patience = self.wake_at().map_or(timeout, |instant| timeout.min(until(instant)));
        if self.tasks.iter().any(|task| task.touched) {
            let earliest =
                self.begun_at.map_or(now, |at| at.plus_millis(self.settings.min_commit_interval.as_millis() as i64));
            patience = patience.min(until(earliest));
        }
        patience
    }

    /// Polls once and feeds what came; true when records did.
    fn poll(&mut self, now: Timestamp, patience: Duration) -> Result<bool, WorkerError> {
        let max_bytes = self.settings.poll_max_bytes;
        let mut buffer = std::mem::take(&mut self.buffer);
        let polled = self.connect()?.consumer.poll(patience, max_bytes, &mut buffer);
        self.buffer = buffer;
        match polled {
            Ok(Poll::Records) => {
                let brought = !self.buffer.is_empty();
                self.feed();
                return Ok(brought);
            }
            Ok(Poll::Assigned(partitions)) => {
                // A fenced commit is the end of the membership that they were assigned to.
                if self.settle()? != Some(Commit::Fenced) {
                    self.assigned(now, partitions)?;
                    self.joined = true;
                }
            }
            Ok(Poll::Revoked(partitions)) => self.revoked(now, &partitions)?,
            Ok(Poll::Lost(partitions)) => self.lost(&partitions)?,
            Ok(Poll::Idle) | Err(LogError::Retriable(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.buffer.clear();
        Ok(false)
    }

    /// Hands the polled records to the queues of their tasks.
    fn feed(&mut self) {
        let Self { buffer, routes, tasks, .. } = self;
        // Records of one partition come in runs: the way is looked up once a run.
        let mut last: Option<(TopicPartition, Option<(usize, usize)>)> = None;
        for record in buffer.drain(..) {
            let known = last.as_ref().filter(|(partition, _)| {
                partition.partition == record.partition
                    && (std::sync::Arc::ptr_eq(&partition.topic, &record.topic) || partition.topic == record.topic)
            });
            let route = if let Some((_, route)) = known {
                *route
            } else {
                let partition = record.topic_partition();
                let route = routes.get(&partition).copied();
                last = Some((partition, route));
                route
            };
            if let Some((task, source)) = route {
                tasks[task].feed(source, record);
            }
        }
    }

    /// Replays changelogs of the tasks that are not ready yet.
    fn restore(&mut self) -> Result<(), WorkerError> {
        let log = self.log.clone();
        for index in 0..self.tasks.len() {
            let Self { tasks, scratch, settings, connection, .. } = self;
            let task = &mut tasks[index];
            if task.state != TaskState::Restoring {
                continue;
            }
            match task.restore_step(log.as_ref(), settings.restore_max_bytes, scratch) {
                Ok(false) => {}
                Ok(true) => {
                    let held: Vec<_> = task.queues.iter().map(|queue| queue.partition.clone()).collect();
                    if let Some(connection) = connection {
                        connection.consumer.resume(&held);
                    }
                }
                Err(RestoreError::Checkpoint(error)) => self.forget_checkpoint(index, &error)?,
                Err(RestoreError::Task(error)) => return Err(self.restore_failed(index, error)),
            }
        }
        Ok(())
    }

    /// Books that do not fit the position are no fault when the position has moved on since it was
    /// assigned: another owner commits meanwhile, and this worker has not heard of it yet. It joins anew.
    fn restore_failed(&self, index: usize, error: TaskError) -> WorkerError {
        let TaskError::Books { input: source, taken, .. } = error else { return error.into() };
        let task = &self.tasks[index];
        let partition = &task.queues[source].partition;
        match self.log.committed(&self.settings.application, partition) {
            Ok(now) if now.as_ref().and_then(taken_of) != Some(taken) => {
                WorkerError::Log(LogError::Retriable(format!("{partition} has another owner by now")))
            }
            Ok(_) => WorkerError::Invariant(format!("{}: {error}", task.core.id)),
            Err(failed) => failed.into(),
        }
    }

    /// Opens the processors of tasks that have just been restored. Those that are not opened in this step wait for
    /// the next one with all else.
    fn open(&mut self, now: Timestamp) -> Result<(), WorkerError> {
        let retry_after = self.settings.retry_backoff.as_millis() as i64;
        let Some(Connection { producer, .. }) = &mut self.connection else { return Ok(()) };
        for (index, task) in self.tasks.iter_mut().enumerate() {
            match task.open(now, &self.tables, producer.as_mut(), retry_after) {
                Ok(false) => {}
                Ok(true) => {
                    self.opened_at.get_or_insert(now);
                }
                Err(TaskError::Checkpoint(error)) => return self.restart_whole(index, &error),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Processes queued records, task by task in turn, up to the bounds of a step.
    pub(super) fn process(&mut self, now: Timestamp) -> Result<Work, WorkerError> {
        /// How many records a task processes before it is the next one's turn.
        const TURN: usize = 64;
        let retry_after = self.settings.retry_backoff.as_millis() as i64;
        let mut work = Work::default();
        let mut progress = true;
        let mut failed = None;
        let limit = self.settings.max_records_per_step;
        'work: while progress && work.records < limit && !self.over_budget() {
            progress = false;
            let Some(Connection { producer, .. }) = &mut self.connection else { break };
            let count = self.tasks.len();
            for index in (0..count).map(|place| (self.turn + place) % count) {
                let task = &mut self.tasks[index];
                for _ in 0..TURN {
                    if !task.may_work() {
                        break;
                    }
                    if work.records >= limit {
                        // The next step begins with whose turn it is.
                        self.turn = index;
                        break 'work;
                    }
                    let done = match task.process_next(now, &self.tables, producer.as_mut(), retry_after) {
                        Ok(done) => done,
                        Err(TaskError::Checkpoint(error)) => {
                            failed = Some((index, error));
                            break 'work;
                        }
                        Err(error) => return Err(error.into()),
                    };
                    work.records += done.records;
                    work.timers += done.timers;
                    if done.records == 0 {
                        break;
                    }
                    progress = true;
                }
            }
        }
        if let Some((index, error)) = failed {
            self.restart_whole(index, &error)?;
            return Ok(Work::default());
        }
        if work.records > 0 {
            self.opened_at.get_or_insert(now);
        }
        Ok(work)
    }

    fn punctuate(&mut self, now: Timestamp) -> Result<usize, WorkerError> {
        let retry_after = self.settings.retry_backoff.as_millis() as i64;
        let limit = self.settings.max_timers_per_step;
        let mut fired = 0;
        let Some(Connection { producer, .. }) = &mut self.connection else { return Ok(0) };
        for (index, task) in self.tasks.iter_mut().enumerate().filter(|(_, task)| task.may_work()) {
            match task.punctuate(now, &self.tables, producer.as_mut(), limit, retry_after) {
                Ok(count) => fired += count,
                Err(TaskError::Checkpoint(error)) => {
                    self.restart_whole(index, &error)?;
                    return Ok(0);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if fired > 0 {
            self.opened_at.get_or_insert(now);
        }
        Ok(fired)
    }

    /// Pauses partitions whose queues are full and resumes those that have room again.
    fn throttle(&mut self) {
        let limit = self.settings.max_buffered_bytes;
        let Some(Connection { consumer, .. }) = &mut self.connection else { return };
        for task in self.tasks.iter_mut().filter(|task| task.state != TaskState::Restoring) {
            for queue in &mut task.queues {
                if !queue.paused && queue.bytes() > limit {
                    consumer.pause(std::slice::from_ref(&queue.partition));
                    queue.paused = true;
                } else if queue.paused && queue.bytes() <= limit / 2 {
                    consumer.resume(std::slice::from_ref(&queue.partition));
                    queue.paused = false;
                }
            }
        }
    }

    /// Whether the open transaction is as large as it may grow.
    pub(super) fn over_budget(&self) -> bool {
        let bytes: usize = self.tasks.iter().map(|task| task.sent_bytes + task.core.stores.open_bytes()).sum();
        bytes >= self.settings.max_transaction_bytes
    }

    /// Whether to commit now: when the interval has passed or the bytes are many; and at once when
    /// nothing more is to be processed, so that a quiet hub answers fast.
    fn commit_is_due(&self, now: Timestamp, brought: bool) -> bool {
        let Some(opened) = self.opened_at else { return false };
        let age = |instant: Timestamp| Duration::from_millis(now.millis_since(instant).max(0) as u64);
        if age(opened) >= self.settings.commit_interval || self.over_budget() {
            return true;
        }
        let rested = self.begun_at.is_none_or(|at| age(at) >= self.settings.min_commit_interval);
        // A poll that brought records may have more behind it.
        !brought && !self.has_runnable_records() && rested
    }

    pub(super) fn has_runnable_records(&self) -> bool {
        self.tasks.iter().any(|task| task.is_running() && task.has_records())
    }

    fn is_idle(&self) -> bool {
        let waits =
            |task: &crate::task::Task| task.is_open() || task.has_records() || task.state == TaskState::Restoring;
        !self.tasks.iter().any(waits)
    }

    /// Whether a task is not ready yet.
    pub(crate) fn is_restoring(&self) -> bool {
        self.tasks.iter().any(|task| task.state == TaskState::Restoring)
    }

    fn wake_at(&self) -> Option<Timestamp> {
        let timers = self.tasks.iter().filter(|task| task.is_running()).filter_map(crate::task::Task::next_wall_timer);
        timers.chain(self.tasks.iter().filter_map(|task| task.retry_at)).min()
    }
}
