//! What the safe wrapper of librdkafka lacks: raw calls, each behind a safe function.
//!
//! The only place of the workspace with `unsafe`. Every block says why it is sound; the rules they
//! share: a handle (`rk`) outlives what is made from it because the wrapper's client, which owns
//! it, is borrowed or kept alive by whoever calls; strings go in as `CString`; what comes back is
//! copied before its owner is destroyed.

mod admin;
mod configs;
mod message;
mod produce;
mod rights;
mod transaction;

use std::ffi::{CStr, CString, c_char};
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;
use topology::LogError;

pub(super) use admin::{Admin, NewTopic};
pub(super) use message::{Fault, Names, Taken, Topics, take, take_all};
pub(super) use produce::{Headers, Produced, TopicHandle, produce};
pub(super) use rights::Rights;
pub(super) use transaction::{Group, TransactionError, Transactions};

/// An owned queue of librdkafka.
pub(super) struct Queue(*mut raw::rd_kafka_queue_t);

// SAFETY: librdkafka's queues are locked inside; the pointer is only given back once, on drop.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// The queue of one partition, which from now on gets what is fetched of it, instead of the
    /// client's one queue. To be called before the partition is assigned.
    pub(super) fn of_partition(rk: *mut raw::rd_kafka_t, topic: &str, partition: i32) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: `rk` is alive while the caller holds its client; the name is copied by the call.
        let queue = unsafe { raw::rd_kafka_queue_get_partition(rk, topic.as_ptr(), partition) };
        if queue.is_null() {
            return None;
        }
        // SAFETY: the queue was just given to us; no destination means that it is read by itself.
        unsafe { raw::rd_kafka_queue_forward(queue, std::ptr::null_mut()) };
        Some(Self(queue))
    }

    /// Lets what is fetched of a partition come to this queue, instead of the client's one queue. To be called
    /// before the partition is assigned; false where there can be no such partition.
    pub(super) fn take_from(&self, rk: *mut raw::rd_kafka_t, topic: &str, partition: i32) -> bool {
        let Some(fetched) = Self::of_partition(rk, topic, partition) else { return false };
        // SAFETY: both queues are alive; librdkafka counts the reference that the one keeps to the other.
        unsafe { raw::rd_kafka_queue_forward(fetched.0, self.0) };
        true
    }

    /// The queue of what a member of a group is told besides records.
    pub(super) fn of_member(rk: *mut raw::rd_kafka_t) -> Option<Self> {
        // SAFETY: `rk` is alive while the caller holds its client; the call adds a reference.
        let queue = unsafe { raw::rd_kafka_queue_get_consumer(rk) };
        (!queue.is_null()).then_some(Self(queue))
    }

    /// The queue of all events of a client.
    pub(super) fn main(rk: *mut raw::rd_kafka_t) -> Self {
        // SAFETY: `rk` is alive while the caller holds its client; the call adds a reference.
        Self(unsafe { raw::rd_kafka_queue_get_main(rk) })
    }

    /// A queue for answers, or for what is forwarded to it.
    pub(super) fn new(rk: *mut raw::rd_kafka_t) -> Self {
        // SAFETY: `rk` is alive while the caller holds its client.
        Self(unsafe { raw::rd_kafka_queue_new(rk) })
    }

    /// How many events wait.
    pub(super) fn length(&self) -> usize {
        // SAFETY: the queue is ours until drop.
        unsafe { raw::rd_kafka_queue_length(self.0) }
    }

    /// Waits for an event.
    fn poll(&self, timeout: Duration) -> Option<Event> {
        // SAFETY: the queue is ours until drop; the event that comes is ours to destroy.
        let event = unsafe { raw::rd_kafka_queue_poll(self.0, millis(timeout)) };
        (!event.is_null()).then_some(Event(event))
    }

    /// Calls `wake` whenever the empty queue gets something; `None` ends that.
    ///
    /// The reference must stay valid until it was ended: see [`Signal`](super::signal::Signal),
    /// which is the only caller.
    pub(super) fn on_event(&self, wake: Option<&super::signal::Bell>) {
        extern "C" fn ring(_: *mut raw::rd_kafka_t, opaque: *mut std::ffi::c_void) {
            // SAFETY: the pointer is that of a bell that `Signal` keeps until the callback is off.
            unsafe { &*opaque.cast::<super::signal::Bell>() }.ring();
        }
        let (callback, opaque): (Option<unsafe extern "C" fn(_, _)>, _) = match wake {
            Some(bell) => (Some(ring), std::ptr::from_ref(bell).cast_mut().cast()),
            None => (None, std::ptr::null_mut()),
        };
        // SAFETY: the queue is ours; librdkafka calls back under the queue's lock, so that none
        // is under way once the callback was taken off.
        unsafe { raw::rd_kafka_queue_cb_event_enable(self.0, callback, opaque) };
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed only here.
        unsafe { raw::rd_kafka_queue_destroy(self.0) };
    }
}

/// An owned event.
struct Event(*mut raw::rd_kafka_event_t);

impl Event {
    fn error(&self) -> Result<(), Failure> {
        // SAFETY: the event is ours; its text lives as long as it does, and is copied.
        let (code, text) =
            unsafe { (raw::rd_kafka_event_error(self.0), text_of(raw::rd_kafka_event_error_string(self.0))) };
        match RDKafkaErrorCode::from(code) {
            RDKafkaErrorCode::NoError => Ok(()),
            code => Err(Failure { code, text }),
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed only here.
        unsafe { raw::rd_kafka_event_destroy(self.0) };
    }
}

/// How an administrative request failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: RDKafkaErrorCode,
    pub(super) text: String,
}

impl Failure {
    /// As the port's error.
    pub(super) fn of(&self, asked: super::error::Asked<'_>) -> LogError {
        match super::error::of_code(self.code, asked) {
            LogError::Retriable(_) => LogError::Retriable(format!("{asked}: {} ({})", self.text, self.code)),
            error => error,
        }
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// A copy of a C string; empty for none.
///
/// # Safety
/// The pointer is null or points to a string that lives during the call.
unsafe fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
