//! One clock, derived from the transitions of its entity.
//!
//! ```text
//!   Waiting --start--> Running <--leaves pause-- Paused
//!                       |  ^  `-----pause-------> |
//!            stop,cancel|  |reopen                |stop, cancel
//!                       v  |                      v
//!                      Stopped <------------------+--> Cancelled
//! ```
//!
//! The clock is never kept, only the transitions are: a fact that comes late takes its place among
//! them, and the clock is derived again. What transitions too old to keep have come to is a
//! [`Progress`] to derive from. A clock whose start another version of its objective is for is
//! `Elsewhere` for good.

use schemas::SlaStatus;
use serde::{Deserialize, Serialize};

use super::objective::{OnReopen, Start, Terms};

/// A change of state: when, by which version of the entity, to which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Transition(pub(super) i64, pub(super) i64, pub(super) u8);

/// Where a clock is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    #[default]
    Waiting,
    Running,
    Paused,
    Stopped,
    Cancelled,
    /// It started when another version of the objective was valid.
    Elsewhere,
}

/// How far transitions have brought a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) phase: Phase,
    pub(super) started: i64,
    /// When the phase began.
    pub(super) since: i64,
    /// Working time used up to then.
    pub(super) consumed: i64,
    /// When the target passed, as far as the transitions tell.
    pub(super) breached_at: Option<i64>,
}

impl Progress {
    /// Lets the clock start at the entity's creation, where the objective says so.
    pub(super) fn create(&mut self, terms: &Terms<'_>, created_at: Option<i64>) {
        if let (Phase::Waiting, Start::Created, Some(at)) = (self.phase, terms.objective.start, created_at) {
            self.start(terms, at, Phase::Running);
        }
    }

    fn start(&mut self, terms: &Terms<'_>, at: i64, phase: Phase) {
        let phase = if terms.objective.validity.contains(at) { phase } else { Phase::Elsewhere };
        *self = Self { phase, started: at, since: at, ..Self::default() };
    }

    /// Takes the next transition.
    pub(super) fn step(&mut self, terms: &Terms<'_>, transition: Transition) {
        let Transition(at, _, state) = transition;
        let objective = terms.objective;
        // A clock that starts at the creation may be told of transitions before it.
        let at = at.max(self.since);
        let next = match self.phase {
            Phase::Waiting => {
                if let Start::States(states) = objective.start
                    && states.contains(state)
                {
                    let phase = if objective.pause.contains(state) { Phase::Paused } else { Phase::Running };
                    self.start(terms, at, phase);
                }
                return;
            }
            Phase::Running | Phase::Paused if objective.stop.contains(state) => Phase::Stopped,
            Phase::Running | Phase::Paused if objective.cancel.contains(state) => Phase::Cancelled,
            Phase::Running | Phase::Paused if objective.pause.contains(state) => Phase::Paused,
            Phase::Running | Phase::Paused => Phase::Running,
            Phase::Stopped if objective.reopen.contains(state) => {
                if objective.on_reopen == OnReopen::Restart && self.breached_at.is_none() {
                    *self = Self { phase: Phase::Running, started: at, since: at, ..Self::default() };
                    return;
                }
                Phase::Running
            }
            Phase::Stopped | Phase::Cancelled | Phase::Elsewhere => return,
        };
        if next == self.phase {
            return;
        }
        if self.phase == Phase::Running {
            let used = terms.clock.elapsed(self.since, at);
            let limit = terms.limit_ms(self.started);
            if let Some(limit) = limit.filter(|limit| self.breached_at.is_none() && self.consumed + used > *limit) {
                self.breached_at = Some(terms.clock.add(self.since, limit - self.consumed));
            }
            self.consumed += used;
        }
        self.phase = next;
        self.since = at;
    }

    /// Working time used up at an instant.
    pub(super) fn consumed_at(&self, terms: &Terms<'_>, at: i64) -> i64 {
        match self.phase {
            Phase::Running => self.consumed + terms.clock.elapsed(self.since, at),
            _ => self.consumed,
        }
    }

    /// When this much working time will have been used if nothing changes.
    pub(super) fn reaches(&self, terms: &Terms<'_>, millis: i64) -> i64 {
        terms.clock.add(self.since, millis - self.consumed)
    }

    /// Whether it ended when or before it began: no verdict can be given.
    fn is_absurd(&self) -> bool {
        self.phase == Phase::Stopped && self.since <= self.started
    }

    /// Why no verdict can be given, if so.
    fn doubt(&self, terms: &Terms<'_>, entity: EntityDoubt, breach_at: Option<i64>) -> Option<Unknown> {
        if entity.suspect {
            return Some(Unknown::SuspectTimes);
        }
        if self.is_absurd() {
            return Some(Unknown::NoDuration);
        }
        if terms.target_ms(self.started).is_none() {
            return Some(Unknown::NoDueDate);
        }
        if terms.is_due_before(self.started) {
            return Some(Unknown::DueBeforeStart);
        }
        // What was decided before a year that the calendar does not know stays decided.
        let until = self.breached_at.or(breach_at).unwrap_or(self.since);
        (!terms.clock.knows(self.started, until)).then_some(Unknown::NoCalendarYear)
    }

    /// What it comes to; `None` where it has not started. `noticed` is the instant up to which the
    /// passing of time was looked at.
    pub(super) fn verdict(&self, terms: &Terms<'_>, entity: EntityDoubt, noticed: Option<i64>) -> Option<Verdict> {
        if matches!(self.phase, Phase::Waiting | Phase::Elsewhere) {
            return None;
        }
        let stopped = matches!(self.phase, Phase::Stopped | Phase::Cancelled);
        let limit = terms.limit_ms(self.started);
        let breach_at = limit
            .filter(|_| self.phase == Phase::Running)
            .map(|limit| self.breached_at.unwrap_or_else(|| self.reaches(terms, limit)));
        let unknown = self.doubt(terms, entity, breach_at);
        let noticed = noticed.map(|now| self.consumed_at(terms, now));
        let status = match self.phase {
            _ if unknown.is_some() => SlaStatus::Unknown,
            _ if self.breached_at.is_some() => SlaStatus::Breached,
            _ if !entity.applies => SlaStatus::Cancelled,
            Phase::Running if noticed.zip(limit).is_some_and(|(used, limit)| used > limit) => SlaStatus::Breached,
            Phase::Paused => SlaStatus::Paused,
            Phase::Stopped => SlaStatus::Met,
            Phase::Cancelled => SlaStatus::Cancelled,
            _ => SlaStatus::Open,
        };
        let closed = stopped || entity.suspect || !entity.applies;
        Some(Verdict {
            status,
            unknown,
            closed,
            breach_at: breach_at.filter(|_| !closed && unknown.is_none()),
            stopped_at: stopped.then_some(self.since),
        })
    }
}

/// Why no verdict can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The entity's times contradict each other.
    SuspectTimes,
    /// It ended when, or before, it began.
    NoDuration,
    /// The target is a date that the entity does not have.
    NoDueDate,
    /// The date on the entity is not after the start.
    DueBeforeStart,
    /// The calendar lists no holidays of a year that counts.
    NoCalendarYear,
}

impl Unknown {
    /// Its name in records and metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SuspectTimes => "suspect_times",
            Self::NoDuration => "no_duration",
            Self::NoDueDate => "no_due_date",
            Self::DueBeforeStart => "due_before_start",
            Self::NoCalendarYear => "no_calendar_year",
        }
    }
}

/// What the entity says of all its clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntityDoubt {
    /// Its times make no sense.
    pub(super) suspect: bool,
    /// The objective is for it.
    pub(super) applies: bool,
}

/// What a clock comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: SlaStatus,
    /// Why the status is unknown, if it is.
    pub(super) unknown: Option<Unknown>,
    pub(super) closed: bool,
    pub(super) breach_at: Option<i64>,
    pub(super) stopped_at: Option<i64>,
}

impl Verdict {
    /// Of a clock whose start came to be one that another version of its objective is for.
    pub(super) const LEFT: Self =
        Self { status: SlaStatus::Cancelled, unknown: None, closed: true, breach_at: None, stopped_at: None };
}
