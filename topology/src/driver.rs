//! Drives a topology from a test: real tasks, real worker, a log in memory, time set by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemas::Timestamp;

use crate::sim::{SimLog, all_topics};
use crate::{
    Ledger, Log, Offset, OutgoingRecord, TopicName, TopicPartition, Topology, Worker, WorkerError, WorkerSettings,
    WorkerSnapshot,
};

/// How many steps one call may take before the driver says that the topology never rests.
const MAX_STEPS: usize = 100_000;

/// Drives the real tasks of a topology, with no thread, no broker and no clock.
///
/// It panics where a test should fail: when a worker stops, or never comes to rest.
pub struct TestDriver {
    topology: Arc<Topology>,
    settings: WorkerSettings,
    partitions: u32,
    log: SimLog,
    worker: Option<Worker>,
    now: Timestamp,
    /// How far each topic was read by the test.
    read: BTreeMap<TopicPartition, Offset>,
}

impl TestDriver {
    /// The topology on an empty log with one partition a topic, at `now`.
    pub fn new(topology: impl Into<Arc<Topology>>, now: Timestamp) -> Self {
        Self::with_settings(topology, now, 1, WorkerSettings::new("test"))
    }

    /// The same with `partitions` partitions a topic. Call it before anything is piped.
    #[must_use]
    pub fn with_partitions(self, partitions: u32) -> Self {
        Self::with_settings(self.topology, self.now, partitions, self.settings)
    }

    /// A driver with settings of its own.
    pub fn with_settings(
        topology: impl Into<Arc<Topology>>,
        now: Timestamp,
        partitions: u32,
        settings: WorkerSettings,
    ) -> Self {
        let topology = topology.into();
        let log = SimLog::new();
        let topics = all_topics(&topology, &settings, partitions);
        log.ensure_topics(&topics).expect("an empty log takes every topic");
        let mut driver = Self { topology, settings, partitions, log, worker: None, now, read: BTreeMap::new() };
        driver.restart();
        driver
    }

    /// Writes a record to a topic and lets the topology take it in and commit.
    ///
    /// # Panics
    /// When the worker stops, with what it said.
    pub fn pipe(&mut self, topic: &str, key: impl AsRef<[u8]>, value: impl Into<Bytes>, timestamp: Timestamp) {
        self.try_pipe(topic, key, Some(value.into()), timestamp).unwrap_or_else(|error| panic!("{error}"));
    }

    /// As [`TestDriver::pipe`], with `None` for a tombstone, and the worker's error as a value.
    ///
    /// # Errors
    /// What the worker said when it stopped; the driver is of no use then but to be restarted.
    pub fn try_pipe(
        &mut self,
        topic: &str,
        key: impl AsRef<[u8]>,
        value: Option<Bytes>,
        timestamp: Timestamp,
    ) -> Result<(), WorkerError> {
        self.write(topic, key.as_ref(), value, timestamp)?;
        self.run()
    }

    /// Sets a row of a global table by writing to its topic.
    pub fn global_put(&mut self, topic: &str, key: impl AsRef<[u8]>, value: impl Into<Bytes>) {
        let now = self.now;
        self.try_pipe(topic, key, Some(value.into()), now).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Moves the wall clock to `to`, never back, and lets due timers fire.
    pub fn advance_wall_clock(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
        self.run().unwrap_or_else(|error| panic!("{error}"));
    }

    /// The records that were written to a topic since it was read last, partition by partition.
    pub fn read(&mut self, topic: &str) -> Vec<OutgoingRecord> {
        let name: TopicName = topic.into();
        let mut all = Vec::new();
        for record in self.log.records(topic) {
            let next =
                self.read.entry(TopicPartition { topic: name.clone(), partition: record.partition }).or_default();
            if record.offset >= *next {
                *next = record.offset.next();
                all.push(OutgoingRecord {
                    topic: record.topic,
                    partition: Some(record.partition),
                    key: record.key,
                    value: record.value,
                    timestamp: record.timestamp,
                    headers: record.headers,
                });
            }
        }
        all
    }

    /// The value of a key in a store, of whichever task has it.
    pub fn store_get(&self, store: &str, key: impl AsRef<[u8]>) -> Option<Bytes> {
        self.worker.as_ref()?.store_get(store, key.as_ref())
    }

    /// The books of all tasks together.
    pub fn outcomes(&self) -> Ledger {
        self.snapshot().ledger()
    }

    /// How many records wait, wherever.
    pub fn waiting(&self) -> i64 {
        self.outcomes().waiting()
    }

    /// Taken in, less ended, less waiting: 0 in a sound topology.
    pub fn imbalance(&self) -> i64 {
        self.outcomes().imbalance()
    }

    /// The worker at this instant.
    pub fn snapshot(&self) -> WorkerSnapshot {
        self.worker.as_ref().expect("a driver has a worker between two calls").snapshot()
    }

    /// The log below, to write several records at once or to look at changelogs.
    pub fn log(&self) -> &SimLog {
        &self.log
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Restarts with another topology, such as the same processors by other settings, on what the one
    /// before left.
    pub fn restart_as(&mut self, topology: impl Into<Arc<Topology>>) {
        self.topology = topology.into();
        let topics = all_topics(&self.topology, &self.settings, self.partitions);
        self.log.ensure_topics(&topics).expect("the topics of one topology suit another's");
        self.restart();
    }

    /// Drops all tasks as a crash would, and restores them from their changelogs.
    pub fn restart(&mut self) {
        self.worker = None;
        let log: Arc<dyn Log> = Arc::new(self.log.clone());
        let worker = Worker::new(self.topology.clone(), log, self.settings.clone());
        self.worker = Some(worker.unwrap_or_else(|error| panic!("{error}")));
        self.run().unwrap_or_else(|error| panic!("{error}"));
    }

    fn write(
        &mut self,
        topic: &str,
        key: &[u8],
        value: Option<Bytes>,
        timestamp: Timestamp,
    ) -> Result<(), WorkerError> {
        let mut producer = self.log.producer("driver")?;
        let key = Some(Bytes::copy_from_slice(key));
        producer.send(OutgoingRecord {
            topic: topic.into(),
            partition: None,
            key,
            value,
            timestamp,
            headers: Vec::new(),
        })?;
        producer.commit("driver", &[])?;
        Ok(())
    }

    /// Steps until the worker rests. The wall clock stands still meanwhile.
    fn run(&mut self) -> Result<(), WorkerError> {
        let worker = self.worker.as_mut().expect("a driver has a worker between two calls");
        let mut quiet = 0;
        for _ in 0..MAX_STEPS {
            let step = worker.run_once(self.now, Duration::ZERO)?;
            // The clock stands still, so no interval ever passes: commit what is there.
            worker.commit(self.now)?;
            quiet = if step.records + step.timers == 0 && step.commit.is_none() { quiet + 1 } else { 0 };
            // The first polls bring news of the assignment, and restoring takes steps of its own.
            if quiet >= 4 && !worker.is_restoring() {
                return Ok(());
            }
        }
        panic!("the topology does not come to rest: does a timer schedule itself at or before now?");
    }
}
