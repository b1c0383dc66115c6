//! The live view of SLA clocks: `hub.sla.state` read from its beginning, the newest state of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use schemas::{SlaState, SlaStatus, Timestamp};
use topology::{Offset, Record};

use super::failure::Failure;
use super::observation::SlaCounts;
use super::sla_news::{self, SlaNews};
use super::tail;
use crate::wiring::SharedLog;

pub(super) const TOPIC: &str = "hub.sla.state";

/// What is kept of one clock: its key's hash is the map's key, so a million of them stay small.
#[derive(Clone, Copy)]
struct Clock {
    objective: u16,
    status: SlaStatus,
    closed: bool,
    /// The warning level that it is past; 0 for none.
    warned: u8,
    ahead: Ahead,
    breach_at: Option<i64>,
    /// Place of why it is unknown, from 1; 0 where it is not.
    reason: u8,
    /// Where the rest of its state is.
    place: Place,
}

/// Whether a clock's breach was warned of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    /// No warning was told yet.
    Unwarned,
    /// The first one was told then.
    Warned(i64),
    /// It breached so many milliseconds after the first warning.
    Forewarned(i64),
}

impl Ahead {
    /// What it is after the next state.
    fn next(self, state: &SlaState) -> Self {
        let (is_breached, now) = (state.status == SlaStatus::Breached, state.updated_at.as_millis());
        match self {
            Self::Unwarned if state.warned_percent > 0 && !is_breached => Self::Warned(now),
            Self::Warned(at) if is_breached => Self::Forewarned((now - at).max(0)),
            // A late fact took the breach back.
            Self::Forewarned(ahead) if !is_breached => Self::Warned(now - ahead),
            other => other,
        }
    }

    fn count(self, counts: &mut SlaCounts, by: i64) {
        if let Self::Forewarned(ahead) = self {
            counts.forewarned += by;
            counts.forewarned_ms += by * ahead;
        }
    }
}

/// Where a record is: its partition and offset.
pub(super) type Place = (u32, Offset);

/// The statuses of clocks that have not ended, each with an order of its own.
const LIVE: [SlaStatus; 3] = [SlaStatus::Open, SlaStatus::Paused, SlaStatus::Breached];
const OPEN: usize = 0;

impl Clock {
    /// Its status's number in [`LIVE`] and when it breaches, if it has not ended.
    fn live(&self) -> Option<(usize, i64)> {
        let order = LIVE.iter().position(|status| *status == self.status).filter(|_| !self.closed)?;
        Some((order, self.breach_at.unwrap_or(i64::MAX)))
    }
}

/// The newest state of every clock, and counts by objective that never need a scan.
pub(super) struct SlaView {
    hasher: RandomState,
    objectives: Vec<String>,
    counts: Vec<SlaCounts>,
    clocks: HashMap<u64, Clock>,
    reasons: Vec<String>,
    /// Clocks that no verdict can be given of, by objective and reason.
    unknown: BTreeMap<(u16, u8), i64>,
    /// By objective and status: when which of the clocks that have not ended breaches.
    live: Vec<[BTreeSet<(i64, u64)>; LIVE.len()]>,
}

/// A view that a thread keeps up to date.
pub(super) type SharedView = Arc<Mutex<SlaView>>;

impl SlaView {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            objectives: Vec::new(),
            counts: Vec::new(),
            clocks: HashMap::new(),
            reasons: Vec::new(),
            unknown: BTreeMap::new(),
            live: Vec::new(),
        }
    }

    /// Takes a state in; gives it back where the clock went past a warning level that it was not past before.
    fn apply(&mut self, record: &Record) -> Option<SlaState> {
        let key = record.key.as_ref()?;
        let id = self.hasher.hash_one(key.as_ref());
        let state = record.value.as_ref().and_then(|value| schemas::decode::<SlaState>(value).ok());
        if let Some(old) = self.clocks.get(&id).copied()
            && (state.is_some() || !old.closed)
        {
            // A closed clock that is forgotten stays counted as what it ended as.
            let counts = &mut self.counts[old.objective as usize];
            counts.change(old.status, old.closed, old.warned > 0, -1);
            old.ahead.count(counts, -1);
            self.count_unknown(old.objective, old.reason, -1);
        }
        let old = self.clocks.remove(&id);
        if let Some(old) = &old
            && let Some((order, at)) = old.live()
        {
            self.live[old.objective as usize][order].remove(&(at, id));
        }
        let state = state?;
        let objective = self.objective(&state.objective);
        let (status, closed) = (state.status, state.closed);
        let warned = state.warned_percent.clamp(0, 100) as u8;
        let ahead = old.map_or(Ahead::Unwarned, |old| old.ahead).next(&state);
        let counts = &mut self.counts[objective as usize];
        counts.change(status, closed, warned > 0, 1);
        ahead.count(counts, 1);
        let reason = state.reason.as_deref().map_or(0, |reason| self.reason(reason));
        self.count_unknown(objective, reason, 1);
        let breach_at = state.breach_at.map(Timestamp::as_millis);
        let place = (record.partition, record.offset);
        let clock = Clock { objective, status, closed, warned, ahead, breach_at, reason, place };
        if let Some((order, at)) = clock.live() {
            self.live[objective as usize][order].insert((at, id));
        }
        self.clocks.insert(id, clock);
        let is_news = status == SlaStatus::Open && old.is_none_or(|old| warned > old.warned) && warned > 0;
        is_news.then_some(state)
    }

    fn objective(&mut self, name: &str) -> u16 {
        if let Some(known) = self.objectives.iter().position(|objective| objective == name) {
            return known as u16;
        }
        self.objectives.push(name.to_owned());
        self.counts.push(SlaCounts::default());
        self.live.push(Default::default());
        (self.objectives.len() - 1) as u16
    }

    /// A reason's place, from 1. There are few, and the hub names them.
    fn reason(&mut self, name: &str) -> u8 {
        let known = self.reasons.iter().position(|reason| reason == name).unwrap_or_else(|| {
            self.reasons.push(name.to_owned());
            self.reasons.len() - 1
        });
        u8::try_from(known + 1).unwrap_or(u8::MAX)
    }

    fn count_unknown(&mut self, objective: u16, reason: u8, by: i64) {
        if reason > 0 {
            *self.unknown.entry((objective, reason)).or_default() += by;
        }
    }

    /// How many clocks no verdict can be given of, by objective and reason.
    pub(super) fn unknown(&self) -> BTreeMap<(String, String), i64> {
        let named = |(objective, reason): &(u16, u8)| {
            let reason = self.reasons.get(usize::from(*reason) - 1)?;
            Some((self.objectives[usize::from(*objective)].clone(), reason.clone()))
        };
        self.unknown.iter().filter_map(|(place, count)| Some((named(place)?, *count))).collect()
    }

    /// The counts of each objective, with the time to its next breach.
    pub(super) fn summary(&self, now: Timestamp) -> BTreeMap<String, SlaCounts> {
        let next = self.live.iter().map(|live| live[OPEN].range((now.as_millis() + 1, 0)..).next());
        let objectives = self.objectives.iter().zip(&self.counts).zip(next);
        objectives
            .map(|((name, counts), next)| {
                let next_breach_seconds = next.map(|(at, _)| (at - now.as_millis()) as f64 / 1_000.0);
                (name.clone(), SlaCounts { next_breach_seconds, ..*counts })
            })
            .collect()
    }

    /// Where the states of the clocks are that breach first, in that order, and how many there are in
    /// all; those of one objective or status only where it is named. What has no time to breach is last.
    pub(super) fn first(
        &self,
        objective: Option<&str>,
        status: Option<SlaStatus>,
        limit: usize,
    ) -> (Vec<Place>, usize) {
        let is_wanted = |found: SlaStatus| status.map_or(found != SlaStatus::Breached, |wanted| wanted == found);
        let named = self.objectives.iter().zip(&self.live);
        let named = named.filter(|(name, _)| objective.is_none_or(|wanted| wanted == name.as_str()));
        let orders = named.flat_map(|(_, live)| LIVE.into_iter().zip(live));
        let (mut clocks, mut all) = (Vec::new(), 0);
        for (_, order) in orders.filter(|(status, _)| is_wanted(*status)) {
            all += order.len();
            clocks.extend(order.iter().take(limit));
        }
        clocks.sort_unstable();
        clocks.truncate(limit);
        (clocks.iter().filter_map(|(_, id)| self.clocks.get(id)).map(|clock| clock.place).collect(), all)
    }
}

/// Starts the thread that reads; it ends with `shutdown`.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedView,
    news: SlaNews,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    tail::follow_live(log, (TOPIC, partitions), shutdown, failure, move |records, is_live| {
        let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
        for warned in records.drain(..).filter_map(|record| view.apply(&record)).filter(|_| is_live) {
            news.tell(|| sla_news::warning(&warned));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entity: &str, status: SlaStatus, closed: bool, breach_at: i64) -> Record {
        let state = SlaState {
            objective: "repair".into(),
            entity_id: entity.into(),
            status,
            closed,
            breach_at: Some(Timestamp(breach_at)),
            family: schemas::Family::Ticket,
            entity_kind: "ticket".into(),
            warned_percent: 0,
            started_at: Timestamp(0),
            consumed_ms: 0,
            target_ms: breach_at,
            stopped_at: None,
            customer_id: None,
            partner_ids: Vec::new(),
            updated_at: Timestamp(0),
            reason: (status == SlaStatus::Unknown).then(|| "no_due_date".to_owned()),
        };
        Record {
            topic: TOPIC.into(),
            partition: 0,
            offset: Offset(0),
            timestamp: Timestamp(0),
            key: Some(entity.to_owned().into()),
            value: Some(schemas::encode(&state).into()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_next_breach_is_that_of_the_first_clock_that_runs() {
        let mut view = SlaView::new();
        let next = |view: &SlaView, now| view.summary(Timestamp(now))["repair"].next_breach_seconds;
        view.apply(&state("a", SlaStatus::Open, false, 9_000));
        view.apply(&state("b", SlaStatus::Open, false, 5_000));
        view.apply(&state("c", SlaStatus::Open, false, 5_000));
        assert_eq!((next(&view, 1_000), next(&view, 5_000), next(&view, 9_000)), (Some(4.0), Some(4.0), None));
        // One moves, one ends, one is forgotten.
        view.apply(&state("b", SlaStatus::Open, false, 7_000));
        view.apply(&state("c", SlaStatus::Met, true, 5_000));
        assert_eq!(next(&view, 1_000), Some(6.0));
        view.apply(&Record { value: None, ..state("b", SlaStatus::Open, false, 0) });
        assert_eq!(next(&view, 1_000), Some(8.0));
    }

    #[test]
    fn clocks_without_a_verdict_are_counted_by_reason_while_they_have_none() {
        let mut view = SlaView::new();
        view.apply(&state("a", SlaStatus::Unknown, false, 0));
        let place = ("repair".to_owned(), "no_due_date".to_owned());
        assert_eq!(view.unknown(), [(place.clone(), 1)].into());
        assert_eq!(view.summary(Timestamp(0))["repair"].open, 0);
        view.apply(&state("a", SlaStatus::Open, false, 9));
        assert_eq!((view.unknown(), view.summary(Timestamp(0))["repair"].open), ([(place, 0)].into(), 1));
    }

    #[test]
    fn the_first_to_breach_are_listed_first() {
        let mut view = SlaView::new();
        let clocks = [
            ("a", SlaStatus::Open, false, 9_000),
            ("b", SlaStatus::Open, false, 5_000),
            ("c", SlaStatus::Paused, false, i64::MAX),
            ("d", SlaStatus::Breached, false, 1_000),
            ("e", SlaStatus::Breached, true, 1_000),
            ("f", SlaStatus::Met, true, 1_000),
        ];
        for (offset, (entity, status, closed, breach_at)) in (0..).zip(clocks) {
            view.apply(&Record { offset: Offset(offset), ..state(entity, status, closed, breach_at) });
        }
        let first = |objective, status, limit| {
            let (places, all) = view.first(objective, status, limit);
            (places.into_iter().map(|(_, offset)| offset.0).collect::<Vec<_>>(), all)
        };
        assert_eq!(first(None, None, 10), (vec![1, 0, 2], 3));
        assert_eq!(first(Some("repair"), None, 1), (vec![1], 3));
        assert_eq!(first(Some("another"), None, 1), (vec![], 0));
        assert_eq!(first(None, Some(SlaStatus::Breached), 10), (vec![3], 1));
    }
}
