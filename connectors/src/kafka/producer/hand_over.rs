//! Handing records to the client.

use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use topology::{LogError, OutgoingRecord, TopicPartition};

use super::deliveries::Failed;
use super::{KafkaProducer, SERVE_EVERY, STEP, bytes_of};
use crate::delivery::http::wall_clock;
use crate::kafka::event_time;
use crate::kafka::native::{Headers, Produced, TopicHandle, produce};

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
            match self.try_to_hand_over(record, target, partition) {
                Err(RDKafkaErrorCode::QueueFull) if Instant::now() < deadline => {
                    self.client().serve();
                    self.client().signal.wait(STEP);
                }
                handed => return handed,
            }
        }
    }

    fn try_to_hand_over(
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
        let (timestamp, event_time) = event_time::on_wire(record.timestamp, wall_clock());
        let mut headers = Headers::none();
        for (name, value) in &record.headers {
            headers.add(name, value);
        }
        if let Some(event_time) = event_time {
            headers.add(event_time::HEADER, event_time.to_string().as_bytes());
        }
        let record = Produced {
            partition: partition as i32,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp,
            headers,
            opaque,
        };
        produce(rk, topic, record)
    }
}
