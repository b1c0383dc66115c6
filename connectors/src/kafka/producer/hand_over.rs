//! Handing records to the client: most by a handle of their topic, those with headers by its name.

use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use topology::{LogError, OutgoingRecord, TopicPartition};

use super::deliveries::Failed;
use super::{KafkaProducer, SERVE_EVERY, STEP, bytes_of};
use crate::kafka::native::{Produced, TopicHandle, produce};

impl KafkaProducer {
    /// Takes a record into the open transaction, and opens one where none is.
    pub(super) fn pass_on(&mut self, record: OutgoingRecord, target: usize, partition: u32) -> Result<(), LogError> {
        self.open()?;
        if self.refused.is_none()
            && let Err(code) = self.hand_over(&record, target, partition)
        {
            // The transaction is beyond saving; its commit says so, where it can be acted upon.
            let bytes = bytes_of(&record);
            self.refused = Some(Failed { code, topic: record.topic.to_string(), bytes });
        }
        self.sent.push(TopicPartition { topic: record.topic, partition });
        if self.sent.len().is_multiple_of(SERVE_EVERY) {
            self.client().serve();
        }
        Ok(())
    }

    /// Hands one record to the client, waiting for room in its queue.
    fn hand_over(&mut self, record: &OutgoingRecord, target: usize, partition: u32) -> Result<(), RDKafkaErrorCode> {
        let deadline = Instant::now() + self.shared.settings.transaction_timeout;
        loop {
            let handed = if record.headers.is_empty() {
                self.hand_over_plain(record, target, partition)
            } else {
                self.hand_over_with_headers(record, target, partition)
            };
            match handed {
                Err(RDKafkaErrorCode::QueueFull) if Instant::now() < deadline => {
                    self.client().serve();
                    self.client().signal.wait(STEP);
                }
                handed => return handed,
            }
        }
    }

    fn hand_over_plain(
        &mut self,
        record: &OutgoingRecord,
        target: usize,
        partition: u32,
    ) -> Result<(), RDKafkaErrorCode> {
        let opaque = self.round.opaque(self.sent.len());
        let client = self.client.as_mut().expect("connected by whoever opened the transaction");
        let rk = client.producer.client().native_ptr();
        if client.topics.len() <= target {
            client.topics.resize_with(target + 1, || None);
        }
        let topic = match &mut client.topics[target] {
            Some(topic) => topic,
            none => {
                let topic = TopicHandle::new(rk, self.targets.wire_name(target));
                none.insert(topic.ok_or(RDKafkaErrorCode::InvalidTopic)?)
            }
        };
        let record = Produced {
            partition: partition as i32,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: wire_time(record),
            opaque,
        };
        produce(rk, topic, &record)
    }

    /// Dead letters and the like, which are few: by the topic's name.
    fn hand_over_with_headers(
        &self,
        record: &OutgoingRecord,
        target: usize,
        partition: u32,
    ) -> Result<(), RDKafkaErrorCode> {
        let opaque = self.round.opaque(self.sent.len());
        let headers = record
            .headers
            .iter()
            .fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, (name, value)| {
                headers.insert(Header { key: name, value: Some(&value[..]) })
            });
        let mut base = BaseRecord::with_opaque_to(self.targets.wire_name(target), opaque)
            .partition(partition as i32)
            .timestamp(wire_time(record))
            .headers(headers);
        if let Some(key) = &record.key {
            base = base.key(&key[..]);
        }
        if let Some(value) = &record.value {
            base = base.payload(&value[..]);
        }
        let handed = self.client().producer.send(base);
        handed.map_err(|(error, _)| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail))
    }
}

/// A record's time. The client takes 0 for "now".
fn wire_time(record: &OutgoingRecord) -> i64 {
    record.timestamp.0.max(1)
}
