//! The join with customers, who are too many for a table that every worker keeps whole.
//!
//! An entity that names a customer asks on `hub.customer.lookup`, keyed by the customer; the
//! customer's task answers on the topic of the asking family, keyed by the entity, at once or when
//! the customer arrives. Both records are the hub's own, so they are MessagePack, not Avro.

use bytes::Bytes;
use hashbrown::HashMap;
use schemas::Timestamp;
use serde::{Deserialize, Serialize};
use topology::{Context, Fault, InitContext, SinkHandle, TopologyError, decode_value, encode_value};

use super::fault::corrupt;

/// The topic of questions.
pub const LOOKUP_TOPIC: &str = "hub.customer.lookup";
/// The sink of questions.
pub const LOOKUP_SINK: &str = "lookup";
/// The topic of answers for orders.
pub const ORDER_ANSWER_TOPIC: &str = "hub.customer.answer";
/// The topic of answers for tickets.
pub const TICKET_ANSWER_TOPIC: &str = "hub.customer.answer.ticket";

/// Who asks, and so where the answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asker {
    /// An order.
    Order,
    /// A ticket.
    Ticket,
}

/// A question about a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Who asks.
    pub asker: Asker,
    /// The asking entity's id.
    pub entity_id: String,
}

/// What is known of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The customer's id.
    pub customer_id: String,
    /// The class that SLA targets depend on.
    pub class: Option<String>,
    /// The licence service area.
    pub circle: Option<String>,
    /// The customer's status, as sent.
    pub status: Option<String>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// `Stop`: only the hub writes answers.
    pub fn decode(value: Option<&Bytes>) -> Result<Self, Fault> {
        decode_value(value.ok_or_else(|| corrupt("a customer's answer"))?)
    }
}

/// What an entity keeps of its customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerLink {
    /// The customer who was asked for.
    pub asked: Option<String>,
    /// Whether the answer has come.
    pub answered: bool,
    /// The customer's class.
    pub class: Option<String>,
    /// The customer's licence service area.
    pub circle: Option<String>,
}

impl CustomerLink {
    /// Notes an answer. Whether it was to the last question and tells something new.
    pub fn note(&mut self, answer: Answer) -> bool {
        if self.asked.as_ref() != Some(&answer.customer_id) {
            return false;
        }
        let new = !self.answered || self.class != answer.class || self.circle != answer.circle;
        self.answered = true;
        self.class = answer.class;
        self.circle = answer.circle;
        new
    }
}

/// Customers remembered by a task in each of two generations.
const REMEMBERED_MAX: usize = 16_384;

/// The answers of late, so that a customer's next entities need not ask and wait. In memory only:
/// what is lost is asked again, and what a customer's task said of it stays true however the
/// transaction ends that it was read in.
#[derive(Debug, Default)]
struct Memory {
    keep_ms: i64,
    newer: HashMap<String, Remembered>,
    older: HashMap<String, Remembered>,
}

#[derive(Debug)]
struct Remembered {
    class: Option<String>,
    circle: Option<String>,
    until: Timestamp,
}

impl Memory {
    fn get(&self, customer_id: &str, now: Timestamp) -> Option<&Remembered> {
        let found = self.newer.get(customer_id).or_else(|| self.older.get(customer_id));
        found.filter(|remembered| now < remembered.until)
    }

    fn put(&mut self, answer: &Answer, now: Timestamp) {
        if self.keep_ms <= 0 {
            return;
        }
        if self.newer.len() >= REMEMBERED_MAX {
            self.older = std::mem::take(&mut self.newer);
        }
        let (class, circle) = (answer.class.clone(), answer.circle.clone());
        let remembered = Remembered { class, circle, until: now.plus_millis(self.keep_ms) };
        self.newer.insert(answer.customer_id.clone(), remembered);
    }
}

/// Sends questions, and remembers the answers for a while.
#[derive(Debug)]
pub struct Questions {
    asker: Asker,
    sink: SinkHandle,
    memory: Memory,
}

impl Questions {
    /// Not connected yet: call [`init`](Self::init).
    pub fn new(asker: Asker, memory_ms: i64) -> Self {
        Self { asker, sink: SinkHandle::default(), memory: Memory { keep_ms: memory_ms, ..Memory::default() } }
    }

    /// Remembers an answer for the customer's next entities.
    pub fn remember(&mut self, answer: &Answer, now: Timestamp) {
        self.memory.put(answer, now);
    }

    /// Resolves the sink [`LOOKUP_SINK`].
    ///
    /// # Errors
    /// When it is not connected.
    pub fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.sink = init.sink(LOOKUP_SINK)?;
        Ok(())
    }

    /// Asks for a customer, unless that one was asked for already or is remembered. Whether an answer
    /// is due.
    ///
    /// # Errors
    /// `Stop` when the question cannot be written.
    pub fn ask(
        &self,
        context: &mut Context<'_>,
        link: &mut CustomerLink,
        customer_id: &str,
        entity_id: &str,
    ) -> Result<bool, Fault> {
        if link.asked.as_deref() == Some(customer_id) {
            return Ok(!link.answered);
        }
        *link = CustomerLink { asked: Some(customer_id.to_owned()), ..CustomerLink::default() };
        if let Some(Remembered { class, circle, .. }) = self.memory.get(customer_id, context.now()) {
            link.answered = true;
            link.class.clone_from(class);
            link.circle.clone_from(circle);
            return Ok(false);
        }
        let lookup = Lookup { asker: self.asker, entity_id: entity_id.to_owned() };
        context.send(self.sink, Some(Bytes::copy_from_slice(customer_id.as_bytes())), Some(encode_value(&lookup)?));
        Ok(true)
    }
}
