//! Faults that are sprinkled over the day, each with the fate that it must meet in the hub.

use schemas::Family;

use super::settings::FaultRates;

/// What is wrong, or merely odd, about a generated event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The same text was sent before.
    Duplicate,
    /// Sent long after it happened, in order within its entity.
    Late,
    /// Sent after the event that followed it.
    OutOfOrder,
    /// Sent before the customer that it names was created.
    BeforeParent,
    /// The event id, type and source of an earlier event with another payload (trap T1).
    ReusedEventId,
    /// `timeOcurred` for `timeOccurred` (trap T2).
    MisspeltTime,
    /// Id and state only, not even a type or a link (trap T4).
    Partial,
    /// `@type` contradicts `eventType` (trap T3).
    TypeMismatch,
    /// An enum's value with a space after it (trap T8).
    TrailingSpace,
    /// A currency that ISO 4217 does not know (trap T13).
    UnknownCurrency,
    /// Date-times without an offset (trap T10).
    NaiveTimestamp,
    /// Date-times that no calendar has (trap T10).
    ImpossibleTimestamp,
    /// An event type that means nothing (trap T15).
    UnknownEventType,
    /// A card number and its verification value (trap T12).
    CardData,
    /// Text that ends in the middle.
    BrokenJson,
}

impl Fault {
    /// Every fault, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::Duplicate,
        Self::Late,
        Self::OutOfOrder,
        Self::BeforeParent,
        Self::ReusedEventId,
        Self::MisspeltTime,
        Self::Partial,
        Self::TypeMismatch,
        Self::TrailingSpace,
        Self::UnknownCurrency,
        Self::NaiveTimestamp,
        Self::ImpossibleTimestamp,
        Self::UnknownEventType,
        Self::CardData,
        Self::BrokenJson,
    ];

    /// What the hub must make of an event with this fault.
    pub const fn fate(self) -> Fate {
        match self {
            Self::Duplicate => Fate::Duplicate,
            Self::ReusedEventId => Fate::Quarantined,
            Self::NaiveTimestamp
            | Self::ImpossibleTimestamp
            | Self::UnknownEventType
            | Self::CardData
            | Self::BrokenJson => Fate::Rejected,
            Self::Late
            | Self::OutOfOrder
            | Self::BeforeParent
            | Self::MisspeltTime
            | Self::Partial
            | Self::TypeMismatch
            | Self::TrailingSpace
            | Self::UnknownCurrency => Fate::Applied,
        }
    }
}

/// How an event must end in the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// Taken in and used, perhaps after waiting for another.
    Applied,
    /// Recognised as a repeat.
    Duplicate,
    /// Kept aside: its identity is in doubt.
    Quarantined,
    /// Refused at the door (HTTP 4xx) or a dead letter (file).
    Rejected,
}

/// What a generated event is, so that tests can count what the hub must have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExpectedKind {
    /// The family of the event, or of the event that a refused one was made from.
    pub family: Family,
    /// What is wrong with it, if anything.
    pub fault: Option<Fault>,
}

#[cfg(test)]
impl ExpectedKind {
    /// How the event must end.
    pub const fn fate(self) -> Fate {
        match self.fault {
            Some(fault) => fault.fate(),
            None => Fate::Applied,
        }
    }
}

/// The rates as cumulated thresholds of a 32-bit draw: one draw an event decides.
#[derive(Debug)]
pub(super) struct FaultDraw(Vec<(u64, Fault)>);

impl FaultDraw {
    pub(super) fn new(rates: &FaultRates) -> Self {
        let mut sum = 0.0_f64;
        let thresholds = Fault::ALL.into_iter().filter_map(|fault| {
            let rate = rates.of(fault);
            sum += rate;
            (rate > 0.0).then_some(((sum.min(1.0) * 4_294_967_296.0) as u64, fault))
        });
        Self(thresholds.collect())
    }

    /// The fault for a draw of 32 bits.
    pub(super) fn pick(&self, draw: u64) -> Option<Fault> {
        // Most draws name no fault, so the highest threshold is looked at first.
        let (highest, _) = self.0.last()?;
        if draw >= *highest {
            return None;
        }
        self.0.iter().find(|(threshold, _)| draw < *threshold).map(|(_, fault)| *fault)
    }
}
