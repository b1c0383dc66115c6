//! What a client does when the coordinator of a group moves. librdkafka's own imitation of a cluster gives the
//! answers: a real one gives them only in the moment of the move.

use std::sync::Arc;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use topology::{Log as _, TopicPartition};

use super::{KafkaLog, KafkaSettings};

#[test]
fn positions_are_asked_for_again_when_the_coordinator_has_moved() {
    let cluster = MockCluster::new(1).expect("librdkafka imitates a cluster");
    cluster.create_topic("moved", 1, 1).expect("a topic");
    let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
    cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[moved, moved]);
    let settings = KafkaSettings::new(cluster.bootstrap_servers(), String::new());
    let log = KafkaLog::open(settings, Arc::new(|what: &str| panic!("{what}"))).expect("a log");
    let partition = TopicPartition { topic: "moved".into(), partition: 0 };
    assert_eq!(log.committed("readers", &partition).expect("an answer in the end"), None);
}
