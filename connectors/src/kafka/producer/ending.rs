//! The end of a transaction: what it asks for, and how to find out where nobody said.

use std::mem;

use rdkafka::producer::Producer as _;
use topology::{Commit, LogError, Offset, Position, TopicPartition};

use super::KafkaProducer;
use super::finish::{Fate, Going};
use crate::kafka::native::Group;

impl KafkaProducer {
    /// What goes with the open transaction; or how it ends without being sent on its way.
    pub(super) fn prepare(
        &mut self,
        group: Result<Option<Group>, Commit>,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Result<Going, Commit>, LogError> {
        if self.committing.is_some() || self.committed_meanwhile.is_some() {
            return Err(LogError::Corrupt("a commit was asked for before the one before it had ended".to_owned()));
        }
        if !self.is_open && positions.is_empty() {
            self.last.clear();
            return Ok(Err(Commit::Committed));
        }
        let offsets = match self.offsets(positions) {
            Ok(offsets) => offsets,
            Err(error) => {
                self.throw_away();
                return Err(error);
            }
        };
        let group = match group {
            Ok(group) => group,
            Err(commit) => {
                self.throw_away();
                return Ok(Err(commit));
            }
        };
        self.open()?;
        Ok(Ok(Going { group, offsets, refused: self.refused.take() }))
    }

    /// Ends the open transaction with these positions, for a member of the group or for the group as a whole.
    pub(super) fn end(
        &mut self,
        group_name: &str,
        group: Result<Option<Group>, Commit>,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Commit, LogError> {
        match self.prepare(group, positions)? {
            Ok(going) => {
                let fate = self.client().finish(going);
                self.conclude(fate, group_name, positions)
            }
            Err(commit) => Ok(commit),
        }
    }

    /// Does what the fate of the transaction asks for.
    pub(super) fn conclude(
        &mut self,
        fate: Result<Fate, LogError>,
        group: &str,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Commit, LogError> {
        match fate {
            Ok(Fate::Committed) => {
                self.last = self.places();
                self.remember(group, positions);
                self.forget();
                self.shared.health.well();
                Ok(Commit::Committed)
            }
            // Said as what it is, or this one would come back and fence its successor.
            Ok(Fate::Aborted) if self.throw_away() => Ok(Commit::Fenced),
            Ok(Fate::Aborted) => Ok(Commit::Aborted),
            Ok(Fate::Fenced) => {
                self.disconnect();
                Ok(Commit::Fenced)
            }
            Ok(Fate::Stuck) => {
                self.abandon();
                Ok(Commit::Aborted)
            }
            Ok(Fate::Unknown(why)) => {
                let resolved = self.resolve(&why, group, positions);
                if matches!(resolved, Ok(Commit::Committed)) {
                    self.remember(group, positions);
                }
                resolved
            }
            Err(error) => {
                self.throw_away();
                // A record that a broker has refused leaves a gap in the client's numbers, for which it would abort the
                // next transaction as well.
                self.disconnect();
                Err(error)
            }
        }
    }

    /// Finds out how a transaction ended whose end was asked for: a new client makes the broker end
    /// it one way or the other, and then the positions are those of after or of before.
    fn resolve(
        &mut self,
        why: &str,
        group: &str,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Commit, LogError> {
        tracing::warn!(id = &*self.id, why, "the end of a transaction was not confirmed: finding out");
        let mut last = self.places();
        self.disconnect();
        self.connect()?;
        let partitions: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let found = self.shared.positions(group, &partitions)?;
        let mut moved = false;
        for ((partition, found), (_, wanted)) in found.iter().zip(positions) {
            if found.as_ref() != Some(wanted) {
                return Ok(Commit::Aborted);
            }
            let before = self.known.get(&(group.to_owned(), partition.clone()));
            moved |= before.is_some_and(|before| before != wanted);
        }
        if moved {
            mem::swap(&mut self.last, &mut last);
            return Ok(Commit::Committed);
        }
        Err(LogError::Retriable(format!("the end of a transaction was not confirmed: {why}")))
    }

    /// Where the delivered records went.
    fn places(&mut self) -> Vec<(TopicPartition, Offset)> {
        let sent = mem::take(&mut self.sent);
        let Some(client) = &self.client else { return Vec::new() };
        client.producer.context().offsets(|offsets| {
            sent.into_iter().zip(offsets.iter().copied()).map(|(place, offset)| (place, Offset(offset))).collect()
        })
    }

    fn remember(&mut self, group: &str, positions: &[(TopicPartition, Position)]) {
        for (partition, position) in positions {
            self.known.insert((group.to_owned(), partition.clone()), position.clone());
        }
    }
}
