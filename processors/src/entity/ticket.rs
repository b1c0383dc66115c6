//! Trouble tickets (TMF621): their machine, and the class of the customer who complains.

use std::sync::Arc;

use bytes::Bytes;
use schemas::{Family as EventFamily, LifecycleFact, Ticket, TicketChange, TicketEvent, TicketState, Timestamp};
use serde::{Deserialize, Serialize};
use topology::{Context, Fault, InitContext, Outcome, Processor, Record, Timer, TopologyError, Verdict};

use crate::route::{EntityView, Router};

use super::dedupe::Identity;
use super::fault::undecodable;
use super::lookup::{Answer, Asker, CustomerLink, Questions, TICKET_ANSWER_TOPIC};
use super::machine::{Machine, State};
use super::merge::{Merged, merge_group};
use super::reference::bare_fact;
use super::step::{Named, News, place};
use super::{Chance, Change, Decision, Engine, EntitySettings, Family, Flag, Gate, Head, Label, Publisher};

/// The kind in facts.
pub const KIND: &str = "ticket";

/// What is kept of a ticket. Positional: fields are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketRecord {
    /// The common beginning.
    pub head: Head,
    /// The ticket's place in its machine.
    pub machine: Machine<TicketState>,
    /// The ticket, merged; without unknown fields.
    pub ticket: Ticket,
    /// When the dates were last set.
    pub dates_since: Timestamp,
    /// When the other attributes were last set.
    pub details_since: Timestamp,
    /// When it was created, as its source says, else when first seen.
    pub created_at: Option<Timestamp>,
    /// The first date the provider promised.
    pub first_expected_at: Option<Timestamp>,
    /// Its customer.
    pub customer: CustomerLink,
}

impl Default for TicketRecord {
    fn default() -> Self {
        let never = Timestamp(i64::MIN);
        Self {
            head: Head::default(),
            machine: Machine::default(),
            ticket: Ticket::default(),
            dates_since: never,
            details_since: never,
            created_at: None,
            first_expected_at: None,
            customer: CustomerLink::default(),
        }
    }
}

impl TicketRecord {
    fn fact(&self, ticket_id: &str) -> LifecycleFact {
        let ticket = &self.ticket;
        LifecycleFact {
            to_state: self.machine.name().map(str::to_owned),
            created_at: self.created_at,
            due_at: match (ticket.requested_resolution_date, self.first_expected_at) {
                (Some(requested), Some(expected)) => Some(requested.min(expected)),
                (requested, expected) => requested.or(expected),
            },
            customer_id: ticket.customer_id.clone(),
            customer_class: self.customer.class.clone(),
            partner_ids: ticket.partner_id.iter().cloned().collect(),
            class: ticket.ticket_type.clone(),
            category: ticket.severity.clone(),
            priority: ticket.priority.clone().or_else(|| ticket.severity.clone()),
            circle: ticket.circle.clone().or_else(|| self.customer.circle.clone()),
            order_id: ticket.order_id.clone(),
            ..bare_fact(EventFamily::Ticket, KIND, ticket_id, &self.head)
        }
    }

    /// Notes times that make no sense (trap T9).
    fn check_times(&mut self, at: Timestamp) {
        let Some(created) = self.created_at else { return };
        let before = |date: Option<Timestamp>| date.is_some_and(|date| date < created);
        if at < created
            || before(self.ticket.resolution_date)
            || before(self.ticket.expected_resolution_date)
            || before(self.ticket.requested_resolution_date)
            || before(self.ticket.status_change_date)
        {
            self.head.set(Flag::SlaSuspect, true);
        }
    }

    fn merge(&mut self, patch: Ticket, at: Timestamp) -> Merged {
        let mut merged = Merged::default();
        let ticket = &mut self.ticket;
        merge_group!(merged, self.dates_since, at, patch => ticket: creation_date, requested_resolution_date,
            expected_resolution_date, resolution_date, status_change_date, status_change_reason);
        merge_group!(merged, self.details_since, at, patch => ticket: ticket_type, severity, priority, customer_id,
            partner_id, order_id, circle);
        merged.any |= !patch.extra.is_empty();
        ticket.id = patch.id;
        ticket.extra = patch.extra;
        merged
    }
}

/// The family of tickets.
pub struct Tickets {
    settings: EntitySettings,
    publisher: Publisher,
    questions: Questions,
}

impl Family for Tickets {
    type State = TicketRecord;
    type Event = TicketEvent;

    const PART: &'static str = "entity.ticket";

    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.questions.init(init)?;
        self.publisher.init(init)
    }

    fn head(state: &mut TicketRecord) -> &mut Head {
        &mut state.head
    }

    fn decode(&self, _topic: &str, value: &[u8]) -> Result<TicketEvent, Fault> {
        schemas::decode(value).map_err(|error| undecodable(&error))
    }

    fn label(&self, event: &TicketEvent) -> Label {
        Label {
            entity: Bytes::copy_from_slice(event.ticket.id.as_bytes()),
            identity: Identity::of(&event.envelope),
            occurred_at: event.envelope.occurred_at,
        }
    }

    /// A new ticket waits for its customer, whose class decides on its SLA targets.
    fn parents(
        &mut self,
        context: &mut Context<'_>,
        state: &mut TicketRecord,
        event: &TicketEvent,
    ) -> Result<Option<Gate>, Fault> {
        let Some(customer_id) = &event.ticket.customer_id else { return Ok(None) };
        let due = self.questions.ask(context, &mut state.customer, customer_id, &event.ticket.id)?;
        if state.customer.answered {
            state.head.set(Flag::CustomerUnknown, false);
        }
        let until = context.now().plus_millis(self.settings.parked_wait_ms);
        Ok((due && !state.head.known).then_some(Gate { customer: true, offerings: Vec::new(), until }))
    }

    fn apply(
        &mut self,
        context: &mut Context<'_>,
        state: &mut TicketRecord,
        event: TicketEvent,
        chance: Chance,
    ) -> Result<Decision, Fault> {
        let TicketEvent { envelope, change, ticket: mut patch } = event;
        let at = envelope.occurred_at;
        let to = patch.state.take().or((change == TicketChange::Resolved).then_some(TicketState::Resolved));
        let named = Named { news: news(change), to, initial: TicketState::Acknowledged, at };
        let step = match place(&state.machine, &state.head, named, chance, self.settings.unknown_entity) {
            Ok(step) => step,
            Err(decision) => return Ok(decision),
        };

        let from = state.machine.state;
        let moved = step.perform(&mut state.machine, &mut state.head, at);
        let late_creation = change == TicketChange::Created && !step.is_first();
        let was_adopted = state.head.has(Flag::Adopted);
        if late_creation {
            state.head.set(Flag::Adopted, false);
        }
        let ticket_id = patch.id.clone();
        let expected_on = patch.expected_resolution_date;
        let merged = state.merge(patch, at);
        state.created_at = state.ticket.creation_date.or_else(|| {
            // Of a ticket that was adopted nothing is known but when it was first heard of.
            let unsure = step.is_first() || late_creation || was_adopted;
            let first_heard = state.created_at.map_or(at, |created| created.min(at));
            if unsure { Some(first_heard) } else { state.created_at }
        });
        state.first_expected_at = state.first_expected_at.or(expected_on);
        if !moved && !merged.any {
            match change {
                TicketChange::AttributeChanged if merged.late => return Ok(Outcome::Stale.into()),
                TicketChange::Created if was_adopted => {}
                TicketChange::StatusChanged | TicketChange::Resolved | TicketChange::Created if !step.is_first() => {
                    return Ok(Outcome::Duplicate.into());
                }
                _ => {}
            }
        }
        if change == TicketChange::Deleted {
            state.head.deleted = true;
        }
        state.check_times(at);
        state.ticket.state = state.machine.state;

        let reopened = from == Some(TicketState::Resolved) && state.machine.state == Some(TicketState::InProgress);
        let name = match change {
            _ if moved && reopened => "reopened",
            TicketChange::Created if late_creation && !was_adopted => {
                if moved {
                    "state_changed"
                } else {
                    "attribute_changed"
                }
            }
            TicketChange::Created => "created",
            TicketChange::StatusChanged | TicketChange::Resolved if !moved => "attribute_changed",
            TicketChange::StatusChanged => "state_changed",
            TicketChange::Resolved => "resolved",
            TicketChange::AttributeChanged => "attribute_changed",
            TicketChange::Deleted => "deleted",
            TicketChange::InformationRequired => "information_required",
        };
        let news = Change::new(name, from.map(State::name), moved, &envelope);
        let fact = state.fact(&ticket_id);
        self.publisher.publish(context, &mut state.head.version, news, fact, EntityView::Ticket(&state.ticket));
        state.ticket.extra.clear();
        Ok(Outcome::Applied.into())
    }
}

fn news(change: TicketChange) -> News {
    match change {
        TicketChange::Created => News::Created,
        TicketChange::StatusChanged | TicketChange::Resolved => News::State,
        TicketChange::AttributeChanged => News::Attributes,
        TicketChange::Deleted | TicketChange::InformationRequired => News::Notice,
    }
}

/// The processor of `entity.ticket`.
pub struct TicketProcessor {
    engine: Engine<Tickets>,
}

impl TicketProcessor {
    /// One for a task.
    pub fn new(settings: EntitySettings, routes: Arc<Router>) -> Self {
        let family = Tickets {
            settings: settings.clone(),
            publisher: Publisher::new(routes),
            questions: Questions::new(Asker::Ticket, settings.customer_memory_ms),
        };
        Self { engine: Engine::new(family, settings) }
    }

    fn take_answer(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let answer = Answer::decode(record.value.as_ref())?;
        let Some(entity) = &record.key else { return Ok(Outcome::Filtered.into()) };
        self.engine.family.questions.remember(&answer, context.now());
        let mut state = self.engine.load(context, entity)?;
        if !state.customer.note(answer) {
            return Ok(Outcome::Stale.into());
        }
        state.head.set(Flag::CustomerUnknown, false);
        if let Some(gate) = &mut state.head.gate {
            gate.customer = false;
        } else if state.head.known {
            let news = Change {
                name: "enriched",
                from: None,
                moved: false,
                event_type: "CustomerAnswer",
                occurred_at: record.timestamp,
                ingested_at: context.now(),
            };
            let fact = state.fact(&String::from_utf8_lossy(entity));
            let publisher = &mut self.engine.family.publisher;
            publisher.publish(context, &mut state.head.version, news, fact, EntityView::Ticket(&state.ticket));
        }
        self.engine.gate_changed(context, entity, &mut state)?;
        Ok(Outcome::Applied.into())
    }
}

impl Processor for TicketProcessor {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.engine.init(init)
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        if record.topic.as_ref() == TICKET_ANSWER_TOPIC {
            self.take_answer(record, context)
        } else {
            self.engine.take(record, context)
        }
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        self.engine.on_timer(timer, context)
    }
}
