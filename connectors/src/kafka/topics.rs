//! Topics: making the missing ones, refusing those of another shape, changing how they are kept.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use topology::{Cleanup, LogError, TopicName, TopicSpec};

use super::error::Asked;
use super::native::NewTopic;
use super::settings::BATCH_BYTES;
use super::shared::Shared;

/// How soon brokers are asked again whether they have heard of a change.
const LOOK: Duration = Duration::from_millis(20);

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
            Err(failure) => return Err(failure.of(Asked::NewTopic(&name))),
        }
    }
    wait_for(shared, &missing)
}

/// Waits until every broker's view, as far as it is told, holds the new topics.
fn wait_for(shared: &Shared, topics: &[&TopicSpec]) -> Result<(), LogError> {
    let deadline = Instant::now() + shared.settings.request_timeout;
    loop {
        let existing = shared.refresh()?;
        let absent = topics.iter().find(|topic| !existing.contains_key(&topic.name));
        let Some(absent) = absent else {
            return topics.iter().try_for_each(|topic| match existing.get(&topic.name) {
                Some(actual) if *actual != topic.partitions => Err(mismatch(topic, *actual)),
                _ => Ok(()),
            });
        };
        if Instant::now() >= deadline {
            return Err(LogError::Retriable(format!("topic {} was made but cannot be seen yet", absent.name)));
        }
        std::thread::sleep(LOOK);
    }
}

fn mismatch(topic: &TopicSpec, actual: u32) -> LogError {
    LogError::PartitionCount { topic: topic.name.clone(), actual, wanted: topic.partitions }
}

/// How topics that exist are kept.
pub(super) fn specs(shared: &Shared, names: &[TopicName]) -> Result<Vec<TopicSpec>, LogError> {
    let existing = shared.refresh()?;
    let known: Vec<&TopicName> = names.iter().filter(|name| existing.contains_key(*name)).collect();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let wire_names: Vec<String> = known.iter().map(|name| shared.wire_name(name)).collect();
    let answers = shared
        .watchdog
        .over("asking for settings of topics", || shared.admin().topic_settings(&wire_names))
        .map_err(|failure| failure.of(Asked::Cluster))?;
    let mut specs = Vec::with_capacity(known.len());
    for (name, wire_name) in known.into_iter().zip(&wire_names) {
        let answer = answers.iter().find(|(answered, _)| answered == wire_name);
        let settings = match answer {
            Some((_, Ok(settings))) => settings,
            Some((_, Err(failure))) => return Err(failure.of(Asked::Topic(name))),
            None => return Err(LogError::Retriable(format!("the broker told nothing of topic {name}"))),
        };
        specs.push(spec(name, existing[name], settings));
    }
    Ok(specs)
}

fn spec(name: &TopicName, partitions: u32, settings: &[(String, String)]) -> TopicSpec {
    let of = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    // Kafka says -1 for "no bound".
    let bound = |name: &str| of(name).and_then(|value| value.parse::<u64>().ok());
    let policies: Vec<&str> = of("cleanup.policy").unwrap_or_default().split(',').map(str::trim).collect();
    let cleanup = match (policies.contains(&"compact"), policies.contains(&"delete")) {
        (true, true) => Cleanup::CompactDelete,
        (true, false) => Cleanup::Compact,
        (false, _) => Cleanup::Delete,
    };
    let is_compacted = cleanup == Cleanup::Compact;
    TopicSpec {
        name: name.clone(),
        partitions,
        cleanup,
        retention: bound("retention.ms").filter(|_| !is_compacted).map(Duration::from_millis),
        retention_bytes: bound("retention.bytes").filter(|_| !is_compacted),
    }
}

/// Changes how topics are kept.
pub(super) fn change(shared: &Shared, topics: &[TopicSpec]) -> Result<(), LogError> {
    let existing = shared.refresh()?;
    for topic in topics {
        match existing.get(&topic.name) {
            None => return Err(LogError::UnknownTopic(topic.name.clone())),
            Some(actual) if *actual != topic.partitions => return Err(mismatch(topic, *actual)),
            Some(_) => {}
        }
    }
    let changes: Vec<_> = topics.iter().map(|topic| (shared.wire_name(&topic.name), kept(topic))).collect();
    let answers = shared
        .watchdog
        .over("changing topics", || shared.admin().change_topics(&changes))
        .map_err(|failure| failure.of(Asked::Cluster))?;
    answers.into_iter().try_for_each(|(name, answer)| answer.map_err(|failure| failure.of(Asked::Topic(&name))))?;
    wait_until_kept(shared, topics)
}

/// Waits until the brokers, as far as they are asked, tell of the change: the controller takes it, they hear of it.
fn wait_until_kept(shared: &Shared, topics: &[TopicSpec]) -> Result<(), LogError> {
    let names: Vec<TopicName> = topics.iter().map(|topic| topic.name.clone()).collect();
    let deadline = Instant::now() + shared.settings.request_timeout;
    loop {
        let found = specs(shared, &names)?;
        let stale = topics
            .iter()
            .find(|topic| !found.iter().any(|found| kept(found) == kept(topic) && found.name == topic.name));
        let Some(stale) = stale else { return Ok(()) };
        if Instant::now() >= deadline {
            return Err(LogError::Retriable(format!("topic {} was changed, which cannot be seen yet", stale.name)));
        }
        std::thread::sleep(LOOK);
    }
}

/// How a topic is kept, in Kafka's words. What does not apply is said too: it may have been set before.
fn kept(topic: &TopicSpec) -> Vec<(&'static str, String)> {
    let is_compacted = topic.cleanup == Cleanup::Compact;
    let policy = match topic.cleanup {
        Cleanup::Delete => "delete",
        Cleanup::Compact => "compact",
        Cleanup::CompactDelete => "compact,delete",
    };
    let millis = topic.retention.filter(|_| !is_compacted);
    let millis = millis.map_or(-1, |kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
    let bytes = topic.retention_bytes.filter(|_| !is_compacted);
    let bytes = bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    vec![
        ("cleanup.policy", policy.to_owned()),
        ("retention.ms", millis.to_string()),
        ("retention.bytes", bytes.to_string()),
    ]
}

/// What a topic is made with: names and values in Kafka's words.
pub fn made_with(topic: &TopicSpec, max_message_bytes: usize) -> Vec<(&'static str, String)> {
    let mut properties = kept(topic);
    properties.extend([
        ("max.message.bytes", max_message_bytes.to_string()),
        // Others write the time at which something happened, which another clock has told: without
        // this the broker refuses those of a clock that is an hour ahead.
        ("message.timestamp.after.max.ms", i64::MAX.to_string()),
    ]);
    properties
}

fn describe(shared: &Shared, topic: &TopicSpec) -> NewTopic {
    NewTopic {
        name: shared.wire_name(&topic.name),
        partitions: topic.partitions,
        replication: shared.settings.replication,
        properties: made_with(topic, shared.settings.max_record_bytes + BATCH_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_the_brokers_are_told_is_what_they_tell() {
        let hour = Duration::from_hours(1);
        for wanted in [
            TopicSpec::delete("t", 3, Some(hour)),
            TopicSpec { retention_bytes: Some(9), ..TopicSpec::delete("t", 3, None) },
            TopicSpec::compact("t", 3),
            TopicSpec::compact_delete("t", 3, hour),
        ] {
            let told: Vec<_> = kept(&wanted).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert_eq!(spec(&wanted.name, 3, &told), wanted);
        }
        let turned = [("cleanup.policy".to_owned(), "delete, compact".to_owned())];
        assert_eq!(spec(&"t".into(), 3, &turned).cleanup, Cleanup::CompactDelete);
    }
}
