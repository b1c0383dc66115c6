//! Partitions that rest on a real broker, as those of a task do while it restores: they are read on at once, from where
//! they were.

use std::time::{Duration, Instant};

use topology::{Consumer, Log, Offset, Poll, Producer, Record, TopicPartition, TopicSpec};

use crate::support::{Broker, member, outgoing, until};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long partitions rest: longer than a broker keeps a fetch that finds nothing.
const REST: Duration = Duration::from_millis(200);
const ROUNDS: usize = 9;

fn write(producer: &mut dyn Producer, value: &str) {
    producer.send(outgoing("orders", value)).expect("the client takes it");
    producer.commit("writer", &[]).expect("it is written");
}

/// The records that come until there is one: their values, and the offset after them.
fn read(consumer: &mut dyn Consumer) -> (Vec<String>, Offset) {
    let mut records: Vec<Record> = Vec::new();
    until("a record has come", PATIENCE, || {
        consumer.poll(Duration::from_millis(50), 1 << 20, &mut records).expect("a poll ends");
        (!records.is_empty()).then_some(())
    });
    let value = |record: &Record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    (records.iter().map(value).collect(), records.last().map_or(Offset(0), |last| last.offset.next()))
}

#[test]
fn partitions_that_rested_are_read_on_at_once_from_where_they_were() {
    let broker = Broker::start();
    let log = broker.log("", "one");
    log.ensure_topics(&[TopicSpec::delete("orders", 1, None)]).expect("a topic is made");
    let mut producer = log.producer("writer").expect("a producer is made");
    write(&mut *producer, "before");
    let mut consumer = member(&log, "readers", "orders");
    let (values, mut next) = read(&mut *consumer);
    assert_eq!(values, ["before"]);

    let orders = [TopicPartition::new("orders", 0)];
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        // Begun here, as by a task that restores first.
        consumer.seek(&orders[0], next).expect("it is read");
        consumer.pause(&orders);
        let rested = consumer.poll(REST, 1 << 20, &mut Vec::new()).expect("a poll ends");
        assert!(matches!(rested, Poll::Idle), "{rested:?}");
        let value = format!("round {round}");
        write(&mut *producer, &value);
        let resumed = Instant::now();
        consumer.resume(&orders);
        let values;
        (values, next) = read(&mut *consumer);
        assert_eq!(values, [value]);
        took.push(resumed.elapsed());
    }
    took.sort_unstable();
    assert!(took[ROUNDS / 2] < Duration::from_millis(300), "{took:?}");

    // Again and again without a record between, and after a seek: nothing is passed over, nothing comes twice.
    for _ in 0..2 {
        consumer.pause(&orders);
        consumer.resume(&orders);
    }
    write(&mut *producer, "after");
    assert_eq!(read(&mut *consumer).0, ["after"]);
    consumer.pause(&orders);
    consumer.seek(&orders[0], Offset(0)).expect("it is read");
    for _ in 0..2 {
        consumer.resume(&orders);
        consumer.pause(&orders);
    }
    consumer.resume(&orders);
    let mut values = Vec::new();
    while values.len() < ROUNDS + 2 {
        values.extend(read(&mut *consumer).0);
    }
    let rounds = (0..ROUNDS).map(|round| format!("round {round}"));
    let written: Vec<_> = std::iter::once("before".to_owned()).chain(rounds).chain(["after".to_owned()]).collect();
    assert_eq!(values, written);
}
