//! The topics of one program's pipeline: made, filled, and watched.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaLog, KafkaSettings};
use topology::{Log, LogError, Offset, TopicPartition, TopicSpec};

use super::events::{self, Event};
use crate::cluster::{PARTITIONS, append, uncompressed};
use crate::measure::processor_seconds;
use crate::program::Process;

/// The topic with the events as they come.
pub const INPUT: &str = "tmf.order";
/// The consumer group, beside the prefix.
pub const APPLICATION: &str = "pipeline";
/// The topics that a record passes, each read by the next stage.
const STAGES: [&str; 3] = [INPUT, "hub.order", "hub.lifecycle"];
/// How often positions are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long positions stand still before it is asked whether that is the end.
const STILL: Duration = Duration::from_secs(2);
/// How long a program may take for everything.
const PATIENCE: Duration = Duration::from_secs(600);

/// What everybody is told of the brokers.
pub fn settings(brokers: &str, prefix: &str, instance: &str) -> KafkaSettings {
    KafkaSettings {
        prefix: prefix.to_owned(),
        // A program stands still while its topics are filled.
        session_timeout: Duration::from_secs(60),
        ..uncompressed(brokers.to_owned(), instance)
    }
}

/// The topics of the hub, and the one that is read first.
pub fn topics() -> Vec<TopicSpec> {
    let mut topics = processors::topology::topics(PARTITIONS);
    topics.push(TopicSpec::delete(INPUT, PARTITIONS, None));
    topics
}

/// When a program had worked everything through.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// The instant.
    pub at: Instant,
    /// The processor time that it had used by then.
    pub processor_seconds: f64,
}

/// The topics of one program.
pub struct Stage {
    /// Looks at them from outside.
    log: Arc<KafkaLog>,
    /// Where the events of each partition end.
    ends: Vec<Offset>,
}

impl Stage {
    /// Makes the topics, with a catalog and partners in their tables.
    pub fn set(brokers: &str, prefix: &str) -> anyhow::Result<Self> {
        let log = KafkaLog::open(settings(brokers, prefix, "outside"), Arc::new(|what: &str| panic!("{what}")))?;
        log.ensure_topics(&topics())?;
        append(&log, events::tables())?;
        Ok(Self { log, ends: Vec::new() })
    }

    /// Fills the first topic.
    pub fn fill(&mut self, events: &[Event]) -> anyhow::Result<()> {
        self.ends = append(&self.log, events.iter().map(Event::record))?;
        Ok(())
    }

    /// Waits until a program has worked everything through; returns when that was, and what processor time it had used.
    ///
    /// Only positions are looked at while it works, which costs next to nothing. Where they end is looked for once
    /// they stand still.
    pub fn wait_done(&self, process: &mut Process) -> anyhow::Result<Done> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = self.positions()?;
        let mut done = Done { at: Instant::now(), processor_seconds: processor_seconds(process.pid())? };
        loop {
            std::thread::sleep(LOOK);
            process.check()?;
            let positions = self.positions()?;
            if positions != last {
                done = Done { at: Instant::now(), processor_seconds: processor_seconds(process.pid())? };
                last = positions;
            } else if done.at.elapsed() > STILL
                && self.is_read(&last)
                && self.log.behind_of(&last)?.iter().all(|left| *left == 0)
            {
                return Ok(done);
            }
            anyhow::ensure!(Instant::now() < deadline, "not everything is done after {} s", PATIENCE.as_secs());
        }
    }

    /// Whether all events are read.
    fn is_read(&self, positions: &[(TopicPartition, Offset)]) -> bool {
        let mut events = positions.iter().filter(|(partition, _)| &*partition.topic == INPUT);
        events.all(|(partition, next)| *next >= self.ends[partition.partition as usize])
    }

    /// How far the program has come on all stages.
    fn positions(&self) -> anyhow::Result<Vec<(TopicPartition, Offset)>> {
        let partitions: Vec<_> = STAGES.into_iter().flat_map(partitions).collect();
        let until = Instant::now() + PATIENCE;
        let found = loop {
            match self.log.positions(APPLICATION, &partitions) {
                // Both cores are busy: a broker may not answer for a moment.
                Err(LogError::Retriable(_)) if Instant::now() < until => {}
                found => break found?,
            }
        };
        let next = found.into_iter().map(|position| position.map_or(Offset(0), |position| position.next_offset));
        Ok(partitions.into_iter().zip(next).collect())
    }

    /// Reads the committed records of a topic, keys and values.
    pub fn each(&self, topic: &str, mut take: impl FnMut(&[u8], &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        for partition in partitions(topic) {
            let (mut next, mut records) = (Offset(0), Vec::new());
            loop {
                let from = next;
                next = self.log.read(&partition, from, 4 << 20, &mut records)?;
                for record in records.drain(..) {
                    take(record.key.as_deref().unwrap_or_default(), record.value.as_deref().unwrap_or_default())?;
                }
                if next == from {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn partitions(topic: &str) -> impl Iterator<Item = TopicPartition> {
    (0..PARTITIONS).map(move |partition| TopicPartition { topic: topic.into(), partition })
}
