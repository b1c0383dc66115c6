//! The worker's part in checkpoints: opening them with tasks, telling them what is committed, writing
//! them when it is time. A checkpoint that fails is given up, and the task goes on without it.

use std::collections::{BTreeSet, HashMap};

use schemas::Timestamp;

use super::{Worker, WorkerError};
use crate::task::{CheckpointPace, Checkpointing, Task, TaskState};
use crate::{CheckpointError, TopicPartition};

/// Which store of which task a changelog's partition belongs to.
pub(super) type ChangelogRoutes = HashMap<TopicPartition, (usize, usize), foldhash::fast::RandomState>;

impl Worker {
    /// Opens the checkpoint of a task that starts, unless it cannot be used.
    pub(super) fn open_checkpoint(&mut self, task: &mut Task, now: Timestamp) -> Result<(), WorkerError> {
        let Some(place) = &self.settings.checkpoints.place else { return Ok(()) };
        let names: Vec<String> = task.core.plan.stores.iter().map(|store| store.name.clone()).collect();
        match place.open(&task.core.id, &names) {
            Ok(port) => task.checkpoint = Some(Checkpointing::new(port, names.len())),
            Err(error) => {
                self.checkpoint_failed(&error);
                return Ok(());
            }
        }
        let is_usable = task.is_checkpoint_usable(self.log.as_ref(), now, self.settings.checkpoints.age_max)?;
        if let Err(error) = task.use_checkpoint(is_usable, now) {
            task.checkpoint = None;
            self.checkpoint_failed(&error);
        }
        Ok(())
    }

    /// Counts a checkpoint that is given up.
    fn checkpoint_failed(&mut self, error: &CheckpointError) {
        self.counters.checkpoint_failures += 1;
        self.checkpoint_trouble = Some(error.to_string());
    }

    /// Where each changelog's partition belongs, as the tasks are now.
    pub(super) fn reroute_changelogs(&mut self) {
        self.changelog_routes.clear();
        for (index, task) in self.tasks.iter().enumerate().filter(|(_, task)| task.checkpoint.is_some()) {
            for (store, plan) in task.core.plan.stores.iter().enumerate() {
                let partition = TopicPartition { topic: plan.changelog.clone(), partition: task.core.id.partition };
                self.changelog_routes.insert(partition, (index, store));
            }
        }
    }

    /// Tells the checkpoints how far the committed transaction wrote their changelogs.
    pub(super) fn note_changelog_offsets(&mut self) {
        let Self { connection: Some(connection), changelog_routes, tasks, .. } = self else { return };
        if changelog_routes.is_empty() {
            return;
        }
        // Changes of a task come in runs of few stores: what was found last is mostly found again.
        let mut last: Option<(&TopicPartition, Option<(usize, usize)>)> = None;
        for (partition, offset) in connection.producer.last_positions() {
            let route = match last {
                Some((known, route)) if known == partition => route,
                _ => changelog_routes.get(partition).copied(),
            };
            last = Some((partition, route));
            if let Some((task, store)) = route
                && let Some(checkpoint) = &mut tasks[task].checkpoint
            {
                checkpoint.moved(store, offset.next());
            }
        }
    }

    /// When checkpoints are written.
    pub(super) fn checkpoint_pace(&self) -> CheckpointPace {
        let settings = &self.settings.checkpoints;
        CheckpointPace { interval: settings.interval, bytes_max: settings.bytes_max }
    }

    /// Writes the checkpoints that are due.
    pub(super) fn write_checkpoints(&mut self, now: Timestamp) {
        if self.settings.checkpoints.place.is_none() {
            return;
        }
        let pace = self.checkpoint_pace();
        for index in 0..self.tasks.len() {
            let task = &mut self.tasks[index];
            let is_open = task.is_open();
            let Some(checkpoint) = &mut task.checkpoint else { continue };
            let Err(error) = checkpoint.step(now, pace, &task.core.id, &mut task.core.stores, is_open) else {
                continue;
            };
            // A store that is a part goes on reading the last batch that was finished: all that came
            // later is in memory, and from now on stays there.
            task.checkpoint = None;
            self.checkpoint_failed(&error);
        }
    }

    /// The checkpoint that a task's stores are a part of cannot be read: the open transaction is thrown away, and
    /// a new task on the committed positions reads its changelogs whole.
    pub(super) fn restart_whole(&mut self, index: usize, error: &CheckpointError) -> Result<(), WorkerError> {
        if self.tasks[index].state == TaskState::Restoring {
            return self.forget_checkpoint(index, error);
        }
        self.checkpoint_failed(error);
        if !self.rewind()? {
            return Ok(());
        }
        let old = &mut self.tasks[index];
        let (id, plan, positions) = (old.core.id.clone(), old.core.plan.clone(), old.committed_positions());
        let held: Vec<_> = old.queues.iter().map(|queue| queue.partition.clone()).collect();
        old.state.advance(TaskState::Closed);
        self.tasks[index] = Task::new(id, plan, &positions, &self.settings)?;
        self.tasks[index].begin_restore(self.log.as_ref())?;
        self.connect()?.consumer.pause(&held);
        Ok(())
    }

    /// Completes the checkpoints of tasks that will be closed in good order.
    pub(super) fn finish_checkpoints(&mut self, now: Timestamp) {
        self.finish_where(now, |_| true);
    }

    /// Completes the checkpoints of the tasks of these partitions.
    pub(super) fn finish_checkpoints_of(&mut self, partitions: &[TopicPartition], now: Timestamp) {
        let tasks: BTreeSet<usize> = partitions.iter().filter_map(|one| Some(self.routes.get(one)?.0)).collect();
        self.finish_where(now, |index| tasks.contains(&index));
    }

    fn finish_where(&mut self, now: Timestamp, which: impl Fn(usize) -> bool) {
        let mut failed = None;
        for (index, task) in self.tasks.iter_mut().enumerate() {
            if which(index)
                && let Some(mut checkpoint) = task.checkpoint.take()
                && let Err(error) = checkpoint.finish(now, &mut task.core.stores)
            {
                failed = Some(error);
            }
        }
        if let Some(error) = failed {
            self.checkpoint_failed(&error);
        }
    }

    /// Goes on without a checkpoint that cannot be read.
    pub(super) fn forget_checkpoint(&mut self, index: usize, error: &CheckpointError) -> Result<(), WorkerError> {
        let log = self.log.clone();
        self.checkpoint_failed(error);
        Ok(self.tasks[index].forget_checkpoint(log.as_ref())?)
    }
}
