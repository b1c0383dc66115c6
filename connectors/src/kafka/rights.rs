//! Looking at the start whether the brokers let the hub do what it will have to, instead of at its first event.

use std::collections::BTreeMap;

use rdkafka::error::RDKafkaErrorCode;
use topology::{LogError, TopicName};

use super::error::{self, Asked};
use super::native::Rights;
use super::shared::Shared;

/// How many topics are named.
const NAMED: usize = 3;

/// That these topics, which exist, may be read and written.
pub(super) fn check(shared: &Shared, topics: &[TopicName]) -> Result<(), LogError> {
    let names: Vec<String> = topics.iter().map(|topic| shared.wire_name(topic)).collect();
    let answers = shared
        .watchdog
        .over("asking for rights", || shared.admin().rights(&names))
        .map_err(|failure| failure.of(Asked::Cluster))?;
    let mut missing: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for (name, answer) in answers {
        let lacks = match answer {
            Ok(None | Some(Rights { read: true, write: true })) => continue,
            Ok(Some(Rights { read: false, write: false })) => "READ and WRITE",
            Ok(Some(Rights { write: false, .. })) => "WRITE",
            Ok(Some(_)) => "READ",
            Err(RDKafkaErrorCode::TopicAuthorizationFailed) => "READ, WRITE and DESCRIBE",
            Err(code) => return Err(error::of_code(code, Asked::Topic(&name))),
        };
        missing.entry(lacks).or_default().push(name);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let grants: Vec<String> = missing.iter().map(|(lacks, topics)| format!("{lacks} on {}", list(topics))).collect();
    Err(LogError::Denied(format!("not authorised: grant {}", grants.join(", and "))))
}

fn list(topics: &[String]) -> String {
    let (named, rest) = topics.split_at(topics.len().min(NAMED));
    let named = named.join(", ");
    let topic = if topics.len() == 1 { "topic" } else { "topics" };
    if rest.is_empty() { format!("{topic} {named}") } else { format!("{topic} {named} and {} more", rest.len()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn many_topics_are_counted() {
        let topics: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        assert_eq!(super::list(&topics), "topics a, b, c and 2 more");
        assert_eq!(super::list(&topics[..1]), "topic a");
    }
}
