//! A standby: follows the changelogs of a task that another process has, into a checkpoint of its own, so that a
//! worker that takes the task over replays their tail only.

use std::time::Duration;

use schemas::Timestamp;

use crate::task::{changelog_topic, internal_stores};
use crate::{
    Checkpoint, CheckpointBatch, CheckpointError, CheckpointReader, Checkpoints, Log, LogError, Offset, Record,
    StoreChanges, TaskId, TopicPartition, Topology,
};

/// Why a standby cannot go on; either may be tried again later with a new one.
#[derive(Debug, thiserror::Error)]
pub enum StandbyError {
    /// The log cannot be asked.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Follows one task. It holds the task's checkpoint: no worker of the process may have it meanwhile.
pub struct Standby {
    changelogs: Vec<TopicPartition>,
    /// What was read of each, up to where.
    next: Vec<Option<Offset>>,
    checkpoint: Box<dyn Checkpoint>,
    scratch: Vec<Record>,
}

/// How far a standby is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandbyStep {
    /// Records that were taken over.
    pub records: u64,
    /// Records that are still to come, about; 0 only if there are none.
    pub behind: u64,
}

impl Standby {
    /// Opens the task's checkpoint in `place`. One that is older than `age_max`, or stands for more than the
    /// changelogs hold, is thrown away, as a worker would.
    ///
    /// # Errors
    /// When the checkpoint or the log cannot be read.
    ///
    /// # Panics
    /// When the topology has no such sub-topology.
    pub fn open(
        topology: &Topology,
        application: &str,
        task: &TaskId,
        place: &dyn Checkpoints,
        log: &dyn Log,
        (now, age_max): (Timestamp, Duration),
    ) -> Result<Self, StandbyError> {
        let names = Self::stores(topology, task).expect("a task is of a sub-topology of its topology");
        let changelogs: Vec<TopicPartition> = names
            .iter()
            .map(|name| TopicPartition { topic: changelog_topic(application, name), partition: task.partition })
            .collect();
        let mut checkpoint = place.open(task, &names)?;
        let next: Vec<Option<Offset>> = (0..names.len()).map(|store| checkpoint.position(store)).collect();
        let is_old = checkpoint.committed_at().is_some_and(|at| now.millis_since(at) > age_max.as_millis() as i64);
        let ends = log.written_ends(&changelogs)?;
        let is_ahead = next.iter().zip(ends).any(|(next, end)| next.is_some_and(|next| next > end));
        let next = if is_old || is_ahead || has_unplaced(checkpoint.reader()?.as_ref(), &next)? {
            checkpoint.clear()?;
            vec![None; names.len()]
        } else {
            next
        };
        Ok(Self { changelogs, next, checkpoint, scratch: Vec::new() })
    }

    /// The stores of a task, those of the runtime included, in the order of its checkpoint; nothing where the topology
    /// has no such sub-topology.
    fn stores(topology: &Topology, task: &TaskId) -> Option<Vec<String>> {
        let part = topology.sub_topologies.iter().find(|part| *part.name == *task.sub_topology)?;
        let declared = part.stores.iter().map(|store| store.name.clone());
        Some(declared.chain(internal_stores(&part.name)).collect())
    }

    /// Reads about `max_bytes` of what is new and gives it to the checkpoint; nothing while the last batch is being
    /// written.
    ///
    /// # Errors
    /// As [`Standby::open`].
    pub fn step(&mut self, log: &dyn Log, now: Timestamp, max_bytes: usize) -> Result<StandbyStep, StandbyError> {
        let positions = self.changelogs.iter().cloned().zip(self.next.iter().map(|next| next.unwrap_or_default()));
        let behind = log.behind_of(&positions.collect::<Vec<_>>())?;
        let all: u64 = behind.iter().sum();
        if self.checkpoint.is_busy()? {
            return Ok(StandbyStep { records: 0, behind: all });
        }
        let mut stores: Vec<StoreChanges> = Vec::new();
        let (mut records, mut bytes, mut newest) = (0, 0, None);
        let mut next = self.next.clone();
        for (store, changelog) in self.changelogs.iter().enumerate() {
            let mut changes = StoreChanges::default();
            if behind[store] > 0 && bytes < max_bytes {
                self.scratch.clear();
                let from = next[store].unwrap_or_default();
                let read_to = log.read(changelog, from, max_bytes - bytes, &mut self.scratch)?;
                for record in self.scratch.drain(..) {
                    records += 1;
                    newest = newest.max(Some(record.timestamp));
                    let Some(key) = record.key else { continue };
                    bytes += key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len);
                    changes.entries.push((key, record.value));
                }
                // The last value of a key is the one that counts.
                keep_last(&mut changes.entries);
                if next[store].is_none_or(|next| read_to > next) {
                    next[store] = Some(read_to);
                    changes.next_offset = next[store];
                }
            } else if behind[store] == 0 && next[store].is_none() {
                // An empty changelog is followed from its beginning.
                next[store] = Some(Offset(0));
                changes.next_offset = next[store];
            }
            stores.push(changes);
        }
        let has_moved = stores.iter().any(|changes| changes.next_offset.is_some());
        // At the end of all changelogs the checkpoint stands for this moment, whenever what came was written.
        let committed_at = if bytes < max_bytes { Some(now) } else { newest };
        if has_moved && let Some(committed_at) = committed_at {
            self.checkpoint.write(CheckpointBatch { stores, committed_at })?;
            self.next = next;
        }
        Ok(StandbyStep { records, behind: all.saturating_sub(records) })
    }

    /// Waits until what was read is written, and lets the checkpoint go.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn close(mut self) -> Result<(), StandbyError> {
        Ok(self.checkpoint.finish()?)
    }
}

/// Whether a checkpoint has entries of a store without the changelog's offset that they stand for: the store is
/// replayed whole, and they would come up again where it does not have them.
pub(crate) fn has_unplaced(
    reader: &dyn CheckpointReader,
    positions: &[Option<Offset>],
) -> Result<bool, CheckpointError> {
    for store in (0..positions.len()).filter(|store| positions[*store].is_none()) {
        let mut has_any = false;
        reader.load(store, None, 1, &mut |_, _| has_any = true)?;
        if has_any {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Of each key the last entry, in the order of keys.
fn keep_last(entries: &mut Vec<(bytes::Bytes, Option<bytes::Bytes>)>) {
    entries.reverse();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    entries.dedup_by(|later, kept| later.0 == kept.0);
}
