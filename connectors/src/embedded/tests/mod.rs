//! The embedded log, end to end.

mod concurrency;
mod durability;
mod kill;
mod maintenance;
mod model;
mod power_loss;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use schemas::Timestamp;
use topology::{Commit, Log, OutgoingRecord, Producer, Record, TopicPartition};

use super::{EmbeddedLog, OpenReport, Settings, conformance};

fn open_with(directory: &Path, settings: Settings) -> (Arc<EmbeddedLog>, OpenReport) {
    EmbeddedLog::open(directory, settings).expect("the log opens")
}

fn open(directory: &Path) -> Arc<EmbeddedLog> {
    open_with(directory, Settings::default()).0
}

fn record(topic: &str, partition: u32, key: &str, value: &str) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.into(),
        partition: Some(partition),
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        value: (!value.is_empty()).then(|| Bytes::copy_from_slice(value.as_bytes())),
        timestamp: Timestamp(1),
        headers: Vec::new(),
    }
}

fn commit(producer: &mut dyn Producer, records: &[(&str, u32, &str)]) {
    for (topic, partition, value) in records {
        producer.send(record(topic, *partition, "k", value)).unwrap();
    }
    assert_eq!(producer.commit("g", &[]).unwrap(), Commit::Committed);
}

fn read_all(log: &dyn Log, topic: &str, partition: u32) -> Vec<Record> {
    let place = TopicPartition::new(topic, partition);
    let (mut next, end) = log.bounds(&place).unwrap();
    let mut records = Vec::new();
    while next < end {
        let from = next;
        next = log.read(&place, from, 4096, &mut records).unwrap();
        assert!(next > from, "reading gets on");
    }
    records
}

fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap_or_default().to_vec()).unwrap()).collect()
}

#[test]
fn conforms_to_the_port() {
    let directories = RefCell::new(Vec::new());
    conformance::run_all(&|| {
        let directory = tempfile::tempdir().unwrap();
        let log = open(directory.path());
        directories.borrow_mut().push(directory);
        log
    });
}

#[test]
fn conforms_with_tiny_segments_and_commit_files() {
    let directories = RefCell::new(Vec::new());
    conformance::run_all(&|| {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { segment_bytes: 200, commit_file_bytes: 300, ..Settings::default() };
        let log = open_with(directory.path(), settings).0;
        directories.borrow_mut().push(directory);
        log
    });
}
