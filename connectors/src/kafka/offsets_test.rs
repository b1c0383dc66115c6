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
