//! What is kept of an entity to measure it: what happened when, and what was made of it.

use schemas::LifecycleFact;
use serde::{Deserialize, Serialize};

use super::labels::Labels;
use super::told::Told;

/// What may happen to an entity that KPIs ask for. Stored entries hold places in this list: append only.
const HAPPENINGS: &[&str] = &[
    "deleted",
    "acknowledged",
    "rejected",
    "inProgress",
    "pending",
    "held",
    "assessingCancellation",
    "pendingCancellation",
    "cancelled",
    "completed",
    "failed",
    "partial",
    "resolved",
    "closed",
    "done",
    "denied",
    "canceled",
    "sent",
    "settled",
    "error_message",
    "cancel_requested",
    "dispatch_failed",
];

/// Facts that tell of no transition and matter all the same.
const NOTICES: [&str; 3] = ["error_message", "cancel_requested", "dispatch_failed"];

/// So many happenings are kept; what more there are change nothing.
const MOVES_MAX: usize = 64;

/// Something that happened: when, by which version of the entity, what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Move(pub i64, pub i64, u8);

impl Move {
    /// What happened.
    pub fn what(self) -> &'static str {
        HAPPENINGS.get(usize::from(self.2)).copied().unwrap_or_default()
    }

    /// Whether the entity came to another state by it.
    pub fn is_transition(self) -> bool {
        !NOTICES.contains(&self.what()) && self.what() != "deleted"
    }
}

/// One entity: one value of the store. New fields go to the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// The highest version seen.
    newest: i64,
    created_at: Option<i64>,
    /// The version that said so.
    created_by: i64,
    /// The date promised.
    pub due_at: Option<i64>,
    /// Whether its times make no sense.
    pub suspect: bool,
    /// By the newest version.
    pub labels: Labels,
    moves: Vec<Move>,
    /// What was made of it.
    pub told: Told,
    /// When something last happened to it.
    pub latest_at: i64,
    /// When it is next asked whether to forget it.
    pub timer: Option<i64>,
    /// Whether any fact carried a doubt.
    #[serde(default)]
    pub doubted: bool,
    /// Of a debit by the newest version: whether the customer was told too late before it; `None` where that is not
    /// known.
    #[serde(default)]
    pub notice_short: Option<bool>,
    /// Of a ticket by the newest version: the order that it is about.
    #[serde(default)]
    pub order_id: Option<String>,
    /// Of a ticket: the order that was told of it, and since when it is, as that was told.
    #[serde(default)]
    pub told_order: Option<(String, i64)>,
    /// Of an order: the tickets about it, and when each was created.
    #[serde(default)]
    pub tickets: Vec<(String, i64)>,
}

impl Story {
    /// Takes a fact in, in any order and any number of times.
    pub fn take(&mut self, fact: &LifecycleFact) {
        let at = time_of(fact);
        let is_first = self.newest == 0;
        self.latest_at = if is_first { at } else { self.latest_at.max(at) };
        if let Some(created) = fact.created_at
            && (self.created_at.is_none() || fact.version < self.created_by)
        {
            (self.created_at, self.created_by) = (Some(created.0), fact.version);
        }
        self.suspect |= fact.flags.iter().any(|flag| flag == "sla_suspect");
        self.doubted |= !fact.flags.is_empty();
        if is_first || fact.version > self.newest {
            self.newest = fact.version;
            self.due_at = fact.due_at.map(|due| due.0);
            self.order_id.clone_from(&fact.order_id);
            self.labels = Labels::of(fact);
            let has = |name: &str| fact.flags.iter().any(|flag| flag == name);
            self.notice_short = (!has("notice_unknown")).then(|| has("notice_short"));
        }
        let what = if fact.change == "deleted" || NOTICES.contains(&fact.change.as_str()) {
            Some(fact.change.as_str())
        } else if fact.from_state == fact.to_state {
            None
        } else {
            fact.to_state.as_deref()
        };
        let Some(place) = what.and_then(|what| HAPPENINGS.iter().position(|known| *known == what)) else { return };
        let happened = Move(at, fact.version, place as u8);
        if self.moves.len() < MOVES_MAX && self.moves.iter().all(|known| known.1 != fact.version) {
            let place = self.moves.partition_point(|known| *known < happened);
            self.moves.insert(place, happened);
        }
    }

    /// What happened, in the order in which it did.
    pub fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// When it was created, as far as is known.
    pub fn created(&self) -> i64 {
        self.created_at.or_else(|| self.moves.first().map(|first| first.0)).unwrap_or(self.latest_at)
    }

    /// Whether the first that was heard of it is its end.
    pub fn is_born_ended(&self) -> bool {
        self.moves.iter().filter(|happened| happened.is_transition()).count() < 2
    }
}

/// When a fact happened. A source whose clock is ahead tells of no time to come.
pub fn time_of(fact: &LifecycleFact) -> i64 {
    fact.occurred_at.0.min(fact.ingested_at.0)
}
