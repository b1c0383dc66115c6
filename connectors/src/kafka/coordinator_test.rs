//! What a client does when the coordinator of a group moves, or is not found in time. librdkafka's own imitation of a
//! cluster gives the answers: a real one gives them only in the moment of the move.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use schemas::Timestamp;
use topology::{Commit, Log as _, LogError, Offset, OutgoingRecord, Position, TopicPartition};

use super::{KafkaLog, KafkaSettings};

fn log(cluster: &MockCluster<'_, impl rdkafka::ClientContext>, request_timeout: Duration) -> Arc<KafkaLog> {
    let settings = KafkaSettings { request_timeout, ..KafkaSettings::new(cluster.bootstrap_servers(), String::new()) };
    KafkaLog::open(settings, Arc::new(|what: &str| panic!("{what}"))).expect("a log")
}

#[test]
fn positions_are_asked_for_again_when_the_coordinator_has_moved() {
    let cluster = MockCluster::new(1).expect("librdkafka imitates a cluster");
    cluster.create_topic("moved", 1, 1).expect("a topic");
    let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
    cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[moved, moved]);
    let log = log(&cluster, Duration::from_secs(10));
    let partition = TopicPartition { topic: "moved".into(), partition: 0 };
    assert_eq!(log.committed("readers", &partition).expect("an answer in the end"), None);
}

#[test]
fn a_coordinator_that_is_found_after_the_time_harms_nobody() {
    let cluster = MockCluster::new(1).expect("librdkafka imitates a cluster");
    cluster.create_topic("slow", 1, 1).expect("a topic");
    let log = log(&cluster, Duration::from_millis(300));
    let partition = TopicPartition { topic: "slow".into(), partition: 0 };
    log.topics().expect("the topics are known");
    for round in 0..3 {
        cluster.broker_round_trip_time(1, Duration::from_millis(900)).expect("a slow broker");
        let group = format!("readers-{round}");
        let asked = log.committed(&group, &partition);
        assert!(matches!(asked, Err(LogError::Retriable(_))), "{asked:?}");
        cluster.broker_round_trip_time(1, Duration::ZERO).expect("a quick broker");
        // Meanwhile the coordinator is found for the question that nobody waits for any more.
        assert_eq!(until_found(&log, &group, &partition), None);
    }
}

fn until_found(log: &KafkaLog, group: &str, partition: &TopicPartition) -> Option<Position> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match log.committed(group, partition) {
            Ok(found) => return found,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

#[test]
fn a_producer_goes_on_when_the_coordinator_of_its_group_has_died() {
    let cluster = MockCluster::new(3).expect("librdkafka imitates a cluster");
    cluster.create_topic("out", 1, 3).expect("a topic");
    cluster.partition_leader("out", 0, Some(1)).expect("a leader");
    // The one that dies has nothing but the group.
    let group = |broker| cluster.coordinator(MockCoordinator::Group("readers".to_owned()), broker).expect("set");
    cluster.coordinator(MockCoordinator::Transaction("-writer".to_owned()), 1).expect("set");
    group(3);
    let log = log(&cluster, Duration::from_secs(2));
    let mut producer = log.producer("writer").expect("a producer");
    let mut commit = |number: i64| {
        let record = OutgoingRecord {
            topic: "out".into(),
            partition: Some(0),
            key: None,
            value: Some(Bytes::from_static(b"value")),
            timestamp: Timestamp(1_000),
            headers: Vec::new(),
        };
        producer.send(record)?;
        producer.commit("readers", &[(TopicPartition::new("out", 0), Position::from(Offset(number)))])
    };
    assert_eq!(commit(1).expect("a commit"), Commit::Committed);
    // For a moment the others still tell that the dead one is the coordinator.
    cluster.broker_down(3).expect("a dead broker");
    let begun = Instant::now();
    assert_eq!(commit(2).expect("an answer"), Commit::Aborted);
    group(1);
    assert_eq!(commit(3).expect("a commit"), Commit::Committed);
    assert!(begun.elapsed() < Duration::from_secs(20), "after {:?}", begun.elapsed());
}

#[test]
fn a_producer_is_made_although_its_coordinator_takes_longer_than_a_request_may() {
    let cluster = MockCluster::new(1).expect("librdkafka imitates a cluster");
    let loading = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[loading; 4]);
    let request_timeout = Duration::from_millis(800);
    let (log, begun) = (log(&cluster, request_timeout), Instant::now());
    drop(log.producer("writer").expect("a producer in the end"));
    assert!(begun.elapsed() > request_timeout, "the coordinator was there at once: {:?}", begun.elapsed());
}
