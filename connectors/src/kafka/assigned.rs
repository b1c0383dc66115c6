//! What a member reads: its partitions, and how far each was read.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::{Offset, Record, TopicPartition};

use super::assignment::{MemberContext, Place};

struct Reading {
    place: Place,
    /// The offset after what was taken off, or where reading began.
    next: Offset,
    /// Nothing was taken off since reading began.
    is_untouched: bool,
    rests: bool,
}

/// The partitions of a member, by the hub's names.
#[derive(Default)]
pub(super) struct Assigned(BTreeMap<TopicPartition, Reading>);

impl Assigned {
    /// A partition is read from here on.
    pub(super) fn begin(&mut self, partition: TopicPartition, place: Place, next: Offset) {
        self.0.insert(partition, Reading { place, next, is_untouched: true, rests: false });
    }

    /// It was told to read on from here.
    pub(super) fn moved(&mut self, partition: &TopicPartition, next: Offset) {
        if let Some(reading) = self.0.get_mut(partition) {
            (reading.next, reading.is_untouched) = (next, true);
        }
    }

    /// These were taken off.
    pub(super) fn taken(&mut self, records: &[Record]) {
        // They come in runs.
        for run in records.chunk_by(|one, next| one.partition == next.partition && one.topic == next.topic) {
            let Some(last) = run.last() else { continue };
            if let Some(reading) = self.0.get_mut(&last.topic_partition()) {
                (reading.next, reading.is_untouched) = (last.offset.next(), false);
            }
        }
    }

    /// Where it is read on, when the client has come to this place without another record.
    pub(super) fn next(&self, partition: &TopicPartition, at: Offset) -> Option<Offset> {
        let Reading { next, is_untouched, .. } = *self.0.get(partition)?;
        Some(if is_untouched { next } else { next.max(at) })
    }

    /// Where all are read on.
    pub(super) fn places(&self) -> Vec<(TopicPartition, Offset)> {
        self.0.iter().map(|(partition, reading)| (partition.clone(), reading.next)).collect()
    }

    /// Those that rest.
    pub(super) fn resting(&self) -> Vec<TopicPartition> {
        self.0.iter().filter(|(_, reading)| reading.rests).map(|(partition, _)| partition.clone()).collect()
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
        &mut self,
        consumer: &BaseConsumer<MemberContext>,
        partitions: &[TopicPartition],
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let Some(Reading { place: (topic, number), rests, .. }) = self.0.get_mut(partition) else { continue };
            *rests = true;
            list.add_partition(topic, *number);
        }
        if list.count() == 0 { Ok(()) } else { consumer.pause(&list) }
    }

    /// Reads on in these.
    ///
    /// Where all partitions of a broker have rested, the client (librdkafka 2.12) looks after them once a second only, and
    /// resuming them does not wake it. A seek does, and to the place where reading began it changes nothing as long as
    /// nothing was taken off: as for a task that has restored. Where something was, the client alone knows how far.
    pub(super) fn go_on(
        &mut self,
        consumer: &BaseConsumer<MemberContext>,
        partitions: &[TopicPartition],
    ) -> KafkaResult<()> {
        let (mut list, mut untouched) = (TopicPartitionList::new(), TopicPartitionList::new());
        for partition in partitions {
            let Some(reading) = self.0.get_mut(partition) else { continue };
            let (topic, number) = &reading.place;
            reading.rests = false;
            list.add_partition(topic, *number);
            if reading.is_untouched {
                untouched.add_partition_offset(topic, *number, RawOffset::Offset(reading.next.0.max(0)))?;
            }
        }
        if list.count() > 0 {
            consumer.resume(&list)?;
        }
        if untouched.count() > 0 {
            // Nobody waits for the answer: what is not read any more needs none.
            consumer.seek_partitions(untouched, Duration::ZERO)?;
        }
        Ok(())
    }
}
