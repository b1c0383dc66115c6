//! Retention: closed segments go once they are too old or too many.
//!
//! Age is counted from when records were appended, not from their event time: events of last year
//! that arrive today stay as long as those of today.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use schemas::Timestamp;
use topology::{Cleanup, LogError, Offset, TopicPartition, TopicSpec};

use super::compaction;
use super::manifest::PartitionEntry;
use super::shared::Shared;
use super::syncer::Command;
use crate::unread;

/// What a round of maintenance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Segments deleted by retention.
    pub deleted_segments: u64,
    /// Bytes deleted by retention.
    pub deleted_bytes: u64,
    /// Partitions compacted.
    pub compacted_partitions: u64,
    /// Bytes that compaction saved.
    pub compacted_bytes: u64,
}

/// The instant `ago` before `now`, in milliseconds.
pub(super) fn before(now: Timestamp, ago: Duration) -> i64 {
    now.0.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
}

/// Looks at every partition once.
pub(super) fn run(shared: &Shared, now: Timestamp) -> Result<Maintenance, LogError> {
    let _one_at_a_time: MutexGuard<'_, ()> = shared.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
    let mut done = Maintenance::default();
    let topics = shared.manifest().topics.clone();
    for (spec, first) in &topics {
        for partition in 0..spec.partitions {
            let number = first + partition;
            if spec.cleanup != Cleanup::Compact {
                retain(shared, spec, number, partition, now, &mut done)?;
            }
            if spec.cleanup != Cleanup::Delete
                && let Some(saved) = compaction::compact(shared, number, now)?
            {
                done.compacted_partitions += 1;
                done.compacted_bytes += saved;
            }
        }
    }
    Ok(done)
}

fn entry_of(shared: &Shared, number: u32) -> PartitionEntry {
    shared.manifest().partitions[number as usize].clone()
}

fn retain(
    shared: &Shared,
    spec: &TopicSpec,
    number: u32,
    partition: u32,
    now: Timestamp,
    done: &mut Maintenance,
) -> Result<(), LogError> {
    let cutoff = spec.retention.map(|retention| before(now, retention));
    let expired = |append_time: i64| cutoff.is_some_and(|cutoff| append_time < cutoff);
    let mut entry = entry_of(shared, number);
    let active = entry.active();
    if active.bytes > 0 && expired(active.append_time) {
        // A quiet topic never fills its segment: it is closed, so that it can go.
        shared.ask(|reply| Command::Roll { partition: number, reply })?;
        entry = entry_of(shared, number);
    }
    let mut bytes: u64 = entry.segments.iter().map(|segment| segment.bytes).sum();
    let mut removed = Vec::new();
    for segment in &entry.segments[..entry.segments.len() - 1] {
        let too_many = spec.retention_bytes.is_some_and(|limit| bytes - segment.bytes >= limit);
        if !expired(segment.append_time) && !too_many {
            break;
        }
        bytes -= segment.bytes;
        done.deleted_segments += 1;
        done.deleted_bytes += segment.bytes;
        removed.push(segment.base);
    }
    if removed.is_empty() {
        return Ok(());
    }
    let (from, to) = (entry.segments[0].base, entry.segments[removed.len()].base);
    tell_of_unread(shared, number, &TopicPartition::new(spec.name.clone(), partition), from, to);
    shared.ask(|reply| Command::Replace { partition: number, removed, added: Vec::new(), reply })
}

/// As in Kafka, retention does not wait for readers; but nobody should lose records unheard. Before, the partition began
/// at `from`; now it begins at `to`.
fn tell_of_unread(shared: &Shared, number: u32, partition: &TopicPartition, from: i64, to: i64) {
    for (group, positions) in &shared.manifest().positions {
        if let Some(position) = positions.get(&number).filter(|position| position.next_offset.0 < to) {
            unread::tell(group, partition, position.next_offset.max(Offset(from)), Offset(to));
        }
    }
}
