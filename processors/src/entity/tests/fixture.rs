//! The hub's topology under the driver, and events made short.

use std::sync::Arc;

use schemas::{
    AccountChange, AccountEntityKind, AccountEvent, Bill, BillState, CatalogEvent, Customer, CustomerEvent, DeadLetter,
    Envelope, Family, FlowEvent, LifecycleFact, Money, Offering, Order, OrderChange, OrderEvent, OrderItem, OrderState,
    Partner, PartnerEvent, Payment, PaymentState, ReferenceChange, Schema, Ticket, TicketChange, TicketEvent,
    TicketState, Timestamp,
};
use topology::{Outcome, TestDriver};

use crate::entity::EntitySettings;
use crate::route::{Router, default_routes};
use crate::sla::SlaSettings;
use crate::topology::{HubSettings, build};

/// The wall clock at the start of every test.
pub const NOW: i64 = 1_780_000_000_000;

/// The instant `seconds` after the start.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp(NOW + seconds * 1000)
}

/// The hub under the driver.
pub struct Hub {
    pub driver: TestDriver,
    events: u32,
}

impl Hub {
    pub fn new() -> Self {
        Self::with(EntitySettings::default())
    }

    pub fn with(entity: EntitySettings) -> Self {
        let routes = Arc::new(Router::new(default_routes()).expect("the default routes are sound"));
        let sla = Arc::new(SlaSettings::new(Vec::new(), Vec::new()).expect("no objective is no fault"));
        let topology = build(&HubSettings {
            entity,
            routes,
            sla,
            kpi: Arc::default(),
            slos: Arc::default(),
            score: Arc::default(),
            predict: true,
        })
        .expect("the topology fits together");
        Self { driver: TestDriver::new(topology, Timestamp(NOW)), events: 0 }
    }

    /// An envelope with an id of its own.
    pub fn envelope(&mut self, event_type: &str, seconds: i64) -> Envelope {
        self.events += 1;
        Envelope {
            event_id: format!("e{}", self.events),
            event_type: event_type.into(),
            event_time: at(seconds),
            occurred_at: at(seconds),
            ingested_at: at(seconds),
            source: "crm".into(),
            payload_hash: i64::from(self.events),
            ..Envelope::default()
        }
    }

    pub fn pipe<T: Schema>(&mut self, topic: &str, key: &str, event: &T, occurred_at: Timestamp) {
        self.driver.pipe(topic, key, schemas::encode(event), occurred_at);
    }

    pub fn order(&mut self, event: &OrderEvent) {
        self.pipe("hub.order", &event.order.id.clone(), event, event.envelope.occurred_at);
    }

    /// An order is created without customer or items: it waits for nobody.
    pub fn create_order(&mut self, id: &str, seconds: i64) -> OrderEvent {
        let event = self.order_event(id, OrderChange::Created, Some(OrderState::Acknowledged), seconds);
        self.order(&event);
        event
    }

    pub fn order_event(
        &mut self,
        id: &str,
        change: OrderChange,
        state: Option<OrderState>,
        seconds: i64,
    ) -> OrderEvent {
        OrderEvent {
            envelope: self.envelope(&format!("ProductOrder{change:?}Event"), seconds),
            change,
            order: Order { id: id.into(), state, ..Order::default() },
            cancel: None,
        }
    }

    pub fn order_state(&mut self, id: &str, state: OrderState, seconds: i64) -> OrderEvent {
        let event = self.order_event(id, OrderChange::StateChanged, Some(state), seconds);
        self.order(&event);
        event
    }

    pub fn flow(&mut self, event: &FlowEvent) {
        self.pipe("hub.flow", &event.order_id.clone(), event, event.envelope.occurred_at);
    }

    pub fn ticket(&mut self, id: &str, change: TicketChange, state: Option<TicketState>, seconds: i64) {
        let envelope = self.envelope(&format!("TroubleTicket{change:?}Event"), seconds);
        self.ticket_event(&TicketEvent {
            envelope,
            change,
            ticket: Ticket { id: id.into(), state, ..Ticket::default() },
        });
    }

    pub fn ticket_event(&mut self, event: &TicketEvent) {
        self.pipe("hub.ticket", &event.ticket.id.clone(), event, event.envelope.occurred_at);
    }

    pub fn payment(&mut self, kind: AccountEntityKind, change: AccountChange, payment: Payment, seconds: i64) {
        let envelope = self.envelope(&format!("{kind:?}{change:?}Event"), seconds);
        let event = AccountEvent {
            envelope,
            change,
            kind,
            account_id: "acc-1".into(),
            billing_account: None,
            bill: None,
            payment: Some(payment),
        };
        self.pipe("hub.account", "acc-1", &event, at(seconds));
    }

    pub fn bill(&mut self, id: &str, change: AccountChange, state: BillState, seconds: i64) {
        let envelope = self.envelope(&format!("CustomerBill{change:?}Event"), seconds);
        let event = AccountEvent {
            envelope,
            change,
            kind: AccountEntityKind::Bill,
            account_id: "acc-1".into(),
            billing_account: None,
            bill: Some(Bill { id: id.into(), state: Some(state), ..Bill::default() }),
            payment: None,
        };
        self.pipe("hub.account", "acc-1", &event, at(seconds));
    }

    pub fn customer(&mut self, id: &str, class: &str, seconds: i64) {
        let envelope = self.envelope("CustomerCreateEvent", seconds);
        let customer =
            Customer { id: id.into(), class: Some(class.into()), circle: Some("Mumbai".into()), ..Customer::default() };
        let event = CustomerEvent { envelope, change: ReferenceChange::Created, customer };
        self.pipe("hub.customer", id, &event, at(seconds));
    }

    pub fn offering(&mut self, offering: Offering, change: ReferenceChange, seconds: i64) {
        let envelope = self.envelope(&format!("ProductOffering{change:?}Event"), seconds);
        let id = offering.id.clone();
        self.pipe("hub.catalog", &id, &CatalogEvent { envelope, change, offering }, at(seconds));
    }

    pub fn partner(&mut self, id: &str, seconds: i64) {
        let envelope = self.envelope("PartyRoleCreateEvent", seconds);
        let partner = Partner { id: id.into(), name: Some("Courier".into()), ..Partner::default() };
        self.pipe(
            "hub.partner",
            id,
            &PartnerEvent { envelope, change: ReferenceChange::Created, partner },
            at(seconds),
        );
    }

    /// The wall clock is `seconds` after the start.
    pub fn wait_until(&mut self, seconds: i64) {
        self.driver.advance_wall_clock(at(seconds));
    }

    /// The facts since they were asked for last.
    pub fn facts(&mut self) -> Vec<LifecycleFact> {
        self.decoded("hub.lifecycle")
    }

    /// The facts since they were asked for last, as `change>state`.
    pub fn steps(&mut self) -> Vec<String> {
        let facts = self.facts();
        facts.iter().map(|fact| format!("{}>{}", fact.change, fact.to_state.as_deref().unwrap_or(""))).collect()
    }

    /// The names of what went to quarantine since it was asked for last.
    pub fn quarantined(&mut self) -> Vec<String> {
        self.decoded::<DeadLetter>("hub.quarantine").into_iter().map(|letter| letter.reason).collect()
    }

    /// The names of what became a dead letter since it was asked for last.
    pub fn dead(&mut self) -> Vec<String> {
        self.decoded::<DeadLetter>("hub.dead_letter").into_iter().map(|letter| letter.reason).collect()
    }

    pub fn decoded<T: Schema>(&mut self, topic: &str) -> Vec<T> {
        let values = self.driver.read(topic).into_iter().filter_map(|record| record.value);
        values.map(|value| schemas::decode(&value).expect("the hub writes what it can read")).collect()
    }

    pub fn ended(&self, topic: &str, outcome: Outcome) -> u64 {
        self.driver.outcomes().ended(topic, outcome)
    }

    /// Everything has ended, and nothing was lost.
    #[track_caller]
    pub fn assert_settled(&self) {
        assert_eq!((self.driver.waiting(), self.driver.imbalance()), (0, 0));
    }

    /// Nothing was lost.
    #[track_caller]
    pub fn assert_waiting(&self, records: i64) {
        assert_eq!((self.driver.waiting(), self.driver.imbalance()), (records, 0));
    }
}

/// An order's item.
pub fn item(id: &str, offering: &str) -> OrderItem {
    OrderItem { id: id.into(), offering_id: Some(offering.into()), ..OrderItem::default() }
}

/// A payment or refund in a state.
pub fn payment(id: &str, state: PaymentState) -> Payment {
    Payment { id: id.into(), state: Some(state), ..Payment::default() }
}

/// Rupees.
pub fn rupees(amount: i64) -> Money {
    Money { currency: "INR".into(), micros: amount * 1_000_000 }
}

/// The family's topic.
pub const ORDER: &str = Family::Order.topic();
