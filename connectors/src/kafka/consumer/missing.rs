//! A partition in which there is nothing at the place where it was to be read on: the broker has deleted that, as too old
//! or too much, or has lost it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _, RebalanceProtocol};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::{LogError, Offset, TopicPartition};

use super::{KafkaConsumer, judged};
use crate::kafka::ends::Spec;
use crate::kafka::error::{self, Asked};
use crate::kafka::native::Fault;

/// How soon brokers are asked again where partitions begin.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl KafkaConsumer {
    /// Takes note of what came instead of a record.
    pub(super) fn note(&mut self, fault: Fault) -> Result<(), LogError> {
        match (fault.code, fault.partition) {
            (RDKafkaErrorCode::AutoOffsetReset, Some(partition)) => {
                self.missing.push((partition, fault.at));
                Ok(())
            }
            (code, _) => judged(&self.wire_group, code),
        }
    }

    /// Commits where a group begins that has no position yet: what is deleted from there on is missing, also when the group
    /// stands still before it has read anything. Nobody's transaction can hold positions of these partitions.
    pub(super) fn commit_start(&self, start: &[(TopicPartition, Offset)]) {
        let commit = || self.consumer.commit(&self.list(start)?, CommitMode::Sync);
        if !start.is_empty()
            && let Err(error) = self.shared.watchdog.over("committing where a group begins", commit)
        {
            // It begins at the same place again, or is somebody else's by now.
            tracing::debug!(group = &*self.group, %error, "where the group begins is not committed");
        }
    }

    /// Reads on where the partitions begin by now, and tells what is missing.
    pub(super) fn read_past_missing(&mut self) -> Result<(), LogError> {
        if self.missing.is_empty() || self.ask_again_at.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        let missing = self.still_missing();
        if missing.is_empty() {
            return Ok(());
        }
        let Some(anew) = self.after(&missing)? else { return Ok(()) };
        // Whoever gets what is being taken away finds the same, and taking anything now would answer for that.
        self.serve()?;
        if self.consumer.context().is_rebalancing() {
            return Ok(());
        }
        self.missing.clear();
        for (partition, first) in &anew {
            let next = missing[partition];
            if next < *first {
                self.shared.unread.tell(&self.group, partition, next, *first);
            }
        }
        self.begin_anew(&anew)
    }

    /// The partitions that are not read on yet, and where they were to be.
    fn still_missing(&mut self) -> BTreeMap<TopicPartition, Offset> {
        let mut missing = BTreeMap::new();
        for (partition, at) in &self.missing {
            let Some(next) = self.assigned.next(partition, *at) else { continue };
            // Mostly it came before the partition was begun anew, and is read on. It may have come after, too.
            let is_old = *at >= Offset(0) && *at < next;
            if !is_old || self.seek_once(partition, next).is_err() {
                missing.insert(partition.clone(), next);
            }
        }
        self.missing.retain(|(partition, _)| missing.contains_key(partition));
        missing
    }

    /// Where partitions go on behind what is missing; `None` while the brokers do not say.
    fn after(
        &mut self,
        missing: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<Option<Vec<(TopicPartition, Offset)>>, LogError> {
        let partitions: Vec<_> = missing.keys().cloned().collect();
        let asked = self
            .shared
            .offsets(&partitions, Spec::First)
            .and_then(|first| Ok((first, self.shared.offsets(&partitions, Spec::Written)?)));
        let (first, ends) = match asked {
            Ok(answers) => answers,
            // A leader is away: the others are read on meanwhile.
            Err(LogError::Retriable(why)) => {
                tracing::debug!(group = &*self.group, why, "it is not known where partitions begin");
                self.ask_again_at = Some(Instant::now() + ASK_AGAIN);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.ask_again_at = None;
        for (partition, end) in ends {
            let next = missing[&partition];
            // No offset: the leader has other records at this place than were read, or none.
            let is_cut = self.missing.iter().any(|(cut, at)| *cut == partition && *at < Offset(0));
            if next > end || is_cut {
                return Err(LogError::PastEnd { group: self.group.to_string(), partition, next, end });
            }
        }
        let after = |(partition, first): (TopicPartition, Offset)| {
            let next = first.max(missing[&partition]);
            (partition, next)
        };
        Ok(Some(first.into_iter().map(after).collect()))
    }

    /// Reads partitions from here on that the client does not read any more, and refuses to seek in: they are taken anew,
    /// which the group does not hear of.
    pub(super) fn begin_anew(&mut self, partitions: &[(TopicPartition, Offset)]) -> Result<(), LogError> {
        for (partition, next) in partitions {
            self.assigned.moved(partition, *next);
        }
        let is_cooperative = matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        // An eager member can only take all of them at once.
        let anew = if is_cooperative { partitions.to_vec() } else { self.assigned.places() };
        let begun = self.shared.watchdog.over("beginning partitions anew", || {
            let list = self.list(&anew)?;
            if is_cooperative {
                self.consumer.incremental_unassign(&list)?;
                self.consumer.incremental_assign(&list)
            } else {
                self.consumer.assign(&list)
            }
        });
        begun.map_err(|error| error::of(&error, Asked::Group(&self.wire_group)))?;
        for (partition, next) in &anew {
            // The client lets go of our queue when it gives the partition back, which it has done by when it answers
            // this, whatever the answer is.
            drop(self.seek_once(partition, *next));
            let (topic, number) = self.shared.place(partition);
            self.records.take_from(self.consumer.client().native_ptr(), &topic, number);
        }
        self.set_paused(&self.assigned.resting(), true);
        Ok(())
    }

    /// Places in the client's words.
    fn list(&self, places: &[(TopicPartition, Offset)]) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for (partition, offset) in places {
            let (topic, number) = self.shared.place(partition);
            list.add_partition_offset(&topic, number, RawOffset::Offset(offset.0.max(0)))?;
        }
        Ok(list)
    }
}
