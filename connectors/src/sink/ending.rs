//! How one record ended, as the records that say so.

use bytes::Bytes;
use schemas::{Code, DeadLetter, DeliveryOutcome, DeliveryResult, Timestamp, encode};
use topology::{Offset, OutgoingRecord, Record, TopicName, TopicPartition};

use super::{DEAD_LETTER_TOPIC, DELIVERY_TOPIC};

/// The target under which records without a configured target are counted.
pub const UNKNOWN_TARGET: &str = "(unknown)";

/// Where a record came from, and what of it a dead letter may tell.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) partition: TopicPartition,
    pub(super) offset: Offset,
    pub(super) key: Option<Bytes>,
    pub(super) payload_bytes: usize,
    /// The assignment of the partition that the record was taken in under: when the partition has
    /// been another's meanwhile, the record was taken in again.
    pub(super) assignment: u64,
}

impl Origin {
    pub(super) fn of(record: &Record, assignment: u64) -> Self {
        Self {
            assignment,
            partition: record.topic_partition(),
            offset: record.offset,
            key: record.key.clone(),
            payload_bytes: record.value.as_ref().map_or(0, Bytes::len),
        }
    }
}

/// The end of one record.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) origin: Origin,
    /// The name it is counted under.
    pub(super) counted_as: String,
    pub(super) result: DeliveryResult,
    /// `None` for a record that could not be read: nobody knows what it was about.
    pub(super) outcome: Option<DeliveryOutcome>,
    pub(super) dead_letter: Option<DeadLetter>,
}

/// Why a record was given up.
#[derive(Clone, Debug)]
pub(super) struct GivenUp {
    pub(super) code: Code,
    pub(super) detail: String,
    pub(super) attempts: u32,
    pub(super) at: Timestamp,
}

impl Origin {
    /// The dead letter of a record from here. Never with a payload: `out.*` records carry personal
    /// data, and the topic still has them.
    pub(super) fn dead_letter(&self, part: &str, why: &GivenUp) -> DeadLetter {
        DeadLetter {
            part: part.to_owned(),
            origin_topic: self.partition.topic.to_string(),
            origin_partition: self.partition.partition as i32,
            origin_offset: self.offset.0,
            code: why.code.number().to_owned(),
            reason: why.code.name().to_owned(),
            field: None,
            detail: why.detail.clone(),
            attempts: i32::try_from(why.attempts).unwrap_or(i32::MAX),
            at: why.at,
            payload_bytes: self.payload_bytes as i64,
            payload: None,
            headers: std::collections::BTreeMap::new(),
        }
    }

    /// The end of a record that cannot be read.
    pub(super) fn undecodable(self, part: &str, code: Code, detail: String, at: Timestamp) -> Ending {
        let letter = self.dead_letter(part, &GivenUp { code, detail, attempts: 0, at });
        Ending {
            origin: self,
            counted_as: UNKNOWN_TARGET.to_owned(),
            result: DeliveryResult::DeadLettered,
            outcome: None,
            dead_letter: Some(letter),
        }
    }
}

/// The topics outcomes are written to, named once.
#[derive(Clone, Debug)]
pub(super) struct OutcomeTopics {
    delivery: TopicName,
    dead_letter: TopicName,
}

impl OutcomeTopics {
    pub(super) fn new() -> Self {
        Self { delivery: DELIVERY_TOPIC.into(), dead_letter: DEAD_LETTER_TOPIC.into() }
    }

    /// Adds the records of an ending.
    pub(super) fn write(&self, ending: &Ending, into: &mut Vec<OutgoingRecord>) {
        if let Some(outcome) = &ending.outcome {
            let key = Bytes::copy_from_slice(outcome.entity_id.as_bytes());
            into.push(record(&self.delivery, Some(key), encode(outcome), outcome.finished_at));
        }
        if let Some(letter) = &ending.dead_letter {
            into.push(record(&self.dead_letter, ending.origin.key.clone(), encode(letter), letter.at));
        }
    }
}

fn record(topic: &TopicName, key: Option<Bytes>, value: Vec<u8>, timestamp: Timestamp) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.clone(),
        partition: None,
        key,
        value: Some(value.into()),
        timestamp,
        headers: Vec::new(),
    }
}
