//! Partitions come and go: tasks are made and closed.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemas::Timestamp;

use super::{Worker, WorkerError};
use crate::task::{Task, TaskState};
use crate::{Position, TaskId, TopicPartition};

impl Worker {
    /// These partitions are this worker's: a task starts when it has all of its sources.
    pub(super) fn assigned(
        &mut self,
        now: Timestamp,
        partitions: Vec<(TopicPartition, Position)>,
    ) -> Result<(), WorkerError> {
        for (partition, position) in partitions {
            let Some((part, source)) = self.find_source(&partition.topic) else { continue };
            let id = TaskId { sub_topology: self.plans[part].name.clone(), partition: partition.partition };
            let sources = self.pending.entry(id.clone()).or_default();
            sources.insert(source, position);
            if sources.len() == self.plans[part].sources.len() {
                let positions: Vec<Position> = self.pending.remove(&id).unwrap_or_default().into_values().collect();
                let plan = self.plans[part].clone();
                let mut task = Task::new(id, plan, &positions, &self.settings)?;
                self.open_checkpoint(&mut task, now)?;
                task.begin_restore(self.log.as_ref())?;
                let held: Vec<_> = task.queues.iter().map(|queue| queue.partition.clone()).collect();
                self.connect()?.consumer.pause(&held);
                self.tasks.push(task);
            }
        }
        self.reroute();
        Ok(())
    }

    /// Closes the tasks of these partitions; what they hold uncommitted must be gone before.
    pub(super) fn close_tasks(&mut self, partitions: &[TopicPartition]) {
        let gone: BTreeSet<_> = partitions.iter().filter_map(|partition| Some(self.routes.get(partition)?.0)).collect();
        for index in gone.into_iter().rev() {
            self.tasks.remove(index).state.advance(TaskState::Closed);
        }
        for partition in partitions {
            if let Some((part, source)) = self.find_source(&partition.topic) {
                let id = TaskId { sub_topology: Arc::clone(&self.plans[part].name), partition: partition.partition };
                self.pending.get_mut(&id).map(|sources| sources.remove(&source));
            }
        }
        self.reroute();
    }

    /// Closes all tasks, whatever they hold.
    pub(super) fn close_all(&mut self) {
        for mut task in self.tasks.drain(..) {
            task.state.advance(TaskState::Closed);
        }
        self.pending.clear();
        self.reroute();
    }

    /// The tasks of these partitions take nothing in any more.
    pub(super) fn suspend_tasks(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let Some((index, _)) = self.routes.get(partition) else { continue };
            let task = &mut self.tasks[*index];
            task.retry_at = None;
            if task.state != TaskState::Suspended {
                task.state.advance(TaskState::Suspended);
            }
        }
    }

    fn find_source(&self, topic: &str) -> Option<(usize, usize)> {
        self.plans.iter().enumerate().find_map(|(part, plan)| {
            let source = plan.sources.iter().position(|source| source.topic.as_ref() == topic)?;
            Some((part, source))
        })
    }

    /// Tasks in the order of their ids, and the way of each partition to its queue.
    fn reroute(&mut self) {
        self.tasks.sort_by(|left, right| left.core.id.cmp(&right.core.id));
        self.routes = self
            .tasks
            .iter()
            .enumerate()
            .flat_map(|(index, task)| {
                let queues = task.queues.iter().enumerate();
                queues.map(move |(source, queue)| (queue.partition.clone(), (index, source)))
            })
            .collect();
        self.reroute_changelogs();
    }
}
