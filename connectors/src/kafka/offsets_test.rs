//! What becomes of a question for offsets that a broker leaves unanswered. librdkafka's own imitation of a cluster
//! hangs up in the middle of it.

use std::sync::Arc;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use topology::{Log as _, Offset, TopicPartition};

use super::{KafkaLog, KafkaSettings};

#[test]
fn an_offset_that_no_broker_told_is_asked_for_again() {
    let cluster = MockCluster::new(1).expect("librdkafka imitates a cluster");
    cluster.create_topic("kept", 1, 1).expect("a topic");
    let log = KafkaLog::open(
        KafkaSettings::new(cluster.bootstrap_servers(), String::new()),
        Arc::new(|what: &str| panic!("{what}")),
    )
    .expect("a log");
    let partition = TopicPartition::new("kept", 0);
    assert_eq!(log.written_end(&partition).expect("an answer"), Offset(0));
    // The broker hangs up instead of answering, as one does that dies.
    let gone = RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT;
    for _ in 0..3 {
        cluster.request_errors(RDKafkaApiKey::ListOffsets, &[gone]);
        assert_eq!(log.written_end(&partition).expect("an answer in the end"), Offset(0));
    }
}

#[test]
fn offsets_are_asked_for_while_the_topics_become_known() {
    let cluster = MockCluster::new(1).expect("librdkafka imitates a cluster");
    let names: Vec<String> = (0..40).map(|number| format!("new-{number}")).collect();
    for name in &names {
        cluster.create_topic(name, 1, 1).expect("a topic");
    }
    let partitions: Vec<_> = names.iter().map(|name| TopicPartition::new(name.as_str(), 0)).collect();
    let settings = KafkaSettings::new(cluster.bootstrap_servers(), String::new());
    for _ in 0..10 {
        // A client that knows of no topic yet.
        let log = KafkaLog::open(settings.clone(), Arc::new(|what: &str| panic!("{what}"))).expect("a log");
        std::thread::scope(|threads| {
            threads.spawn(|| (0..20).for_each(|_| drop(log.topics())));
            for one in &partitions {
                threads.spawn(|| assert_eq!(log.hanging(std::slice::from_ref(one)).expect("an answer"), []));
            }
        });
    }
}
