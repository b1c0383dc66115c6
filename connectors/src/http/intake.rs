//! What the server asks of whoever knows the events.

use bytes::Bytes;
use schemas::{Code, Timestamp};
use topology::TopicName;

/// Decides whether an event is taken in, and where it goes. Pure: called from many threads.
pub trait Intake: Send + Sync + 'static {
    /// Reads one event. `hint` is the event type that the listener's path names.
    ///
    /// # Errors
    /// Why it is refused, without any value of it.
    fn admit(&self, body: &[u8], hint: Option<&str>, now: Timestamp) -> Result<Admitted, Refusal>;
}

/// An event that is taken in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The canonical topic.
    pub topic: TopicName,
    /// The key, by which it is partitioned.
    pub key: Bytes,
    /// The record's value.
    pub value: Bytes,
    /// The family's name, for metrics.
    pub family: &'static str,
    /// The event time.
    pub timestamp: Timestamp,
}

/// Why an event is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// The path of the field at fault.
    pub field: Option<String>,
    /// One sentence without any value of the event.
    pub detail: String,
}

impl Refusal {
    /// A refusal of a whole event.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, field: None, detail: detail.into() }
    }
}
