//! A member of a consumer group, used by one thread.

mod held;
mod missing;

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::{Consumer, ConsumerConfig, LogError, Membership, Offset, Poll, Position, Record, TopicPartition};

use super::assigned::Assigned;
use super::assignment::{MemberContext, Place, Rebalance, give_back, list_of, take};
use super::client::Context;
use super::ends::Spec;
use super::error::{self, Asked};
use super::frames::Incoming;
use super::native::{Group, Names, Queue, Topics, take_all};
use super::shared::Shared;
use super::signal::Signal;
use super::watchdog::Watched;
use super::{config, not_made};
use crate::unread;

/// How long to wait before a seek is tried again that came before its partition was being read.
const SEEK_PAUSE: Duration = Duration::from_millis(5);
/// For how long a seek is tried again.
const SEEK_PATIENCE: Duration = Duration::from_millis(500);
/// How long to wait before it is looked whether a schema has come.
const HELD_PAUSE: Duration = Duration::from_millis(20);

/// Who a consumer is in its group, as it is at each moment; what a [`Membership`] holds.
pub(super) struct Member(Weak<BaseConsumer<MemberContext>>);

impl Member {
    /// Its place in the group; `None` when it has none, or is gone.
    pub(super) fn place(&self) -> Option<Group> {
        let consumer = self.0.upgrade()?;
        Group::of_member(consumer.client().native_ptr())
    }
}

/// See the module.
pub(super) struct KafkaConsumer {
    shared: Arc<Shared>,
    /// Rings when records or events have come. Before the client: it goes first.
    signal: Signal,
    /// Records of all partitions, apart from the events of the group: they are taken off in batches.
    records: Arc<Queue>,
    consumer: Arc<BaseConsumer<MemberContext>>,
    group: Arc<str>,
    /// The same by the broker's name.
    wire_group: String,
    membership: Membership,
    topics: Topics,
    assigned: Assigned,
    /// Places at which there was nothing to read on.
    missing: Vec<(TopicPartition, Offset)>,
    /// Where brokers did not say where those begin.
    ask_again_at: Option<Instant>,
    /// Noted and not yet told, because something that it needs could not be asked for.
    waiting: Option<Rebalance>,
    /// Told, and to be given back when the owner polls again.
    owed: Option<Vec<Place>>,
    names: Names,
    incoming: Incoming,
    /// Records whose schema has not come yet, and what came after them in their partitions.
    held: Vec<Record>,
    /// Watches over the end of the client, which can hang. The last field: what it watches over goes before it.
    closing: Option<Watched>,
}

impl KafkaConsumer {
    pub(super) fn new(shared: Arc<Shared>, config: &ConsumerConfig) -> Result<Self, LogError> {
        let context = MemberContext::new(Context::new("consumer", &shared.settings, &shared.health));
        let wire_group = shared.wire_name(&config.group);
        let settings = config::member(&shared.settings, &wire_group, config.member);
        let consumer = BaseConsumer::from_config_and_context(&settings, context).map_err(|error| not_made(&error))?;
        let consumer = Arc::new(consumer);
        let rk = consumer.client().native_ptr();
        let records = Arc::new(Queue::new(rk));
        let events = Queue::of_member(rk)
            .ok_or_else(|| LogError::Corrupt("the client of a group has no queue of events".to_owned()))?;
        let signal = Signal::at(vec![records.clone(), Arc::new(events)]);
        let topics = Topics::new(config.topics.iter().map(|topic| (shared.wire_name(topic), topic.clone())).collect());
        consumer.subscribe(&topics.names()).map_err(|error| error::of(&error, Asked::Group(&wire_group)))?;
        let group: Arc<str> = config.group.as_str().into();
        let member: Arc<Member> = Arc::new(Member(Arc::downgrade(&consumer)));
        Ok(Self {
            membership: Membership::of_member(group.clone(), member),
            shared,
            signal,
            records,
            consumer,
            group,
            wire_group,
            topics,
            assigned: Assigned::default(),
            missing: Vec::new(),
            ask_again_at: None,
            waiting: None,
            owed: None,
            names: Names::default(),
            incoming: Incoming::default(),
            held: Vec::new(),
            closing: None,
        })
    }

    /// Gives back what the owner was told of, now that it has done with it.
    fn settle(&mut self) -> Result<(), LogError> {
        let Some(places) = &self.owed else { return Ok(()) };
        let given = self.shared.watchdog.over("giving partitions back", || give_back(&self.consumer, &list_of(places)));
        given.map_err(|error| error::of(&error, Asked::Group(&self.wire_group)))?;
        self.assigned.give_back(places);
        self.held.retain(|record| self.assigned.contains(&record.topic_partition()));
        self.owed = None;
        Ok(())
    }

    fn own(&self, place: &Place) -> Option<TopicPartition> {
        let topic = self.topics.find(&place.0)?.clone();
        Some(TopicPartition { topic, partition: place.1 as u32 })
    }

    /// Tells of a rebalance; `None` when there is nothing to tell of it.
    fn tell(&mut self, rebalance: Rebalance) -> Result<Option<Poll>, LogError> {
        match rebalance {
            Rebalance::Assign(places) => match self.assign(&places) {
                // Also that nothing is: the member has its place.
                Ok(positions) => Ok(Some(Poll::Assigned(positions))),
                Err(error) => {
                    self.waiting = Some(Rebalance::Assign(places));
                    Err(error)
                }
            },
            Rebalance::Revoke { places, lost } => {
                let gone: Vec<_> = places.iter().filter_map(|place| self.own(place)).collect();
                // Still assigned until its owner polls again: it may have to go back in them first.
                self.owed = Some(places);
                if gone.is_empty() {
                    self.settle()?;
                    return Ok(None);
                }
                tracing::info!(group = &*self.group, partitions = gone.len(), lost, "partitions are taken away");
                Ok(Some(if lost { Poll::Lost(gone) } else { Poll::Revoked(gone) }))
            }
        }
    }

    /// Takes partitions up from their committed positions.
    fn assign(&mut self, places: &[Place]) -> Result<Vec<(TopicPartition, Position)>, LogError> {
        let partitions: Vec<_> = places.iter().filter_map(|place| self.own(place)).collect();
        for partition in &partitions {
            if partition.partition >= self.shared.partitions(&partition.topic)?.1 {
                // More than there were: asked for anew, the count is refused.
                self.shared.refresh()?;
                self.shared.check(partition)?;
            }
        }
        let committed = self.shared.positions(&self.group, &partitions)?;
        let new: Vec<_> = committed
            .iter()
            .filter(|(_, position)| position.is_none())
            .map(|(partition, _)| partition.clone())
            .collect();
        let first = self.shared.offsets(&new, Spec::First)?;
        let mut list = TopicPartitionList::new();
        let mut positions = Vec::with_capacity(partitions.len());
        for (partition, position) in committed {
            let position = position.unwrap_or_else(|| {
                let start = first.iter().find(|(new, _)| *new == partition);
                start.map_or(Offset(0), |(_, offset)| *offset).into()
            });
            let (topic, number) = self.shared.place(&partition);
            if !self.records.take_from(self.consumer.client().native_ptr(), &topic, number) {
                return Err(LogError::UnknownPartition(partition));
            }
            list.add_partition_offset(&topic, number, RawOffset::Offset(position.next_offset.0.max(0)))
                .map_err(|error| error::of(&error, Asked::Partition(&partition)))?;
            positions.push((partition, position));
        }
        let taken = self.shared.watchdog.over("taking partitions", || take(&self.consumer, &list));
        taken.map_err(|error| error::of(&error, Asked::Group(&self.wire_group)))?;
        for (partition, position) in &positions {
            unread::begin(&self.group, &partition.topic);
            self.assigned.begin(partition.clone(), self.shared.place(partition), position.next_offset);
        }
        self.commit_start(&first);
        tracing::info!(group = &*self.group, partitions = positions.len(), "partitions are assigned");
        Ok(positions)
    }

    /// Takes note of what the group has to tell, and of whatever keeps the client from reading.
    fn serve(&self) -> Result<(), LogError> {
        match self.consumer.poll(Duration::ZERO) {
            None => Ok(()),
            // It is off the client's queues, so whoever went on would be without it.
            Some(Ok(_)) => Err(LogError::Corrupt("a record came past the queue that it belongs to".to_owned())),
            Some(Err(error)) => self.judge(&error),
        }
    }

    /// What to make of an error that came instead of a record.
    fn judge(&self, error: &KafkaError) -> Result<(), LogError> {
        let Some(code) = error.rdkafka_error_code() else { return Ok(()) };
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return Err(match error::of(error, Asked::Group(&self.wire_group)) {
                LogError::Retriable(why) => LogError::Corrupt(why),
                error => error,
            });
        }
        judged(&self.wire_group, code)
    }

    fn seek_once(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()> {
        let (topic, number) = self.shared.place(partition);
        let timeout = self.shared.settings.request_timeout;
        let seek = || self.consumer.seek(&topic, number, RawOffset::Offset(next.0.max(0)), timeout);
        self.shared.watchdog.over("seeking", seek)
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        let done = if paused {
            self.assigned.rest(&self.consumer, partitions)
        } else {
            self.assigned.go_on(&self.consumer, partitions)
        };
        if let Err(error) = done {
            tracing::warn!(group = &*self.group, %error, paused, "partitions could not be paused or resumed");
        }
    }
}

/// What to make of a code that came instead of a record.
fn judged(group: &str, code: RDKafkaErrorCode) -> Result<(), LogError> {
    match code {
        // Told by the context already; the client goes on trying.
        RDKafkaErrorCode::AllBrokersDown
        | RDKafkaErrorCode::BrokerTransportFailure
        | RDKafkaErrorCode::Resolve
        | RDKafkaErrorCode::SSL
        | RDKafkaErrorCode::OperationTimedOut => Ok(()),
        _ => match error::of_code(code, Asked::Group(group)) {
            denied @ LogError::Denied(_) => Err(denied),
            other => {
                tracing::warn!(group, error = %other, "the consumer was told of a fault");
                Ok(())
            }
        },
    }
}

impl Consumer for KafkaConsumer {
    fn poll(&mut self, timeout: Duration, max_bytes: usize, into: &mut Vec<Record>) -> Result<Poll, LogError> {
        self.settle()?;
        let deadline = Instant::now() + timeout;
        loop {
            self.serve()?;
            if let Some(rebalance) = self.waiting.take().or_else(|| self.consumer.context().next())
                && let Some(poll) = self.tell(rebalance)?
            {
                return Ok(poll);
            }
            self.read_past_missing()?;
            let mut faults = Vec::new();
            let Self { records, topics, names, .. } = self;
            let before = into.len();
            let taken = take_all(records, max_bytes, topics, names, into, |fault| faults.push(fault));
            self.assigned.taken(&into[before..]);
            for fault in faults {
                self.note(fault)?;
            }
            self.translate(into, before);
            if taken > 0 || into.len() > before {
                return Ok(Poll::Records);
            }
            if !self.missing.is_empty() && self.ask_again_at.is_none() {
                continue;
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                // A rebalance that this very poll has noted is told by the next one at the latest.
                return match self.consumer.context().next() {
                    Some(rebalance) => Ok(self.tell(rebalance)?.unwrap_or(Poll::Idle)),
                    None => Ok(Poll::Idle),
                };
            }
            if self.signal.waiting() == 0 {
                self.signal.wait(if self.held.is_empty() { patience } else { patience.min(HELD_PAUSE) });
            }
        }
    }

    fn seek(&mut self, partition: &TopicPartition, next: Offset) -> Result<(), LogError> {
        let place = self.assigned.place(partition).cloned();
        let place = place.ok_or_else(|| LogError::UnknownPartition(partition.clone()))?;
        self.held.retain(|record| record.topic_partition() != *partition);
        let deadline = Instant::now() + SEEK_PATIENCE;
        loop {
            match self.seek_once(partition, next) {
                Ok(()) => {
                    self.assigned.moved(partition, next);
                    return Ok(());
                }
                // What is about to be given back is not read on.
                Err(_) if self.consumer.context().is_going(&place) => return Ok(()),
                // The partition was assigned a moment ago and is not being read yet.
                Err(_) if Instant::now() < deadline => std::thread::sleep(SEEK_PAUSE),
                Err(error) => {
                    self.serve()?;
                    if self.consumer.context().is_rebalancing() {
                        return Err(LogError::Retriable(format!("seeking in {partition}: {error}")));
                    }
                    // Or not any more, because there is nothing at the place where it was.
                    return self.begin_anew(&[(partition.clone(), next)]);
                }
            }
        }
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

    fn membership(&self) -> Membership {
        self.membership.clone()
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.closing = Some(self.shared.watchdog.begin("closing a consumer"));
        self.consumer.context().close();
        if let Err(error) = self.settle() {
            tracing::debug!(%error, "partitions could not be given back before the end");
        }
        // A rebalance that was noted and not answered would hold the end up.
        while let Some(rebalance) = self.waiting.take().or_else(|| self.consumer.context().next()) {
            let (Rebalance::Assign(places) | Rebalance::Revoke { places, .. }) = rebalance;
            drop(give_back(&self.consumer, &list_of(&places)));
        }
    }
}
