//! Retention and compaction.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use schemas::Timestamp;
use topology::{Log, Offset, TopicPartition, TopicSpec};

use super::{commit, open_with, read_all, record, values};
use crate::embedded::{EmbeddedLog, Maintenance, Settings};

const HOUR: Duration = Duration::from_hours(1);

fn small(directory: &Path) -> Arc<EmbeddedLog> {
    let settings = Settings { segment_bytes: 400, compact_bytes: 1, ..Settings::default() };
    open_with(directory, settings).0
}

fn in_hours(hours: u64) -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp((now + HOUR * hours as u32).as_millis() as i64)
}

fn segments(directory: &Path, topic: &str) -> usize {
    let entries = std::fs::read_dir(directory.join("topics").join(topic).join("0")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "seg").count()
}

#[test]
fn old_records_go_and_stay_gone() {
    let directory = tempfile::tempdir().unwrap();
    let log = small(directory.path());
    log.ensure_topics(&[TopicSpec::delete("old", 1, Some(HOUR)), TopicSpec::delete("ever", 1, None)]).unwrap();
    let mut producer = log.producer("p").unwrap();
    for number in 0..20 {
        let value = format!("{number:0100}");
        commit(&mut *producer, &[("old", 0, &value), ("ever", 0, &value)]);
    }
    assert!(segments(directory.path(), "old") > 5);
    assert_eq!(log.maintain(in_hours(0)).unwrap(), Maintenance::default());
    let done = log.maintain(in_hours(2)).unwrap();
    assert!(done.deleted_segments > 5 && done.deleted_bytes > 2000, "{done:?}");
    let place = TopicPartition::new("old", 0);
    let check = |log: &EmbeddedLog| {
        assert_eq!(log.bounds(&place).unwrap(), (Offset(20), Offset(20)));
        assert!(read_all(log, "old", 0).is_empty());
        assert_eq!(read_all(log, "ever", 0).len(), 20);
    };
    check(&log);
    assert_eq!(segments(directory.path(), "old"), 1);
    drop((producer, log));
    let log = small(directory.path());
    check(&log);
    let mut producer = log.producer("p").unwrap();
    commit(&mut *producer, &[("old", 0, "new")]);
    assert_eq!(producer.last_positions()[0].1, Offset(20));
    let mut records = Vec::new();
    assert_eq!(log.read(&place, Offset(3), 1000, &mut records).unwrap(), Offset(21));
    assert_eq!(values(&records), ["new"]);
}

#[test]
fn too_many_bytes_go_oldest_first() {
    let directory = tempfile::tempdir().unwrap();
    let log = small(directory.path());
    let spec = TopicSpec { retention_bytes: Some(1000), ..TopicSpec::delete("t", 1, None) };
    log.ensure_topics(&[spec]).unwrap();
    let mut producer = log.producer("p").unwrap();
    for number in 0..30 {
        commit(&mut *producer, &[("t", 0, &format!("{number:0100}"))]);
    }
    log.maintain(in_hours(0)).unwrap();
    assert!((1000..1500).contains(&log.bytes()), "{}", log.bytes());
    let left = read_all(&*log, "t", 0);
    assert_eq!(left.last().unwrap().offset, Offset(29));
    assert!(left.windows(2).all(|pair| pair[0].offset.next() == pair[1].offset));
}

#[test]
fn a_topic_may_be_compacted_and_kept_for_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let log = small(directory.path());
    let spec = TopicSpec::compact_delete("t", 1, HOUR);
    log.ensure_topics(std::slice::from_ref(&spec)).unwrap();
    let mut producer = log.producer("p").unwrap();
    for number in 0..60 {
        producer.send(record("t", 0, &format!("key-{}", number % 17), &format!("{number}"))).unwrap();
        producer.commit("g", &[]).unwrap();
    }
    drop((producer, log));
    let log = small(directory.path());
    assert_eq!(log.topic_specs(), [spec], "it is remembered");
    let done = log.maintain(in_hours(0)).unwrap();
    assert_eq!((done.deleted_segments, done.compacted_partitions), (0, 1));
    assert!(read_all(&*log, "t", 0).len() < 60);
    let done = log.maintain(in_hours(2)).unwrap();
    assert!(done.deleted_segments > 0, "{done:?}");
    assert!(read_all(&*log, "t", 0).is_empty());
}

#[test]
fn compaction_keeps_the_newest_of_each_key_and_the_offsets() {
    let directory = tempfile::tempdir().unwrap();
    let log = small(directory.path());
    log.ensure_topics(&[TopicSpec::compact("t", 1)]).unwrap();
    let mut producer = log.producer("p").unwrap();
    let mut newest = BTreeMap::new();
    for round in 0..3 {
        for number in 0..60_i64 {
            let (key, value) = (format!("key-{}", number * number % 17), format!("{round}/{number}"));
            producer.send(record("t", 0, &key, &value)).unwrap();
            if number % 4 == 3 {
                producer.commit("g", &[]).unwrap();
            }
            newest.insert(key, (Offset(round * 60 + number), value));
        }
        let before = log.bytes();
        let done = log.maintain(in_hours(0)).unwrap();
        assert_eq!((done.compacted_partitions, done.compacted_bytes), (1, before - log.bytes()));
        let left: BTreeMap<_, _> = read_all(&*log, "t", 0)
            .into_iter()
            .map(|record| {
                (
                    String::from_utf8(record.key.clone().unwrap().to_vec()).unwrap(),
                    (record.offset, values(&[record])[0].clone()),
                )
            })
            .collect();
        assert_eq!(left, newest);
        assert_eq!(read_all(&*log, "t", 0).len(), newest.len());
    }
    assert_eq!(log.maintain(in_hours(0)).unwrap(), Maintenance::default(), "nothing is new");
    let before = read_all(&*log, "t", 0);
    drop((producer, log));
    let log = small(directory.path());
    let after = read_all(&*log, "t", 0);
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
    assert_eq!(log.bounds(&TopicPartition::new("t", 0)).unwrap().1, Offset(180));
    let mut middle = Vec::new();
    log.read(&TopicPartition::new("t", 0), before[2].offset, 1, &mut middle).unwrap();
    assert_eq!(middle[0].offset, before[2].offset);
}

#[test]
fn a_tombstone_goes_after_its_grace() {
    let directory = tempfile::tempdir().unwrap();
    let log = small(directory.path());
    log.ensure_topics(&[TopicSpec::compact("t", 1)]).unwrap();
    let mut producer = log.producer("p").unwrap();
    let mut write = |key: &str, value: &str| {
        producer.send(record("t", 0, key, value)).unwrap();
        producer.commit("g", &[]).unwrap();
    };
    write("gone", "value");
    write("kept", "value");
    write("gone", "");
    log.maintain(in_hours(0)).unwrap();
    assert_eq!(values(&read_all(&*log, "t", 0)), ["value", ""]);
    for number in 0..8 {
        write("other", &number.to_string());
    }
    log.maintain(in_hours(25)).unwrap();
    assert_eq!(values(&read_all(&*log, "t", 0)), ["value", "7"]);
}

#[test]
fn readers_go_on_while_segments_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let log = small(directory.path());
    log.ensure_topics(&[TopicSpec::compact("t", 1)]).unwrap();
    let mut producer = log.producer("p").unwrap();
    let writing = Arc::new(AtomicBool::new(true));
    let reader = std::thread::spawn({
        let (log, writing) = (log.clone(), writing.clone());
        move || {
            let mut scans = 0;
            while writing.load(Ordering::SeqCst) || scans == 0 {
                let records = read_all(&*log, "t", 0);
                assert!(records.windows(2).all(|pair| pair[0].offset < pair[1].offset));
                scans += 1;
            }
        }
    });
    for round in 0..30 {
        for number in 0..20 {
            let record = record("t", 0, &format!("key-{}", number % 7), &format!("{round}-{number}"));
            producer.send(record).unwrap();
        }
        producer.commit("g", &[]).unwrap();
        log.maintain(in_hours(0)).unwrap();
    }
    writing.store(false, Ordering::SeqCst);
    reader.join().unwrap();
    assert_eq!(read_all(&*log, "t", 0).len(), 7);
}
