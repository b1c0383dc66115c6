//! What a member reads: its partitions, and where each begins.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::{Offset, TopicPartition};

use super::assignment::{MemberContext, Place, list_of};

struct Reading {
    place: Place,
    /// The next offset to read as long as nothing was taken off since reading began here.
    start: Offset,
}

/// The partitions of a member, by the hub's names.
#[derive(Default)]
pub(super) struct Assigned(BTreeMap<TopicPartition, Reading>);

impl Assigned {
    /// A partition is read from here on.
    pub(super) fn begin(&mut self, partition: TopicPartition, place: Place, start: Offset) {
        self.0.insert(partition, Reading { place, start });
    }

    /// It was told to read on from here.
    pub(super) fn moved(&mut self, partition: &TopicPartition, start: Offset) {
        if let Some(reading) = self.0.get_mut(partition) {
            reading.start = start;
        }
    }

    pub(super) fn give_back(&mut self, places: &[Place]) {
        self.0.retain(|_, reading| !places.contains(&reading.place));
    }

    pub(super) fn contains(&self, partition: &TopicPartition) -> bool {
        self.0.contains_key(partition)
    }

    /// A partition by the broker's name.
    pub(super) fn place(&self, partition: &TopicPartition) -> Option<&Place> {
        Some(&self.0.get(partition)?.place)
    }

    /// Reads nothing of these until they [`go on`](Self::go_on). What was fetched of them is fetched again then.
    pub(super) fn rest(
        &self,
        consumer: &BaseConsumer<MemberContext>,
        partitions: &[TopicPartition],
    ) -> KafkaResult<()> {
        let places: Vec<_> = partitions.iter().filter_map(|partition| self.place(partition)).collect();
        if places.is_empty() { Ok(()) } else { consumer.pause(&list_of(places)) }
    }

    /// Reads on in these.
    ///
    /// Where all partitions of a broker have rested, the client (librdkafka 2.12) looks after them once a second only, and
    /// resuming them does not wake it. A seek does, and to the place where they would be read on it changes nothing else.
    pub(super) fn go_on(
        &mut self,
        consumer: &BaseConsumer<MemberContext>,
        partitions: &[TopicPartition],
    ) -> KafkaResult<()> {
        let taken = consumer.position()?;
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let Some(Reading { place: (topic, number), start }) = self.0.get_mut(partition) else { continue };
            // The client tells of no place until something was taken off since the last seek.
            if let Some(RawOffset::Offset(next)) = taken.find_partition(topic, *number).map(|element| element.offset())
            {
                *start = Offset(next);
            }
            list.add_partition_offset(topic, *number, RawOffset::Offset(start.0.max(0)))?;
        }
        if list.count() > 0 {
            consumer.resume(&list)?;
            // Nobody waits for the answer: what is not read any more needs none.
            consumer.seek_partitions(list, Duration::ZERO)?;
        }
        Ok(())
    }
}
