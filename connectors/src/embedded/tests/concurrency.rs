//! Many threads at once.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use topology::{Commit, ConsumerConfig, Log, Offset, Poll, Producer, TopicPartition, TopicSpec};

use super::{open, open_with, read_all, record, values};
use crate::embedded::Settings;

#[test]
fn producers_and_consumers_lose_and_repeat_nothing() {
    const PRODUCERS: usize = 4;
    const TRANSACTIONS: usize = 50;
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 2000, commit_linger: Duration::from_millis(1), ..Settings::default() };
    let (log, _) = open_with(directory.path(), settings);
    log.ensure_topics(&[TopicSpec::delete("a", 3, None), TopicSpec::delete("b", 3, None)]).unwrap();
    let total = PRODUCERS * TRANSACTIONS * 4;
    let (found, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for member in 0..2 {
            let (log, found) = (log.clone(), found.clone());
            scope.spawn(move || {
                let topics = vec!["a".into(), "b".into()];
                let config = ConsumerConfig { group: "g".into(), member, members: 2, topics };
                let mut consumer = log.consumer(config).unwrap();
                let mut records = Vec::new();
                loop {
                    consumer.poll(Duration::from_millis(20), 700, &mut records).unwrap();
                    for record in records.drain(..) {
                        let _ = found.send(record);
                    }
                    // A position that is committed once all producers are through.
                    if log.committed("done", &TopicPartition::new("a", 0)).unwrap().is_some() {
                        while !matches!(consumer.poll(Duration::ZERO, 700, &mut records).unwrap(), Poll::Idle) {}
                        records.drain(..).for_each(|record| drop(found.send(record)));
                        return;
                    }
                }
            });
        }
        drop(found);
        let writers: Vec<_> = (0..PRODUCERS)
            .map(|number| {
                let log = log.clone();
                scope.spawn(move || {
                    let mut producer = log.producer(&format!("p{number}")).unwrap();
                    for transaction in 0..TRANSACTIONS {
                        for (topic, turn) in [("a", 0), ("b", 1), ("a", 2), ("b", 0)] {
                            let partition = ((transaction + turn) % 3) as u32;
                            producer
                                .send(record(topic, partition, &number.to_string(), &format!("{transaction:04}")))
                                .unwrap();
                        }
                        assert_eq!(producer.commit("g", &[]).unwrap(), Commit::Committed);
                        assert_eq!(producer.last_positions().len(), 4);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        let mut producer = log.producer("end").unwrap();
        producer.commit("done", &[(TopicPartition::new("a", 0), Offset(0).into())]).unwrap();
    });
    let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut next: BTreeMap<_, i64> = BTreeMap::new();
    let mut count = 0;
    for record in results {
        let place = record.topic_partition();
        assert_eq!(record.offset.0, *next.entry(place.clone()).or_default(), "{place}");
        *next.entry(place.clone()).or_default() += 1;
        let by_producer = streams.entry((place, record.key.clone())).or_default();
        by_producer.push(values(&[record])[0].clone());
        count += 1;
    }
    assert_eq!(count, total);
    assert!(streams.values().all(|values| values.is_sorted()), "each producer's order is kept");
}

#[test]
fn a_commit_wakes_who_waits() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    log.ensure_topics(&[TopicSpec::delete("t", 1, None)]).unwrap();
    let config = ConsumerConfig { group: "g".into(), member: 0, members: 1, topics: vec!["t".into()] };
    let mut consumer = log.consumer(config).unwrap();
    let mut records = Vec::new();
    assert!(matches!(consumer.poll(Duration::ZERO, 1, &mut records).unwrap(), Poll::Assigned(_)));
    let waiting = std::thread::spawn(move || {
        // Far longer than any test may take: only a commit ends it.
        let poll = consumer.poll(Duration::from_mins(10), 1 << 20, &mut records).unwrap();
        assert!(matches!(poll, Poll::Records), "{poll:?}");
        values(&records)
    });
    let mut producer = log.producer("p").unwrap();
    super::commit(&mut *producer, &[("t", 0, "wake")]);
    assert_eq!(waiting.join().unwrap(), ["wake"]);
}

#[test]
fn every_partition_gets_its_share() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    log.ensure_topics(&[TopicSpec::delete("t", 4, None)]).unwrap();
    let mut producer = log.producer("p").unwrap();
    let value = "x".repeat(1000);
    for partition in 0..4 {
        for _ in 0..200 {
            producer.send(record("t", partition, "k", &value)).unwrap();
        }
    }
    producer.commit("g", &[]).unwrap();
    let config = ConsumerConfig { group: "g".into(), member: 0, members: 1, topics: vec!["t".into()] };
    let mut consumer = log.consumer(config).unwrap();
    let mut records = Vec::new();
    consumer.poll(Duration::ZERO, 1, &mut records).unwrap();
    let mut counts = [0_usize; 4];
    for poll in 1..=8 {
        records.clear();
        consumer.poll(Duration::ZERO, 20_000, &mut records).unwrap();
        assert!(records.len() < 60, "about as much as was asked for");
        for record in &records {
            counts[record.partition as usize] += 1;
        }
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(most - least <= 20, "after poll {poll}: {counts:?}");
    }
}

#[test]
fn transactions_given_without_waiting_end_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    log.ensure_topics(&[TopicSpec::delete("t", 1, None)]).unwrap();
    let mut producer = log.embedded_producer("p").unwrap();
    let (done, ended) = mpsc::channel();
    for number in 0..20 {
        producer.send(record("t", 0, "k", &number.to_string())).unwrap();
        let done = done.clone();
        producer.commit_then("g", &[], move |receipt| done.send(receipt.unwrap()).unwrap()).unwrap();
    }
    drop(done);
    for (number, receipt) in ended.iter().enumerate() {
        assert_eq!(receipt.commit, Commit::Committed);
        assert_eq!(receipt.positions, [(TopicPartition::new("t", 0), Offset(number as i64))]);
    }
    assert_eq!(read_all(&*log, "t", 0).len(), 20);
    log.producer("p").unwrap();
    let (done, ended) = mpsc::channel();
    producer.send(record("t", 0, "k", "late")).unwrap();
    producer.commit_then("g", &[], move |receipt| done.send(receipt.unwrap()).unwrap()).unwrap();
    let receipt = ended.recv().unwrap();
    assert_eq!((receipt.commit, receipt.positions.len()), (Commit::Fenced, 0));
}
