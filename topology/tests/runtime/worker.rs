//! The worker's own rules: when it commits, what it refuses, how it throttles.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemas::Timestamp;
use topology::sim::{FaultPlan, SimLog};
use topology::{
    Commit, LetterSettings, Log, OutgoingRecord, Position, TopicPartition, TopicSpec, TopologyError, Worker,
    WorkerError, WorkerSettings,
};

use crate::fixture::counting;

const ZERO: Duration = Duration::ZERO;

fn log(partitions: u32) -> SimLog {
    seeded(0, partitions)
}

/// A log with the topics of the counting topology, which throws its dice by the seed.
pub fn seeded(seed: u64, partitions: u32) -> SimLog {
    let log = SimLog::with_faults(seed, FaultPlan::NONE);
    let mut topics = counting().required_topics("app", |_| partitions);
    for topic in ["words", "counts", "released", "lives", "windowed", "hub.dead_letter", "hub.quarantine"] {
        topics.push(TopicSpec::delete(topic, partitions, None));
    }
    log.ensure_topics(&topics).unwrap();
    log
}

pub fn write(log: &SimLog, count: usize) {
    let mut producer = log.producer("outside").unwrap();
    for _ in 0..count {
        let (topic, key) = ("words".into(), Some(Bytes::from_static(b"k")));
        producer
            .send(OutgoingRecord {
                topic,
                partition: None,
                key,
                value: Some("v".into()),
                timestamp: Timestamp(1),
                headers: vec![],
            })
            .unwrap();
    }
    assert_eq!(producer.commit("", &[]).unwrap(), Commit::Committed);
}

fn worker(log: &SimLog, settings: WorkerSettings) -> Worker {
    Worker::new(Arc::new(counting()), Arc::new(log.clone()), settings).unwrap()
}

/// Steps until the tasks run.
pub fn started(log: &SimLog, settings: WorkerSettings) -> Worker {
    let mut worker = worker(log, settings);
    for _ in 0..9 {
        worker.run_once(Timestamp(0), ZERO).unwrap();
    }
    assert!(worker.snapshot().tasks.iter().all(|task| task.state == topology::TaskState::Running));
    worker
}

#[test]
fn a_quiet_worker_commits_at_once_but_not_more_often_than_allowed() {
    let log = log(1);
    let mut worker = started(&log, WorkerSettings::new("app"));
    write(&log, 1);
    assert_eq!(worker.run_once(Timestamp(1000), ZERO).unwrap().commit, None, "more may come");
    assert_eq!(worker.run_once(Timestamp(1000), ZERO).unwrap().commit, Some(Commit::Committed));
    // The record on `counts` is taken in within the minimum interval.
    assert_eq!(worker.run_once(Timestamp(1001), ZERO).unwrap().records, 1);
    assert_eq!(worker.run_once(Timestamp(1002), ZERO).unwrap().commit, None);
    assert_eq!(worker.run_once(Timestamp(1005), ZERO).unwrap().commit, Some(Commit::Committed));
    let step = worker.run_once(Timestamp(1010), ZERO).unwrap();
    assert!(step.idle && step.commit.is_none());
}

#[test]
fn a_busy_worker_commits_when_the_interval_or_the_bytes_are_reached() {
    let log = log(1);
    let settings = WorkerSettings { max_records_per_step: 64, ..WorkerSettings::new("app") };
    let mut busy = started(&log, settings.clone());
    write(&log, 1000);
    assert_eq!(busy.run_once(Timestamp(1000), ZERO).unwrap().commit, None);
    assert_eq!(busy.run_once(Timestamp(1099), ZERO).unwrap().commit, None);
    assert_eq!(busy.run_once(Timestamp(1100), ZERO).unwrap().commit, Some(Commit::Committed));
    drop(busy);

    let mut small = started(&log, WorkerSettings { max_transaction_bytes: 2000, ..settings });
    write(&log, 1000);
    let step = small.run_once(Timestamp(2000), ZERO).unwrap();
    assert_eq!(step.commit, Some(Commit::Committed));
    assert!(step.records < 1000);
}

#[test]
fn a_full_queue_pauses_its_partition_and_loses_nothing() {
    let log = log(1);
    let settings = WorkerSettings {
        max_records_per_step: 64,
        poll_max_bytes: 20_000,
        max_buffered_bytes: 30_000,
        ..WorkerSettings::new("app")
    };
    let mut worker = started(&log, settings);
    write(&log, 3000);
    let mut paused = false;
    for step in 0..400 {
        worker.run_once(Timestamp(1000 + step), ZERO).unwrap();
        let snapshot = worker.snapshot();
        for source in snapshot.tasks.iter().flat_map(|task| &task.sources) {
            assert!(source.queued_bytes < 30_000 + 20_000 + 4096);
            paused |= source.paused;
        }
    }
    assert!(paused);
    worker.close(Timestamp(9000)).unwrap();
    assert_eq!(log.records("counts").len(), 3000);
}

#[test]
fn closing_drains_commits_and_leaves_the_partitions_to_the_next() {
    let log = log(2);
    let mut worker = started(
        &log,
        WorkerSettings { poll_max_bytes: 1 << 20, max_records_per_step: 10, ..WorkerSettings::new("app") },
    );
    write(&log, 100);
    worker.run_once(Timestamp(1), ZERO).unwrap();
    worker.close(Timestamp(2)).unwrap();
    assert_eq!(log.records("counts").len(), 100);
    assert!(worker.snapshot().tasks.is_empty());
    let next = started(&log, WorkerSettings::new("app"));
    assert_eq!(next.snapshot().ledger().imbalance(), 0);
    assert_eq!(next.snapshot().ledger().taken("words"), 100);
}

#[test]
fn books_that_contradict_the_committed_position_stop_the_worker() {
    let log = log(1);
    let mut first = started(&log, WorkerSettings::new("app"));
    write(&log, 3);
    for now in 0..9 {
        first.run_once(Timestamp(now * 100), ZERO).unwrap();
    }
    drop(first);
    // Someone sets the position to stand for more than was taken in.
    let forged = Position { next_offset: topology::Offset(3), metadata: "taken=4".into() };
    let mut producer = log.producer("someone").unwrap();
    producer.commit("app", &[(TopicPartition::new("words", 0), forged)]).unwrap();
    let mut second = worker(&log, WorkerSettings::new("app"));
    let error = (0..9).find_map(|_| second.run_once(Timestamp(0), ZERO).err()).unwrap();
    assert!(
        matches!(&error, WorkerError::Invariant(text) if text.contains("4 records taken in, the books say 3")),
        "{error}"
    );
}

#[test]
fn sources_of_one_part_need_equal_partition_counts() {
    let mut builder = topology::TopologyBuilder::new();
    builder.sub_topology("join").source("a", "left").source("b", "right");
    let log = SimLog::new();
    log.ensure_topics(&[TopicSpec::compact("left", 2), TopicSpec::compact("right", 3)]).unwrap();
    let refused = Worker::new(Arc::new(builder.build().unwrap()), Arc::new(log), WorkerSettings::new("app"));
    assert!(matches!(refused.err(), Some(WorkerError::Topology(TopologyError::NotCoPartitioned { .. }))));
}

/// A log refuses a record beyond its limit each time: whatever comes in, nothing larger goes out.
#[test]
fn no_letter_state_or_output_is_larger_than_the_log_takes() {
    const LIMIT: usize = 700;
    let log = log(1);
    let letters = LetterSettings { payload: Some(Arc::new(|_| Some("p".repeat(5000)))), ..LetterSettings::default() };
    let mut worker = started(&log, WorkerSettings { max_record_bytes: LIMIT, letters, ..WorkerSettings::new("app") });
    let mut outside = log.producer("outside").unwrap();
    // Too long for the counts' changelog; for the letter itself; shown in full by the guard; fine.
    let cases = [("k".repeat(600), "v"), ("k".repeat(5000), "v"), ("a".into(), "poison"), ("b".into(), "v")];
    for (key, value) in cases {
        let header = ("name".into(), Bytes::from(vec![b'h'; 900]));
        let (topic, key, value) = ("words".into(), Some(key.into()), Some(value.into()));
        let timestamp = Timestamp(1);
        let record = OutgoingRecord { topic, partition: None, key, value, timestamp, headers: vec![header] };
        outside.send(record).unwrap();
    }
    assert_eq!(outside.commit("", &[]).unwrap(), Commit::Committed);
    for now in 0..9 {
        worker.run_once(Timestamp(now * 100), ZERO).unwrap();
    }
    let letters: Vec<schemas::DeadLetter> = log
        .records("hub.dead_letter")
        .iter()
        .map(|record| schemas::decode(record.value.as_ref().unwrap()).unwrap())
        .collect();
    let codes: Vec<&str> = letters.iter().map(|letter| letter.code.as_str()).collect();
    assert_eq!(codes, ["HUB-3090", "HUB-3090", "HUB-0001"]);
    // The size that was too much is told, and nothing of what it was.
    for (letter, size) in letters.iter().zip(["729 bytes", "5129 bytes"]) {
        assert!(letter.detail.contains(size) && letter.payload.is_none(), "{letter:?}");
    }
    assert_eq!(log.records("counts").len(), 1);
    for (topic, _) in log.topics().unwrap().iter().filter(|(topic, _)| &**topic != "words") {
        for record in log.records(topic) {
            let size = [&record.key, &record.value].map(|part| part.as_ref().map_or(0, Bytes::len));
            assert!(size[0] + size[1] < LIMIT, "{size:?} bytes for {topic}");
        }
    }
}
