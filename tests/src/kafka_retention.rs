//! How long a real broker keeps what happened long ago.

use std::time::Duration;

use topology::{Commit, Log as _, Offset, TopicPartition, TopicSpec};

use crate::support::{Broker, outgoing, until};

/// A broker looks half a minute after its start for what is too old.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_happened_long_ago_is_kept_as_long_as_what_is_new() {
    let broker = Broker::start();
    let log = broker.log_with("", "one", |settings| settings.transaction_timeout = 2 * PATIENCE);
    let (week, second) = (Duration::from_hours(7 * 24), Duration::from_secs(1));
    let topics = [TopicSpec::delete("week", 1, Some(week)), TopicSpec::delete("second", 1, Some(second))];
    log.ensure_topics(&topics).expect("topics are made");
    // Of 1970. Until it ends, a transaction has nothing newer in the log.
    let mut open = log.producer("slow").expect("a producer is made");
    open.send(outgoing("week", "late")).expect("the client takes it");
    let mut producer = log.producer("writer").expect("a producer is made");
    producer.send(outgoing("second", "late")).expect("the client takes it");
    producer.commit("writer", &[]).expect("it is written");

    let first = |topic: &str| log.bounds(&TopicPartition::new(topic, 0)).expect("an answer").0;
    until("the broker has looked", PATIENCE, || (first("second") > Offset(0)).then_some(()));
    assert_eq!(open.commit("slow", &[]).expect("it is written"), Commit::Committed);
    let mut records = Vec::new();
    until("it is read", PATIENCE, || {
        log.read(&TopicPartition::new("week", 0), Offset(0), 1 << 20, &mut records).expect("an answer");
        (!records.is_empty()).then_some(())
    });
    assert_eq!((first("week"), records[0].offset), (Offset(0), Offset(0)));
}
