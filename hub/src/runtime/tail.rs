//! Follows a topic from its beginning on a thread of its own, for views that are kept in memory.

use std::thread;
use std::time::Duration;

use connectors::sink::Shutdown;
use schemas::Schema;
use topology::{LogError, Offset, Record, TopicPartition};

use super::failure::Failure;
use crate::wiring::SharedLog;

/// How often a topic that had nothing new is looked at again.
const EVERY: Duration = Duration::from_millis(500);
const READ_BYTES: usize = 1 << 20;

/// Starts the thread that hands every record of `topic` to `take`, in batches; it ends with `shutdown`.
pub(super) fn follow(
    log: SharedLog,
    (topic, partitions): (&'static str, u32),
    shutdown: Shutdown,
    failure: Failure,
    take: impl Fn(&mut Vec<Record>) + Send + 'static,
) -> std::io::Result<thread::JoinHandle<()>> {
    follow_live(log, (topic, partitions), shutdown, failure, move |records, _| take(records))
}

/// As [`follow_live`], of records alone that are there and can be read.
pub(super) fn follow_values<R: Schema>(
    log: SharedLog,
    topic: (&'static str, u32),
    shutdown: Shutdown,
    failure: Failure,
    take: impl Fn(&mut dyn Iterator<Item = R>, bool) + Send + 'static,
) -> std::io::Result<thread::JoinHandle<()>> {
    follow_live(log, topic, shutdown, failure, move |records, is_live| {
        let values = records.drain(..).filter_map(|record| record.value);
        take(&mut values.filter_map(|value| schemas::decode(&value).ok()), is_live);
    })
}

/// As [`follow`]; `take` is told too whether the records are news: written after the thread had read all that
/// there was at its start.
pub(super) fn follow_live(
    log: SharedLog,
    (topic, partitions): (&'static str, u32),
    shutdown: Shutdown,
    failure: Failure,
    take: impl Fn(&mut Vec<Record>, bool) + Send + 'static,
) -> std::io::Result<thread::JoinHandle<()>> {
    let mut positions: Vec<(TopicPartition, Offset, bool)> =
        (0..partitions).map(|partition| (TopicPartition::new(topic, partition), Offset(0), false)).collect();
    thread::Builder::new().name(format!("view.{topic}").chars().take(15).collect()).spawn(move || {
        let mut records = Vec::new();
        loop {
            for (partition, next, is_live) in &mut positions {
                loop {
                    let before = *next;
                    match log.read(partition, before, READ_BYTES, &mut records) {
                        Ok(after) => *next = after,
                        Err(LogError::Retriable(why)) => {
                            tracing::debug!(why, topic, "a view cannot be read on yet");
                            break;
                        }
                        Err(error) => return failure.report(topic, &error),
                    }
                    take(&mut records, *is_live);
                    records.clear();
                    *is_live |= *next == before;
                    if *next == before || shutdown.is_triggered() {
                        break;
                    }
                }
            }
            if shutdown.wait(EVERY) {
                return;
            }
        }
    })
}
