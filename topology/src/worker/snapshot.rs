//! What a worker tells about itself, for metrics and the admin API.

use schemas::Timestamp;

use super::Worker;
use crate::store::GlobalTable;
use crate::task::Task;
use crate::{Ledger, Offset, TaskId, TaskState, TopicPartition};

/// A worker at one instant, between two steps.
#[derive(Clone, Debug)]
pub struct WorkerSnapshot {
    /// Whether its group has told it which partitions are its own, if only that none is.
    pub joined: bool,
    /// Its tasks, by id.
    pub tasks: Vec<TaskSnapshot>,
    /// Its global tables.
    pub tables: Vec<StoreSnapshot>,
    /// Records taken in since it started.
    pub records: u64,
    /// Timers fired since it started.
    pub timers: u64,
    /// Transactions committed since it started.
    pub commits: u64,
    /// Transactions aborted since it started.
    pub aborts: u64,
    /// How often it was fenced since it started.
    pub fenced: u64,
    /// Checkpoints given up since it started.
    pub checkpoint_failures: u64,
    /// Why the last of them was.
    pub checkpoint_trouble: Option<String>,
    /// Entries that left memory since it started, because the budget was spent.
    pub evicted: u64,
    /// Values and ranges that were looked up in a checkpoint since it started, because they were not in memory.
    pub checkpoint_reads: u64,
    /// When it committed last.
    pub last_commit_at: Option<Timestamp>,
    /// How long the last committed transaction was open, by the times of the steps.
    pub last_transaction_millis: i64,
}

/// A task at one instant.
#[derive(Clone, Debug)]
pub struct TaskSnapshot {
    /// Which one.
    pub id: TaskId,
    /// How far it is in its life.
    pub state: TaskState,
    /// Its books, as committed.
    pub ledger: Ledger,
    /// Its sources.
    pub sources: Vec<SourceSnapshot>,
    /// The highest record timestamp it has seen.
    pub stream_time: Timestamp,
    /// Its stores, timers and books among them.
    pub stores: Vec<StoreSnapshot>,
    /// How many timers are in memory: all that wait, or the soonest and those that the checkpoint does not have yet.
    pub timers: usize,
    /// Timers dropped because their processor is not in the topology any more.
    pub orphan_timers: u64,
    /// How often a fault asked to retry.
    pub retries: u64,
    /// Committed bytes that its checkpoint does not have yet; `None` without a checkpoint.
    pub checkpoint_lag_bytes: Option<usize>,
    /// Whether a batch of its checkpoint is being written.
    pub checkpoint_is_writing: bool,
    /// Entries of the checkpoint and changelog records replayed.
    pub restored: u64,
    /// Of those, records of changelogs: what the checkpoint did not have.
    pub replayed: u64,
    /// Entries and changelog records to replay, at most.
    pub to_restore: u64,
}

/// One source partition of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSnapshot {
    /// Which one.
    pub partition: TopicPartition,
    /// The next offset to take in.
    pub next: Offset,
    /// The committed position.
    pub committed: Offset,
    /// Records read and not taken in yet.
    pub queued: usize,
    /// Their size.
    pub queued_bytes: usize,
    /// Whether reading rests because too much is queued.
    pub paused: bool,
}

/// A store or table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSnapshot {
    /// Its name.
    pub name: String,
    /// How many entries are in memory.
    pub entries: usize,
    /// What they occupy.
    pub bytes: usize,
    /// Whether they are all there are; else the checkpoint has more.
    pub is_whole: bool,
}

impl WorkerSnapshot {
    /// The books of all tasks together.
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        self.tasks.iter().for_each(|task| sum.merge(&task.ledger));
        sum
    }
}

impl Worker {
    /// What it is doing.
    pub fn snapshot(&self) -> WorkerSnapshot {
        let table = |table: &GlobalTable| StoreSnapshot {
            name: table.spec.name.clone(),
            entries: table.len(),
            bytes: table.bytes(),
            is_whole: true,
        };
        WorkerSnapshot {
            joined: self.joined,
            tasks: self.tasks.iter().map(task_snapshot).collect(),
            tables: self.tables.iter().map(table).collect(),
            records: self.counters.records,
            timers: self.counters.timers,
            commits: self.counters.commits,
            aborts: self.counters.aborts,
            checkpoint_failures: self.counters.checkpoint_failures,
            checkpoint_trouble: self.checkpoint_trouble.clone(),
            fenced: self.counters.fenced,
            evicted: self.counters.evicted,
            checkpoint_reads: self.counters.checkpoint_reads,
            last_commit_at: self.last_commit_at,
            last_transaction_millis: self.counters.last_transaction_millis,
        }
    }

    /// The value of a key in a store of the task of this partition, which may be none; nothing where this worker has
    /// no such task, or it is not restored yet.
    pub fn store_look(&self, store: &str, partition: u32, key: &[u8]) -> Option<Option<bytes::Bytes>> {
        self.tasks.iter().find_map(|task| {
            let index = task.core.plan.stores.iter().position(|plan| plan.name == store)?;
            let answers = matches!(task.state, TaskState::Running | TaskState::Suspended);
            (task.core.id.partition == partition && answers)
                .then(|| task.core.stores.get(index, key).map(bytes::Bytes::copy_from_slice))
        })
    }

    /// The value of a key in a store of this worker's tasks: of the first that has it.
    pub fn store_get(&self, store: &str, key: &[u8]) -> Option<bytes::Bytes> {
        self.tasks.iter().find_map(|task| {
            let index = task.core.plan.stores.iter().position(|plan| plan.name == store)?;
            task.core.stores.get(index, key).map(bytes::Bytes::copy_from_slice)
        })
    }
}

fn task_snapshot(task: &Task) -> TaskSnapshot {
    let mut ledger = Ledger::default();
    for (topic, counts) in &task.committed_books {
        *ledger.topic_mut(topic) = *counts;
    }
    let store = |(index, plan): (usize, &crate::task::StorePlan)| {
        let entries = task.core.stores.entries(index);
        let (bytes, is_whole) = (entries.bytes(), entries.is_whole());
        StoreSnapshot { name: plan.name.clone(), entries: entries.len(), bytes, is_whole }
    };
    let (restored, to_restore) = task.restore_progress();
    TaskSnapshot {
        id: task.core.id.clone(),
        state: task.state,
        ledger,
        sources: task
            .queues
            .iter()
            .map(|queue| SourceSnapshot {
                partition: queue.partition.clone(),
                next: queue.next,
                committed: queue.committed,
                queued: queue.len(),
                queued_bytes: queue.bytes(),
                paused: queue.paused,
            })
            .collect(),
        stream_time: task.core.stream_time,
        stores: task.core.plan.stores.iter().enumerate().map(store).collect(),
        timers: task.core.stores.entries(task.core.plan.timers_store()).len(),
        orphan_timers: task.orphan_timers,
        retries: task.retries,
        checkpoint_lag_bytes: task.checkpoint.as_ref().map(crate::task::Checkpointing::bytes),
        checkpoint_is_writing: task.checkpoint.as_ref().is_some_and(crate::task::Checkpointing::is_writing),
        restored,
        replayed: task.replayed(),
        to_restore,
    }
}
