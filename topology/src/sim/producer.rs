//! A transactional producer of the simulated log.

use std::collections::BTreeMap;

use super::SimLog;
use super::log::State;
use crate::{
    Commit, LogError, Membership, Offset, OutgoingRecord, Position, Producer, Record, TopicPartition, partition_for_key,
};

pub(super) struct SimProducer {
    log: SimLog,
    transactional_id: String,
    epoch: u64,
    open: Vec<OutgoingRecord>,
    /// The commit under way.
    begun: Option<Begun>,
    last: Vec<(TopicPartition, Offset)>,
    /// Records without a key so far: they go round the partitions.
    keyless: u32,
}

/// A commit that has begun.
enum Begun {
    /// The broker has not done it yet, and may never where this producer goes before.
    Waiting { group: String, records: Vec<OutgoingRecord>, positions: Vec<(TopicPartition, Position)> },
    /// The broker has done it, and nobody was told so far.
    Done(Result<Commit, LogError>),
}

impl SimProducer {
    pub(super) fn new(log: SimLog, transactional_id: String, epoch: u64) -> Self {
        Self { log, transactional_id, epoch, open: Vec::new(), begun: None, last: Vec::new(), keyless: 0 }
    }

    /// The number in `<group>-<number>`, which ties a producer to its consumer.
    fn member(&self, group: &str) -> Option<u32> {
        self.transactional_id.strip_prefix(group)?.strip_prefix('-')?.parse().ok()
    }

    /// What the broker does with a transaction that is to be committed.
    fn carry_out(
        &mut self,
        group: &str,
        records: Vec<OutgoingRecord>,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Commit, LogError> {
        let log = self.log.clone();
        let mut guard = log.lock();
        let state = &mut *guard;
        if state.epochs.get(&self.transactional_id) != Some(&self.epoch) {
            state.events.fenced += 1;
            return Ok(Commit::Fenced);
        }
        let faults = state.faults;
        if state.rng.chance(faults.fence) {
            state.events.fenced += 1;
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
            state.events.aborts += 1;
            return Ok(Commit::Aborted);
        }
        if state.rng.chance(faults.failed_commit) {
            state.events.failed_commits += 1;
            return Err(LogError::Retriable("the simulated broker did not answer".into()));
        }
        self.write(state, records)?;
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
            state.events.lost_acknowledgements += 1;
            return Err(LogError::Retriable("the simulated acknowledgement was lost".into()));
        }
        Ok(Commit::Committed)
    }

    /// Appends the records to their partitions, and remembers where they went.
    fn write(&mut self, state: &mut State, records: Vec<OutgoingRecord>) -> Result<(), LogError> {
        self.last.clear();
        for record in records {
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
        Ok(())
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
        state.events.early_sends += u64::from(self.begun.is_some());
        drop(state);
        self.open.push(record);
        Ok(())
    }

    fn commit(&mut self, group: &str, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        assert!(self.begun.is_none(), "the commit before this one has ended");
        let records = std::mem::take(&mut self.open);
        self.carry_out(group, records, positions)
    }

    fn begin_commit(
        &mut self,
        member: &Membership,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Option<Commit>, LogError> {
        let (takes_time, is_done) = {
            let mut state = self.log.lock();
            let per_mille = state.faults.slow_commit;
            (state.rng.chance(per_mille), state.rng.chance(500))
        };
        if !takes_time {
            return self.commit_as(member, positions).map(Some);
        }
        assert!(self.begun.is_none(), "the commit before this one has ended");
        let (records, group) = (std::mem::take(&mut self.open), member.group());
        // Whoever crashes before it hears of the end finds the one or the other.
        self.begun = Some(if is_done {
            Begun::Done(self.carry_out(group, records, positions))
        } else {
            Begun::Waiting { group: group.to_owned(), records, positions: positions.to_vec() }
        });
        Ok(None)
    }

    fn has_commit_ended(&mut self) -> bool {
        self.log.lock().rng.chance(300)
    }

    fn end_commit(&mut self) -> Result<Commit, LogError> {
        match self.begun.take().expect("a commit was begun") {
            Begun::Done(ended) => ended,
            Begun::Waiting { group, records, positions } => self.carry_out(&group, records, &positions),
        }
    }

    fn last_positions(&self) -> &[(TopicPartition, Offset)] {
        &self.last
    }

    fn abort(&mut self) {
        // Nobody hears how it ends: where the broker has not done it yet, it never does.
        self.begun = None;
        self.open.clear();
    }
}
