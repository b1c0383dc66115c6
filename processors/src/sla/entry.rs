//! What is kept of an entity: its transitions, and what was said of its clocks.

use schemas::LifecycleFact;
use serde::{Deserialize, Serialize};

use super::ladder::Climbed;
use super::objective::{Objective, Terms};
use super::report::Reported;
use super::state::{self, DELETED};
use super::verdict::{EntityDoubt, Phase, Progress, Transition, Verdict};

/// How many transitions are kept one by one. Older ones are folded into each clock's progress.
const TRANSITIONS_MAX: usize = 32;
/// How many versions may be seen ahead of one that is missing.
const AHEAD_MAX: usize = 32;

/// One entity with all its clocks: one value of the store. New fields go to the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    seen: Seen,
    newest: i64,
    created_at: Option<i64>,
    created_by: i64,
    first_at: i64,
    pub(super) latest_at: i64,
    suspect: bool,
    pub(super) customer_id: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) partner_ids: Vec<String>,
    pub(super) ingested_at: i64,
    transitions: Vec<Transition>,
    /// Transitions up to this one are in the clocks' `base`.
    folded: Option<Transition>,
    pub(super) clocks: Vec<ClockEntry>,
    /// The one timer that waits.
    pub(super) timer: Option<i64>,
    /// Up to when the passing of time has been looked at.
    pub(super) noticed: Option<i64>,
    /// Whether the timer was put off, to let late facts come first.
    pub(super) postponed: bool,
    /// The date promised on the entity, as the newest fact says it.
    #[serde(default)]
    due_at: Option<i64>,
    /// Its circle, which may have a calendar of its own.
    #[serde(default)]
    circle: Option<String>,
}

/// What is kept of one clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ClockEntry {
    pub(super) objective: u32,
    applies: bool,
    /// The target by class; 0 where it is a date.
    target_ms: i64,
    pub(super) warned: u8,
    pub(super) violated: bool,
    /// A hash of the state published last; 0 for none.
    pub(super) published: u64,
    base: Option<Progress>,
    /// What was said of its violation last.
    #[serde(default)]
    pub(super) told: Option<Told>,
    /// What was told of its degradation report last.
    #[serde(default)]
    pub(super) report: Option<Reported>,
    /// How far up its ladder it is.
    #[serde(default)]
    pub(super) climbed: Option<Climbed>,
}

impl ClockEntry {
    /// What the transitions that are not kept have come to.
    pub(super) fn base(&self) -> Option<Progress> {
        self.base
    }
}

/// What was said of a violation, so that it can be taken back by the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// How often it was told or taken back: its version.
    pub(super) version: i64,
    /// The clock's start, as it was when it was told first.
    pub(super) started: i64,
    /// When the target passed, as it was told last.
    pub(super) breached_at: i64,
}

/// Which versions have been seen: all up to one, and some ahead of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    up_to: i64,
    ahead: Vec<i64>,
}

impl Seen {
    /// Notes a version; false where it was seen before.
    fn insert(&mut self, version: i64) -> bool {
        if version <= self.up_to {
            return false;
        }
        let Err(place) = self.ahead.binary_search(&version) else { return false };
        self.ahead.insert(place, version);
        if self.ahead.len() > AHEAD_MAX {
            // What is missing so long will not come; should it come, it counts as seen.
            self.up_to = self.ahead[0];
        }
        let mut follow = 0;
        while let Some(version) = self.ahead.get(follow).filter(|version| **version <= self.up_to + 1) {
            self.up_to = *version;
            follow += 1;
        }
        self.ahead.drain(..follow);
        true
    }
}

/// What became of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It counts.
    New,
    /// It was seen before.
    Repeated,
    /// It speaks of a time whose transitions are folded already.
    TooLate,
}

impl Entry {
    /// Takes a fact in.
    pub(super) fn take(&mut self, fact: &LifecycleFact, objectives: &[Objective]) -> Taken {
        let is_first = self.newest == 0 && self.seen == Seen::default();
        if !self.seen.insert(fact.version) {
            return Taken::Repeated;
        }
        let at = fact.occurred_at.0;
        self.first_at = if is_first { at } else { self.first_at.min(at) };
        self.latest_at = if is_first { at } else { self.latest_at.max(at) };
        // Of several creation times the earliest version's counts, whenever it arrives.
        if let Some(created) = fact.created_at
            && (self.created_at.is_none() || fact.version < self.created_by)
        {
            self.created_at = Some(created.0);
            self.created_by = fact.version;
        }
        self.suspect |= fact.flags.iter().any(|flag| flag == "sla_suspect");
        if is_first || fact.version > self.newest {
            self.newest = fact.version;
            self.customer_id.clone_from(&fact.customer_id);
            self.account_id.clone_from(&fact.account_id);
            self.partner_ids.clone_from(&fact.partner_ids);
            self.ingested_at = fact.ingested_at.0;
            self.due_at = fact.due_at.map(|at| at.0);
            self.circle.clone_from(&fact.circle);
            self.apply(fact, objectives);
        }
        let state = if fact.change == "deleted" {
            DELETED
        } else if fact.from_state == fact.to_state {
            return Taken::New;
        } else {
            fact.to_state.as_deref().map_or(u8::MAX, state::number)
        };
        if state == u8::MAX {
            return Taken::New;
        }
        let transition = Transition(at, fact.version, state);
        if self.folded.is_some_and(|folded| transition < folded) {
            return Taken::TooLate;
        }
        let place = self.transitions.partition_point(|other| *other < transition);
        self.transitions.insert(place, transition);
        if self.transitions.len() > TRANSITIONS_MAX {
            self.fold(objectives);
        }
        Taken::New
    }

    /// Decides by the newest fact which objectives are for the entity, and by which target.
    fn apply(&mut self, fact: &LifecycleFact, objectives: &[Objective]) {
        for objective in objectives {
            let target = objective.target_ms(fact);
            let known = self.clocks.iter_mut().find(|clock| clock.objective == objective.id);
            match (known, target) {
                (Some(clock), target) => {
                    clock.applies = target.is_some();
                    clock.target_ms = target.unwrap_or(clock.target_ms);
                }
                (None, Some(target_ms)) => self.clocks.push(ClockEntry {
                    objective: objective.id,
                    applies: true,
                    target_ms,
                    base: self.folded.map(|_| Progress::default()),
                    ..ClockEntry::default()
                }),
                (None, None) => {}
            }
        }
    }

    /// Brings the oldest transition into the progress of every clock.
    fn fold(&mut self, objectives: &[Objective]) {
        let transition = self.transitions.remove(0);
        let created = self.created();
        for index in 0..self.clocks.len() {
            let clock = &self.clocks[index];
            if let Some(objective) = objectives.iter().find(|objective| objective.id == clock.objective) {
                let terms = self.terms(clock, objective);
                let mut progress = clock.base.unwrap_or_default();
                progress.create(&terms, Some(created));
                progress.step(&terms, transition);
                self.clocks[index].base = Some(progress);
            }
        }
        self.folded = Some(transition);
    }

    /// The transitions that are kept one by one, in the order in which they happened.
    pub(super) fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// When it was created, as far as is known.
    pub(super) fn created(&self) -> i64 {
        self.created_at.unwrap_or(self.first_at)
    }

    /// What an objective asks of the entity.
    pub(super) fn terms<'a>(&self, clock: &ClockEntry, objective: &'a Objective) -> Terms<'a> {
        objective.terms(clock.target_ms, self.circle.as_deref(), self.due_at)
    }

    /// How far a clock has come by all transitions.
    pub(super) fn progress(&self, clock: &ClockEntry, terms: &Terms<'_>) -> Progress {
        let mut progress = clock.base.unwrap_or_default();
        progress.create(terms, Some(self.created()));
        for transition in &self.transitions {
            progress.step(terms, *transition);
        }
        progress
    }

    /// How much a run of the clock had used when the clock began anew; `None` for a run that is the last one, or
    /// that the kept transitions do not tell of.
    pub(super) fn used_before_restart(&self, clock: &ClockEntry, terms: &Terms<'_>, started: i64) -> Option<i64> {
        let mut progress = clock.base.unwrap_or_default();
        progress.create(terms, Some(self.created()));
        self.transitions.iter().find_map(|transition| {
            let before = progress;
            progress.step(terms, *transition);
            let is_its_end = before.phase == Phase::Stopped && before.started == started;
            (is_its_end && progress.started != started).then_some(before.consumed)
        })
    }

    /// What a clock comes to; `None` where it has not started.
    pub(super) fn verdict(&self, clock: &ClockEntry, terms: &Terms<'_>, progress: &Progress) -> Option<Verdict> {
        let doubt = EntityDoubt { suspect: self.suspect, applies: clock.applies };
        progress.verdict(terms, doubt, self.noticed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_seen_once_in_any_order() {
        let mut seen = Seen::default();
        assert!([3, 1, 2].iter().all(|version| seen.insert(*version)));
        assert_eq!(seen, Seen { up_to: 3, ahead: vec![] });
        assert!([1, 2, 3].iter().all(|version| !seen.insert(*version)));
        assert!(seen.insert(9) && !seen.insert(9));
        // The gap 4..=8 is given up once too many wait behind it.
        assert!((11..60).step_by(2).all(|version| seen.insert(version)));
        assert!(seen.ahead.len() <= AHEAD_MAX);
        assert!((61..99).step_by(2).all(|version| seen.insert(version)));
        assert!(!seen.insert(4) && seen.ahead.len() <= AHEAD_MAX);
    }

    #[test]
    fn an_entry_of_one_open_clock_is_small() {
        let entry = Entry {
            seen: Seen { up_to: 3, ahead: vec![] },
            newest: 3,
            created_at: Some(1_790_000_000_000),
            created_by: 1,
            first_at: 1_790_000_000_000,
            latest_at: 1_790_000_000_000,
            customer_id: Some("CUST-1234567".into()),
            account_id: Some("BA-12345678".into()),
            ingested_at: 1_790_000_000_000,
            transitions: vec![Transition(1_790_000_000_000, 1, 2), Transition(1_790_000_100_000, 2, 4)],
            clocks: vec![ClockEntry {
                objective: u32::MAX,
                applies: true,
                target_ms: 14_400_000,
                published: u64::MAX,
                ..ClockEntry::default()
            }],
            timer: Some(1_790_000_000_000),
            noticed: None,
            ..Entry::default()
        };
        let bytes = topology::encode_value(&entry).unwrap().len();
        assert!(bytes <= 150, "{bytes} bytes");
    }
}
