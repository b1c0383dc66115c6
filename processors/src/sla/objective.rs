//! A checked objective, and what it asks of one entity.

use hashbrown::HashMap;
use schemas::{Family, LifecycleFact};

use super::calendar::Clock;
use super::state::StateSet;
use crate::route::{Condition, EntityView, Subject};

/// A checked objective, or one of its versions.
#[derive(Debug)]
pub(super) struct Objective {
    /// What stored clocks call it.
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) entity_kind: String,
    pub(super) when: Condition,
    /// Which starts it is for.
    pub(super) validity: Validity,
    pub(super) start: Start,
    pub(super) stop: StateSet,
    pub(super) pause: StateSet,
    pub(super) cancel: StateSet,
    pub(super) reopen: StateSet,
    pub(super) on_reopen: OnReopen,
    pub(super) target: Target,
    pub(super) tolerance_ms: i64,
    pub(super) clock: Clock,
    /// Clocks of circles that have a calendar of their own.
    pub(super) clocks: HashMap<String, Clock>,
    /// Ascending.
    pub(super) warn_percent: Vec<u8>,
    /// Who is called at which share of the target, ascending.
    pub(super) ladder: Vec<Step>,
    pub(super) consequence: Option<String>,
    /// Who works on its breaches.
    pub(super) owner: Option<String>,
}

/// A step of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) percent: u8,
    pub(super) role: String,
}

/// What starts a checked objective's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Created,
    States(StateSet),
}

/// What a reopened clock has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReopen {
    /// It goes on with the time that it used before.
    #[default]
    Continue,
    /// It starts anew with the whole target, unless the target has passed: a breach stands.
    Restart,
}

/// How much time there is.
#[derive(Debug)]
pub(super) enum Target {
    /// This much, or by class.
    Duration { millis: i64, classes: HashMap<String, i64> },
    /// As long as it is from the start to the date on the entity.
    DueAt,
}

/// The starts `[from, to)` that an objective is for, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Validity {
    pub(super) const ALWAYS: Self = Self { from: i64::MIN, to: i64::MAX };

    pub(super) const fn contains(self, at: i64) -> bool {
        self.from <= at && at < self.to
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

impl Objective {
    /// What is still known of one that is configured no more.
    pub(super) fn gone(id: u32, name: &str, family: Family, entity_kind: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            family,
            entity_kind: entity_kind.to_owned(),
            when: Condition::always(),
            validity: Validity::ALWAYS,
            start: Start::Created,
            stop: StateSet::default(),
            pause: StateSet::default(),
            cancel: StateSet::default(),
            reopen: StateSet::default(),
            on_reopen: OnReopen::default(),
            target: Target::Duration { millis: 0, classes: HashMap::new() },
            tolerance_ms: 0,
            clock: Clock::Wall,
            clocks: HashMap::new(),
            warn_percent: Vec::new(),
            ladder: Vec::new(),
            consequence: None,
            owner: None,
        }
    }

    /// The target for this entity, 0 where it is a date; `None` where the objective is not for it.
    pub(super) fn target_ms(&self, fact: &LifecycleFact) -> Option<i64> {
        if !self.when.holds(&Subject { fact, entity: EntityView::FactOnly }) {
            return None;
        }
        let Target::Duration { millis, classes } = &self.target else { return Some(0) };
        let named = [fact.class.as_deref(), fact.customer_class.as_deref()];
        let of_class = named.into_iter().flatten().filter_map(|class| classes.get(class)).min();
        Some(of_class.copied().unwrap_or(*millis))
    }

    /// What it asks of an entity of this circle, with a target by class or a date.
    pub(super) fn terms(&self, target_ms: i64, circle: Option<&str>, due_at: Option<i64>) -> Terms<'_> {
        let clock = circle.and_then(|circle| self.clocks.get(circle)).unwrap_or(&self.clock);
        let allowed = match self.target {
            Target::Duration { .. } => Allowed::Time(target_ms),
            Target::DueAt => Allowed::Until(due_at),
        };
        Terms { objective: self, clock, allowed }
    }
}

/// What an objective asks of one entity: by which clock, and how much of it.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) objective: &'a Objective,
    pub(super) clock: &'a Clock,
    allowed: Allowed,
}

#[derive(Clone, Copy)]
enum Allowed {
    Time(i64),
    Until(Option<i64>),
}

impl Terms<'_> {
    /// The target of a clock that started then; `None` where the date that it takes is not known.
    pub(super) fn target_ms(&self, started: i64) -> Option<i64> {
        match self.allowed {
            Allowed::Time(millis) => Some(millis),
            Allowed::Until(due) => due.map(|due| self.clock.elapsed(started, due)),
        }
    }

    /// How much time may be used without a violation: beyond the target what is tolerated.
    pub(super) fn limit_ms(&self, started: i64) -> Option<i64> {
        Some(self.target_ms(started)?.saturating_add(self.objective.tolerance_ms))
    }

    /// Whether the date on the entity is not after the start: no time was ever given.
    pub(super) fn is_due_before(&self, started: i64) -> bool {
        matches!(self.allowed, Allowed::Until(Some(due)) if due <= started)
    }
}
