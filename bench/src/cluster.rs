//! The broker of a run, and the records in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use connectors::delivery::http::wall_clock;
use connectors::kafka::local::{Jars, LocalBroker};
use connectors::kafka::{KafkaLog, KafkaSettings};
use tempfile::TempDir;
use topology::{Log, Offset, OutgoingRecord, TopicPartition, TopicSpec};

use crate::program::{Process, Program, Work, compile_streams};

/// Partitions of every topic.
pub const PARTITIONS: u32 = 4;
/// Bytes of a value.
pub const VALUE_BYTES: usize = 300;
/// How many bytes one transaction of the filling holds, about.
const FILL_BYTES: usize = 6 << 20;

/// What everybody here is told: nothing is compressed, as Kafka Streams and the client do by themselves.
pub fn uncompressed(brokers: String, instance: &str) -> KafkaSettings {
    KafkaSettings { compression: "none".to_owned(), ..KafkaSettings::new(brokers, instance) }
}

/// The value of a record: bytes that no compression makes smaller, others for each number.
pub fn value(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [0; VALUE_BYTES];
    let mut state = number;
    for chunk in value.chunks_mut(8) {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
    }
    value
}

/// A record of now for a topic.
pub fn record(topic: &str, key: Bytes, value: Bytes) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.into(),
        partition: None,
        key: Some(key),
        value: Some(value),
        timestamp: wall_clock(),
        headers: Vec::new(),
    }
}

/// Appends records, of one topic; returns, by partition, the position after the last of them.
pub fn append(log: &KafkaLog, records: impl Iterator<Item = OutgoingRecord>) -> anyhow::Result<Vec<Offset>> {
    let mut producer = log.producer("fill")?;
    let mut ends = vec![Offset(0); PARTITIONS as usize];
    let (mut records, mut bytes) = (records.peekable(), 0);
    while let Some(record) = records.next() {
        bytes += record.value.as_ref().map_or(0, Bytes::len);
        producer.send(record)?;
        if bytes >= FILL_BYTES || records.peek().is_none() {
            producer.commit("fill", &[])?;
            bytes = 0;
            for (partition, offset) in producer.last_positions() {
                let end = &mut ends[partition.partition as usize];
                *end = (*end).max(offset.next());
            }
        }
    }
    Ok(ends)
}

/// A broker with topics, and the programs that can be started on it.
pub struct Cluster {
    /// Looks at topics and groups from outside.
    pub log: Arc<KafkaLog>,
    broker: LocalBroker,
    classes: String,
    folder: TempDir,
    started: u32,
}

/// A program at work.
pub struct Started {
    /// Its process.
    pub process: Process,
    /// What it was told.
    pub work: Work,
}

impl Cluster {
    /// Starts a broker, and compiles the Java programs where one of these programs is in Java.
    pub fn start(jars: &Path, programs: &[Program]) -> anyhow::Result<Self> {
        std::fs::create_dir_all(jars)?;
        let classes =
            if programs.iter().any(|program| program.is_java()) { compile_streams(jars)? } else { String::new() };
        let fetched = Jars::fetch(&jars.join("broker"))?;
        let folder = tempfile::tempdir_in(jars)?;
        let broker = LocalBroker::start(&fetched, &folder.path().join("broker"))?;
        let settings = uncompressed(broker.address(), "bench");
        let log = KafkaLog::open(settings, Arc::new(|what: &str| panic!("{what}")))?;
        Ok(Self { log, broker, classes, folder, started: 0 })
    }

    /// Where the broker listens.
    pub fn address(&self) -> String {
        self.broker.address()
    }

    /// Makes topics.
    pub fn topics(&self, names: &[&str]) -> anyhow::Result<()> {
        let topics: Vec<_> = names.iter().map(|name| TopicSpec::delete(*name, PARTITIONS, None)).collect();
        Ok(self.log.ensure_topics(&topics)?)
    }

    /// Makes a topic with so many records over so many keys, in an order that no cache would like; returns, by
    /// partition, the position after its last record.
    pub fn fill(&self, topic: &str, records: u64, keys: u64) -> anyhow::Result<Vec<Offset>> {
        self.topics(&[topic])?;
        let record = |number: u64| {
            // Every key once, then walking through them: an odd factor meets each key equally often.
            let key = if number < keys { number } else { number.wrapping_mul(0x5851_f42d_4c95_7f2d) % keys };
            record(topic, format!("entity-{key:012}").into(), Bytes::copy_from_slice(&value(number)))
        };
        append(&self.log, (0..records).map(record))
    }

    /// The class path of the Java programs.
    pub fn classes(&self) -> &str {
        &self.classes
    }

    /// A name that no program had, and a folder for it.
    pub fn next(&mut self, program: Program) -> (String, PathBuf) {
        self.started += 1;
        let name = format!("{}-{}", program.key(), self.started);
        let data = self.folder.path().join(&name);
        (name, data)
    }

    /// Starts a program on an input, with an output and a name of its own.
    pub fn program(&mut self, program: Program, input: &str) -> anyhow::Result<Started> {
        let (application, data) = self.next(program);
        let output = format!("{application}-out");
        self.topics(&[&output])?;
        if program == Program::Bare {
            self.log.ensure_topics(&[TopicSpec::compact(format!("{application}-changelog"), PARTITIONS)])?;
        }
        let work = Work { brokers: self.address(), application, input: input.to_owned(), output, data };
        Ok(Started { process: program.start(&work, &self.classes)?, work })
    }

    /// Starts it again on what it left.
    pub fn again(&self, program: Program, work: &Work) -> anyhow::Result<Process> {
        program.start(work, &self.classes)
    }

    /// How far a program's committed positions are on its input, summed up over the partitions.
    pub fn progress(&self, work: &Work) -> anyhow::Result<i64> {
        let mut sum = 0;
        for partition in 0..PARTITIONS {
            let partition = TopicPartition { topic: work.input.as_str().into(), partition };
            sum += self.log.committed(&work.application, &partition)?.map_or(0, |position| position.next_offset.0);
        }
        Ok(sum)
    }
}
