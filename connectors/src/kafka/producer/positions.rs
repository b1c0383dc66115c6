//! Consumed positions, which go with the transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::producer::Producer as _;
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::{LogError, Position, TopicPartition};

use super::KafkaProducer;
use super::client::Client;
use crate::kafka::error::{self, Asked};
use crate::kafka::native::{Group, TransactionError, Transactions};

/// How much longer than it was told to a call may take before it is given up.
const GRACE: Duration = Duration::from_millis(500);
/// How large a note with a position may be.
const METADATA_BYTES: usize = 4_096;

impl KafkaProducer {
    /// The positions in the client's words.
    pub(super) fn offsets(&self, positions: &[(TopicPartition, Position)]) -> Result<TopicPartitionList, LogError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, position) in positions {
            let (bytes, limit) = (position.metadata.len(), METADATA_BYTES);
            if bytes > limit {
                return Err(LogError::TooLarge { bytes, limit });
            }
            let (topic, number) = self.shared.place(partition);
            let mut place = list.add_partition(&topic, number);
            place
                .set_offset(RawOffset::Offset(position.next_offset.0))
                .map_err(|error| error::of(&error, Asked::Partition(partition)))?;
            if !position.metadata.is_empty() {
                place.set_metadata(&position.metadata);
            }
        }
        Ok(list)
    }

    /// Leaves the client alone with the call that it is in; the next one fences it.
    pub(super) fn abandon(&mut self) {
        tracing::warn!(id = &*self.id, "a producer does not come back from sending positions: it is replaced");
        self.client = None;
        self.forget();
    }
}

impl Client {
    /// Adds the positions to the transaction; `None` where the call does not come back. librdkafka (2.12) looks for
    /// the group's coordinator without end once it has been told of a broker that is dead by then: it asks again only
    /// when a connection to some broker comes or goes.
    pub(super) fn send_positions(
        &self,
        deadline: Instant,
        group: Group,
        offsets: TopicPartitionList,
    ) -> Option<Result<(), TransactionError>> {
        let (group, offsets) = (Arc::new(group), Arc::new(offsets));
        let mut is_stuck = false;
        let sent = self.again(deadline, "sending positions", |_, left| {
            let (group, offsets) = (group.clone(), offsets.clone());
            let producer = self.producer.clone();
            let sent = self.aside.call(left + GRACE, move || {
                Transactions(producer.client().native_ptr()).send_offsets(&offsets, &group, left)
            });
            is_stuck = sent.is_none();
            sent.unwrap_or(Ok(()))
        });
        (!is_stuck).then_some(sent)
    }
}
