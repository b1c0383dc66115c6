//! What every canonical event carries besides its entity.

use serde::{Deserialize, Serialize};

use crate::{Extra, Timestamp};

/// The envelope of a canonical event (TMF "Event", v4 and v5 brought to one form).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// `eventId` as sent. Not unique by itself (trap T1): see [`Envelope::dedupe_key`].
    pub event_id: String,
    /// The event type in TMF's UpperCamel spelling, such as `ProductOrderStateChangeEvent`.
    pub event_type: String,
    /// When the event was published (`eventTime`).
    pub event_time: Timestamp,
    /// When the thing happened (`timeOccurred`, or the publish time where none is given).
    pub occurred_at: Timestamp,
    /// When the hub took the event in.
    pub ingested_at: Timestamp,
    /// `reportingSystem.id`, or `source.id`, or empty.
    pub source: String,
    /// `correlationId` as sent.
    #[serde(default)]
    pub correlation_id: Option<String>,
    /// A 64-bit hash of the payload (`event` object), to tell a repeat from a reused id.
    pub payload_hash: i64,
    /// Faults that were tolerated, as stable codes such as `type_mismatch` or `unknown_currency`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Envelope fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}

impl Envelope {
    /// The identity by which repeats are found: source, event type and event id (trap T1).
    pub fn dedupe_key(&self) -> String {
        format!("{}\u{1f}{}\u{1f}{}", self.source, self.event_type, self.event_id)
    }

    /// Whether a tolerated fault with this code was noted.
    pub fn has_flag(&self, code: &str) -> bool {
        self.flags.iter().any(|flag| flag == code)
    }
}

/// An amount of money, exact to a millionth of the currency's main unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// ISO 4217 code as sent, upper case; an unknown one is flagged, not refused (trap T13).
    pub currency: String,
    /// Millionths of the main unit: 0.99 EUR is 990 000.
    pub micros: i64,
}
