//! What the broker says of each record: where it went, or why it did not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::Message as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use crate::kafka::client::{Context, tell_through};

/// A record that was refused.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) code: RDKafkaErrorCode,
    pub(super) topic: String,
    pub(super) bytes: usize,
}

#[derive(Default)]
struct Told {
    /// Which transaction; reports of earlier ones are of no interest any more.
    round: u32,
    /// By the number of the record within its transaction.
    offsets: Vec<i64>,
    failed: Option<Failed>,
}

/// Which transaction of a client a record belongs to.
#[derive(Clone, Copy, Default)]
pub(super) struct Round(u32);

impl Round {
    /// What is to be given along with the record of this number.
    pub(super) fn opaque(self, number: usize) -> usize {
        ((self.0 as usize) << 32) | number
    }
}

/// The context of a producer.
pub(super) struct Deliveries {
    shared: Context,
    told: Mutex<Told>,
}

tell_through!(Deliveries, shared);

impl Deliveries {
    pub(super) fn new(shared: Context) -> Self {
        Self { shared, told: Mutex::default() }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new transaction.
    pub(super) fn begin(&self) -> Round {
        let mut told = self.told();
        told.round = told.round.wrapping_add(1);
        told.offsets.clear();
        told.failed = None;
        Round(told.round)
    }

    /// The first record that was refused.
    pub(super) fn take_failure(&self) -> Option<Failed> {
        self.told().failed.take()
    }

    /// Where the records went.
    pub(super) fn offsets<T>(&self, use_them: impl FnOnce(&[i64]) -> T) -> T {
        use_them(&self.told().offsets)
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let (round, number) = ((opaque >> 32) as u32, opaque & 0xffff_ffff);
        let mut told = self.told();
        if told.round != round {
            return;
        }
        match result {
            Ok(message) => {
                if told.offsets.len() <= number {
                    told.offsets.resize(number + 1, -1);
                }
                told.offsets[number] = message.offset();
            }
            Err((error, message)) => {
                if told.failed.is_none() {
                    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                    let bytes = message.key_len() + message.payload_len();
                    told.failed = Some(Failed { code, topic: message.topic().to_owned(), bytes });
                }
            }
        }
    }
}
