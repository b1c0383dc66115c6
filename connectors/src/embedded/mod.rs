//! The embedded log: a broker's semantics in a directory, for one process.
//!
//! Topics are directories of append-only segment files; a commit file says how far each of them
//! is committed. A transaction over many partitions is visible, whole, once its frame in the
//! commit file is durable; everything behind the last valid frame is cut off at the next start.
//! It is a default to start with and to test with, never a cluster.
//!
//! ```text
//! LOCK                                         the process that holds the directory
//! commits/<number>.commits                     snapshot, then a frame for each round of commits
//! topics/<topic>/<partition>/<base>.seg        batches of records
//! topics/<topic>/<partition>/<base>.<n>.seg    the same after compaction
//! topics/<topic>/<partition>/<base>.idx        where some batches start; may be lost
//! ```

mod batch;
mod codec;
mod commit_file;
mod compaction;
#[doc(hidden)]
pub mod conformance;
mod consumer;
mod files;
mod lock;
mod maintain;
mod manifest;
mod producer;
mod reader;
mod recovery;
mod segment;
mod settings;
mod shared;
mod syncer;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use schemas::Timestamp;
use topology::{
    Consumer, ConsumerConfig, Log, LogError, Offset, Position, Producer, Record, TopicName, TopicPartition, TopicSpec,
};

pub use files::{Disk, Files};
pub use maintain::Maintenance;
pub use producer::{EmbeddedProducer, Receipt};
pub use settings::{OpenReport, Settings};

use consumer::EmbeddedConsumer;
use files::failed;
use lock::DirectoryLock;
use reader::PartitionReader;
use shared::Shared;
use syncer::{Command, Syncer};

/// A log in a directory. Dropping it ends its thread and gives the directory free; consumers that
/// are still there read on, producers answer [`LogError::Poisoned`].
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    syncer: Option<JoinHandle<()>>,
    _lock: DirectoryLock,
}

impl EmbeddedLog {
    /// Opens the log in `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// [`LogError::InUse`] when another process holds it, [`LogError::Corrupt`] with the place
    /// when committed data is damaged or missing, [`LogError::Io`].
    pub fn open(directory: &Path, settings: Settings) -> Result<(Arc<Self>, OpenReport), LogError> {
        let began = Instant::now();
        std::fs::create_dir_all(directory).map_err(failed("cannot create", directory))?;
        let lock = DirectoryLock::take(directory)?;
        let mut recovered = recovery::commit_file(directory, &settings)?;
        let (sender, commands) = mpsc::channel();
        let shared = Arc::new(Shared::new(settings, directory.to_owned(), recovered.manifest, sender));
        let mut report =
            OpenReport { torn_bytes: recovered.torn_bytes, frames: recovered.frames, ..OpenReport::default() };
        recovery::segments(&shared, &recovered.snapshot, &mut report)?;
        if shared.settings.sync && recovered.frames > 1 {
            // Its last frames may be in the system's cache only, or seem to be on the disk after a
            // sync that failed. Readers are to see nothing that a loss of power can take back.
            recovered.file.roll(&shared.manifest())?;
        }
        let syncer = Syncer::new(shared.clone(), recovered.file);
        let syncer = std::thread::Builder::new()
            .name("log-syncer".to_owned())
            .spawn(move || syncer.run(&commands))
            .map_err(failed("cannot start the writing thread of", directory))?;
        report.elapsed = began.elapsed();
        Ok((Arc::new(Self { shared, syncer: Some(syncer), _lock: lock }), report))
    }

    /// As [`Log::producer`], with the embedded log's own type.
    ///
    /// # Errors
    /// [`LogError::Poisoned`].
    pub fn embedded_producer(&self, transactional_id: &str) -> Result<EmbeddedProducer, LogError> {
        EmbeddedProducer::new(self.shared.clone(), transactional_id)
    }

    /// Deletes and compacts what is due at `now`; readers may read meanwhile. To be called at
    /// start and then every few minutes, from a thread that may take its time.
    ///
    /// # Errors
    /// [`LogError::Poisoned`]; others leave the log as it was.
    pub fn maintain(&self, now: Timestamp) -> Result<Maintenance, LogError> {
        maintain::run(&self.shared, now)
    }

    /// The topics as they are set up, in the order of their creation.
    pub fn topic_specs(&self) -> Vec<TopicSpec> {
        self.shared.manifest().topics.iter().map(|(spec, _)| spec.clone()).collect()
    }

    /// All groups that have committed positions, by name.
    pub fn groups(&self) -> Vec<(String, Vec<(TopicPartition, Position)>)> {
        let manifest = self.shared.manifest();
        let place = |number: u32| {
            let after = manifest.topics.partition_point(|(_, first)| *first <= number);
            let (spec, first) = &manifest.topics[after - 1];
            TopicPartition { topic: spec.name.clone(), partition: number - first }
        };
        let groups = manifest.positions.iter().map(|(group, positions)| {
            (group.clone(), positions.iter().map(|(number, position)| (place(*number), position.clone())).collect())
        });
        groups.collect()
    }

    /// How many committed bytes the segments hold.
    pub fn bytes(&self) -> u64 {
        let manifest = self.shared.manifest();
        manifest.partitions.iter().flat_map(|partition| &partition.segments).map(|segment| segment.bytes).sum()
    }

    /// Why writes are refused, once they are.
    pub fn poison(&self) -> Option<&str> {
        self.shared.poison.get().map(String::as_str)
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        // Fails only when the thread has ended already.
        let _ = self.shared.commands.send(Command::Stop);
        if let Some(syncer) = self.syncer.take()
            && syncer.join().is_err()
        {
            tracing::error!("the writing thread of the log had panicked");
        }
    }
}

/// Whether a topic can be: a name that can be a directory's, by Kafka's rule, and partitions.
fn check(spec: &TopicSpec) -> Result<(), LogError> {
    let name = &*spec.name;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let context = if spec.partitions == 0 {
        format!("topic {name:?} needs at least one partition")
    } else if name.is_empty() || name.len() > 249 || !name.bytes().all(legal) || name == "." || name == ".." {
        format!("topic name {name:?} is not made of 1 to 249 letters, digits, '.', '_' and '-'")
    } else {
        return Ok(());
    };
    Err(LogError::Io { context, source: std::io::ErrorKind::InvalidInput.into() })
}

impl Log for EmbeddedLog {
    fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        topics.iter().try_for_each(check)?;
        self.shared.ask(|reply| Command::Topics { specs: topics.to_vec(), reply })
    }

    fn topic_specs(&self, names: &[TopicName]) -> Result<Vec<TopicSpec>, LogError> {
        let manifest = self.shared.manifest();
        let known = manifest.topics.iter().map(|(spec, _)| spec).filter(|spec| names.contains(&spec.name));
        Ok(known.cloned().collect())
    }

    fn change_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        for spec in topics {
            self.shared.topic(&spec.name)?;
        }
        // Making a topic that exists is changing how it is kept.
        self.ensure_topics(topics)
    }

    fn topics(&self) -> Result<Vec<(TopicName, u32)>, LogError> {
        let manifest = self.shared.manifest();
        let mut topics: Vec<_> = manifest.topics.iter().map(|(spec, _)| (spec.name.clone(), spec.partitions)).collect();
        topics.sort();
        Ok(topics)
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(Offset, Offset), LogError> {
        let number = self.shared.number(partition)?;
        let manifest = self.shared.manifest();
        let entry = &manifest.partitions[number as usize];
        Ok((Offset(entry.start()), Offset(entry.end)))
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Position>, LogError> {
        let number = self.shared.number(partition)?;
        let manifest = self.shared.manifest();
        Ok(manifest.positions.get(group).and_then(|positions| positions.get(&number)).cloned())
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<Offset, LogError> {
        let number = self.shared.number(partition)?;
        let topic = self.shared.topic(&partition.topic)?.name;
        let mut reader = PartitionReader::new(topic, partition.partition, number, from);
        reader.read(&self.shared, max_bytes, into)?;
        Ok(reader.next())
    }

    fn consumer(&self, config: ConsumerConfig) -> Result<Box<dyn Consumer>, LogError> {
        Ok(Box::new(EmbeddedConsumer::new(self.shared.clone(), config)?))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, LogError> {
        Ok(Box::new(self.embedded_producer(transactional_id)?))
    }
}
