//! The generator: arrivals, a heap of what is due, and the faults sprinkled over both.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use schemas::Timestamp;

use super::dice::Dice;
use super::emit::{Scene, Stamp};
use super::envelope::{EVENT_ID_CHARS, Places, Spelling};
use super::fault::{ExpectedKind, Fate, Fault, FaultDraw};
use super::flow::{Flow, Planned, Step};
use super::order_plan::OrderStep;
use super::settings::Settings;
use super::text::Text;
use super::{bill, order, order_plan, reference, ticket};

/// Mean number of events of an order, a ticket, a bill, a top-up, a new customer and a change.
/// Arrivals are weighted by them so that the *events* come in the wanted shares.
const EVENTS_PER_FLOW: [f64; 6] = [5.5, 5.4, 9.1, 4.1, 2.0, 1.0];
/// Wanted shares of events, in the same order: orders 45 %, tickets 15 %, accounts 35 % (half the
/// events of new customers are about accounts), reference data 5 %.
const SHARES: [f64; 6] = [0.45, 0.15, 0.20, 0.12, 0.06, 0.02];
/// Orders kept in mind for tickets to be about.
const RECENT_ORDERS: usize = 256;

/// One event, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// When it should be published.
    pub due_at: Timestamp,
    /// The event, one line without its end.
    pub json: String,
    /// What it is and how it must end.
    pub kind: ExpectedKind,
}

/// A rendered event that waits for its time.
#[derive(Debug)]
pub(super) struct Ready {
    json: String,
    kind: ExpectedKind,
}

#[derive(Debug)]
enum What {
    Flow(Box<Flow>),
    Ready(Box<Ready>),
}

/// An entry of the heap; what is pushed first comes first among equals.
#[derive(Debug)]
struct Due {
    at: i64,
    sequence: u64,
    what: What,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// An endless telecom day, in the order in which its events are to be published.
///
/// It does not end; take as many events as are wanted.
#[derive(Debug)]
pub struct Generator {
    settings: Settings,
    scene: Scene,
    dice: Dice,
    faults: FaultDraw,
    heap: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    next_event_id: u64,
    next_flow: u64,
    next_customer: u64,
    /// Customers whose account is not yet known: nothing may refer to them.
    unfinished_customers: BTreeSet<u64>,
    recent_orders: VecDeque<(u64, u64)>,
    next_arrival: f64,
    closed: bool,
}

impl Generator {
    /// A generator at the start of its day.
    pub fn new(settings: Settings) -> Self {
        let settings = Settings {
            compression: settings.compression.max(1e-3),
            rate: settings.rate.max(1e-3),
            customers: settings.customers.max(1),
            ..settings
        };
        let start = settings.start.as_millis();
        let mut generator = Self {
            scene: Scene {
                text: Text::new(),
                seed: settings.seed,
                run: settings.run,
                start,
                compression: settings.compression,
            },
            dice: Dice::new(settings.seed),
            faults: FaultDraw::new(&settings.faults),
            heap: BinaryHeap::new(),
            sequence: 0,
            next_event_id: 0,
            next_flow: 0,
            next_customer: 0,
            unfinished_customers: BTreeSet::new(),
            recent_orders: VecDeque::with_capacity(RECENT_ORDERS),
            // The catalog and the partners have the first moments to themselves.
            next_arrival: start as f64 + 50.0,
            closed: false,
            settings,
        };
        generator.begin(start, 0, reference::opening_plan(), 0);
        generator
    }

    /// Lets no entity begin any more: the iterator ends when those in flight have ended.
    #[cfg(test)]
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Entities in flight and events that wait: what the generator's memory is made of.
    #[cfg(test)]
    pub fn in_flight(&self) -> usize {
        self.heap.len()
    }

    fn push(&mut self, at: i64, what: What) {
        self.sequence += 1;
        self.heap.push(Reverse(Due { at, sequence: self.sequence, what }));
    }

    /// A flow without a plan, spelt as chance has it.
    fn new_flow(&mut self, at: i64, customer: u64, bits: u64) -> Flow {
        let spelling = self.dice.below(8);
        self.next_flow += 1;
        Flow {
            number: self.next_flow - 1,
            bits,
            customer,
            about_order: None,
            v5: spelling < 4,
            lower_camel: spelling == 7,
            created: at,
            happens: at,
            plan: Vec::new(),
            next: 0,
            held: None,
        }
    }

    fn begin(&mut self, at: i64, customer: u64, plan: Vec<Planned>, bits: u64) {
        let flow = Flow { plan, ..self.new_flow(at, customer, bits) };
        self.begin_flow(flow);
    }

    fn begin_flow(&mut self, flow: Flow) {
        let due = flow.happens + self.publish_lag();
        self.push(due, What::Flow(Box::new(flow)));
    }

    /// Systems publish up to two business seconds after the fact.
    fn publish_lag(&mut self) -> i64 {
        let millis = self.dice.between(50, 2_000) as f64 / self.scene.compression;
        (millis as i64).max(1)
    }

    /// How many customers, from number 0, may be referred to.
    fn usable_customers(&self) -> u64 {
        self.unfinished_customers.first().copied().unwrap_or(self.next_customer)
    }

    fn begin_customer(&mut self, at: i64) -> u64 {
        let customer = self.next_customer;
        self.next_customer += 1;
        self.unfinished_customers.insert(customer);
        self.begin(at, customer, reference::customer_plan(), 0);
        customer
    }

    fn arrive(&mut self, at: i64) {
        if self.next_customer < self.settings.customers || self.usable_customers() == 0 {
            self.begin_customer(at);
            self.next_arrival += 2_000.0 / self.settings.rate;
            return;
        }
        let weights: [f64; 6] = std::array::from_fn(|kind| SHARES[kind] / EVENTS_PER_FLOW[kind]);
        let total: f64 = weights.iter().sum();
        let gap = 1_000.0 / (self.settings.rate * total);
        self.next_arrival += gap * self.dice.exponential();
        let mut draw = self.dice.unit() * total;
        let kind = weights.iter().position(|weight| {
            draw -= weight;
            draw < 0.0
        });
        let bits = self.dice.bits();
        let customer = self.dice.below(self.usable_customers());
        match kind {
            Some(0) => self.begin_order(at, customer, bits),
            Some(1) => self.begin_ticket(at, customer, bits),
            Some(2) => {
                let plan = bill::bill_plan(&mut self.dice);
                self.begin(at, customer, plan, bits);
            }
            Some(3) => {
                let plan = bill::top_up_plan(&mut self.dice);
                self.begin(at, customer, plan, bits);
            }
            Some(4) => _ = self.begin_customer(at),
            _ => {
                let plan = reference::change_plan(&mut self.dice);
                self.begin(at, customer, plan, bits);
            }
        }
    }

    fn begin_order(&mut self, at: i64, customer: u64, bits: u64) {
        let flow = self.new_flow(at, customer, bits);
        let plan = order_plan::plan(&mut self.dice, flow.v5, order::item_count(bits));
        self.begin_flow(Flow { plan, ..flow });
    }

    fn begin_ticket(&mut self, at: i64, customer: u64, bits: u64) {
        let about = match self.recent_orders.len() as u64 {
            known if known > 0 && bits & 1 == 0 => self.recent_orders.get(self.dice.below(known) as usize).copied(),
            _ => None,
        };
        let customer = about.map_or(customer, |(_, customer)| customer);
        let flow = self.new_flow(at, customer, bits >> 1);
        let plan = ticket::plan(&mut self.dice);
        self.begin_flow(Flow { plan, about_order: about.map(|(order, _)| order), ..flow });
    }

    /// The fault drawn for the next event, if it can have it.
    fn draw_fault(&mut self, flow: &Flow) -> Option<Fault> {
        let fault = self.faults.pick(self.dice.bits() >> 32)?;
        let step = flow.step();
        let moves = step.moves().is_some();
        let in_flow = matches!(step, Step::Order(_) | Step::Ticket(_) | Step::Account(_))
            && !self.unfinished_customers.contains(&flow.customer);
        let possible = match fault {
            Fault::Late => in_flow,
            Fault::OutOfOrder => in_flow && flow.may_swap(),
            Fault::BeforeParent => matches!(step, Step::Order(OrderStep::Create(_))),
            Fault::Partial => flow.next > 0 && moves && matches!(step, Step::Order(_) | Step::Ticket(_)),
            Fault::TrailingSpace => moves,
            Fault::UnknownCurrency => flow.next == 0 && moves && matches!(step, Step::Order(_) | Step::Account(_)),
            _ => true,
        };
        // The partner of a swap stays as it is, or the pair could not be told from two faults.
        (possible && flow.held.is_none()).then_some(fault)
    }

    /// Renders the next event of a flow and schedules what follows.
    fn step(&mut self, mut flow: Box<Flow>, due: i64) -> Option<Generated> {
        let step = flow.step();
        let fault = self.draw_fault(&flow);
        if fault == Some(Fault::BeforeParent) {
            // The customer comes right after the order, before anything else of it.
            let next = flow.plan.get(1).map_or(60, |(seconds, _)| i64::from(*seconds));
            flow.customer = self.begin_customer(due + (self.scene.scaled(next) / 4).max(1));
        }
        let mut publish = due;
        if fault == Some(Fault::Late) {
            publish += self.scene.scaled(self.dice.between(600, 3_600) as i64).max(1);
        }
        let spelling = Spelling { lower_camel: flow.lower_camel, fault };
        self.next_event_id += 1;
        let stamp = Stamp { event_id: self.next_event_id, event_time: publish, occurred_at: flow.happens, spelling };
        let places = self.scene.render(&flow, step, stamp);
        let json = std::mem::take(&mut self.scene.text.line);
        let family = step.family();
        let copied = matches!(fault.map(Fault::fate), Some(Fate::Duplicate | Fate::Quarantined | Fate::Rejected));
        if let Some(fault) = fault.filter(|_| copied) {
            let copy = self.copy(&json, places, fault);
            let kind = ExpectedKind { family, fault: Some(fault) };
            let gap = self.scene.scaled(self.dice.between(1, 120) as i64);
            self.push(publish + gap, What::Ready(Box::new(Ready { json: copy, kind })));
        }
        let kind = ExpectedKind { family, fault: fault.filter(|_| !copied) };
        let held = flow.held.take();
        let out = match fault {
            Some(Fault::Late) => {
                self.push(publish, What::Ready(Box::new(Ready { json, kind })));
                None
            }
            Some(Fault::OutOfOrder) => {
                flow.held = Some(Ready { json, kind });
                None
            }
            _ => Some(Generated { due_at: Timestamp(publish), json, kind }),
        };
        if let Some(held) = held {
            self.push(publish, What::Ready(Box::new(held)));
        }
        self.note(&flow, step);
        self.schedule_next(flow, publish);
        out
    }

    fn note(&mut self, flow: &Flow, step: Step) {
        match step {
            Step::Order(OrderStep::Create(_)) => {
                if self.recent_orders.len() == RECENT_ORDERS {
                    self.recent_orders.pop_front();
                }
                self.recent_orders.push_back((flow.number, flow.customer));
            }
            Step::Account(bill::AccountStep::Create) => {
                self.unfinished_customers.remove(&flow.customer);
            }
            _ => {}
        }
    }

    fn schedule_next(&mut self, mut flow: Box<Flow>, published: i64) {
        flow.next += 1;
        let Some((seconds, _)) = flow.plan.get(flow.next) else { return };
        flow.happens += self.scene.scaled(i64::from(*seconds)).max(1);
        let due = (flow.happens + self.publish_lag()).max(published);
        self.push(due, What::Flow(flow));
    }

    /// A faulty copy of an event.
    fn copy(&mut self, json: &str, places: Places, fault: Fault) -> String {
        let mut copy = json.to_owned();
        match fault {
            Fault::Duplicate => return copy,
            Fault::ReusedEventId => {
                copy.insert_str(places.payload, "\"comment\":\"Sent again, changed\",");
                return copy;
            }
            _ => {}
        }
        self.next_event_id += 1;
        let digits = EVENT_ID_CHARS - 7;
        let id = format!("{:0digits$}", self.next_event_id);
        copy.replace_range(places.event_id + 7..places.event_id + EVENT_ID_CHARS, &id);
        // From the back, so that the places before stay true.
        match fault {
            Fault::NaiveTimestamp => {
                copy.replace_range(places.occurred_at + 19..places.occurred_at + 24, "");
                copy.replace_range(places.event_time + 19..places.event_time + 24, "");
            }
            Fault::ImpossibleTimestamp => {
                copy.replace_range(places.occurred_at + 8..places.occurred_at + 10, "00");
                copy.replace_range(places.event_time + 8..places.event_time + 10, "00");
            }
            Fault::UnknownEventType => {
                copy.replace_range(places.event_type.0..places.event_type.1, "CXJAD");
            }
            // A documented test number: the guard must stop it, and nobody is harmed if it fails.
            Fault::CardData => {
                copy.insert_str(places.payload, "\"card\":{\"cardNumber\":\"4111111111111111\",\"cvv\":\"123\"},");
            }
            _ => copy.truncate(places.payload + self.dice.below(100) as usize),
        }
        copy
    }
}

impl Iterator for Generator {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        loop {
            let arrival = self.next_arrival as i64;
            let due = self.heap.peek().map(|Reverse(due)| due.at);
            if !self.closed && due.is_none_or(|due| arrival <= due) {
                self.arrive(arrival);
                continue;
            }
            let Reverse(Due { at, what, .. }) = self.heap.pop()?;
            match what {
                What::Ready(ready) => {
                    let Ready { json, kind } = *ready;
                    return Some(Generated { due_at: Timestamp(at), json, kind });
                }
                What::Flow(flow) => {
                    if let Some(generated) = self.step(flow, at) {
                        return Some(generated);
                    }
                }
            }
        }
    }
}
