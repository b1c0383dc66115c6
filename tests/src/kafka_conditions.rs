//! Bad conditions on a real broker, at the log port: counts of partitions that change, records at the limit, and
//! members that are gone for a moment.

use std::time::{Duration, Instant};

use topology::{Commit, Consumer, Log as _, LogError, Offset, Poll, TopicPartition, TopicSpec};

use crate::support::java::{java, run};
use crate::support::{Broker, member, outgoing, until};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the next poll that brings something of the group brings.
fn next(consumer: &mut dyn Consumer) -> Result<Poll, LogError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match consumer.poll(Duration::from_millis(50), 1 << 20, &mut Vec::new()) {
            Ok(Poll::Idle | Poll::Records) => assert!(Instant::now() < deadline, "nothing of the group"),
            other => return other,
        }
    }
}

#[test]
fn a_count_of_partitions_that_changes_meanwhile_is_refused() {
    let broker = Broker::start();
    let log = broker.log_with("", "one", |settings| {
        settings.properties = vec![("topic.metadata.refresh.interval.ms".into(), "500".into())];
    });
    log.ensure_topics(&[TopicSpec::delete("orders", 2, None)]).expect("a topic is made");
    let mut consumer = member(&log, "group", "orders");
    assert!(matches!(next(&mut *consumer), Ok(Poll::Assigned(assigned)) if assigned.len() == 2));

    let mut alter = java(&["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", &broker.address(), "--alter"]);
    run(alter.args(["--topic", "orders", "--partitions", "3"]));

    let refused = loop {
        match next(&mut *consumer) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let told = |error: LogError| {
        let said = error.to_string();
        assert!(matches!(error, LogError::PartitionCount { actual: 3, wanted: 2, .. }), "{said}");
        assert!(said.contains("orders has 3 partitions, 2 are wanted") && said.contains("would move keys"), "{said}");
    };
    told(refused);
    // Nor does anyone of this process write by the new count, or a later one begin with it.
    let mut producer = log.producer("writer").expect("a producer is made");
    told(producer.send(outgoing("orders", "a record")).expect_err("a record was taken by the new count"));
    let later = broker.log("", "two");
    told(later.ensure_topics(&[TopicSpec::delete("orders", 2, None)]).expect_err("the topic has another count"));
}

#[test]
fn what_was_aborted_is_not_behind_however_much_it_was() {
    let broker = Broker::start();
    let log = broker.log_with("", "one", |_| {});
    log.ensure_topics(&[TopicSpec::delete("orders", 1, None)]).expect("a topic is made");
    let place = TopicPartition::new("orders", 0);
    let behind = |next| log.behind(&place, next).expect("it can be counted");
    let mut producer = log.producer("w").expect("a producer");
    producer.send(outgoing("orders", "first")).expect("the record is taken");
    assert_eq!(producer.commit("group", &[]).expect("a commit ends"), Commit::Committed);
    let next = producer.last_positions()[0].1.next();
    // The end of the transaction has an offset too.
    until("the record counts", PATIENCE, || (behind(Offset(0)) == 2).then_some(()));
    assert_eq!(behind(next), 0);

    let written = log.written_end(&place).expect("an end");
    (0..100).for_each(|_| producer.send(outgoing("orders", "thrown away")).expect("the record is taken"));
    until("the records are written", PATIENCE, || (log.written_end(&place).ok()?.0 >= written.0 + 100).then_some(()));
    producer.abort();
    let is_over = || (log.bounds(&place).ok()?.1.0 > written.0 + 100).then_some(());
    until("the transaction is over", PATIENCE, is_over);
    until("the aborted records count as none", PATIENCE, || (behind(next) == 0).then_some(()));
    assert_eq!(behind(next), 0);

    producer.send(outgoing("orders", "second")).expect("the record is taken");
    assert_eq!(producer.commit("group", &[]).expect("a commit ends"), Commit::Committed);
    until("what comes behind them counts", PATIENCE, || (behind(next) > 0).then_some(()));
    assert!(behind(next) > 0);
    assert_eq!(behind(producer.last_positions()[0].1.next()), 0);
}

#[test]
fn a_record_of_the_largest_size_is_taken_and_a_larger_one_is_refused_alone() {
    let broker = Broker::start();
    let log = broker.log("", "one");
    log.ensure_topics(&[TopicSpec::delete("large", 1, None)]).expect("a topic is made");
    let mut producer = log.producer("writer").expect("a producer is made");
    // As large as the runtime lets a record be, and such that it cannot be made smaller on the way.
    let mut noise = 1_u64;
    let largest: String = (0..1 << 20)
        .map(|_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + ((noise >> 33) % 95) as u8)
        })
        .collect();
    producer.send(outgoing("large", &largest)).expect("the largest record is taken");
    assert_eq!(producer.commit("group", &[]).expect("a commit ends"), Commit::Committed);

    let larger = format!("{largest}{largest}");
    match producer.send(outgoing("large", &larger)) {
        Err(LogError::TooLarge { bytes, .. }) => assert!(bytes >= 2 << 20, "{bytes}"),
        other => panic!("{other:?}"),
    }
    producer.send(outgoing("large", "a small one")).expect("the transaction is open still");
    assert_eq!(producer.commit("group", &[]).expect("a commit ends"), Commit::Committed);
    let (mut records, partition) = (Vec::new(), TopicPartition::new("large", 0));
    let mut from = log.bounds(&partition).expect("the topic exists").0;
    until("both are read", PATIENCE, || {
        from = log.read(&partition, from, 1 << 20, &mut records).expect("it is read");
        (records.len() >= 2).then_some(())
    });
    assert_eq!(records.len(), 2);
}

#[test]
fn a_topic_that_takes_smaller_records_than_the_hub_writes_is_named() {
    let broker = Broker::start();
    let small = broker.log_with("", "one", |settings| settings.max_record_bytes = 1_000);
    small.ensure_topics(&[TopicSpec::delete("small", 1, None)]).expect("a topic is made");
    let log = broker.log_with("", "two", |settings| settings.compression = "none".into());
    let mut producer = log.producer("writer").expect("a producer is made");
    producer.send(outgoing("small", &"a".repeat(20_000))).expect("the client takes it");
    match producer.commit("group", &[]) {
        Err(error @ LogError::TooLargeForTopic { .. }) => {
            let told = error.to_string();
            assert!(
                told.starts_with("topic small refuses a record of 20") && told.contains("max.message.bytes"),
                "{told}"
            );
        }
        other => panic!("{other:?}"),
    }
    producer.abort();
    producer.send(outgoing("small", "a small one")).expect("it goes on");
    assert_eq!(producer.commit("group", &[]).expect("a commit ends"), Commit::Committed);
}

#[test]
fn a_static_member_that_comes_back_in_time_has_its_partitions_and_nobody_else_is_troubled() {
    let broker = Broker::start();
    let log = |instance: &str| {
        broker.log_with("", instance, |settings| {
            settings.static_membership = true;
            settings.session_timeout = Duration::from_secs(8);
        })
    };
    let (one, two) = (log("one"), log("two"));
    one.ensure_topics(&[TopicSpec::delete("orders", 4, None)]).expect("a topic is made");
    let (mut first, mut second) = (member(&one, "group", "orders"), member(&two, "group", "orders"));
    // Both are polled until each has its half.
    let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
    until("each has its half", PATIENCE, || {
        for (consumer, has) in [(&mut first, &mut of_first), (&mut second, &mut of_second)] {
            match consumer.poll(Duration::from_millis(50), 1 << 20, &mut Vec::new()).expect("a poll ends") {
                Poll::Assigned(assigned) => *has = assigned.into_iter().map(|(partition, _)| partition).collect(),
                Poll::Revoked(_) | Poll::Lost(_) => has.clear(),
                Poll::Idle | Poll::Records => {}
            }
        }
        (of_first.len() == 2 && of_second.len() == 2).then_some(())
    });

    // The second one ends and begins anew, in a process of the same name.
    drop((second, two));
    let two = log("two");
    let mut second = member(&two, "group", "orders");
    let began = Instant::now();
    let mut again: Vec<TopicPartition> = Vec::new();
    // For longer than a session: whoever was thrown out would be missed by then.
    while began.elapsed() < Duration::from_secs(10) {
        for consumer in [&mut first, &mut second] {
            match consumer.poll(Duration::from_millis(50), 1 << 20, &mut Vec::new()).expect("a poll ends") {
                Poll::Assigned(assigned) if again.is_empty() => {
                    again = assigned.into_iter().map(|(partition, _)| partition).collect();
                }
                Poll::Idle | Poll::Records => {}
                other => panic!("the group was troubled: {other:?}"),
            }
        }
    }
    assert_eq!(again, of_second);
}
