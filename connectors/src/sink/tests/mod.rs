//! Sinks against real servers on the loopback interface, on a simulated and on the embedded log.

mod away;
mod billing;
mod database;
mod faults;
mod floworx;
mod outside;
mod partner;
mod restart;
mod simulated;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use schemas::{DeadLetter, DeliveryOutcome, Schema, Timestamp, decode, encode};
use topology::{Commit, Log, LogError, Offset, OutgoingRecord, TopicName, TopicPartition, TopicSpec};

use super::{DEAD_LETTER_TOPIC, DELIVERY_TOPIC, Ledger, Shutdown, SinkError, SinkSettings, Target, run_http};
use crate::embedded::{EmbeddedLog, Settings};

/// No test waits longer for something that should come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A log with a sink's topics, in a directory that goes with it.
pub(super) struct Bench {
    pub(super) log: Arc<dyn Log>,
    pub(super) topic: TopicName,
    _directory: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new(topic: &str, partitions: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // These tests are of the sinks; the log's own tests pull the plug.
        let settings = Settings { sync: false, ..Settings::default() };
        let (log, _) = EmbeddedLog::open(&directory.path().join("log"), settings).unwrap();
        Self::on(log, topic, partitions, directory)
    }

    pub(super) fn on(log: Arc<dyn Log>, topic: &str, partitions: u32, directory: tempfile::TempDir) -> Self {
        let specs = [(topic, partitions), (DELIVERY_TOPIC, 2), (DEAD_LETTER_TOPIC, 1)]
            .map(|(name, partitions)| TopicSpec::delete(name, partitions, None));
        log.ensure_topics(&specs).unwrap();
        Self { log, topic: topic.into(), _directory: directory }
    }

    pub(super) fn write<T: Schema>(&self, records: impl IntoIterator<Item = (String, T)>) {
        let values = records.into_iter().map(|(key, record)| (key, encode(&record)));
        self.write_raw(values);
    }

    pub(super) fn write_raw(&self, records: impl IntoIterator<Item = (String, Vec<u8>)>) {
        self.try_write_raw(records).unwrap();
    }

    /// Writes to a log that may have faults.
    pub(super) fn try_write<T: Schema>(&self, (key, record): (String, T)) -> Result<Commit, LogError> {
        self.try_write_raw([(key, encode(&record))])
    }

    fn try_write_raw(&self, records: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Commit, LogError> {
        let mut producer = self.log.producer("test").unwrap();
        for (key, value) in records {
            let record = OutgoingRecord {
                topic: self.topic.clone(),
                partition: None,
                key: Some(key.into()),
                value: Some(value.into()),
                timestamp: Timestamp(0),
                headers: Vec::new(),
            };
            producer.send(record).unwrap();
        }
        producer.commit("test", &[])
    }

    fn read<T: Schema>(&self, topic: &str) -> Vec<T> {
        let topics = self.log.topics().unwrap();
        let partitions = topics.iter().find(|(name, _)| &**name == topic).unwrap().1;
        let mut records = Vec::new();
        for partition in 0..partitions {
            let at = TopicPartition::new(topic, partition);
            let (mut next, end) = self.log.bounds(&at).unwrap();
            while next < end {
                next = self.log.read(&at, next, 1 << 20, &mut records).unwrap();
            }
        }
        records.iter().map(|record| decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    pub(super) fn outcomes(&self) -> Vec<DeliveryOutcome> {
        self.read(DELIVERY_TOPIC)
    }

    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.read(DEAD_LETTER_TOPIC)
    }

    /// The outcomes by delivery id; fails on a second one for any.
    pub(super) fn outcome_of_each(&self) -> BTreeMap<String, DeliveryOutcome> {
        let mut each = BTreeMap::new();
        for outcome in self.outcomes() {
            let id = outcome.delivery_id.clone();
            assert!(each.insert(id.clone(), outcome).is_none(), "two outcomes for {id}");
        }
        each
    }

    /// The committed position of partition 0.
    pub(super) fn next_offset(&self, group: &str) -> Offset {
        let at = TopicPartition { topic: self.topic.clone(), partition: 0 };
        self.log.committed(group, &at).unwrap().unwrap_or_default().next_offset
    }

    pub(super) fn start<T: Target>(&self, target: T, settings: SinkSettings) -> Running {
        let (ledger, shutdown) = (Ledger::new(&self.topic), Shutdown::new());
        let sink = run_http(self.log.clone(), self.topic.clone(), target, settings, ledger.clone(), shutdown.clone());
        Running { ledger, shutdown, sink: tokio::spawn(sink) }
    }

    /// Runs a sink until it has written so many outcomes and dead letters, then stops it.
    pub(super) async fn run_until<T: Target>(&self, target: T, settings: SinkSettings, ends: u64) -> Ledger {
        let running = self.start(target, settings);
        eventually(|| {
            let books = running.ledger.snapshot();
            books.delivered + books.duplicate + books.dead_lettered >= ends
        })
        .await;
        running.stop().await.unwrap()
    }
}

pub(super) struct Running {
    pub(super) ledger: Ledger,
    pub(super) shutdown: Shutdown,
    pub(super) sink: tokio::task::JoinHandle<Result<(), SinkError>>,
}

impl Running {
    /// Drains, and checks that the books balance.
    pub(super) async fn stop(self) -> Result<Ledger, SinkError> {
        self.shutdown.trigger();
        tokio::time::timeout(PATIENCE, self.sink).await.expect("stops in time").expect("does not panic")?;
        assert_eq!(self.ledger.snapshot().imbalance(), 0);
        Ok(self.ledger)
    }
}

pub(super) async fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "what should have come did not");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
