//! What the log, its syncer, its producers and its consumers share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use topology::{LogError, TopicName, TopicPartition};

use super::manifest::{Manifest, PartitionEntry, SegmentEntry};
use super::segment::Segment;
use super::settings::Settings;
use super::syncer::Command;

/// The segments of one partition that this process has touched, by base and generation.
#[derive(Debug)]
pub(super) struct PartitionFiles {
    pub(super) directory: PathBuf,
    segments: Mutex<BTreeMap<(i64, u32), Arc<Segment>>>,
}

impl PartitionFiles {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, segments: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(i64, u32), Arc<Segment>>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn segment(&self, base: i64, generation: u32) -> Arc<Segment> {
        let create = || Arc::new(Segment::new(&self.directory, base, generation));
        self.lock().entry((base, generation)).or_insert_with(create).clone()
    }

    /// Forgets a segment that is no longer part of the log, and hands it over for removal.
    pub(super) fn take(&self, base: i64, generation: u32) -> Arc<Segment> {
        let known = self.lock().remove(&(base, generation));
        known.unwrap_or_else(|| Arc::new(Segment::new(&self.directory, base, generation)))
    }
}

/// Where a reader stands: the committed end, and the segment that holds the next offset.
pub(super) struct View {
    pub(super) end: i64,
    /// The next offset, moved up to the first one that is kept.
    pub(super) next: i64,
    pub(super) segment: SegmentEntry,
    /// The base of the segment after it.
    pub(super) following: Option<i64>,
}

/// A topic as producers and consumers look it up.
#[derive(Clone, Debug)]
pub(super) struct TopicPlace {
    pub(super) name: TopicName,
    pub(super) partitions: u32,
    /// The number of its first partition among all of the log.
    pub(super) first: u32,
}

/// The state behind an [`EmbeddedLog`](super::EmbeddedLog).
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) root: PathBuf,
    /// What is committed, hence visible: replaced under one lock, so a transaction appears whole.
    pub(super) manifest: RwLock<Manifest>,
    pub(super) partitions: RwLock<Vec<Arc<PartitionFiles>>>,
    pub(super) poison: OnceLock<String>,
    /// Held by whoever deletes or compacts.
    pub(super) maintenance: Mutex<()>,
    pub(super) commands: Sender<Command>,
    commits: Mutex<u64>,
    committed: Condvar,
}

impl Shared {
    pub(super) fn new(settings: Settings, root: PathBuf, manifest: Manifest, commands: Sender<Command>) -> Self {
        let shared = Self {
            settings,
            root,
            manifest: RwLock::new(manifest),
            partitions: RwLock::default(),
            poison: OnceLock::new(),
            maintenance: Mutex::default(),
            commands,
            commits: Mutex::default(),
            committed: Condvar::new(),
        };
        shared.extend_partitions(&shared.manifest());
        shared
    }

    pub(super) fn manifest(&self) -> RwLockReadGuard<'_, Manifest> {
        self.manifest.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the files of new partitions known, before the manifest that names them is visible.
    pub(super) fn extend_partitions(&self, manifest: &Manifest) {
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        for (spec, first) in &manifest.topics {
            for partition in 0..spec.partitions {
                if (first + partition) as usize == partitions.len() {
                    let directory = self.directory(&spec.name, partition);
                    partitions.push(Arc::new(PartitionFiles::new(directory)));
                }
            }
        }
    }

    pub(super) fn directory(&self, topic: &str, partition: u32) -> PathBuf {
        self.root.join("topics").join(topic).join(partition.to_string())
    }

    pub(super) fn files(&self, partition: u32) -> Arc<PartitionFiles> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner)[partition as usize].clone()
    }

    pub(super) fn topic(&self, name: &TopicName) -> Result<TopicPlace, LogError> {
        let manifest = self.manifest();
        let found = manifest.topics.iter().find(|(spec, _)| spec.name == *name);
        let (spec, first) = found.ok_or_else(|| LogError::UnknownTopic(name.clone()))?;
        Ok(TopicPlace { name: spec.name.clone(), partitions: spec.partitions, first: *first })
    }

    /// The number of a partition among all of the log.
    pub(super) fn number(&self, partition: &TopicPartition) -> Result<u32, LogError> {
        let topic = self.topic(&partition.topic)?;
        if partition.partition < topic.partitions {
            Ok(topic.first + partition.partition)
        } else {
            Err(LogError::UnknownPartition(partition.clone()))
        }
    }

    pub(super) fn view(&self, partition: u32, next: i64) -> View {
        let manifest = self.manifest();
        let PartitionEntry { end, segments } = &manifest.partitions[partition as usize];
        let after = segments.partition_point(|segment| segment.base <= next);
        let at = after.saturating_sub(1);
        View {
            end: *end,
            next: next.max(segments[at].base),
            segment: segments[at],
            following: segments.get(at + 1).map(|segment| segment.base),
        }
    }

    /// The error that every write answers since one failed.
    pub(super) fn poisoned(&self) -> LogError {
        LogError::Poisoned(self.poison.get().cloned().unwrap_or_else(|| "it was closed".to_owned()))
    }

    /// Sends the syncer a command.
    pub(super) fn command(&self, command: Command) -> Result<(), LogError> {
        self.commands.send(command).map_err(|_| self.poisoned())
    }

    /// Sends the syncer a command and waits for its answer.
    pub(super) fn ask<T>(&self, command: impl FnOnce(Sender<Result<T, LogError>>) -> Command) -> Result<T, LogError> {
        let (reply, answer) = std::sync::mpsc::channel();
        self.command(command(reply))?;
        answer.recv().map_err(|_| self.poisoned())?
    }

    /// How many rounds were committed so far; taken before looking for records, so that none
    /// committed meanwhile is waited for.
    pub(super) fn commits(&self) -> u64 {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everyone who waits for a commit.
    pub(super) fn announce(&self) {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.committed.notify_all();
    }

    /// Waits until there was a commit after `seen`, or until `deadline`; whether there was one.
    pub(super) fn await_commit(&self, seen: u64, deadline: Instant) -> bool {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        while *commits == seen {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            commits = self.committed.wait_timeout(commits, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
