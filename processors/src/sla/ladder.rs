//! How far up its ladder a clock is, and which of its calls stand.

use serde::{Deserialize, Serialize};

use super::entry::ClockEntry;
use super::objective::{Objective, Step};

/// How far up its ladder a clock is. New fields go to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Climbed {
    /// When the clock started, as it was when it reached its first step: what its calls are known by. An entity
    /// that is forgotten and comes again has other calls.
    first: i64,
    /// The start of the run that is climbed for.
    pub(super) started: i64,
    /// The steps that this run reached, and that hold, in the order in which they were reached.
    reached: Vec<Reached>,
    /// How many calls of each share no longer stand for this run; none for those that all do.
    past: Vec<(u8, u32)>,
}

/// A step that was reached, as it was on the ladder then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reached {
    pub(super) percent: u8,
    /// Its place on the ladder, from 1 on.
    pub(super) level: u8,
    pub(super) role: String,
    /// When its share was used up, as far as was known.
    pub(super) at: i64,
    /// Whether somebody was called: what is long past when it is seen is passed in silence.
    called: bool,
}

/// A call, as it is known: the same one always has the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) step: Reached,
    /// The clock's start that it is known by.
    pub(super) first: i64,
    /// How many calls of its share there were before.
    pub(super) times: u32,
}

impl Reached {
    /// Whether it is this step: one whose role was renamed is another.
    fn is(&self, step: &Step) -> bool {
        self.percent == step.percent && self.role == step.role
    }

    /// Whether a ladder has it.
    pub(super) fn is_on(&self, ladder: &[Step]) -> bool {
        ladder.iter().any(|step| self.is(step))
    }
}

impl Climbed {
    /// Where a clock stands whose run started then.
    pub(super) fn of(clock: &ClockEntry, started: i64) -> Self {
        clock.climbed.clone().unwrap_or_else(|| Self { first: started, started, ..Self::default() })
    }

    /// The share of the highest step that was reached; 0 at the foot.
    pub(super) fn percent(&self) -> u8 {
        self.reached.iter().map(|step| step.percent).max().unwrap_or(0)
    }

    /// Whether anything was ever reached.
    pub(super) fn is_trace(&self) -> bool {
        !self.reached.is_empty() || !self.past.is_empty()
    }

    /// The steps of a ladder that were not reached, lowest first.
    pub(super) fn ahead<'a>(&self, objective: &'a Objective) -> impl Iterator<Item = (u8, &'a Step)> {
        let levels = (1_u8..).zip(&objective.ladder);
        levels.filter(move |(_, step)| !self.reached.iter().any(|reached| reached.is(step)))
    }

    /// Reaches a step; the call for it, where it `is_news`.
    pub(super) fn reach(&mut self, (level, step): (u8, &Step), at: i64, is_news: bool) -> Option<Call> {
        let step = Reached { percent: step.percent, level, role: step.role.clone(), at, called: is_news };
        self.reached.push(step.clone());
        is_news.then(|| self.call(step))
    }

    /// Leaves the steps that do not hold; their calls, highest first.
    pub(super) fn leave(&mut self, holds: impl Fn(&Reached) -> bool) -> Vec<Call> {
        let (held, mut left): (Vec<_>, Vec<_>) = self.reached.drain(..).partition(holds);
        self.reached = held;
        left.retain(|step| step.called);
        left.sort_by_key(|step| step.percent);
        let calls: Vec<Call> = left.into_iter().rev().map(|step| self.call(step)).collect();
        for call in &calls {
            self.pass(call.step.percent);
        }
        calls
    }

    /// Stands at the foot again, for a new run: what was told of the run before was right.
    pub(super) fn begin_anew(&mut self) {
        for step in std::mem::take(&mut self.reached) {
            if step.called {
                self.pass(step.percent);
            }
        }
    }

    fn pass(&mut self, percent: u8) {
        match self.past.iter_mut().find(|(known, _)| *known == percent) {
            Some((_, times)) => *times += 1,
            None => self.past.push((percent, 1)),
        }
    }

    fn call(&self, step: Reached) -> Call {
        let times = self.past.iter().find(|(percent, _)| *percent == step.percent).map_or(0, |(_, times)| *times);
        Call { step, first: self.first, times }
    }
}
