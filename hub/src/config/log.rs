//! `[log]`: which log, how many partitions, how often it is committed to.

use std::time::Duration;

use connectors::kafka::KafkaSettings;

use super::reader::Section;
use super::{ConfigCode, kafka};

/// Which log.
#[derive(Clone, Debug)]
pub enum LogKind {
    /// Files below the data directory.
    Embedded,
    /// A cluster of brokers. The instance's name is empty where the file gives none.
    Kafka(Box<KafkaSettings>),
}

/// The log's settings.
#[derive(Clone, Debug)]
pub struct LogSection {
    /// Which log.
    pub kind: LogKind,
    /// Partitions of every topic; fixed once the topics exist.
    pub partitions: u32,
    /// How often a worker commits at the latest.
    pub commit_interval: Duration,
    /// How long records of the event topics are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// Whether topics that are missing are made at the start; otherwise the hub says which, and ends.
    pub create_topics: bool,
    /// How often each task's stores are checkpointed on the local disk.
    pub checkpoint_interval: Duration,
}

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read(section: &Section<'_, '_>) -> LogSection {
    let kind = section.choice("kind", &["embedded", "kafka"]);
    let brokers = section.section("kafka");
    let kind = match kind {
        Some((1, span)) if !brokers.is_present() => {
            section.fault_with_help(
                ConfigCode::MissingKey,
                span,
                "log.kind is \"kafka\", and there is no [log.kafka]",
                "add [log.kafka] with brokers = [\"host:9092\"]",
            );
            LogKind::Embedded
        }
        Some((1, _)) => LogKind::Kafka(Box::new(kafka::read(&brokers))),
        _ => {
            if brokers.is_present() {
                section.fault_with_help(
                    ConfigCode::Relation,
                    brokers.span.clone(),
                    "[log.kafka] goes with log.kind = \"kafka\", but log.kind is \"embedded\"",
                    "set kind = \"kafka\" in [log], or remove the section",
                );
            }
            LogKind::Embedded
        }
    };
    let found = LogSection {
        kind,
        partitions: section.integer("partitions", 1..=64).map_or(4, |found| found.value as u32),
        commit_interval: section
            .duration("commit_interval", Duration::from_millis(1)..=Duration::from_secs(10))
            .map_or(Duration::from_millis(100), |found| found.value),
        retention: Some(
            section.duration("retention", Duration::from_secs(60)..=DAY * 3_650).map_or(DAY * 7, |found| found.value),
        ),
        create_topics: section.boolean("create_topics").is_none_or(|found| found.value),
        checkpoint_interval: section
            .duration("checkpoint_interval", Duration::from_secs(1)..=Duration::from_secs(3_600))
            .map_or(Duration::from_secs(10), |found| found.value),
    };
    section.finish();
    found
}
