//! The port to a log: what the runtime asks of Kafka, of the embedded log and of the simulated one.
//!
//! Consuming is poll-style, and assignment, revocation and loss arrive in band, as values.
//! Producing is a transaction: records and consumed positions become visible together or not at
//! all. Implementations: `connectors::embedded`, `connectors::kafka`, [`sim`](crate::sim).

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::{Offset, OutgoingRecord, Record, TopicName, TopicPartition};

/// What happens to old records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Deleted after the retention time or beyond the retention size.
    Delete,
    /// Only the newest record of each key is kept.
    Compact,
    /// Only the newest record of each key is kept, and deleted after the retention time.
    CompactDelete,
}

/// A topic as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// The topic's name.
    pub name: TopicName,
    /// How many partitions.
    pub partitions: u32,
    /// What happens to old records.
    pub cleanup: Cleanup,
    /// How long records are kept, unless it is [`Cleanup::Compact`]; `None` for ever.
    pub retention: Option<Duration>,
    /// How many bytes a partition of a [`Cleanup::Delete`] topic may hold; `None` for no bound.
    pub retention_bytes: Option<u64>,
}

impl TopicSpec {
    /// A topic whose records are kept for `retention`.
    pub fn delete(name: impl Into<TopicName>, partitions: u32, retention: Option<Duration>) -> Self {
        Self { name: name.into(), partitions, cleanup: Cleanup::Delete, retention, retention_bytes: None }
    }

    /// A compacted topic whose records are kept for `retention`.
    pub fn compact_delete(name: impl Into<TopicName>, partitions: u32, retention: Duration) -> Self {
        let cleanup = Cleanup::CompactDelete;
        Self { name: name.into(), partitions, cleanup, retention: Some(retention), retention_bytes: None }
    }

    /// A topic of which the newest record per key is kept.
    pub fn compact(name: impl Into<TopicName>, partitions: u32) -> Self {
        Self { name: name.into(), partitions, cleanup: Cleanup::Compact, retention: None, retention_bytes: None }
    }
}

/// A committed position: the next offset to read, and a note its owner left with it (Kafka's
/// offset metadata; at most 4096 bytes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The next offset to read.
    pub next_offset: Offset,
    /// The note.
    pub metadata: String,
}

impl From<Offset> for Position {
    fn from(next_offset: Offset) -> Self {
        Self { next_offset, metadata: String::new() }
    }
}

/// How a consumer takes part.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// The group whose positions it starts from and commits.
    pub group: String,
    /// This member's number within the group, from 0.
    pub member: u32,
    /// How many members the group has in this process. Logs with a broker ignore both and let the
    /// group protocol decide; the embedded log gives member `m` the partitions `p % members == m`
    /// of every topic, so that co-partitioned topics land together.
    pub members: u32,
    /// The topics to consume.
    pub topics: Vec<TopicName>,
}

/// What a poll brings. Values, never callbacks.
#[derive(Debug)]
pub enum Poll {
    /// These partitions are this consumer's from now on, to be read from these positions.
    Assigned(Vec<(TopicPartition, Position)>),
    /// These partitions will be taken away: finish, commit, close, then poll again.
    Revoked(Vec<TopicPartition>),
    /// These partitions are gone already: close without committing.
    Lost(Vec<TopicPartition>),
    /// Records were appended to the caller's buffer, in offset order for each partition.
    Records,
    /// Nothing came within the time given.
    Idle,
}

/// A member's place in its group. A producer shows it when it commits positions, so that a log with
/// a group protocol can refuse those of a member that is none any more.
#[derive(Clone)]
pub struct Membership {
    group: Arc<str>,
    handle: Option<Arc<dyn Any + Send + Sync>>,
}

impl Membership {
    /// A group without a protocol: whoever knows its name may commit.
    pub fn of_group(group: impl Into<Arc<str>>) -> Self {
        Self { group: group.into(), handle: None }
    }

    /// A member, with what its log knows it by.
    pub fn of_member(group: impl Into<Arc<str>>, handle: Arc<dyn Any + Send + Sync>) -> Self {
        Self { group: group.into(), handle: Some(handle) }
    }

    /// The group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// What the log knows the member by, if it is of this type.
    pub fn handle<T: 'static>(&self) -> Option<&T> {
        self.handle.as_ref()?.downcast_ref()
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("group", &self.group).finish_non_exhaustive()
    }
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Records and positions are durable and visible.
    Committed,
    /// Nothing of it is visible: discard, rewind, redo.
    Aborted,
    /// Another owner of the same transactional id exists: close the tasks, keep the process.
    Fenced,
}

/// Why a log could not do as asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The topic does not exist.
    #[error("topic {0} does not exist")]
    UnknownTopic(TopicName),
    /// The partition does not exist.
    #[error("partition {0} does not exist")]
    UnknownPartition(TopicPartition),
    /// The topic exists with another partition count, which would move keys.
    #[error("topic {topic} has {actual} partitions, {wanted} are wanted: a changed count would move keys")]
    PartitionCount {
        /// The topic.
        topic: TopicName,
        /// What it has.
        actual: u32,
        /// What was asked.
        wanted: u32,
    },
    /// Another process holds the directory.
    #[error("{directory} is in use by process {pid}: stop it, or choose another directory")]
    InUse {
        /// The directory.
        directory: String,
        /// The owner, as far as known.
        pid: String,
    },
    /// A write or a sync failed: nothing more is taken in, nothing acknowledged is lost.
    #[error("the log refuses writes since {0}")]
    Poisoned(String),
    /// The record is larger than the log takes.
    #[error("a record of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The topic takes smaller records than the log is meant to: someone has to set its limit higher.
    #[error("topic {topic} refuses a record of {bytes} bytes: set its max.message.bytes higher")]
    TooLargeForTopic {
        /// Which topic.
        topic: TopicName,
        /// The record's size.
        bytes: usize,
    },
    /// A group is to read on where its partition has not come to, or has come to again with other records: someone has to say where it goes on.
    #[error(
        "group {group} is to read {partition} on from offset {next}, which the log does not know any more (it ends \
         at {end}): it has lost what it had taken, or the topic was made anew"
    )]
    PastEnd {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// Where the group is to read on.
        next: Offset,
        /// Where the partition ends.
        end: Offset,
    },
    /// The log does not let this process do what it must: someone has to grant it.
    #[error("{0}")]
    Denied(String),
    /// The outside may recover: ask again.
    #[error("{0}")]
    Retriable(String),
    /// Input or output failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: String,
        /// The cause.
        source: std::io::Error,
    },
    /// What was read makes no sense.
    #[error("{0}")]
    Corrupt(String),
}

/// A log: topics, consumers, transactional producers.
///
/// Shared by all threads of a process; every method may block for I/O.
pub trait Log: Send + Sync {
    /// Creates the topics that are missing. Never shrinks or deletes.
    ///
    /// # Errors
    /// [`LogError::PartitionCount`] where a topic exists with another count.
    fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError>;

    /// Those of these topics that exist, as they are kept.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn topic_specs(&self, names: &[TopicName]) -> Result<Vec<TopicSpec>, LogError>;

    /// Keeps existing topics as these say from now on; what that deletes goes with time, not at once.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::PartitionCount`]: nothing is changed then.
    fn change_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError>;

    /// The topics that exist, with their partition counts, by name.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn topics(&self) -> Result<Vec<(TopicName, u32)>, LogError>;

    /// The first offset kept and the offset after the last committed record.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::UnknownPartition`].
    fn bounds(&self, partition: &TopicPartition) -> Result<(Offset, Offset), LogError>;

    /// The offset after the last record that was written, also in a transaction that has not ended:
    /// a replay up to here misses nothing of a former owner.
    ///
    /// # Errors
    /// As [`Log::bounds`].
    fn written_end(&self, partition: &TopicPartition) -> Result<Offset, LogError> {
        Ok(self.bounds(partition)?.1)
    }

    /// As [`Log::bounds`], of many partitions in their order. A log with brokers asks them at once.
    ///
    /// # Errors
    /// As [`Log::bounds`], for the first partition of which it cannot be told.
    fn bounds_of(&self, partitions: &[TopicPartition]) -> Result<Vec<(Offset, Offset)>, LogError> {
        partitions.iter().map(|partition| self.bounds(partition)).collect()
    }

    /// As [`Log::written_end`], of many partitions in their order.
    ///
    /// # Errors
    /// As [`Log::bounds_of`].
    fn written_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<Offset>, LogError> {
        partitions.iter().map(|partition| self.written_end(partition)).collect()
    }

    /// Whether a reader that got nothing more at `next` has seen all there will be before `end`, a
    /// former [`Log::written_end`]: the rest was compacted away. Otherwise it shall read again.
    ///
    /// # Errors
    /// As [`Log::bounds`].
    fn is_replayed(&self, _partition: &TopicPartition, _next: Offset, _end: Offset) -> Result<bool, LogError> {
        Ok(true)
    }

    /// How many committed records there are from `next` on, about; 0 only if there is none.
    ///
    /// # Errors
    /// As [`Log::bounds`].
    fn behind(&self, partition: &TopicPartition, next: Offset) -> Result<u64, LogError> {
        let (start, end) = self.bounds(partition)?;
        Ok((end.0 - next.max(start).0).max(0) as u64)
    }

    /// As [`Log::behind`], of many partitions in their order.
    ///
    /// # Errors
    /// As [`Log::bounds_of`].
    fn behind_of(&self, positions: &[(TopicPartition, Offset)]) -> Result<Vec<u64>, LogError> {
        positions.iter().map(|(partition, next)| self.behind(partition, *next)).collect()
    }

    /// The group's positions in these partitions, in their order, for who looks on: where a transaction is about to
    /// move one, it is told as it was before. To go on from a position ask for [`Log::committed`].
    ///
    /// # Errors
    /// As [`Log::committed`], for the first partition of which it cannot be told.
    fn positions(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        partitions.iter().map(|partition| self.committed(group, partition)).collect()
    }

    /// The group's committed position, if it has one.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Position>, LogError>;

    /// Says that this thread is about to [`read`](Log::read) these partitions from these offsets on: what takes time to
    /// begin may begin for all of them at once. A hint; what is wrong with it is told by the reads.
    fn prefetch(&self, _from: &[(TopicPartition, Offset)]) {}

    /// Appends committed records from `from` on to `into`, up to about `max_bytes`, and returns
    /// the offset to go on from. `from` below the first kept offset reads from the first one;
    /// nothing to read returns at once.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::UnknownPartition`], I/O.
    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<Offset, LogError>;

    /// A consumer of a group. Partitions without a committed position start at the first offset.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`].
    fn consumer(&self, config: ConsumerConfig) -> Result<Box<dyn Consumer>, LogError>;

    /// A producer; an older one with the same transactional id is fenced from now on.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, LogError>;
}

/// A member of a consumer group. Used by one thread at a time.
pub trait Consumer: Send {
    /// Waits up to `timeout` for something, and appends records to `into`, about `max_bytes` at
    /// most. Returns early when records are committed by anyone meanwhile.
    ///
    /// # Errors
    /// [`LogError::Retriable`] may be polled again; others end the consumer.
    fn poll(&mut self, timeout: Duration, max_bytes: usize, into: &mut Vec<Record>) -> Result<Poll, LogError>;

    /// Reads on from `next` in this partition (after an abort).
    ///
    /// # Errors
    /// [`LogError::UnknownPartition`] for one that is not assigned.
    fn seek(&mut self, partition: &TopicPartition, next: Offset) -> Result<(), LogError>;

    /// Stops reading these partitions until resumed (back-pressure).
    fn pause(&mut self, partitions: &[TopicPartition]);

    /// Reads these partitions again.
    fn resume(&mut self, partitions: &[TopicPartition]);

    /// The group whose positions it commits.
    fn group(&self) -> &str;

    /// Its place in the group, as it is at each moment; any thread may show it to a producer.
    fn membership(&self) -> Membership {
        Membership::of_group(self.group())
    }
}

/// A transactional producer. Used by one thread at a time. A transaction begins with the first
/// `send` after a commit, whose end may still be under way, or an abort.
pub trait Producer: Send {
    /// Adds a record to the open transaction.
    ///
    /// # Errors
    /// [`LogError::TooLarge`], [`LogError::UnknownTopic`]: the transaction stays open without it.
    fn send(&mut self, record: OutgoingRecord) -> Result<(), LogError>;

    /// Commits the open transaction together with these positions of `group`; returns when it is
    /// durable. A transaction without records may still commit positions.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] when durability is in doubt: the process must stop.
    fn commit(&mut self, group: &str, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError>;

    /// As [`Producer::commit`], for a member of the group: [`Commit::Aborted`] when its partitions
    /// are another's by now.
    ///
    /// # Errors
    /// As [`Producer::commit`].
    fn commit_as(&mut self, member: &Membership, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        self.commit(member.group(), positions)
    }

    /// Begins to commit as [`Producer::commit_as`] does. `None` says that it is under way: records sent from now on
    /// are of the next transaction, which this producer begins once this one is committed, and [`Producer::end_commit`]
    /// is to be called before the next commit begins. Who aborts or drops the producer instead does not hear how it
    /// ended, and what was sent since is gone. A log that waits for nobody says at once how it ended.
    ///
    /// # Errors
    /// As [`Producer::commit`].
    fn begin_commit(
        &mut self,
        member: &Membership,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Option<Commit>, LogError> {
        self.commit_as(member, positions).map(Some)
    }

    /// Whether [`Producer::end_commit`] would not have to wait.
    fn has_commit_ended(&mut self) -> bool {
        true
    }

    /// Waits for the commit under way and says how it ended. Unless it is [`Commit::Committed`], what was sent since it
    /// began is gone with it.
    ///
    /// # Errors
    /// As [`Producer::commit`]; also when no commit is under way.
    fn end_commit(&mut self) -> Result<Commit, LogError> {
        Err(LogError::Corrupt("the end of a commit was asked for that has not begun".to_owned()))
    }

    /// Where the records of the last committed transaction went: for each `send`, in order.
    fn last_positions(&self) -> &[(TopicPartition, Offset)];

    /// Throws the open transaction away.
    fn abort(&mut self);
}
