//! A partition in which there is nothing at the place where it was to be read on: the broker has deleted that, as too old
//! or too much, or has lost it.

use rdkafka::consumer::{CommitMode, Consumer as _, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::{LogError, Offset, Position, TopicPartition};

use super::{KafkaConsumer, judged};
use crate::kafka::ends::Spec;
use crate::kafka::error::{self, Asked};
use crate::kafka::native::Fault;
use crate::unread;

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

    /// Commits where reading begins of which nothing was taken: what is deleted from there on is missing, also when the
    /// group stands still before it has read anything, and what is missing is told once. No transaction that holds
    /// positions of these partitions can be open.
    pub(super) fn commit_start(&self, start: &[(TopicPartition, Position)]) {
        let commit = || {
            let mut list = TopicPartitionList::new();
            for (partition, position) in start {
                let (topic, number) = self.shared.place(partition);
                let mut place = list.add_partition(&topic, number);
                place.set_offset(RawOffset::Offset(position.next_offset.0.max(0)))?;
                if !position.metadata.is_empty() {
                    place.set_metadata(&position.metadata);
                }
            }
            self.consumer.commit(&list, CommitMode::Sync)
        };
        if !start.is_empty()
            && let Err(error) = self.shared.watchdog.over("committing where reading begins", commit)
        {
            // It begins at the same place again, or is somebody else's by now.
            tracing::debug!(group = &*self.group, %error, "where reading begins is not committed");
        }
    }

    /// Reads on where the partitions begin by now, and tells what is missing.
    pub(super) fn read_past_missing(&mut self) -> Result<(), LogError> {
        while let Some((partition, at)) = self.missing.last().cloned() {
            self.read_past(&partition, at)?;
            self.missing.pop();
        }
        Ok(())
    }

    fn read_past(&mut self, partition: &TopicPartition, at: Offset) -> Result<(), LogError> {
        let place = self.assigned.place(partition).filter(|place| !self.consumer.context().is_going(place));
        // Whoever gets it instead finds the same.
        let (Some(_), Some(next)) = (place, self.assigned.next(partition, at)) else { return Ok(()) };
        let first = self.shared.offset(partition, Spec::First)?;
        let end = self.shared.offset(partition, Spec::Written)?;
        if next > end {
            let (group, partition) = (self.group.to_string(), partition.clone());
            return Err(LogError::PastEnd { group, partition, next, end });
        }
        let committed = if self.assigned.is_untouched(partition) {
            self.shared.positions(&self.group, std::slice::from_ref(partition))?.pop()
        } else {
            None
        };
        if next.next() == first {
            // Mostly the end of a transaction, whose records were read: brokers delete those of a quiet partition too.
            tracing::info!(code = "HUB-1026", group = &*self.group, %partition, %next, "one offset was deleted unread");
        } else if next < first {
            unread::tell(&self.group, partition, next, first);
        }
        if let Some((_, Some(position))) = committed {
            // What its owner knows of later records is still true.
            self.commit_start(&[(partition.clone(), Position { next_offset: next.max(first), ..position })]);
        }
        self.begin_anew(partition, next.max(first))
    }

    /// Reads a partition from here on that the client does not read any more, and refuses to seek in: it is taken anew,
    /// which the group does not hear of.
    pub(super) fn begin_anew(&mut self, partition: &TopicPartition, next: Offset) -> Result<(), LogError> {
        self.assigned.moved(partition, next);
        let is_cooperative = matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let place = self.assigned.place(partition);
        // An eager member can only take all of them at once.
        let anew = self.assigned.places().filter(|(other, _)| !is_cooperative || Some(*other) == place);
        let anew: Vec<_> = anew.map(|(place, next)| (place.clone(), RawOffset::Offset(next.0.max(0)))).collect();
        let timeout = self.shared.settings.request_timeout;
        let begun = self.shared.watchdog.over("beginning a partition anew", || {
            let mut list = TopicPartitionList::new();
            for ((topic, number), next) in &anew {
                list.add_partition_offset(topic, *number, *next)?;
            }
            if is_cooperative {
                self.consumer.incremental_unassign(&list)?;
                self.consumer.incremental_assign(&list)?;
            } else {
                self.consumer.assign(&list)?;
            }
            for ((topic, number), next) in &anew {
                // What is fetched comes to our queue until the client has done with giving the partition back. It has
                // by when it answers this, whatever the answer is.
                drop(self.consumer.seek(topic, *number, *next, timeout));
                self.records.take_from(self.consumer.client().native_ptr(), topic, *number);
            }
            Ok(())
        });
        begun.map_err(|error: KafkaError| error::of(&error, Asked::Partition(partition)))?;
        self.set_paused(&self.assigned.resting(), true);
        Ok(())
    }
}
