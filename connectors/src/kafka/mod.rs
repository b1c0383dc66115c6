//! The log port on Apache Kafka, through librdkafka.
//!
//! ```text
//!  worker thread --poll--> KafkaConsumer  (one member of the group; rebalances come in band)
//!        |                      | membership: who it is in the group, at each moment
//!        +-----commit_as--> KafkaProducer (one transactional id; positions go with the records)
//!  any thread ----read----> Readers       (cursors on partitions, without a group)
//!        +---topics, bounds, committed--> an administrative client
//! ```
//!
//! What the broker does not promise is kept from callers: a consumer that was thrown out of its group
//! cannot commit, an unknown outcome of a commit is found out, and a header whose name is no text
//! ends nobody. Timestamps before 1970-01-01T00:00:00.001Z are written as that instant.

mod assigned;
mod assignment;
mod behind;
mod client;
mod config;
mod consumer;
mod ends;
mod error;
mod event_time;
mod frames;
mod hanging;
mod health;
pub mod local;
#[allow(unsafe_code)]
mod native;
mod producer;
mod reader;
mod rights;
mod serving;
mod settings;
mod shared;
mod signal;
mod statistics;
pub mod token;
mod topics;
mod watchdog;

#[cfg(test)]
mod coordinator_test;
#[cfg(test)]
mod offsets_test;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use topology::TopicSpec;
use topology::{
    Consumer, ConsumerConfig, Log, LogError, Offset, Position, Producer, Record, TopicName, TopicPartition,
};

pub use hanging::Hanging;
pub use settings::{GroupProtocol, KafkaSettings, MAX_MESSAGE_BYTES, Sasl, Tls, Token, TokenSource};
pub use statistics::describe_metrics;
pub use topics::made_with;
pub use watchdog::OnStuck;

use crate::registry::SchemaIds;

use behind::Looks;
use consumer::KafkaConsumer;
use ends::Spec;
use error::Asked;
use hanging::HangingWatch;
use producer::KafkaProducer;
use reader::Owner;
use shared::Shared;

/// Apache Kafka as a log.
pub struct KafkaLog {
    shared: Arc<Shared>,
    hanging: Mutex<HangingWatch>,
    looks: Looks,
}

impl KafkaLog {
    /// Makes the clients; connections come when they are needed. A call that never comes back is
    /// told to `on_stuck`, which should end the process.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when librdkafka does not take the settings, [`LogError::Io`] without threads.
    pub fn open(settings: KafkaSettings, on_stuck: OnStuck) -> Result<Arc<Self>, LogError> {
        let hanging = Mutex::new(HangingWatch::new(&settings));
        Ok(Arc::new(Self { shared: Shared::open(settings, on_stuck)?, hanging, looks: Looks::default() }))
    }

    /// From now on frames on topics carry the ids of a schema registry. To be told before anything is read or
    /// written, and once.
    pub fn use_schema_ids(&self, ids: Arc<SchemaIds>) {
        // Who tells it twice would have frames of both kinds: the first one stays.
        drop(self.shared.schema_ids.set(ids));
    }

    /// Why the brokers, or the registry of the schemas, cannot be used at the moment, if so.
    pub fn trouble(&self) -> Option<String> {
        self.shared.health.trouble().or_else(|| self.shared.schema_ids.get()?.trouble())
    }

    /// Partitions of these whose readers are held up by a transaction that does not end: one that is open for longer
    /// than [`KafkaSettings::hanging_after`]. To be asked [so often](Self::hanging_every), of all partitions at once,
    /// since it tells what stands still from one look to the next.
    ///
    /// # Errors
    /// [`LogError::Retriable`] while no broker answers, [`LogError::UnknownPartition`].
    pub fn hanging(&self, partitions: &[TopicPartition]) -> Result<Vec<Hanging>, LogError> {
        // In this order: what is written in between must not look like what is held up.
        let stable = self.shared.offsets(partitions, Spec::Stable)?;
        let written = self.shared.offsets(partitions, Spec::Written)?;
        let ends = stable.into_iter().zip(written).map(|((partition, stable), (_, written))| {
            let wire = TopicPartition::new(self.shared.wire_name(&partition.topic), partition.partition);
            (wire, stable, written)
        });
        Ok(self.hanging.lock().unwrap_or_else(PoisonError::into_inner).look(ends, Instant::now()))
    }

    /// How often to ask for what hangs.
    pub fn hanging_every(&self) -> Duration {
        self.hanging.lock().unwrap_or_else(PoisonError::into_inner).every()
    }

    /// That the hub may read and write these topics, which exist. Brokers that do not tell are taken at their word
    /// when it comes to it.
    ///
    /// # Errors
    /// [`LogError::Denied`] with what is to be granted; [`LogError::Retriable`] while no broker answers.
    pub fn check_rights(&self, topics: &[TopicName]) -> Result<(), LogError> {
        rights::check(&self.shared, topics)
    }

    /// Asks the brokers for anything at all, to see whether they can be reached.
    ///
    /// # Errors
    /// [`LogError::Retriable`] while none answers, [`LogError::Denied`] when the credentials are wrong.
    pub fn ping(&self) -> Result<(), LogError> {
        self.shared.refresh().map(drop)
    }
}

impl Log for KafkaLog {
    fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        topics::ensure(&self.shared, topics)
    }

    fn topic_specs(&self, names: &[TopicName]) -> Result<Vec<TopicSpec>, LogError> {
        topics::specs(&self.shared, names)
    }

    fn change_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        topics::change(&self.shared, topics)
    }

    fn topics(&self) -> Result<Vec<(TopicName, u32)>, LogError> {
        let mut topics: Vec<_> = self.shared.refresh()?.iter().map(|(name, count)| (name.clone(), *count)).collect();
        topics.sort();
        Ok(topics)
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(Offset, Offset), LogError> {
        Ok((self.shared.offset(partition, Spec::First)?, self.shared.offset(partition, Spec::Stable)?))
    }

    fn written_end(&self, partition: &TopicPartition) -> Result<Offset, LogError> {
        self.shared.offset(partition, Spec::Written)
    }

    fn bounds_of(&self, partitions: &[TopicPartition]) -> Result<Vec<(Offset, Offset)>, LogError> {
        Ok(self.ends(partitions, Spec::First)?.into_iter().zip(self.ends(partitions, Spec::Stable)?).collect())
    }

    fn written_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<Offset>, LogError> {
        self.ends(partitions, Spec::Written)
    }

    fn is_replayed(&self, _partition: &TopicPartition, next: Offset, end: Offset) -> Result<bool, LogError> {
        // Reading gets to the end of what is decided, whatever was compacted away before it; what is
        // undecided ends by the time-out of its transaction at the latest.
        Ok(next >= end)
    }

    fn behind(&self, partition: &TopicPartition, next: Offset) -> Result<u64, LogError> {
        Ok(self.behind_of(&[(partition.clone(), next)])?.first().copied().unwrap_or_default())
    }

    fn behind_of(&self, positions: &[(TopicPartition, Offset)]) -> Result<Vec<u64>, LogError> {
        let partitions: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let bounds = self.bounds_of(&partitions)?;
        let place = |((partition, next), (start, end)): (&(TopicPartition, Offset), (Offset, Offset))| {
            ((partition.clone(), (*next).max(start)), end)
        };
        let places: Vec<_> = positions.iter().zip(bounds).map(place).collect();
        self.looks.behind(&self.shared, &places)
    }

    fn positions(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        partitions.iter().try_for_each(|partition| self.shared.check(partition))?;
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.shared.positions_of(group, partitions, false)?;
        Ok(found.into_iter().map(|(_, position)| position).collect())
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Position>, LogError> {
        self.shared.check(partition)?;
        let found = self.shared.positions(group, std::slice::from_ref(partition))?;
        Ok(found.into_iter().next().and_then(|(_, position)| position))
    }

    fn prefetch(&self, from: &[(TopicPartition, Offset)]) {
        self.shared.readers().prefetch(&self.shared, Owner::this_thread(), from);
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<Offset, LogError> {
        self.shared.check(partition)?;
        self.shared.readers().read(&self.shared, Owner::this_thread(), partition, from, max_bytes, into)
    }

    fn consumer(&self, config: ConsumerConfig) -> Result<Box<dyn Consumer>, LogError> {
        for topic in &config.topics {
            self.shared.partitions(topic)?;
        }
        Ok(Box::new(KafkaConsumer::new(self.shared.clone(), &config)?))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, LogError> {
        Ok(Box::new(KafkaProducer::new(self.shared.clone(), transactional_id)?))
    }
}

impl KafkaLog {
    /// Offsets of many partitions, in one question.
    fn ends(&self, partitions: &[TopicPartition], spec: Spec) -> Result<Vec<Offset>, LogError> {
        partitions.iter().try_for_each(|partition| self.shared.check(partition))?;
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.shared.offsets(partitions, spec)?.into_iter().map(|(_, offset)| offset).collect())
    }
}

/// The error of a client that could not be made.
fn not_made(error: &rdkafka::error::KafkaError) -> LogError {
    match error::of(error, Asked::Cluster) {
        LogError::Retriable(why) => LogError::Retriable(why),
        _ => LogError::Corrupt(format!("librdkafka does not take the settings: {error}")),
    }
}
