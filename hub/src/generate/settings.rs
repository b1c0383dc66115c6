//! What the generator is told: seed, start, speed, size of the world, rates of faults.

use schemas::Timestamp;

use super::fault::Fault;

/// 2026-01-05T03:30:00Z, a Monday morning in India: where a day starts unless told otherwise.
const DEFAULT_START: Timestamp = Timestamp(1_767_583_800_000);

/// How many seconds of business time an order takes on the whole, most of the time.
const ORDER_SECONDS: f64 = 4.0 * 3_600.0;

/// Everything that decides which events are made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The same seed gives the same events.
    pub seed: u64,
    /// When the first event is due.
    pub start: Timestamp,
    /// How many times faster than life: durations between states are divided by it.
    pub compression: f64,
    /// Customers that exist before the first order; more come as time goes by.
    pub customers: u64,
    /// Events due per second once as many flows end as begin.
    pub rate: f64,
    /// Part of every id, so that a later run in the same hub tells of other entities.
    pub run: u32,
    /// How often what goes wrong.
    pub faults: FaultRates,
}

impl Default for Settings {
    /// A day a minute, 200 events a second, faults at small rates.
    fn default() -> Self {
        Self {
            seed: 1,
            start: DEFAULT_START,
            compression: 1_440.0,
            customers: 200,
            rate: 200.0,
            run: 0,
            faults: FaultRates::default(),
        }
    }
}

impl Settings {
    /// For measuring `events` events: no record that would be refused, and time so compressed that
    /// most flows that begin also end.
    pub fn benchmark(events: u64, seed: u64) -> Self {
        let rate = 50_000.0;
        let seconds = (events as f64 / rate).max(0.1);
        Self {
            seed,
            compression: (ORDER_SECONDS * 10.0 / seconds).max(1_440.0),
            customers: (events / 50).clamp(10, 20_000),
            rate,
            faults: FaultRates { rejected: 0.0, ..FaultRates::default() },
            ..Self::default()
        }
    }
}

/// How often events go wrong, each a share of all events between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultRates {
    /// Exact repeats.
    pub duplicate: f64,
    /// Events sent long after they happened.
    pub late: f64,
    /// Neighbours of one entity sent in the wrong order. Of those drawn, only pairs whose first
    /// half the hub must wait for are swapped.
    pub out_of_order: f64,
    /// Orders sent before their customer.
    pub before_parent: f64,
    /// Event ids used again with another payload.
    pub reused_event_id: f64,
    /// Tolerated oddities, shared equally: a misspelt time field, partial payloads, contradicting
    /// types, trailing spaces, unknown currencies.
    pub tolerated: f64,
    /// Records that must be refused, shared equally: naive and impossible timestamps, unknown event
    /// types, card data, broken JSON.
    pub rejected: f64,
}

impl Default for FaultRates {
    fn default() -> Self {
        Self {
            duplicate: 0.005,
            late: 0.005,
            out_of_order: 0.02,
            before_parent: 0.002,
            reused_event_id: 0.001,
            tolerated: 0.02,
            rejected: 0.002,
        }
    }
}

impl FaultRates {
    /// A perfect world.
    #[cfg(test)]
    pub const NONE: Self = Self {
        duplicate: 0.0,
        late: 0.0,
        out_of_order: 0.0,
        before_parent: 0.0,
        reused_event_id: 0.0,
        tolerated: 0.0,
        rejected: 0.0,
    };

    /// The rate of one fault.
    pub(super) fn of(&self, fault: Fault) -> f64 {
        match fault {
            Fault::Duplicate => self.duplicate,
            Fault::Late => self.late,
            Fault::OutOfOrder => self.out_of_order,
            Fault::BeforeParent => self.before_parent,
            Fault::ReusedEventId => self.reused_event_id,
            Fault::MisspeltTime
            | Fault::Partial
            | Fault::TypeMismatch
            | Fault::TrailingSpace
            | Fault::UnknownCurrency => self.tolerated / 5.0,
            Fault::NaiveTimestamp
            | Fault::ImpossibleTimestamp
            | Fault::UnknownEventType
            | Fault::CardData
            | Fault::BrokenJson => self.rejected / 5.0,
        }
    }
}
