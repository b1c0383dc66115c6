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
//! [`Progress`] to derive from.

use schemas::SlaStatus;
use serde::{Deserialize, Serialize};

use super::settings::{Objective, Start};

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
    pub(super) fn create(&mut self, objective: &Objective, created_at: Option<i64>) {
        if let (Phase::Waiting, Start::Created, Some(at)) = (self.phase, objective.start, created_at) {
            *self = Self { phase: Phase::Running, started: at, since: at, ..Self::default() };
        }
    }

    /// Takes the next transition.
    pub(super) fn step(&mut self, objective: &Objective, target_ms: i64, transition: Transition) {
        let Transition(at, _, state) = transition;
        // A clock that starts at the creation may be told of transitions before it.
        let at = at.max(self.since);
        let next = match self.phase {
            Phase::Waiting => match objective.start {
                Start::States(states) if states.contains(state) => {
                    self.started = at;
                    if objective.pause.contains(state) { Phase::Paused } else { Phase::Running }
                }
                _ => return,
            },
            Phase::Running | Phase::Paused if objective.stop.contains(state) => Phase::Stopped,
            Phase::Running | Phase::Paused if objective.cancel.contains(state) => Phase::Cancelled,
            Phase::Running | Phase::Paused if objective.pause.contains(state) => Phase::Paused,
            Phase::Running | Phase::Paused => Phase::Running,
            Phase::Stopped if objective.reopen.contains(state) => Phase::Running,
            Phase::Stopped | Phase::Cancelled => return,
        };
        if next == self.phase {
            return;
        }
        if self.phase == Phase::Running {
            let used = objective.clock.elapsed(self.since, at);
            if self.breached_at.is_none() && self.consumed + used > target_ms {
                self.breached_at = Some(objective.clock.add(self.since, target_ms - self.consumed));
            }
            self.consumed += used;
        }
        self.phase = next;
        self.since = at;
    }

    /// Working time used up at an instant.
    pub(super) fn consumed_at(&self, objective: &Objective, at: i64) -> i64 {
        match self.phase {
            Phase::Running => self.consumed + objective.clock.elapsed(self.since, at),
            _ => self.consumed,
        }
    }

    /// When this much working time will have been used if nothing changes.
    pub(super) fn reaches(&self, objective: &Objective, millis: i64) -> i64 {
        objective.clock.add(self.since, millis - self.consumed)
    }

    /// Whether it ended when or before it began: no verdict can be given.
    fn is_absurd(&self) -> bool {
        self.phase == Phase::Stopped && self.since <= self.started
    }

    /// Whether its transitions alone tell that the target passed.
    pub(super) fn is_breached(&self) -> bool {
        self.breached_at.is_some()
    }

    /// What it comes to. `noticed` is the instant up to which the passing of time was looked at.
    pub(super) fn verdict(
        &self,
        objective: &Objective,
        target_ms: i64,
        entity: EntityDoubt,
        noticed: Option<i64>,
    ) -> Option<Verdict> {
        let stopped = matches!(self.phase, Phase::Stopped | Phase::Cancelled);
        let breach_at = (self.phase == Phase::Running)
            .then(|| self.breached_at.unwrap_or_else(|| self.reaches(objective, target_ms)));
        let status = match self.phase {
            Phase::Waiting => return None,
            _ if entity.suspect || self.is_absurd() => SlaStatus::Unknown,
            _ if self.is_breached() => SlaStatus::Breached,
            _ if !entity.applies => SlaStatus::Cancelled,
            Phase::Running if noticed.is_some_and(|now| self.consumed_at(objective, now) > target_ms) => {
                SlaStatus::Breached
            }
            Phase::Running => SlaStatus::Open,
            Phase::Paused => SlaStatus::Paused,
            Phase::Stopped => SlaStatus::Met,
            Phase::Cancelled => SlaStatus::Cancelled,
        };
        let closed = stopped || entity.suspect || !entity.applies;
        Some(Verdict {
            status,
            closed,
            breach_at: breach_at.filter(|_| !closed),
            stopped_at: stopped.then_some(self.since),
        })
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
    pub(super) closed: bool,
    pub(super) breach_at: Option<i64>,
    pub(super) stopped_at: Option<i64>,
}
