//! A member of a consumer group: takes turns over its partitions, sleeps until a commit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use topology::{Consumer, ConsumerConfig, LogError, Offset, Poll, Position, Record, TopicPartition};

use super::reader::PartitionReader;
use super::shared::Shared;
use crate::unread;

/// The least a partition gets of a poll, so that many partitions do not mean tiny reads.
const SHARE_MIN: usize = 16 << 10;

/// One assigned partition.
struct Assigned {
    partition: TopicPartition,
    reader: PartitionReader,
    paused: bool,
}

/// A consumer of the embedded log.
pub(super) struct EmbeddedConsumer {
    shared: Arc<Shared>,
    group: String,
    assigned: Vec<Assigned>,
    /// Told once, by the first poll.
    announcement: Option<Vec<(TopicPartition, Position)>>,
    /// Which partition comes first next time.
    turn: usize,
}

impl EmbeddedConsumer {
    pub(super) fn new(shared: Arc<Shared>, config: ConsumerConfig) -> Result<Self, LogError> {
        let members = config.members.max(1);
        let mut assigned = Vec::new();
        let mut announcement = Vec::new();
        for name in config.topics.iter().collect::<BTreeSet<_>>() {
            let topic = shared.topic(name)?;
            unread::begin(&config.group, name);
            let manifest = shared.manifest();
            let positions = manifest.positions.get(&config.group);
            for partition in (0..topic.partitions).filter(|partition| partition % members == config.member) {
                let number = topic.first + partition;
                let start = Offset(manifest.partitions[number as usize].start());
                let position = positions.and_then(|positions| positions.get(&number)).cloned();
                let position = position.unwrap_or_else(|| start.into());
                let reader = PartitionReader::new(topic.name.clone(), partition, number, position.next_offset);
                let partition = TopicPartition { topic: topic.name.clone(), partition };
                announcement.push((partition.clone(), position));
                assigned.push(Assigned { partition, reader, paused: false });
            }
        }
        Ok(Self { shared, group: config.group, assigned, announcement: Some(announcement), turn: 0 })
    }

    /// Reads what there is, about `max_bytes`, a fair share from each partition that has some.
    fn take(&mut self, max_bytes: usize, into: &mut Vec<Record>) -> Result<bool, LogError> {
        let before = into.len();
        let ready = self.ready();
        if let Some(first) = ready.first() {
            // The first of a poll may get the most, so each is first in its turn.
            self.turn = first + 1;
        }
        let mut left = max_bytes;
        for (index, at) in ready.iter().enumerate() {
            let share = (left / (ready.len() - index)).max(SHARE_MIN).min(left.max(1));
            let reader = &mut self.assigned[*at].reader;
            left = left.saturating_sub(reader.read(&self.shared, share, into)?);
            if left == 0 {
                break;
            }
        }
        Ok(into.len() > before)
    }

    /// The partitions that have something to read, beginning with the one whose turn it is.
    fn ready(&mut self) -> Vec<usize> {
        let count = self.assigned.len();
        let manifest = self.shared.manifest();
        let has_more = |at: &usize| {
            let Assigned { reader, paused, .. } = &self.assigned[*at];
            !paused && reader.next().0 < manifest.partitions[reader.number() as usize].end
        };
        (0..count).map(|step| (self.turn + step) % count).filter(has_more).collect()
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for assigned in &mut self.assigned {
            if partitions.contains(&assigned.partition) {
                assigned.paused = paused;
            }
        }
    }
}

impl Consumer for EmbeddedConsumer {
    fn poll(&mut self, timeout: Duration, max_bytes: usize, into: &mut Vec<Record>) -> Result<Poll, LogError> {
        if let Some(positions) = self.announcement.take() {
            return Ok(Poll::Assigned(positions));
        }
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.shared.commits();
            if self.take(max_bytes, into)? {
                return Ok(Poll::Records);
            }
            if !self.shared.await_commit(seen, deadline) {
                return Ok(Poll::Idle);
            }
        }
    }

    fn seek(&mut self, partition: &TopicPartition, next: Offset) -> Result<(), LogError> {
        let found = self.assigned.iter_mut().find(|assigned| assigned.partition == *partition);
        found.ok_or_else(|| LogError::UnknownPartition(partition.clone()))?.reader.seek(next);
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, true);
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, false);
    }

    fn group(&self) -> &str {
        &self.group
    }
}
