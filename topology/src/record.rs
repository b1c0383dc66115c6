//! Records as they are read from and written to a log.

use std::sync::Arc;

use bytes::Bytes;
use schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// A topic's name, shared by all records read from it.
pub type TopicName = Arc<str>;

/// A position in one partition of one topic. A committed offset is the *next* one to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub i64);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition, counted from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<TopicName>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// A header of a record: a name and raw bytes.
pub type Header = (Arc<str>, Bytes);

/// A record that was read.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it was read from.
    pub topic: TopicName,
    /// The partition it was read from.
    pub partition: u32,
    /// Its offset.
    pub offset: Offset,
    /// The event time its writer gave it.
    pub timestamp: Timestamp,
    /// The key, by which it was partitioned.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers, in the order they were written.
    pub headers: Vec<Header>,
}

impl Record {
    /// The partition this record was read from.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

/// A record to be written.
#[derive(Clone, Debug)]
pub struct OutgoingRecord {
    /// The topic to write to.
    pub topic: TopicName,
    /// The partition; `None` lets the key decide ([`partition_for_key`](crate::partition_for_key)).
    pub partition: Option<u32>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The event time.
    pub timestamp: Timestamp,
    /// Headers.
    pub headers: Vec<Header>,
}
