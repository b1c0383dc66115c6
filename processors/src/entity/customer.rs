//! Customers (TMF629): merged, and told to the orders and tickets that ask for them.
//!
//! A question for a customer who is not known yet is kept until the customer arrives, or for as
//! long as the settings say.

use std::sync::Arc;

use bytes::Bytes;
use schemas::{Customer, CustomerEvent, Family as EventFamily, ReferenceChange, Timestamp};
use serde::{Deserialize, Serialize};
use topology::{
    Clock, Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreHandle, Timer, TopologyError,
    Verdict, decode_value, encode_value,
};

use crate::route::{EntityView, Router};

use super::dedupe::Identity;
use super::fault::{corrupt, undecodable};
use super::lookup::{Answer, Asker, LOOKUP_TOPIC, Lookup};
use super::merge::{Merged, merge_group};
use super::reference::{bare_fact, change_name};
use super::{Chance, Change, Decision, Engine, EntitySettings, Family, Head, Label, Publisher};

/// The kind in facts.
pub const KIND: &str = "customer";
/// The sink of answers for orders.
pub const ORDER_ANSWERS_SINK: &str = "order_answers";
/// The sink of answers for tickets.
pub const TICKET_ANSWERS_SINK: &str = "ticket_answers";
/// The store of questions that wait for their customer.
pub const QUESTIONS_STORE: &str = "entity.customer.questions";
/// The first byte of the timer keys of questions.
const QUESTION_TIMER: u8 = b'Q';

/// What is kept of a customer. Personal attributes are not: they only pass through to the routes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerRecord {
    /// The common beginning.
    pub head: Head,
    /// The customer, merged.
    pub customer: Customer,
    /// When its attributes were last set.
    pub since: Timestamp,
}

impl Default for CustomerRecord {
    fn default() -> Self {
        Self { head: Head::default(), customer: Customer::default(), since: Timestamp(i64::MIN) }
    }
}

/// The family of customers.
pub struct Customers {
    publisher: Publisher,
    order_answers: SinkHandle,
    ticket_answers: SinkHandle,
    questions: StoreHandle,
}

impl Customers {
    fn answer(&self, context: &mut Context<'_>, customer: &Customer, lookup: &Lookup) -> Result<(), Fault> {
        let answer = Answer {
            customer_id: customer.id.clone(),
            class: customer.class.clone(),
            circle: customer.circle.clone(),
            status: customer.status.clone(),
        };
        let sink = match lookup.asker {
            Asker::Order => self.order_answers,
            Asker::Ticket => self.ticket_answers,
        };
        let key = Bytes::copy_from_slice(lookup.entity_id.as_bytes());
        context.send(sink, Some(key), Some(encode_value(&answer)?));
        Ok(())
    }

    /// Answers all who asked before the customer was known.
    fn answer_waiting(&self, context: &mut Context<'_>, customer: &Customer) -> Result<(), Fault> {
        let prefix = [customer.id.as_bytes(), &[0]].concat();
        for (key, value) in context.prefix(self.questions, &prefix, usize::MAX) {
            let question: Question = decode_value(&value)?;
            self.answer(context, customer, &question.lookup)?;
            context.cancel(Clock::Wall, question.until, &timer_key(&key));
            context.delete(self.questions, &key);
        }
        Ok(())
    }
}

/// A question that waits for its customer.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    lookup: Lookup,
    until: Timestamp,
}

fn timer_key(question: &[u8]) -> Vec<u8> {
    [&[QUESTION_TIMER], question].concat()
}

impl Family for Customers {
    type State = CustomerRecord;
    type Event = CustomerEvent;

    const PART: &'static str = "entity.customer";

    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.order_answers = init.sink(ORDER_ANSWERS_SINK)?;
        self.ticket_answers = init.sink(TICKET_ANSWERS_SINK)?;
        self.questions = init.store(QUESTIONS_STORE)?;
        self.publisher.init(init)
    }

    fn head(state: &mut CustomerRecord) -> &mut Head {
        &mut state.head
    }

    fn decode(&self, _topic: &str, value: &[u8]) -> Result<CustomerEvent, Fault> {
        schemas::decode(value).map_err(|error| undecodable(&error))
    }

    fn label(&self, event: &CustomerEvent) -> Label {
        Label {
            entity: Bytes::copy_from_slice(event.customer.id.as_bytes()),
            identity: Identity::of(&event.envelope),
            occurred_at: event.envelope.occurred_at,
        }
    }

    fn apply(
        &mut self,
        context: &mut Context<'_>,
        state: &mut CustomerRecord,
        event: CustomerEvent,
        _chance: Chance,
    ) -> Result<Decision, Fault> {
        let CustomerEvent { envelope, change, customer: patch } = event;
        let at = envelope.occurred_at;
        if state.head.is_deleted_after(at, state.since, change == ReferenceChange::Created) {
            return Ok(Outcome::Stale.into());
        }
        let from = state.customer.status.clone();
        let was_known = state.head.known;
        let mut merged = Merged::default();
        let later = at >= state.since;
        let (customer, since) = (&mut state.customer, &mut state.since);
        merge_group!(merged, *since, at, patch => customer: status, class, circle);
        if merged.late && !merged.any {
            return Ok(Outcome::Stale.into());
        }
        if !patch.account_ids.is_empty() && (later || customer.account_ids.is_empty()) {
            customer.account_ids = patch.account_ids;
        }
        customer.id = patch.id;
        customer.extra = patch.extra;
        state.head.known = change != ReferenceChange::Deleted;
        state.head.deleted = change == ReferenceChange::Deleted;
        if state.head.deleted {
            state.since = state.since.max(at);
        }

        let mut fact = bare_fact(EventFamily::Customer, KIND, &state.customer.id, &state.head);
        fact.customer_id = Some(state.customer.id.clone());
        fact.customer_class.clone_from(&state.customer.class);
        fact.circle.clone_from(&state.customer.circle);
        fact.to_state.clone_from(&state.customer.status);
        let news = Change::new(change_name(change), from.as_deref(), from != state.customer.status, &envelope);
        self.publisher.publish(context, &mut state.head.version, news, fact, EntityView::Customer(&state.customer));
        state.customer.extra.clear();
        if !was_known && state.head.known {
            self.answer_waiting(context, &state.customer)?;
        }
        Ok(Outcome::Applied.into())
    }
}

/// The processor of `entity.customer`.
pub struct CustomerProcessor {
    engine: Engine<Customers>,
    lookup_wait_ms: i64,
}

impl CustomerProcessor {
    /// One for a task.
    pub fn new(settings: EntitySettings, routes: Arc<Router>) -> Self {
        let family = Customers {
            publisher: Publisher::new(routes),
            order_answers: SinkHandle::default(),
            ticket_answers: SinkHandle::default(),
            questions: StoreHandle::default(),
        };
        let lookup_wait_ms = settings.lookup_wait_ms;
        Self { engine: Engine::new(family, settings), lookup_wait_ms }
    }

    fn take_lookup(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let (Some(customer_id), Some(value)) = (&record.key, &record.value) else {
            return Err(corrupt("a customer's question"));
        };
        let lookup: Lookup = decode_value(value)?;
        let state = self.engine.load(context, customer_id)?;
        if state.head.known {
            self.engine.family.answer(context, &state.customer, &lookup)?;
        } else {
            let key = [customer_id.as_ref(), &[0, lookup.asker as u8], lookup.entity_id.as_bytes()].concat();
            let until = context.now().plus_millis(self.lookup_wait_ms);
            context.schedule(Clock::Wall, until, &timer_key(&key));
            context.put(self.engine.family.questions, &key, encode_value(&Question { lookup, until })?);
        }
        Ok(Outcome::Applied.into())
    }
}

impl Processor for CustomerProcessor {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.engine.init(init)
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        if record.topic.as_ref() == LOOKUP_TOPIC {
            self.take_lookup(record, context)
        } else {
            self.engine.take(record, context)
        }
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        match timer.key.split_first() {
            Some((&QUESTION_TIMER, question)) => {
                // Asked again since: that question has a timer of its own.
                if let Some(value) = context.get(self.engine.family.questions, question)
                    && decode_value::<Question>(&value)?.until <= timer.deadline
                {
                    context.delete(self.engine.family.questions, question);
                }
                Ok(())
            }
            _ => self.engine.on_timer(timer, context),
        }
    }
}
