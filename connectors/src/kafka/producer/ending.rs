//! The end of a transaction: whether it came through, and how to find out where nobody said.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use topology::{Commit, LogError, Offset, Position, TopicPartition};

use super::super::error::{self, Asked};
use super::super::native::{Group, TransactionError, Transactions};
use super::KafkaProducer;
use super::deliveries::Failed;

/// How a transaction fared on the way.
enum Fate {
    Committed,
    Aborted,
    Fenced,
    /// The end was asked for and never confirmed.
    Unknown(String),
    /// Its client does not come back from a call, before the end was asked for.
    Stuck,
}

impl KafkaProducer {
    /// Carries the open transaction to its end.
    fn finish(&mut self, group: Option<Group>, offsets: TopicPartitionList) -> Result<Fate, LogError> {
        let deadline = Instant::now() + self.shared.settings.transaction_timeout;
        if !self.drain(deadline) {
            return Ok(Fate::Aborted);
        }
        let refused = self.refused.take().or_else(|| self.client().producer.context().take_failure());
        if let Some(failed) = refused {
            return self.judge_delivery(&failed);
        }
        if let Some(group) = group {
            match self.send_positions(deadline, group, offsets) {
                None => return Ok(Fate::Stuck),
                Some(Err(error)) => return self.judge(&error),
                Some(Ok(())) => {}
            }
        }
        match self.again(deadline, "committing a transaction", Transactions::commit) {
            Ok(()) => Ok(Fate::Committed),
            Err(error) if error.must_abort => self.judge(&error),
            Err(error) if self.is_fenced(error.code) => Ok(Fate::Fenced),
            Err(error) => Ok(Fate::Unknown(error.text)),
        }
    }

    /// Makes a call until it comes through, is refused, or time is over.
    pub(super) fn again(
        &self,
        deadline: Instant,
        what: &'static str,
        mut call: impl FnMut(&Transactions, Duration) -> Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let left = left.min(self.shared.settings.request_timeout);
            match self.shared.watchdog.over(what, || call(&self.transactions(), left)) {
                Err(error) if error.is_retriable && !error.must_abort && Instant::now() < deadline => {
                    self.client().serve();
                    tracing::debug!(id = self.id, what, text = error.text, "asked again");
                    self.client().signal.wait(Duration::from_millis(10));
                }
                result => return result,
            }
        }
    }

    /// Before the end was asked for nothing can have become visible.
    fn judge(&self, error: &TransactionError) -> Result<Fate, LogError> {
        if self.is_fenced(error.code) {
            return Ok(Fate::Fenced);
        }
        if let denied @ LogError::Denied(_) = error::of_code(error.code, Asked::TransactionalId(&self.id)) {
            return Err(denied);
        }
        tracing::info!(id = self.id, why = error.text, is_fatal = error.is_fatal, "a transaction is aborted");
        Ok(Fate::Aborted)
    }

    fn judge_delivery(&self, failed: &Failed) -> Result<Fate, LogError> {
        if self.is_fenced(failed.code) {
            return Ok(Fate::Fenced);
        }
        match (error::of_code(failed.code, Asked::Topic(&failed.topic)), failed.code) {
            (denied @ LogError::Denied(_), _) => Err(denied),
            (_, RDKafkaErrorCode::MessageSizeTooLarge) => {
                Err(LogError::TooLarge { bytes: failed.bytes, limit: self.shared.settings.max_record_bytes })
            }
            (_, RDKafkaErrorCode::InvalidTimestamp) => Err(LogError::Corrupt(format!(
                "topic {} refuses the time of a record: set its message.timestamp.after.max.ms higher",
                failed.topic
            ))),
            (why, _) => {
                tracing::info!(id = self.id, %why, "a transaction is aborted");
                Ok(Fate::Aborted)
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
        tracing::warn!(id = self.id, why, "the end of a transaction was not confirmed: finding out");
        let mut last = self.places();
        self.disconnect();
        self.connect()?;
        let partitions: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let found = if partitions.is_empty() { Vec::new() } else { self.shared.positions(group, &partitions)? };
        let mut moved = false;
        for ((partition, found), (_, wanted)) in found.iter().zip(positions) {
            if found.as_ref() != Some(wanted) {
                return Ok(Commit::Aborted);
            }
            let before = self.known.get(&(group.to_owned(), partition.clone()));
            moved |= before.is_some_and(|before| before != wanted);
        }
        if moved {
            std::mem::swap(&mut self.last, &mut last);
            return Ok(Commit::Committed);
        }
        Err(LogError::Retriable(format!("the end of a transaction was not confirmed: {why}")))
    }

    /// Where the delivered records went.
    fn places(&mut self) -> Vec<(TopicPartition, Offset)> {
        let sent = std::mem::take(&mut self.sent);
        let Some(client) = &self.client else { return Vec::new() };
        client.producer.context().offsets(|offsets| {
            sent.into_iter().zip(offsets.iter().copied()).map(|(place, offset)| (place, Offset(offset))).collect()
        })
    }

    /// Ends the open transaction with these positions, for a member of the group or for the group as a whole.
    pub(super) fn end(
        &mut self,
        group_name: &str,
        group: Result<Option<Group>, Commit>,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Commit, LogError> {
        if !self.is_open && positions.is_empty() {
            self.last.clear();
            return Ok(Commit::Committed);
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
                return Ok(commit);
            }
        };
        self.open()?;
        match self.finish(group, offsets) {
            Ok(Fate::Committed) => {
                self.last = self.places();
                self.remember(group_name, positions);
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
                let resolved = self.resolve(&why, group_name, positions);
                if matches!(resolved, Ok(Commit::Committed)) {
                    self.remember(group_name, positions);
                }
                resolved
            }
            Err(error) => {
                self.throw_away();
                Err(error)
            }
        }
    }

    fn remember(&mut self, group: &str, positions: &[(TopicPartition, Position)]) {
        for (partition, position) in positions {
            self.known.insert((group.to_owned(), partition.clone()), position.clone());
        }
    }
}
