//! A transactional producer of the simulated log.

use std::collections::BTreeMap;

use super::SimLog;
use crate::{Commit, LogError, Offset, OutgoingRecord, Position, Producer, Record, TopicPartition, partition_for_key};

pub(super) struct SimProducer {
    log: SimLog,
    transactional_id: String,
    epoch: u64,
    open: Vec<OutgoingRecord>,
    last: Vec<(TopicPartition, Offset)>,
    /// Records without a key so far: they go round the partitions.
    keyless: u32,
}

impl SimProducer {
    pub(super) fn new(log: SimLog, transactional_id: String, epoch: u64) -> Self {
        Self { log, transactional_id, epoch, open: Vec::new(), last: Vec::new(), keyless: 0 }
    }

    /// The number in `<group>-<number>`, which ties a producer to its consumer.
    fn member(&self, group: &str) -> Option<u32> {
        self.transactional_id.strip_prefix(group)?.strip_prefix('-')?.parse().ok()
    }
}

impl Producer for SimProducer {
    fn send(&mut self, record: OutgoingRecord) -> Result<(), LogError> {
        let mut state = self.log.lock();
        let per_mille = state.faults.send;
        state.maybe_fail(per_mille, |events| &mut events.sends)?;
        if !state.topics.contains_key(&record.topic) {
            return Err(LogError::UnknownTopic(record.topic));
        }
        drop(state);
        self.open.push(record);
        Ok(())
    }

    fn commit(&mut self, group: &str, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        let mut guard = self.log.lock();
        let state = &mut *guard;
        if state.epochs.get(&self.transactional_id) != Some(&self.epoch) {
            return Ok(Commit::Fenced);
        }
        let faults = state.faults;
        if state.rng.chance(faults.fence) {
            state.epochs.insert(self.transactional_id.clone(), self.epoch + 1);
            return Ok(Commit::Fenced);
        }
        let member = self.member(group);
        let owned = state.groups.get(group).is_none_or(|group| {
            positions.iter().all(|(partition, _)| match member {
                Some(member) => group.may_commit(member, partition),
                None => !group.is_read(&partition.topic),
            })
        });
        if !owned || state.rng.chance(faults.abort) {
            self.open.clear();
            return Ok(Commit::Aborted);
        }
        if state.rng.chance(faults.failed_commit) {
            self.open.clear();
            return Err(LogError::Retriable("the simulated broker did not answer".into()));
        }
        self.last.clear();
        for record in self.open.drain(..) {
            let Some((topic, partitions)) = state.topics.get_key_value(&record.topic) else { continue };
            let count = partitions.len() as u32;
            let partition = match (record.partition, record.key.as_deref()) {
                (Some(partition), _) => partition,
                (None, Some(key)) => partition_for_key(key, count),
                (None, None) => {
                    self.keyless = self.keyless.wrapping_add(1);
                    self.keyless % count
                }
            };
            let topic = topic.clone();
            let Some(records) =
                state.topics.get_mut(&topic).and_then(|partitions| partitions.get_mut(partition as usize))
            else {
                return Err(LogError::UnknownPartition(TopicPartition { topic, partition }));
            };
            let offset = Offset(records.len() as i64);
            let place = TopicPartition { topic: topic.clone(), partition };
            records.push(Record {
                topic,
                partition,
                offset,
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: record.headers,
            });
            self.last.push((place, offset));
        }
        // A partition's marker covers all that the transaction wrote to it.
        let mut first: BTreeMap<&TopicPartition, Offset> = BTreeMap::new();
        for (partition, offset) in &self.last {
            first.entry(partition).or_insert(*offset);
        }
        for (partition, offset) in first {
            if state.rng.chance(faults.late_marker) {
                state.delay_marker(partition, offset.0 as usize);
            }
        }
        if !positions.is_empty() {
            state.groups.entry(group.to_owned()).or_default().committed.extend(positions.iter().cloned());
        }
        if state.rng.chance(faults.lost_acknowledgement) {
            return Err(LogError::Retriable("the simulated acknowledgement was lost".into()));
        }
        Ok(Commit::Committed)
    }

    fn last_positions(&self) -> &[(TopicPartition, Offset)] {
        &self.last
    }

    fn abort(&mut self) {
        self.open.clear();
    }
}
