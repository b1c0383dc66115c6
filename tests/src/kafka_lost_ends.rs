//! Ends of transactions that a real broker never hears of, or that nobody hears was done: the producer finds out which,
//! and nothing is lost or doubled.

use std::time::Duration;

use topology::{Commit, Log as _, Offset, Position, Producer, TopicPartition, TopicSpec};

use crate::support::{Broker, Lose, Proxy, log_at, outgoing, until};

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a value, and commits it with the position that stands for it.
fn write(producer: &mut dyn Producer, value: &str, next: i64) -> Commit {
    producer.send(outgoing("out", value)).expect("the client takes it");
    let position = Position { next_offset: Offset(next), metadata: String::new() };
    producer.commit("group", &[(TopicPartition::new("in", 0), position)]).expect("how it ended is found out")
}

#[test]
fn how_a_transaction_ended_is_found_out_where_nobody_says() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.port());
    // The proxy stands in the way of what is written only: the rest is asked with all the patience there is.
    let log = broker.log("", "reader");
    log.ensure_topics(&[TopicSpec::delete("in", 1, None), TopicSpec::delete("out", 1, None)]).expect("topics are made");
    let writing = log_at(&proxy.address(), "", "one", |settings| {
        settings.request_timeout = Duration::from_secs(3);
        settings.transaction_timeout = Duration::from_secs(6);
    });
    let mut producer = writing.producer("writer").expect("a producer is made");
    assert_eq!(write(&mut *producer, "first", 1), Commit::Committed);

    // Done, and nobody hears of it.
    proxy.lose(Lose::Answers);
    assert_eq!(write(&mut *producer, "second", 2), Commit::Committed);
    let answers = proxy.lost();
    assert!(answers > 0, "no answer was lost");

    // Not done, and nobody says so.
    proxy.lose(Lose::Requests);
    assert_eq!(write(&mut *producer, "third", 3), Commit::Aborted);
    assert!(proxy.lost() > answers, "no request was lost");

    proxy.lose(Lose::Nothing);
    assert_eq!(write(&mut *producer, "third again", 3), Commit::Committed);

    let (mut records, out) = (Vec::new(), TopicPartition::new("out", 0));
    let mut from = log.bounds(&out).expect("the topic exists").0;
    until("all are read", PATIENCE, || {
        from = log.read(&out, from, 1 << 20, &mut records).expect("they are read");
        (records.len() >= 3).then_some(())
    });
    let values: Vec<_> = records.iter().filter_map(|record| record.value.as_deref()).collect();
    assert_eq!(values, [&b"first"[..], b"second", b"third again"]);
    let position = log.committed("group", &TopicPartition::new("in", 0)).expect("an answer").expect("a position");
    assert_eq!(position.next_offset, Offset(3));
}
