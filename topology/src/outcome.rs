//! How a record's way through a sub-topology or a sink ends, and where it may wait until then.

use serde::{Deserialize, Serialize};

/// The one end of a record that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An outside system confirmed it.
    Delivered,
    /// It was used; nothing more is due.
    Applied,
    /// It repeats one that was used.
    Duplicate,
    /// It came too late to count.
    Stale,
    /// It could not be used; a dead letter names why.
    DeadLettered,
    /// Its order or identity is in doubt; a quarantine record names why.
    Quarantined,
    /// It was refused at the door and never stored.
    Rejected,
    /// A named policy let it go.
    Filtered,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Applied,
        Self::Duplicate,
        Self::Stale,
        Self::DeadLettered,
        Self::Quarantined,
        Self::Rejected,
        Self::Filtered,
    ];

    /// The name in metrics and summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::DeadLettered => "dead_lettered",
            Self::Quarantined => "quarantined",
            Self::Rejected => "rejected",
            Self::Filtered => "filtered",
        }
    }
}

/// Where a record that was taken in waits for its end. Each place is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// For the entity it refers to.
    Parked,
    /// For an earlier event of its own entity.
    Buffered,
    /// For the answer of an outside system.
    InFlight,
}

impl Waiting {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::Parked, Self::Buffered, Self::InFlight];

    /// The name in metrics and summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Buffered => "buffered",
            Self::InFlight => "in_flight",
        }
    }
}

/// What a processor says of the record it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended.
    Ended(Outcome),
    /// It waits; the processor kept it and will [`settle`](crate::Context::settle) it.
    Waiting(Waiting),
    /// It was forwarded: the first child's verdict counts (no child: applied).
    Forwarded,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        Self::Ended(outcome)
    }
}

impl From<Waiting> for Verdict {
    fn from(place: Waiting) -> Self {
        Self::Waiting(place)
    }
}

/// What shall become of a record that met an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The outside may recover: the same record again, later.
    Retry,
    /// This record cannot be used.
    DeadLetter,
    /// It waits for its parent, bounded in time and count.
    Park,
    /// Its order or identity is in doubt.
    Quarantine,
    /// An invariant broke: stop before harm.
    Stop,
}

/// An error of a processor or connector, with its fate.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code} {reason}: {detail}")]
pub struct Fault {
    /// What shall become of the record.
    pub fate: Fate,
    /// The stable code, such as `HUB-3001`.
    pub code: &'static str,
    /// The code's name, such as `illegal_transition`.
    pub reason: &'static str,
    /// The path of the field at fault.
    pub field: Option<String>,
    /// One sentence, without any value of the payload.
    pub detail: String,
}

impl Fault {
    /// A fault with this fate and code.
    pub fn new(fate: Fate, code: &'static str, reason: &'static str, detail: impl Into<String>) -> Self {
        Self { fate, code, reason, field: None, detail: detail.into() }
    }
}
