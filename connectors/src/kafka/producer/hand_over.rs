//! Handing records to the client: most by a handle of their topic, those with headers by its name.

use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use topology::OutgoingRecord;

use super::{KafkaProducer, STEP};
use crate::kafka::native::{Produced, TopicHandle, produce};

impl KafkaProducer {
    /// Hands one record to the client, waiting for room in its queue.
    pub(super) fn hand_over(
        &mut self,
        record: &OutgoingRecord,
        target: usize,
        partition: u32,
    ) -> Result<(), RDKafkaErrorCode> {
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
