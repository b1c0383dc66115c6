//! Offsets of partitions, asked of their leaders.
//!
//! By the call that waits, not by the administrative one (`rd_kafka_ListOffsets`): that looks up leaders on the thread
//! of the caller, and in librdkafka 2.12 the client's own thread may end the same look-up meanwhile, when a leader
//! becomes known. The process ended by a segmentation fault then, most likely right after topics were made.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::LogError;

use super::assignment::Place;
use super::client::Context;
use super::health::Health;
use super::settings::KafkaSettings;
use super::{config, not_made};

/// Which offset of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spec {
    /// The first one kept.
    First,
    /// The one after the last record whose transaction has ended.
    Stable,
    /// The one after the last record.
    Written,
}

/// The client that sees what is not committed; made when it is needed first. All others see what is.
#[derive(Default)]
pub(super) struct Unstable(OnceLock<Arc<BaseConsumer<Context>>>);

impl Unstable {
    pub(super) fn get(
        &self,
        settings: &KafkaSettings,
        health: &Arc<Health>,
    ) -> Result<Arc<BaseConsumer<Context>>, LogError> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        let context = Context::new("admin", settings, health);
        let made = BaseConsumer::from_config_and_context(&config::unstable(settings), context);
        let made = Arc::new(made.map_err(|error| not_made(&error))?);
        Ok(self.0.get_or_init(|| made).clone())
    }

    /// Serves its events: errors, statistics, tokens.
    pub(super) fn serve(&self) {
        if let Some(client) = self.0.get() {
            drop(client.poll(Duration::ZERO));
        }
    }
}

/// Asks for offsets of places, each named once.
pub(super) fn ask(
    client: &BaseConsumer<Context>,
    places: &[Place],
    spec: Spec,
    timeout: Duration,
) -> KafkaResult<HashMap<Place, Result<i64, RDKafkaErrorCode>>> {
    let wanted = if spec == Spec::First { RawOffset::Beginning } else { RawOffset::End };
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition_offset(topic, *partition, wanted)?;
    }
    let found = client.offsets_for_times(list, timeout)?;
    let answer = |found: &TopicPartitionListElem<'_>| {
        let place = (found.topic().to_owned(), found.partition());
        let offset = match (found.error(), found.offset()) {
            (Err(KafkaError::OffsetFetch(code)), _) => Err(code),
            (_, RawOffset::Offset(offset)) => Ok(offset),
            // As it was asked for: nobody has answered.
            _ => Err(RDKafkaErrorCode::BrokerTransportFailure),
        };
        (place, offset)
    };
    Ok(found.elements().iter().map(answer).collect())
}
