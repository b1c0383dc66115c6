//! The client's errors as the port's.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use topology::{LogError, TopicPartition};

/// What was asked of the broker, for the sentence in which an error is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    Topic(&'a str),
    NewTopic(&'a str),
    Partition(&'a TopicPartition),
    Group(&'a str),
    TransactionalId(&'a str),
    Cluster,
}

impl std::fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(topic) | Self::NewTopic(topic) => write!(f, "topic {topic}"),
            Self::Partition(partition) => write!(f, "partition {partition}"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::TransactionalId(id) => write!(f, "transactional id {id}"),
            Self::Cluster => f.write_str("the cluster"),
        }
    }
}

/// The error for this code.
pub(super) fn of_code(code: RDKafkaErrorCode, asked: Asked<'_>) -> LogError {
    use RDKafkaErrorCode::*;
    match (code, asked) {
        (UnknownTopicOrPartition | UnknownTopic | UnknownPartition, Asked::Partition(partition)) => {
            LogError::UnknownPartition(partition.clone())
        }
        (UnknownTopicOrPartition | UnknownTopic, Asked::Topic(topic)) => LogError::UnknownTopic(topic.into()),
        (TopicAuthorizationFailed, Asked::NewTopic(_)) => denied(asked, "CREATE on the topic or on the cluster"),
        (TopicAuthorizationFailed, Asked::Group(_)) => denied(asked, "READ on its topics"),
        (TopicAuthorizationFailed, asked) => denied(asked, "READ, WRITE and DESCRIBE on the topic"),
        (GroupAuthorizationFailed, asked) => denied(asked, "READ on the group"),
        (TransactionalIdAuthorizationFailed, asked) => denied(asked, "WRITE and DESCRIBE on the transactional id"),
        (ClusterAuthorizationFailed, asked) => denied(asked, "CREATE and IDEMPOTENT_WRITE on the cluster"),
        (SaslAuthenticationFailed | Authentication, _) => {
            LogError::Denied("the broker does not accept the credentials: check the name and the password".into())
        }
        (InvalidSessionTimeout, _) => LogError::Denied(
            "the broker does not allow this session time-out: see its group.min.session.timeout.ms and \
             group.max.session.timeout.ms"
                .into(),
        ),
        (FencedInstanceId, _) => LogError::Denied(
            "another member uses this static instance id: give every process an instance name of its own".into(),
        ),
        (code, asked) => LogError::Retriable(format!("{asked}: {code}")),
    }
}

fn denied(asked: Asked<'_>, grant: &str) -> LogError {
    LogError::Denied(format!("not authorised for {asked}: grant {grant}"))
}

/// The error for this one of the client.
pub(super) fn of(error: &KafkaError, asked: Asked<'_>) -> LogError {
    match error.rdkafka_error_code() {
        Some(code) => of_code(code, asked),
        None => LogError::Corrupt(format!("{asked}: {error}")),
    }
}

/// Whether the code says that a newer producer or member has taken over.
pub(super) fn is_fenced(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::*;
    matches!(code, Fenced | ProducerFenced | InvalidProducerEpoch | FencedInstanceId)
}
