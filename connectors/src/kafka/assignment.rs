//! Rebalances as values: librdkafka's callback only notes them, the consumer's owner is told by poll.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;

use super::client::{Context, tell_through};

/// A partition as the broker names it.
pub(super) type Place = (String, i32);

/// What the group wants of a member. librdkafka goes on only when the answer was given.
#[derive(Debug)]
pub(super) enum Rebalance {
    /// Take these.
    Assign(Vec<Place>),
    /// Give these back; they may be another's already.
    Revoke {
        /// Which.
        places: Vec<Place>,
        /// Whether committing for them is refused by now.
        lost: bool,
    },
}

/// The context of a member.
pub(super) struct MemberContext {
    shared: Context,
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
}

tell_through!(MemberContext, shared);

impl MemberContext {
    pub(super) fn new(shared: Context) -> Self {
        Self { shared, rebalances: Mutex::default(), closing: AtomicBool::new(false) }
    }

    /// The next one that was not handled.
    pub(super) fn next(&self) -> Option<Rebalance> {
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether it is noted that this partition is to be given back.
    pub(super) fn is_going(&self, place: &Place) -> bool {
        let rebalances = self.rebalances.lock().unwrap_or_else(PoisonError::into_inner);
        rebalances.iter().any(|noted| matches!(noted, Rebalance::Revoke { places, .. } if places.contains(place)))
    }

    /// Whether something is noted that was not handled.
    pub(super) fn is_rebalancing(&self) -> bool {
        !self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// From now on everything is given back unasked: the consumer is being closed.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
            // Nothing can be done about a failure: the client is about to be destroyed.
            drop(give_back(consumer, list));
            return;
        }
        let places = list.elements().iter().map(|place| (place.topic().to_owned(), place.partition())).collect();
        let rebalance = match RDKafkaErrorCode::from(code) {
            RDKafkaErrorCode::AssignPartitions => Rebalance::Assign(places),
            _ => Rebalance::Revoke { places, lost: consumer.assignment_lost() },
        };
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }
}

/// A list of partitions without offsets.
pub(super) fn list_of<'p>(places: impl IntoIterator<Item = &'p Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}

/// Takes partitions, from the offsets in the list.
pub(super) fn take<C: ConsumerContext>(consumer: &BaseConsumer<C>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
        _ => consumer.assign(list),
    }
}

/// Gives partitions back.
pub(super) fn give_back<C: ConsumerContext>(consumer: &BaseConsumer<C>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        _ => consumer.unassign(),
    }
}
