//! A member of a simulated group.

use std::time::Duration;

use super::SimLog;
use crate::{Consumer, LogError, Offset, Poll, Record, TopicPartition};

pub(super) struct SimConsumer {
    log: SimLog,
    group: String,
    session: u64,
}

impl SimConsumer {
    pub(super) fn new(log: SimLog, group: String, session: u64) -> Self {
        Self { log, group, session }
    }
}

impl Consumer for SimConsumer {
    fn poll(&mut self, _timeout: Duration, max_bytes: usize, into: &mut Vec<Record>) -> Result<Poll, LogError> {
        let mut state = self.log.lock();
        let per_mille = state.faults.poll;
        if state.rng.chance(per_mille) {
            state.events.polls += 1;
            return Err(LogError::Retriable("the simulated network is slow".into()));
        }
        let (group, counts) = state.group(&self.group);
        if let Some(news) = group.news(self.session, &counts) {
            return Ok(news);
        }
        let state = &mut *state;
        let Some(member) = state.groups.get_mut(&self.group).and_then(|group| group.members.get_mut(&self.session))
        else {
            return Ok(Poll::Idle);
        };
        member.turn = member.turn.wrapping_add(1);
        let reading: Vec<_> =
            member.reading.keys().filter(|partition| !member.paused.contains(*partition)).cloned().collect();
        let turn = member.turn % reading.len().max(1);
        let max_bytes = state.served_bytes(max_bytes);
        let before = into.len();
        let mut bytes = 0;
        for partition in reading[turn..].iter().chain(&reading[..turn]) {
            let end = state.look(partition)?;
            let Some(member) = state.groups.get_mut(&self.group).and_then(|group| group.members.get_mut(&self.session))
            else {
                break;
            };
            let Some(next) = member.reading.get_mut(partition) else { continue };
            let Some(records) =
                state.topics.get(&partition.topic).and_then(|topic| topic.get(partition.partition as usize))
            else {
                continue;
            };
            for record in records[..end].iter().skip(next.0.max(0) as usize) {
                if bytes >= max_bytes {
                    break;
                }
                bytes += crate::task::record_bytes(record);
                *next = record.offset.next();
                into.push(record.clone());
            }
        }
        Ok(if into.len() > before { Poll::Records } else { Poll::Idle })
    }

    fn seek(&mut self, partition: &TopicPartition, next: Offset) -> Result<(), LogError> {
        let mut state = self.log.lock();
        let per_mille = state.faults.seek;
        state.maybe_fail(per_mille, |events| &mut events.seeks)?;
        let member = state.groups.get_mut(&self.group).and_then(|group| group.members.get_mut(&self.session));
        let position = member.and_then(|member| member.reading.get_mut(partition));
        *position.ok_or_else(|| LogError::UnknownPartition(partition.clone()))? = next;
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        let mut state = self.log.lock();
        if let Some(member) = state.groups.get_mut(&self.group).and_then(|group| group.members.get_mut(&self.session)) {
            member.paused.extend(partitions.iter().cloned());
        }
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        let mut state = self.log.lock();
        if let Some(member) = state.groups.get_mut(&self.group).and_then(|group| group.members.get_mut(&self.session)) {
            member.paused.retain(|partition| !partitions.contains(partition));
        }
    }

    fn group(&self) -> &str {
        &self.group
    }
}

impl Drop for SimConsumer {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        let (group, counts) = state.group(&self.group);
        group.leave(self.session, &counts);
    }
}
