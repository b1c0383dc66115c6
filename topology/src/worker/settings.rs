//! What a worker is told once.

use std::sync::Arc;
use std::time::Duration;

use crate::{Checkpoints, LetterSettings, MemoryBudget};

/// Settings of a worker.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The application's name: its consumer group, and the prefix of its internal topics.
    pub application: String,
    /// This worker's number among those of this process, from 0.
    pub member: u32,
    /// How many workers this process has.
    pub members: u32,
    /// A transaction is committed when it is this old.
    pub commit_interval: Duration,
    /// A transaction is not committed before it is this old, unless its bytes ask for it.
    pub min_commit_interval: Duration,
    /// A transaction is committed when it holds so many bytes, sends and undo log together.
    pub max_transaction_bytes: usize,
    /// A partition with more queued bytes than this is paused until half of it is left.
    pub max_buffered_bytes: usize,
    /// How many bytes one poll may bring.
    pub poll_max_bytes: usize,
    /// How many records one step processes.
    pub max_records_per_step: usize,
    /// How many timers of one task one step fires.
    pub max_timers_per_step: usize,
    /// How many bytes of timers one task keeps in memory, the soonest ones, beside those that its checkpoint does not
    /// have yet. The others are read from the checkpoint as their time comes near.
    pub timer_head_bytes: usize,
    /// How many bytes of changelog one step replays for one task.
    pub restore_max_bytes: usize,
    /// How long a task waits after a fault that asks to retry.
    pub retry_backoff: Duration,
    /// The largest record, key and value, that a processor may send.
    pub max_record_bytes: usize,
    /// Dead letters and the quarantine.
    pub letters: LetterSettings,
    /// Where checkpoints of stores are kept; without it every start replays whole changelogs.
    pub checkpoints: CheckpointSettings,
    /// What stores, tables and queues of all workers of this instance may take together: beyond that,
    /// entries that a checkpoint has leave memory. The same for all of them.
    pub memory: Arc<MemoryBudget>,
}

/// Where and when checkpoints of stores are written.
#[derive(Clone)]
pub struct CheckpointSettings {
    /// Where; `None` for nowhere.
    pub place: Option<Arc<dyn Checkpoints>>,
    /// How often, for each task.
    pub interval: Duration,
    /// How many bytes of committed changes one task keeps before it writes earlier than that.
    pub bytes_max: usize,
    /// A checkpoint older than this is not used: what was deleted since may be gone from the
    /// changelog, and would come back. Less than the time the log keeps tombstones.
    pub age_max: Duration,
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self { place: None, interval: Duration::from_secs(10), bytes_max: 32 << 20, age_max: Duration::from_hours(12) }
    }
}

impl std::fmt::Debug for CheckpointSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointSettings")
            .field("is_on", &self.place.is_some())
            .field("interval", &self.interval)
            .field("bytes_max", &self.bytes_max)
            .field("age_max", &self.age_max)
            .finish()
    }
}

impl WorkerSettings {
    /// The defaults, for worker 0 of 1.
    pub fn new(application: impl Into<String>) -> Self {
        Self {
            application: application.into(),
            member: 0,
            members: 1,
            commit_interval: Duration::from_millis(100),
            min_commit_interval: Duration::from_millis(5),
            max_transaction_bytes: 16 << 20,
            max_buffered_bytes: 4 << 20,
            poll_max_bytes: 1 << 20,
            max_records_per_step: 4096,
            max_timers_per_step: 1000,
            timer_head_bytes: 4 << 20,
            restore_max_bytes: 4 << 20,
            retry_backoff: Duration::from_millis(100),
            max_record_bytes: 1 << 20,
            letters: LetterSettings::default(),
            checkpoints: CheckpointSettings::default(),
            memory: MemoryBudget::unlimited(),
        }
    }
}
