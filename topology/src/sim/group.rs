//! A consumer group: who owns which partition, and who shall.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Offset, Poll, Position, TopicName, TopicPartition};

/// For how many polls a member does not hear that it was thrown out.
const DEAF_POLLS: u32 = 3;

/// A member's side of the group protocol.
#[derive(Default)]
pub(super) struct Member {
    number: u32,
    topics: Vec<TopicName>,
    /// Partitions it was told of, and the next offset to read.
    pub(super) reading: BTreeMap<TopicPartition, Offset>,
    pub(super) paused: BTreeSet<TopicPartition>,
    to_assign: BTreeSet<TopicPartition>,
    to_revoke: BTreeSet<TopicPartition>,
    /// Told of the revocation; its next poll says that it has finished.
    releasing: Vec<TopicPartition>,
    kicked: bool,
    /// How many polls of a kicked member still bring nothing, not even the news: so long it goes on
    /// as if it owned what it lost.
    deaf: u32,
    /// Which partition is read first next time.
    pub(super) turn: usize,
}

/// A group with its members by session, its owners and its committed positions.
#[derive(Default)]
pub(super) struct Group {
    pub(super) members: BTreeMap<u64, Member>,
    owners: BTreeMap<TopicPartition, u64>,
    pub(super) committed: BTreeMap<TopicPartition, Position>,
}

type Counts = BTreeMap<TopicName, u32>;

impl Group {
    pub(super) fn join(&mut self, session: u64, number: u32, topics: Vec<TopicName>, counts: &Counts) {
        self.members.insert(session, Member { number, topics, ..Member::default() });
        self.rebalance(counts);
    }

    pub(super) fn leave(&mut self, session: u64, counts: &Counts) {
        self.members.remove(&session);
        self.owners.retain(|_, owner| *owner != session);
        self.rebalance(counts);
    }

    pub(super) fn kick(&mut self, number: u32, counts: &Counts) {
        for (session, member) in self.members.iter_mut().filter(|(_, member)| member.number == number) {
            member.kicked = true;
            member.deaf = DEAF_POLLS;
            member.to_assign.clear();
            member.to_revoke.clear();
            member.releasing.clear();
            self.owners.retain(|_, owner| owner != session);
        }
        self.rebalance(counts);
    }

    /// Range assignment over the live members: partition n of topics with equal counts lands on
    /// one member. A partition that has an owner is revoked first.
    fn rebalance(&mut self, counts: &Counts) {
        for (topic, count) in counts {
            let mut readers: Vec<(u32, u64)> = self
                .members
                .iter()
                .filter(|(_, member)| !member.kicked && member.topics.contains(topic))
                .map(|(session, member)| (member.number, *session))
                .collect();
            readers.sort_unstable();
            if readers.is_empty() {
                continue;
            }
            for partition in 0..*count {
                let (_, target) = readers[partition as usize * readers.len() / *count as usize];
                self.move_to(&TopicPartition { topic: topic.clone(), partition }, target);
            }
        }
    }

    fn move_to(&mut self, partition: &TopicPartition, target: u64) {
        let owner = self.owners.get(partition).copied();
        if owner == Some(target) {
            if let Some(member) = self.members.get_mut(&target) {
                member.to_revoke.remove(partition);
            }
            return;
        }
        if let Some(member) = owner.and_then(|owner| self.members.get_mut(&owner)) {
            // One that was not told yet does not need to be told of the revocation either.
            if !member.to_assign.remove(partition) {
                if !member.releasing.contains(partition) {
                    member.to_revoke.insert(partition.clone());
                }
                return;
            }
        }
        self.owners.insert(partition.clone(), target);
        if let Some(member) = self.members.get_mut(&target) {
            member.to_assign.insert(partition.clone());
        }
    }

    /// What the member has to hear before any record.
    pub(super) fn news(&mut self, session: u64, counts: &Counts) -> Option<Poll> {
        let member = self.members.get_mut(&session)?;
        if member.kicked && member.deaf > 0 {
            member.deaf -= 1;
            return Some(Poll::Idle);
        }
        if member.kicked {
            member.kicked = false;
            member.paused.clear();
            let lost: Vec<_> = std::mem::take(&mut member.reading).into_keys().collect();
            self.rebalance(counts);
            return Some(Poll::Lost(lost));
        }
        if !member.releasing.is_empty() {
            for partition in std::mem::take(&mut member.releasing) {
                member.reading.remove(&partition);
                member.paused.remove(&partition);
                self.owners.remove(&partition);
            }
            self.rebalance(counts);
        }
        let member = self.members.get_mut(&session)?;
        if !member.to_revoke.is_empty() {
            member.releasing = std::mem::take(&mut member.to_revoke).into_iter().collect();
            return Some(Poll::Revoked(member.releasing.clone()));
        }
        if member.to_assign.is_empty() {
            return None;
        }
        let assigned: Vec<_> = std::mem::take(&mut member.to_assign)
            .into_iter()
            .map(|partition| {
                let position = self.committed.get(&partition).cloned().unwrap_or_default();
                (partition, position)
            })
            .collect();
        member.reading.extend(assigned.iter().map(|(partition, position)| (partition.clone(), position.next_offset)));
        Some(Poll::Assigned(assigned))
    }

    /// Whether the member with this number may commit a position of this partition: nobody else
    /// owns it, and it was not thrown out.
    pub(super) fn may_commit(&self, number: u32, partition: &TopicPartition) -> bool {
        let mut own = self.members.iter().filter(|(_, member)| member.number == number);
        own.any(|(session, member)| {
            !member.kicked && member.reading.contains_key(partition) && self.owners.get(partition) == Some(session)
        })
    }

    /// Whether any live member reads the topic: if none does, anyone may set positions.
    pub(super) fn is_read(&self, topic: &str) -> bool {
        self.members.values().any(|member| member.topics.iter().any(|name| name.as_ref() == topic))
    }
}
