//! The live view of SLA clocks: `hub.sla.state` read from its beginning, the newest state of each.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use schemas::{SlaState, SlaStatus, Timestamp};
use topology::Record;

use super::failure::Failure;
use super::observation::SlaCounts;
use super::tail;
use crate::wiring::SharedLog;

const TOPIC: &str = "hub.sla.state";

/// What is kept of one clock: its key's hash is the map's key, so a million of them stay small.
#[derive(Clone, Copy)]
struct Clock {
    objective: u16,
    status: SlaStatus,
    closed: bool,
    warned: bool,
    breach_at: Option<i64>,
}

/// The newest state of every clock, and counts by objective that never need a scan.
pub(super) struct SlaView {
    hasher: RandomState,
    objectives: Vec<String>,
    counts: Vec<SlaCounts>,
    clocks: HashMap<u64, Clock>,
}

/// A view that a thread keeps up to date.
pub(super) type SharedView = Arc<Mutex<SlaView>>;

impl SlaView {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), objectives: Vec::new(), counts: Vec::new(), clocks: HashMap::new() }
    }

    fn apply(&mut self, record: &Record) {
        let Some(key) = &record.key else { return };
        let id = self.hasher.hash_one(key.as_ref());
        let state = record.value.as_ref().and_then(|value| schemas::decode::<SlaState>(value).ok());
        if let Some(old) = self.clocks.get(&id).copied()
            && (state.is_some() || !old.closed)
        {
            // A closed clock that is forgotten stays counted as what it ended as.
            self.counts[old.objective as usize].change(old.status, old.closed, old.warned, -1);
        }
        let Some(state) = state else {
            self.clocks.remove(&id);
            return;
        };
        let objective = self.objective(&state.objective);
        let (status, closed, warned) = (state.status, state.closed, state.warned_percent > 0);
        self.counts[objective as usize].change(status, closed, warned, 1);
        let breach_at = state.breach_at.map(Timestamp::as_millis);
        self.clocks.insert(id, Clock { objective, status, closed, warned, breach_at });
    }

    fn objective(&mut self, name: &str) -> u16 {
        if let Some(known) = self.objectives.iter().position(|objective| objective == name) {
            return known as u16;
        }
        self.objectives.push(name.to_owned());
        self.counts.push(SlaCounts::default());
        (self.objectives.len() - 1) as u16
    }

    /// The counts of each objective, with the time to its next breach.
    pub(super) fn summary(&self, now: Timestamp) -> BTreeMap<String, SlaCounts> {
        let mut next: Vec<Option<i64>> = vec![None; self.objectives.len()];
        for clock in self.clocks.values().filter(|clock| !clock.closed && clock.status == SlaStatus::Open) {
            if let Some(at) = clock.breach_at.filter(|at| *at > now.as_millis()) {
                let place = &mut next[clock.objective as usize];
                *place = Some(place.map_or(at, |known| known.min(at)));
            }
        }
        let objectives = self.objectives.iter().zip(&self.counts).zip(next);
        objectives
            .map(|((name, counts), next)| {
                let next_breach_seconds = next.map(|at| (at - now.as_millis()) as f64 / 1_000.0);
                (name.clone(), SlaCounts { next_breach_seconds, ..*counts })
            })
            .collect()
    }
}

/// Starts the thread that reads; it ends with `shutdown`.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedView,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    tail::follow(log, (TOPIC, partitions), shutdown, failure, move |records| {
        let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
        records.drain(..).for_each(|record| view.apply(&record));
    })
}
