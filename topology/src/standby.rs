//! A standby: follows the changelogs of a task that another process has, into a checkpoint of its own, so that a
//! worker that takes the task over replays their tail only.

use std::time::Duration;

use schemas::Timestamp;

use crate::checkpoint::{has_unplaced, is_usable};
use crate::store::{from_sortable, sortable};
use crate::task::{STREAM_TIME, changelog_topic, internal_stores};
use crate::{
    Checkpoint, CheckpointBatch, CheckpointError, Checkpoints, Log, LogError, Offset, Record, StoreChanges, StoreKind,
    SubTopology, TaskId, TopicPartition, Topology,
};

/// A checkpoint that nothing happens to says so many times within its greatest age that it is still right.
const REFRESHES: u32 = 12;

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
    kinds: Vec<StoreKind>,
    /// The owner's, as far as it was read.
    stream_time: Option<Timestamp>,
    /// What was read of each, up to where.
    next: Vec<Option<Offset>>,
    checkpoint: Box<dyn Checkpoint>,
    /// All that was committed until then has been read. A changelog keeps deletions for a while only, so this is how
    /// old the checkpoint is, whenever its records are of.
    as_of: Timestamp,
    /// The `as_of` that the checkpoint has.
    told: Option<Timestamp>,
    age_max: Duration,
    scratch: Vec<Record>,
}

/// How far a standby is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandbyStep {
    /// Records that were taken over.
    pub records: u64,
    /// Offsets that are still to come: of records, and of the ends of transactions.
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
        let kinds = Self::kinds(topology, task);
        let mut checkpoint = place.open(task, &names)?;
        let next: Vec<Option<Offset>> = (0..names.len()).map(|store| checkpoint.position(store)).collect();
        let is_usable = is_usable(checkpoint.as_ref(), &changelogs, log, (now, age_max))?;
        let mut told = checkpoint.committed_at();
        let next = if !is_usable || has_unplaced(checkpoint.reader()?.as_ref(), &next)? {
            checkpoint.clear()?;
            told = None;
            vec![None; names.len()]
        } else {
            next
        };
        // What is read from its beginning lacks nothing that was there when that began.
        let as_of = told.unwrap_or(now);
        let scratch = Vec::new();
        Ok(Self { changelogs, kinds, stream_time: None, next, checkpoint, as_of, told, age_max, scratch })
    }

    fn part<'t>(topology: &'t Topology, task: &TaskId) -> Option<&'t SubTopology> {
        topology.sub_topologies.iter().find(|part| *part.name == *task.sub_topology)
    }

    /// The kinds of the stores that a task declares; those of the runtime follow them and expire nothing.
    fn kinds(topology: &Topology, task: &TaskId) -> Vec<StoreKind> {
        let stores = Self::part(topology, task).into_iter().flat_map(|part| &part.stores);
        stores.map(|store| store.kind.clone()).collect()
    }

    /// The stores of a task, those of the runtime included, in the order of its checkpoint; nothing where the topology
    /// has no such sub-topology.
    fn stores(topology: &Topology, task: &TaskId) -> Option<Vec<String>> {
        let part = Self::part(topology, task)?;
        let declared = part.stores.iter().map(|store| store.name.clone());
        Some(declared.chain(internal_stores(&part.name)).collect())
    }

    /// Reads about `max_bytes` of what is new and gives it to the checkpoint; nothing while the last batch is being
    /// written.
    ///
    /// # Errors
    /// As [`Standby::open`].
    pub fn step(&mut self, log: &dyn Log, now: Timestamp, max_bytes: usize) -> Result<StandbyStep, StandbyError> {
        if now.millis_since(self.as_of) > self.age_max.as_millis() as i64 {
            // Deletions may be gone from the changelogs unread: at their end it would pass for whole.
            return Err(CheckpointError("it was behind for longer than deletions are kept".to_owned()).into());
        }
        let bounds = log.bounds_of(&self.changelogs)?;
        let behind = |next: &[Option<Offset>]| -> Vec<u64> {
            let each = next.iter().zip(&bounds);
            each.map(|(next, (start, end))| (end.0 - next.unwrap_or_default().max(*start).0).max(0) as u64).collect()
        };
        let total_behind = |next: &[Option<Offset>]| behind(next).iter().sum::<u64>();
        if self.checkpoint.is_busy()? {
            return Ok(StandbyStep { records: 0, behind: total_behind(&self.next) });
        }
        let mut stores: Vec<StoreChanges> = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        let mut next = self.next.clone();
        let before = behind(&next);
        for (store, changelog) in self.changelogs.iter().enumerate() {
            let mut changes = StoreChanges::default();
            if before[store] > 0 && bytes < max_bytes {
                self.scratch.clear();
                let from = next[store].unwrap_or_default();
                let read_to = log.read(changelog, from, max_bytes - bytes, &mut self.scratch)?;
                for record in self.scratch.drain(..) {
                    records += 1;
                    let Some(key) = record.key else { continue };
                    if store + 1 == self.changelogs.len() && key == STREAM_TIME {
                        self.stream_time = record.value.as_deref().and_then(from_sortable);
                    }
                    bytes += key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len);
                    changes.entries.push((key, record.value));
                }
                // The last value of a key is the one that counts.
                keep_last(&mut changes.entries);
                if next[store].is_none_or(|next| read_to > next) {
                    next[store] = Some(read_to);
                    changes.next_offset = next[store];
                }
            } else if before[store] == 0 && next[store].is_none() {
                // An empty changelog is followed from its beginning.
                next[store] = Some(Offset(0));
                changes.next_offset = next[store];
            }
            stores.push(changes);
        }
        // What the owner lets expire leaves no tombstone: a follower sees by stream time that it is gone.
        if let Some(stream_time) = self.stream_time {
            for (changes, kind) in stores.iter_mut().zip(&self.kinds) {
                let horizon = kind.horizon(stream_time).map(sortable);
                changes.expired_before = horizon.map(|first| bytes::Bytes::copy_from_slice(&first));
            }
        }
        let has_moved = stores.iter().any(|changes| changes.next_offset.is_some());
        let left = total_behind(&next);
        let as_of = if left == 0 { self.as_of.max(now) } else { self.as_of };
        let refresh_after = (self.age_max / REFRESHES).as_millis() as i64;
        let is_stale = self.told.is_some_and(|told| as_of.millis_since(told) >= refresh_after);
        if has_moved || is_stale {
            self.checkpoint.write(CheckpointBatch { stores, committed_at: as_of })?;
            self.next = next;
            (self.as_of, self.told) = (as_of, Some(as_of));
        }
        Ok(StandbyStep { records, behind: left })
    }

    /// Waits until what was read is written, and lets the checkpoint go.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn close(mut self) -> Result<(), StandbyError> {
        Ok(self.checkpoint.finish()?)
    }
}

/// Of each key the last entry, in the order of keys.
fn keep_last(entries: &mut Vec<(bytes::Bytes, Option<bytes::Bytes>)>) {
    entries.reverse();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    entries.dedup_by(|later, kept| later.0 == kept.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{FaultPlan, MemoryCheckpoints, SimLog};
    use crate::{OutgoingRecord, StoreSpec, TopicSpec, TopologyBuilder};

    const AGE_MAX: Duration = Duration::from_hours(12);

    fn topology() -> Topology {
        let mut builder = TopologyBuilder::new();
        builder.sub_topology("part").source("in", "in").store(StoreSpec::key_value("kept"));
        builder.build().unwrap()
    }

    fn task() -> TaskId {
        TaskId { sub_topology: "part".into(), partition: 0 }
    }

    fn write(log: &SimLog, keys: std::ops::Range<u32>) {
        let mut producer = log.producer("owner").unwrap();
        for key in keys {
            let record = OutgoingRecord {
                topic: changelog_topic("app", "kept"),
                partition: Some(0),
                key: Some(key.to_string().into()),
                value: Some(bytes::Bytes::from_static(b"value")),
                // By the records' own times nothing is known: they are those of events.
                timestamp: Timestamp(i64::MAX / 2),
                headers: Vec::new(),
            };
            producer.send(record).unwrap();
        }
        producer.commit("owner", &[]).unwrap();
    }

    fn open(place: &MemoryCheckpoints, log: &SimLog, now: i64) -> Standby {
        Standby::open(&topology(), "app", &task(), place, log, (Timestamp(now), AGE_MAX)).unwrap()
    }

    /// Steps until it has read as often as it can at one time, and returns what its checkpoint says its time is.
    fn follow(
        mut standby: Standby,
        place: &MemoryCheckpoints,
        log: &SimLog,
        now: i64,
        steps: usize,
    ) -> Option<Timestamp> {
        for _ in 0..steps {
            standby.step(log, Timestamp(now), 1 << 20).unwrap();
        }
        standby.close().unwrap();
        let names = Standby::stores(&topology(), &task()).unwrap();
        place.open(&task(), &names).unwrap().committed_at()
    }

    fn changelog() -> SimLog {
        let log = SimLog::with_faults(1, FaultPlan::NONE);
        let names = Standby::stores(&topology(), &task()).unwrap();
        let topics: Vec<_> = names.iter().map(|name| TopicSpec::compact(changelog_topic("app", name), 1)).collect();
        log.ensure_topics(&topics).unwrap();
        log
    }

    #[test]
    fn a_checkpoint_is_as_old_as_the_last_time_that_all_was_read() {
        let (log, place) = (changelog(), MemoryCheckpoints::default());
        write(&log, 0..10);
        assert_eq!(follow(open(&place, &log, 1_000), &place, &log, 2_000, 30), Some(Timestamp(2_000)));
        write(&log, 10..100);
        log.set_faults(FaultPlan { short_read: 1000, ..FaultPlan::NONE });
        let partly = follow(open(&place, &log, 3_000), &place, &log, 4_000, 3);
        assert_eq!(partly, Some(Timestamp(2_000)), "deletions of the rest may go from the changelog meanwhile");
        log.set_faults(FaultPlan::NONE);
        assert_eq!(follow(open(&place, &log, 5_000), &place, &log, 6_000, 30), Some(Timestamp(6_000)));
    }

    #[test]
    fn a_standby_that_was_away_for_longer_than_deletions_are_kept_begins_anew() {
        let (log, place) = (changelog(), MemoryCheckpoints::default());
        write(&log, 0..10);
        let mut standby = open(&place, &log, 1_000);
        for _ in 0..30 {
            standby.step(&log, Timestamp(2_000), 1 << 20).unwrap();
        }
        let later = 2_000 + AGE_MAX.as_millis() as i64 + 1;
        assert!(standby.step(&log, Timestamp(later), 1 << 20).is_err());
        drop(standby);
        assert!(open(&place, &log, later).next.iter().all(Option::is_none), "what it had is thrown away");
    }

    #[test]
    fn an_empty_checkpoint_is_as_old_as_its_beginning() {
        let (log, place) = (changelog(), MemoryCheckpoints::default());
        write(&log, 0..100);
        log.set_faults(FaultPlan { short_read: 1000, ..FaultPlan::NONE });
        assert_eq!(follow(open(&place, &log, 1_000), &place, &log, 9_000, 3), Some(Timestamp(1_000)));
    }

    #[test]
    fn a_checkpoint_that_nothing_happens_to_does_not_grow_old() {
        let (log, place) = (changelog(), MemoryCheckpoints::default());
        write(&log, 0..10);
        let hours = |count: u64| Duration::from_hours(count).as_millis() as i64;
        let mut standby = open(&place, &log, 0);
        for hour in 0..24 {
            for _ in 0..10 {
                standby.step(&log, Timestamp(hours(hour)), 1 << 20).unwrap();
            }
        }
        let told = follow(standby, &place, &log, hours(24), 1).unwrap();
        assert!(told >= Timestamp(hours(22)), "{told}");
    }
}
