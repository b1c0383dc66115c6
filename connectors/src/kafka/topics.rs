//! Topics: making the missing ones, refusing those of another shape.

use rdkafka::error::RDKafkaErrorCode;
use topology::{Cleanup, LogError, TopicSpec};

use super::error::Asked;
use super::native::NewTopic;
use super::shared::Shared;

/// Makes what is missing. Nothing is made when any existing one does not fit.
pub(super) fn ensure(shared: &Shared, topics: &[TopicSpec]) -> Result<(), LogError> {
    let existing = shared.refresh()?;
    let mut missing = Vec::new();
    for topic in topics {
        match existing.get(&topic.name) {
            None => missing.push(topic),
            Some(actual) if *actual == topic.partitions => {}
            Some(actual) => return Err(mismatch(topic, *actual)),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let new: Vec<_> = missing.iter().map(|topic| describe(shared, topic)).collect();
    let answers = shared
        .watchdog
        .over("making topics", || shared.admin().create_topics(&new))
        .map_err(|failure| failure.of(Asked::Cluster))?;
    for (name, answer) in answers {
        match answer {
            Ok(()) => tracing::info!(topic = name, "a topic was made"),
            // Another process was quicker; whether it made the same is looked at below.
            Err(failure) if failure.code == RDKafkaErrorCode::TopicAlreadyExists => {}
            Err(failure) => return Err(failure.of(Asked::Topic(&name))),
        }
    }
    wait_for(shared, &missing)
}

/// Waits until every broker's view, as far as it is told, holds the new topics.
fn wait_for(shared: &Shared, topics: &[&TopicSpec]) -> Result<(), LogError> {
    let deadline = std::time::Instant::now() + shared.settings.request_timeout;
    loop {
        let existing = shared.refresh()?;
        let absent = topics.iter().find(|topic| !existing.contains_key(&topic.name));
        let Some(absent) = absent else {
            return topics.iter().try_for_each(|topic| match existing.get(&topic.name) {
                Some(actual) if *actual != topic.partitions => Err(mismatch(topic, *actual)),
                _ => Ok(()),
            });
        };
        if std::time::Instant::now() >= deadline {
            return Err(LogError::Retriable(format!("topic {} was made but cannot be seen yet", absent.name)));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn mismatch(topic: &TopicSpec, actual: u32) -> LogError {
    LogError::PartitionCount { topic: topic.name.clone(), actual, wanted: topic.partitions }
}

fn describe(shared: &Shared, topic: &TopicSpec) -> NewTopic {
    let mut properties = vec![
        // Records carry the time at which something happened, which another clock has told: without
        // this the broker refuses those of a clock that is an hour ahead, and their transaction.
        ("message.timestamp.after.max.ms", i64::MAX.to_string()),
        ("max.message.bytes", (shared.settings.max_record_bytes + 4_096).to_string()),
    ];
    match topic.cleanup {
        Cleanup::Compact => properties.push(("cleanup.policy", "compact".to_owned())),
        Cleanup::Delete => {
            let millis = topic.retention.map_or(-1, |kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
            properties.push(("cleanup.policy", "delete".to_owned()));
            properties.push(("retention.ms", millis.to_string()));
            if let Some(bytes) = topic.retention_bytes {
                properties.push(("retention.bytes", bytes.to_string()));
            }
        }
    }
    NewTopic {
        name: shared.wire_name(&topic.name),
        partitions: topic.partitions,
        replication: shared.settings.replication,
        properties,
    }
}
