//! What may be set, and what opening found.

use std::sync::Arc;
use std::time::Duration;

use super::files::{Disk, Files};

/// How an embedded log behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The largest record taken in.
    pub max_record_bytes: usize,
    /// A segment that would grow past this is closed; only closed ones are deleted or compacted.
    pub segment_bytes: u64,
    /// A commit file past this is replaced by one that begins with a snapshot.
    pub commit_file_bytes: u64,
    /// How long a transaction waits for others to share its sync. Even at zero, those that come
    /// while a sync is under way share the next one.
    pub commit_linger: Duration,
    /// Whether a commit waits for the disk. Without, a loss of power may lose what was
    /// acknowledged, and may make the log refuse to start; the death of the process may not.
    pub sync: bool,
    /// A compacted topic's partition is compacted when at least so many bytes are new, and at
    /// least as many as are already compacted.
    pub compact_bytes: u64,
    /// How long a tombstone is kept, so that readers who are behind learn of it.
    pub tombstone_grace: Duration,
    /// The disk. Tests put one in that fails.
    pub files: Arc<dyn Files>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_record_bytes: 1 << 20,
            segment_bytes: 64 << 20,
            commit_file_bytes: 8 << 20,
            commit_linger: Duration::ZERO,
            sync: true,
            compact_bytes: 8 << 20,
            tombstone_grace: Duration::from_hours(24),
            files: Arc::new(Disk),
        }
    }
}

/// What opening a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Bytes written but never committed, cut off.
    pub torn_bytes: u64,
    /// How many topics there are.
    pub topics: usize,
    /// How many partitions they have together.
    pub partitions: usize,
    /// Frames read from the commit file.
    pub frames: u64,
    /// How long it took.
    pub elapsed: Duration,
}
