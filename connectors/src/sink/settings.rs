//! What can be set about a sink and about each of its targets. Every limit has a name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::{BreakerSettings, RetryPolicy};

/// The settings of one sink connector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SinkSettings {
    /// Offsets of one partition that may be under way at once. A record that never ends holds the
    /// partition up only when this many came after it. At most [`SinkSettings::WINDOW_MAX`].
    pub window: u32,
    /// How long outcomes are gathered before they are committed, in milliseconds.
    pub commit_interval_ms: u64,
    /// Outcomes that are committed without waiting any longer.
    pub commit_records: usize,
    /// How long deliveries may go on after shutdown was asked for, in milliseconds.
    pub drain_ms: u64,
    /// Bytes read from the log at a time.
    pub poll_bytes: usize,
    /// Records that are applied to a database in one transaction.
    pub batch_records: usize,
}

impl Default for SinkSettings {
    fn default() -> Self {
        Self {
            window: Self::WINDOW_MAX,
            commit_interval_ms: 20,
            commit_records: 1_000,
            drain_ms: 5_000,
            poll_bytes: 1 << 20,
            batch_records: 2_000,
        }
    }
}

impl SinkSettings {
    /// The widest window: one bit an offset must fit a position's note.
    pub const WINDOW_MAX: u32 = 4_096;

    pub(super) fn window(&self) -> i64 {
        i64::from(self.window.clamp(1, Self::WINDOW_MAX))
    }

    pub(super) fn commit_interval(&self) -> Duration {
        Duration::from_millis(self.commit_interval_ms)
    }

    pub(super) fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

/// The settings of one target of a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetSettings {
    /// Its name in outcomes and metrics: `floworx`, `partner:acme`.
    pub name: String,
    /// Attempts under way at a time.
    pub concurrency: usize,
    /// How often and how long a record is tried.
    pub retry: RetryPolicy,
    /// When the target is left alone.
    pub breaker: BreakerSettings,
}
