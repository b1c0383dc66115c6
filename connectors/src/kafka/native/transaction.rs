//! The calls of a transactional producer. The wrapper's own commit waits for deliveries in steps
//! of 100 ms, and loses what an error says about the transaction.

use std::ffi::CString;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;

use super::{millis, text_of};

/// How a call failed, and what that means for the transaction.
#[derive(Debug)]
pub(in crate::kafka) struct TransactionError {
    pub(in crate::kafka) code: RDKafkaErrorCode,
    pub(in crate::kafka) text: String,
    /// The producer is of no more use.
    pub(in crate::kafka) is_fatal: bool,
    /// The same call may be made again.
    pub(in crate::kafka) is_retriable: bool,
    /// The transaction can only be aborted.
    pub(in crate::kafka) must_abort: bool,
}

/// A consumer's place in its group, or a group's name alone.
pub(in crate::kafka) struct Group(*mut raw::rd_kafka_consumer_group_metadata_t);

// SAFETY: the metadata belongs to no thread, is only read, and is given back once, on drop.
unsafe impl Send for Group {}
// SAFETY: as above.
unsafe impl Sync for Group {}

impl Group {
    /// A group that has no members.
    pub(in crate::kafka) fn named(name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the name is copied by the call.
        let group = unsafe { raw::rd_kafka_consumer_group_metadata_new(name.as_ptr()) };
        (!group.is_null()).then_some(Self(group))
    }

    /// The place that this consumer has now; `None` while it has none. Without that check a member
    /// that was thrown out would show an empty place, which the broker takes for a client that
    /// knows of no groups, and lets commit.
    pub(in crate::kafka) fn of_member(rk: *mut raw::rd_kafka_t) -> Option<Self> {
        // SAFETY: `rk` is alive while the caller holds its client; the copy that comes is ours.
        let group = unsafe { raw::rd_kafka_consumer_group_metadata(rk) };
        if group.is_null() {
            return None;
        }
        let group = Self(group);
        // SAFETY: ours until drop; the text is copied.
        let (generation, member) = unsafe {
            (
                raw::rd_kafka_consumer_group_metadata_generation_id(group.0),
                text_of(raw::rd_kafka_consumer_group_metadata_member_id(group.0)),
            )
        };
        (generation >= 0 && !member.is_empty()).then_some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed only here.
        unsafe { raw::rd_kafka_consumer_group_metadata_destroy(self.0) };
    }
}

/// The transactional side of a producer's handle, which its owner keeps alive.
pub(in crate::kafka) struct Transactions(pub(in crate::kafka) *mut raw::rd_kafka_t);

impl Transactions {
    /// Waits until a broker is connected, but no longer than twice the time: [`init`](Self::init) would look for one in
    /// steps of half a second.
    pub(in crate::kafka) fn meet(&self, patience: Duration) {
        // Which brokers there are. The connection that told of them is that of the bootstrap address, and ends with it.
        // SAFETY: the handle is alive; the text is ours, and given back to who made it.
        unsafe { raw::rd_kafka_mem_free(self.0, raw::rd_kafka_clusterid(self.0, millis(patience)).cast()) };
        let mut known = std::ptr::null();
        // SAFETY: the handle is alive; of no topic; what comes is ours, and destroyed once.
        unsafe {
            raw::rd_kafka_metadata(self.0, 0, std::ptr::null_mut(), &raw mut known, millis(patience));
            if !known.is_null() {
                raw::rd_kafka_metadata_destroy(known);
            }
        }
    }

    /// Fences older producers of the same id and ends what they left.
    pub(in crate::kafka) fn init(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive.
        done(unsafe { raw::rd_kafka_init_transactions(self.0, millis(timeout)) })
    }

    pub(in crate::kafka) fn begin(&self) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive.
        done(unsafe { raw::rd_kafka_begin_transaction(self.0) })
    }

    pub(in crate::kafka) fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: &Group,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive, list and group are borrowed; the call copies both.
        done(unsafe { raw::rd_kafka_send_offsets_to_transaction(self.0, offsets.ptr(), group.0, millis(timeout)) })
    }

    pub(in crate::kafka) fn commit(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive.
        done(unsafe { raw::rd_kafka_commit_transaction(self.0, millis(timeout)) })
    }

    pub(in crate::kafka) fn abort(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive.
        done(unsafe { raw::rd_kafka_abort_transaction(self.0, millis(timeout)) })
    }

    /// Sends what waits for company at once, without waiting for its delivery.
    pub(in crate::kafka) fn hurry(&self) {
        // SAFETY: the handle is alive. The answer only says that something is still under way.
        unsafe { raw::rd_kafka_flush(self.0, 1) };
    }
}

fn done(error: *mut raw::rd_kafka_error_t) -> Result<(), TransactionError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is ours, read and copied, then destroyed once.
    let told = unsafe {
        TransactionError {
            code: raw::rd_kafka_error_code(error).into(),
            text: text_of(raw::rd_kafka_error_string(error)),
            is_fatal: raw::rd_kafka_error_is_fatal(error) != 0,
            is_retriable: raw::rd_kafka_error_is_retriable(error) != 0,
            must_abort: raw::rd_kafka_error_txn_requires_abort(error) != 0,
        }
    };
    // SAFETY: as above.
    unsafe { raw::rd_kafka_error_destroy(error) };
    Err(told)
}
