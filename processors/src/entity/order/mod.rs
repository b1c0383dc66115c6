//! Product orders (TMF622): their machine, their items rolled up, the flows that fulfil them.
//!
//! A new order waits for its customer and its offerings, bounded in time, so that all its facts
//! carry what SLA targets and routes depend on. `hub.flow` and `hub.delivery` are keyed by the
//! order's id too and note what Floworx made of it.

mod cancel;
mod enrich;
mod flow;
mod merge;

use std::sync::Arc;

use bytes::Bytes;
use schemas::{
    CancelState, DeliveryOutcome, DeliveryResult, Family as EventFamily, FlowEvent, LifecycleFact, Order, OrderChange,
    OrderEvent, OrderState, Timestamp,
};
use serde::{Deserialize, Serialize};
use topology::{Context, Fault, InitContext, Outcome, Processor, Record, TableHandle, Timer, TopologyError, Verdict};

use crate::route::{EntityView, Router};

use super::dedupe::Identity;
use super::fault::undecodable;
use super::lookup::{Answer, Asker, CustomerLink, ORDER_ANSWER_TOPIC, Questions};
use super::machine::{Machine, State, Step, roll_up};
use super::reference::bare_fact;
use super::step::{Move, Named, News, place};
use super::{Chance, Change, Decision, Engine, EntitySettings, Family, Flag, Gate, Head, Label, Publisher};
use enrich::SEEN_IN_CATALOG;
use flow::FlowLink;
use merge::Times;

/// The kind in facts.
pub const KIND: &str = "order";
/// The topic of what the outside answered.
pub const DELIVERY_TOPIC: &str = "hub.delivery";

/// What is kept of an order. Positional: fields are only ever added at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// The common beginning.
    pub head: Head,
    /// The order's place in its machine.
    pub machine: Machine<OrderState>,
    /// The order, merged; without unknown fields and notices.
    pub order: Order,
    /// When each group of attributes was last set.
    pub times: Times,
    /// When it was created, as its source says, else when first seen.
    pub created_at: Option<Timestamp>,
    /// The first date the provider promised.
    pub first_expected_at: Option<Timestamp>,
    /// The SLA class of the first offering that has one.
    pub class: Option<String>,
    /// Its customer.
    pub customer: CustomerLink,
    /// The cancellation task's place in its machine.
    pub cancel: Machine<CancelState>,
    /// The flow that fulfils it.
    pub flow: Option<FlowLink>,
    /// Facts published of its flow.
    pub flow_version: i64,
    /// What Floworx calls its flow, from the delivery's answer.
    pub floworx_ref: Option<String>,
    /// The cancellation task that `cancel` is about.
    #[serde(default)]
    pub cancel_id: Option<String>,
}

impl OrderRecord {
    /// The fact's attributes, as they are now.
    fn fact(&self, order_id: &str) -> LifecycleFact {
        let order = &self.order;
        let mut partner_ids: Vec<String> = Vec::new();
        for partner in order.items.iter().filter_map(|item| item.partner_id.as_ref()) {
            if !partner_ids.contains(partner) {
                partner_ids.push(partner.clone());
            }
        }
        LifecycleFact {
            to_state: self.machine.name().map(str::to_owned),
            created_at: self.created_at,
            due_at: match (order.requested_completion_date, self.first_expected_at) {
                (Some(requested), Some(expected)) => Some(requested.min(expected)),
                (requested, expected) => requested.or(expected),
            },
            customer_id: order.customer_id.clone(),
            customer_class: self.customer.class.clone(),
            account_id: order.billing_account_id.clone(),
            partner_ids,
            class: self.class.clone(),
            category: order.category.clone(),
            priority: order.priority.clone(),
            circle: order.circle.clone().or_else(|| self.customer.circle.clone()),
            channel: order.channel.clone(),
            ..bare_fact(EventFamily::Order, KIND, order_id, &self.head)
        }
    }

    /// Notes times that make no sense (trap T9).
    fn check_times(&mut self, at: Timestamp) {
        let Some(created) = self.created_at else { return };
        let order = &self.order;
        let before = |date: Option<Timestamp>| date.is_some_and(|date| date < created);
        if at < created
            || before(order.completion_date)
            || before(order.cancellation_date)
            || before(order.expected_completion_date)
            || before(order.requested_completion_date)
        {
            self.head.set(Flag::SlaSuspect, true);
        }
    }
}

/// What comes in for an order.
#[derive(Debug)]
pub enum Event {
    /// About the order itself.
    Order(Box<OrderEvent>),
    /// About its flow.
    Flow(Box<FlowEvent>),
}

/// The family of orders.
pub struct Orders {
    settings: EntitySettings,
    publisher: Publisher,
    questions: Questions,
    catalog: TableHandle,
    partners: TableHandle,
}

impl Family for Orders {
    type State = OrderRecord;
    type Event = Event;

    const PART: &'static str = "entity.order";

    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.publisher.init(init)?;
        self.questions.init(init)?;
        self.catalog = init.table(super::catalog::TABLE)?;
        self.partners = init.table(super::partner::TABLE)?;
        Ok(())
    }

    fn head(state: &mut OrderRecord) -> &mut Head {
        &mut state.head
    }

    fn decode(&self, topic: &str, value: &[u8]) -> Result<Event, Fault> {
        if topic == EventFamily::Flow.topic() {
            schemas::decode(value).map(|event| Event::Flow(Box::new(event)))
        } else {
            schemas::decode(value).map(|event| Event::Order(Box::new(event)))
        }
        .map_err(|error| undecodable(&error))
    }

    fn label(&self, event: &Event) -> Label {
        let (id, envelope) = match event {
            Event::Order(event) => (&event.order.id, &event.envelope),
            Event::Flow(event) => (&event.order_id, &event.envelope),
        };
        Label {
            entity: Bytes::copy_from_slice(id.as_bytes()),
            identity: Identity::of(envelope),
            occurred_at: envelope.occurred_at,
        }
    }

    /// A new order waits for its customer and its offerings.
    fn parents(
        &mut self,
        context: &mut Context<'_>,
        state: &mut OrderRecord,
        event: &Event,
    ) -> Result<Option<Gate>, Fault> {
        let Event::Order(event) = event else { return Ok(None) };
        let order = &event.order;
        let customer = match &order.customer_id {
            Some(customer) => self.questions.ask(context, &mut state.customer, customer, &order.id)?,
            None => false,
        };
        if state.customer.answered {
            state.head.set(Flag::CustomerUnknown, false);
        }
        if state.head.known {
            return Ok(None);
        }
        let mut offerings = Vec::new();
        for offering in order.items.iter().filter_map(|item| item.offering_id.as_ref()) {
            if !offerings.contains(offering) && !self.has_offering(context, offering) {
                offerings.push(offering.clone());
            }
        }
        let until = context.now().plus_millis(self.settings.parked_wait_ms);
        let gate = Gate { customer, offerings, until };
        Ok((!gate.is_open()).then_some(gate))
    }

    fn has_offering(&self, context: &mut Context<'_>, offering: &str) -> bool {
        super::catalog::is_known(context, self.catalog, offering)
    }

    fn apply(
        &mut self,
        context: &mut Context<'_>,
        state: &mut OrderRecord,
        event: Event,
        chance: Chance,
    ) -> Result<Decision, Fault> {
        match event {
            Event::Order(event) => Ok(self.apply_order(context, state, *event, chance)),
            Event::Flow(event) => Ok(self.apply_flow(context, state, &event, chance)),
        }
    }
}

impl Orders {
    fn apply_order(
        &mut self,
        context: &mut Context<'_>,
        state: &mut OrderRecord,
        event: OrderEvent,
        chance: Chance,
    ) -> Decision {
        let OrderEvent { envelope, change, order: mut patch, cancel } = event;
        let at = envelope.occurred_at;
        let named = Named { news: news(change), to: patch.state.take(), initial: OrderState::Acknowledged, at };
        let step = match place(&state.machine, &state.head, named, chance, self.settings.unknown_entity) {
            Ok(step) => step,
            Err(decision) => return decision,
        };

        if matches!(step, Move::To(OrderState::AssessingCancellation)) && state.is_denied_since(at) {
            // The denial overtook the assessment: the order is back where it came from already.
            return Outcome::Stale.into();
        }

        let from = state.machine.state;
        let mut moved = step.perform(&mut state.machine, &mut state.head, at);
        let late_creation = change == OrderChange::Created && !step.is_first();
        let was_adopted = state.head.has(Flag::Adopted);
        if late_creation {
            state.head.set(Flag::Adopted, false);
        }
        let order_id = patch.id.clone();
        let expected_on = patch.expected_completion_date;
        let names_items = patch.items.iter().any(|item| item.state.is_some());
        let merged = merge::merge(state, patch, at);
        let created_before = state.created_at;
        state.created_at = state.order.creation_date.or_else(|| {
            // Of an order that was adopted nothing is known but when it was first heard of.
            let unsure = step.is_first() || late_creation || was_adopted;
            let first_heard = state.created_at.map_or(at, |created| created.min(at));
            if unsure { Some(first_heard) } else { state.created_at }
        });
        if created_before.is_some() && created_before != state.created_at {
            state.forget_catalog();
        }
        state.first_expected_at = state.first_expected_at.or(expected_on);

        if named.to.is_none() && names_items {
            moved |= state.roll_up(at);
        } else if moved && let Some(later) = state.times.items_after(at) {
            // Items that ended after this happened, but were told of before the order could follow.
            let ended = state.order.items.iter().all(|item| item.state.is_some_and(State::is_terminal));
            moved |= ended && state.roll_up(later);
        }
        if change == OrderChange::Deleted {
            state.head.deleted = true;
        }
        let cancel_moved = cancel.is_some_and(|task| state.move_cancellation(task, at));
        moved |= cancel_moved && state.return_from_denied(at);

        if !moved && merged.late && !merged.any && matches!(change, OrderChange::AttributeChanged) {
            return Outcome::Stale.into();
        }
        let is_repeat = match change {
            OrderChange::StateChanged => !step.is_first(),
            OrderChange::Created => late_creation && !was_adopted,
            _ => false,
        };
        if !moved && !merged.any && is_repeat {
            // Under another event id.
            return Outcome::Duplicate.into();
        }
        self.enrich(context, state);
        state.check_times(at);
        state.order.state = state.machine.state;

        let name = match change {
            OrderChange::Created if late_creation && !was_adopted => {
                if moved {
                    "state_changed"
                } else {
                    "attribute_changed"
                }
            }
            OrderChange::StateChanged if !moved => "attribute_changed",
            _ => change_name(change),
        };
        let told = Change::new(name, from.map(State::name), moved, &envelope);
        let fact = state.fact(&order_id);
        self.publisher.publish(context, &mut state.head.version, told, fact, EntityView::Order(&state.order));
        state.forget_passing();
        Outcome::Applied.into()
    }

    /// What became of a command to Floworx.
    fn take_delivery(engine: &mut Engine<Self>, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(value) = &record.value else { return Ok(Outcome::Filtered.into()) };
        let delivery: DeliveryOutcome = schemas::decode(value).map_err(|error| undecodable(&error))?;
        if delivery.family != EventFamily::Order {
            return Ok(Outcome::Filtered.into());
        }
        // A flow that an SLA clock of the order asked for is not the one that fulfils it.
        if delivery.target != "floworx" || delivery.entity_kind != "order" {
            return Ok(Outcome::Applied.into());
        }
        let entity = delivery.entity_id.as_bytes();
        let mut state = engine.load(context, entity)?;
        if !state.head.known {
            return Ok(Outcome::Applied.into());
        }
        let name = match delivery.result {
            DeliveryResult::Delivered | DeliveryResult::Duplicate if state.floworx_ref.is_some() => {
                return Ok(Outcome::Duplicate.into());
            }
            DeliveryResult::Delivered | DeliveryResult::Duplicate => {
                state.floworx_ref = Some(delivery.external_ref.unwrap_or_default());
                "dispatched"
            }
            DeliveryResult::DeadLettered => "dispatch_failed",
        };
        let change = Change {
            name,
            from: None,
            moved: false,
            event_type: "DeliveryOutcome",
            occurred_at: delivery.finished_at,
            ingested_at: delivery.ingested_at,
        };
        let fact = state.fact(&delivery.entity_id);
        engine.family.publisher.publish(
            context,
            &mut state.head.version,
            change,
            fact,
            EntityView::Order(&state.order),
        );
        engine.save(context, entity, &mut state)?;
        Ok(Outcome::Applied.into())
    }

    /// What is known of the customer an order asked for.
    fn take_answer(engine: &mut Engine<Self>, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let answer = Answer::decode(record.value.as_ref())?;
        let Some(entity) = &record.key else { return Ok(Outcome::Filtered.into()) };
        engine.family.questions.remember(&answer, context.now());
        let mut state = engine.load(context, entity)?;
        if !state.customer.note(answer) {
            return Ok(Outcome::Stale.into());
        }
        state.head.set(Flag::CustomerUnknown, false);
        if let Some(gate) = &mut state.head.gate {
            gate.customer = false;
        } else if state.head.known {
            let change = Change {
                name: "enriched",
                from: None,
                moved: false,
                event_type: "CustomerAnswer",
                occurred_at: record.timestamp,
                ingested_at: context.now(),
            };
            let fact = state.fact(&String::from_utf8_lossy(entity));
            engine.family.publisher.publish(
                context,
                &mut state.head.version,
                change,
                fact,
                EntityView::Order(&state.order),
            );
        }
        engine.gate_changed(context, entity, &mut state)?;
        Ok(Outcome::Applied.into())
    }
}

impl OrderRecord {
    /// Follows the items, where the machine has that step.
    fn roll_up(&mut self, at: Timestamp) -> bool {
        // An item that nobody has told of has not begun.
        let items = self.order.items.iter().map(|item| item.state.unwrap_or(OrderState::Acknowledged));
        let Some(to) = roll_up(&items) else { return false };
        let legal = self.machine.step(to, at) == Step::Legal;
        if legal {
            self.machine.enter(to, at);
        }
        legal
    }

    /// Lets the catalog be asked again, for the versions that were valid at another time. Partners stay:
    /// what an order's own event said of them is not told apart from what the catalog said.
    fn forget_catalog(&mut self) {
        for item in &mut self.order.items {
            item.extra.remove(SEEN_IN_CATALOG);
        }
        self.class = None;
        self.head.set(Flag::OfferingNotValid, false);
    }

    /// Forgets what only the present event's fact needed.
    fn forget_passing(&mut self) {
        let order = &mut self.order;
        order.extra.clear();
        order.milestones.clear();
        order.jeopardy_alerts.clear();
        order.error_messages.clear();
        for item in &mut order.items {
            // What the catalog said of an item stays: it is not asked again.
            item.extra.retain(|name| name == SEEN_IN_CATALOG);
        }
    }
}

fn news(change: OrderChange) -> News {
    match change {
        OrderChange::Created => News::Created,
        OrderChange::StateChanged => News::State,
        OrderChange::AttributeChanged => News::Attributes,
        _ => News::Notice,
    }
}

fn change_name(change: OrderChange) -> &'static str {
    match change {
        OrderChange::Created => "created",
        OrderChange::AttributeChanged => "attribute_changed",
        OrderChange::StateChanged => "state_changed",
        OrderChange::Deleted => "deleted",
        OrderChange::InformationRequired => "information_required",
        OrderChange::Milestone => "milestone",
        OrderChange::JeopardyAlert => "jeopardy_alert",
        OrderChange::ErrorMessage => "error_message",
        OrderChange::CancelRequested => "cancel_requested",
        OrderChange::CancelStateChanged => "cancel_state_changed",
        OrderChange::CancelInformationRequired => "cancel_information_required",
    }
}

/// The processor of `entity.order`.
pub struct OrderProcessor {
    engine: Engine<Orders>,
}

impl OrderProcessor {
    /// One for a task.
    pub fn new(settings: EntitySettings, routes: Arc<Router>) -> Self {
        let family = Orders {
            settings: settings.clone(),
            publisher: Publisher::new(routes),
            questions: Questions::new(Asker::Order, settings.customer_memory_ms),
            catalog: TableHandle::default(),
            partners: TableHandle::default(),
        };
        Self { engine: Engine::new(family, settings) }
    }
}

impl Processor for OrderProcessor {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.engine.init(init)
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        match record.topic.as_ref() {
            ORDER_ANSWER_TOPIC => Orders::take_answer(&mut self.engine, record, context),
            DELIVERY_TOPIC => Orders::take_delivery(&mut self.engine, record, context),
            _ => self.engine.take(record, context),
        }
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        self.engine.on_timer(timer, context)
    }
}
