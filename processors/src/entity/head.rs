//! What every entity's state begins with, whatever its family.

use schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::dedupe::Seen;

/// A doubt about an entity, carried on in its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Flag {
    /// Its times make no sense, so no SLA verdict can be given (trap T9).
    SlaSuspect = 1,
    /// Its creation was never seen (trap T4).
    Adopted = 1 << 1,
    /// Its customer is not known.
    CustomerUnknown = 1 << 2,
    /// An offering of it is not in the catalog.
    OfferingUnknown = 1 << 3,
    /// No version of an offering was valid when the order was created.
    OfferingNotValid = 1 << 4,
    /// A partner of it is not known.
    PartnerUnknown = 1 << 5,
    /// The refunded payment is not known.
    PaymentUnknown = 1 << 6,
    /// The order that a flow works for is not known.
    OrderUnknown = 1 << 7,
    /// The bill of a debit was not sent to the customer early enough before it.
    NoticeShort = 1 << 8,
    /// Whether the bill of a debit was sent is not known.
    NoticeUnknown = 1 << 9,
}

impl Flag {
    const ALL: [Self; 10] = [
        Self::SlaSuspect,
        Self::Adopted,
        Self::CustomerUnknown,
        Self::OfferingUnknown,
        Self::OfferingNotValid,
        Self::PartnerUnknown,
        Self::PaymentUnknown,
        Self::OrderUnknown,
        Self::NoticeShort,
        Self::NoticeUnknown,
    ];

    /// The name in facts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlaSuspect => "sla_suspect",
            Self::Adopted => "adopted",
            Self::CustomerUnknown => "customer_unknown",
            Self::OfferingUnknown => "offering_unknown",
            Self::OfferingNotValid => "offering_not_valid",
            Self::PartnerUnknown => "partner_unknown",
            Self::PaymentUnknown => "payment_unknown",
            Self::OrderUnknown => "order_unknown",
            Self::NoticeShort => "notice_short",
            Self::NoticeUnknown => "notice_unknown",
        }
    }
}

/// The parents an entity waits for; while there is a gate, its events are parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Waits for the answer about its customer.
    pub customer: bool,
    /// The offerings it waits for to appear in the catalog.
    pub offerings: Vec<String>,
    /// Until when, by the wall clock.
    pub until: Timestamp,
}

impl Gate {
    /// Whether nothing is waited for any more.
    pub fn is_open(&self) -> bool {
        !self.customer && self.offerings.is_empty()
    }
}

/// The common beginning of every entity's state. Kept positionally: fields are only ever added at
/// the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Facts published, and so the version of the last one.
    pub version: i64,
    /// Whether an event was applied; before that there are only events that wait.
    pub known: bool,
    /// Whether it was deleted at its source.
    pub deleted: bool,
    /// Doubts, one bit for each [`Flag`].
    flags: u16,
    /// How many events wait.
    pub held: u16,
    /// Counts events that had to wait, to keep them in order of arrival.
    pub arrivals: u32,
    /// What it waits for.
    pub gate: Option<Gate>,
    /// Events seen.
    pub seen: Seen,
}

impl Head {
    /// Notes a doubt, or that it is resolved.
    pub fn set(&mut self, flag: Flag, on: bool) {
        if on { self.flags |= flag as u16 } else { self.flags &= !(flag as u16) }
    }

    /// Whether there is this doubt.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags & flag as u16 != 0
    }

    /// The names of all doubts.
    pub fn flag_names(&self) -> Vec<String> {
        if self.flags == 0 {
            return Vec::new();
        }
        Flag::ALL.into_iter().filter(|flag| self.has(*flag)).map(|flag| flag.name().to_owned()).collect()
    }

    /// Whether what happened at `at` was overtaken by a deletion at `since`: only what is created
    /// again brings a deleted entity back at that instant.
    pub fn is_deleted_after(&self, at: Timestamp, since: Timestamp, is_creation: bool) -> bool {
        self.deleted && (at < since || at == since && !is_creation)
    }

    /// Whether nothing is worth keeping.
    pub fn is_blank(&self) -> bool {
        !self.known && self.held == 0 && self.gate.is_none() && self.version == 0 && self.flags == 0
    }
}
