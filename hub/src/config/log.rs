//! `[log]`: which log, how many partitions, how often it is committed to.

use std::time::Duration;

use super::ConfigCode;
use super::reader::Section;

/// The log's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSection {
    /// Partitions of every topic; fixed once the topics exist.
    pub partitions: u32,
    /// How often a worker commits at the latest.
    pub commit_interval: Duration,
    /// How long records of the event topics are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// How often local stores are checkpointed.
    pub checkpoint_interval: Duration,
}

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read(section: &Section<'_, '_>) -> LogSection {
    if let Some((1, span)) = section.choice("kind", &["embedded", "kafka"]) {
        section.fault_with_help(
            ConfigCode::Unsupported,
            span,
            "log.kind is \"kafka\", which this build does not have",
            "use kind = \"embedded\"; topics, keys and partitioning stay the same when Kafka comes",
        );
    }
    let found = LogSection {
        partitions: section.integer("partitions", 1..=64).map_or(4, |found| found.value as u32),
        commit_interval: section
            .duration("commit_interval", Duration::from_millis(1)..=Duration::from_secs(10))
            .map_or(Duration::from_millis(100), |found| found.value),
        retention: Some(
            section.duration("retention", Duration::from_secs(60)..=DAY * 3_650).map_or(DAY * 7, |found| found.value),
        ),
        checkpoint_interval: section
            .duration("checkpoint_interval", Duration::from_secs(1)..=Duration::from_secs(3_600))
            .map_or(Duration::from_secs(10), |found| found.value),
    };
    section.finish();
    found
}
