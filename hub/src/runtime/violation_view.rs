//! The live view of violations: `hub.sla.violation` read from its beginning, the newest version of the latest ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use schemas::{SlaViolation, Timestamp};

use super::failure::Failure;
use super::sla_news::{self, SlaNews};
use super::tail;
use crate::wiring::SharedLog;

const TOPIC: &str = "hub.sla.violation";
/// How many violations are kept: a few megabytes. Who needs more reads the topic, or what billing holds.
const KEPT: usize = 10_000;

/// The newest version of each of the violations whose targets passed last.
#[derive(Default)]
pub(super) struct ViolationView {
    /// By when the target passed, and by id.
    latest: BTreeMap<(i64, String), SlaViolation>,
    /// When the target of each id passed.
    times: HashMap<String, i64>,
}

/// A view that a thread keeps up to date.
pub(super) type SharedViolations = Arc<Mutex<ViolationView>>;

impl ViolationView {
    fn apply(&mut self, violation: SlaViolation) {
        let id = violation.violation_id.clone();
        if let Some(at) = self.times.remove(&id) {
            self.latest.remove(&(at, id.clone()));
        }
        let at = violation.breached_at.as_millis();
        self.times.insert(id.clone(), at);
        self.latest.insert((at, id), violation);
        while self.latest.len() > KEPT {
            if let Some(((_, id), _)) = self.latest.pop_first() {
                self.times.remove(&id);
            }
        }
    }

    /// All that are kept, newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &SlaViolation> {
        self.latest.values().rev()
    }

    /// The newest of those since an instant, newest first, and how many there are in all.
    pub(super) fn newest(&self, from: Option<Timestamp>, limit: usize) -> (Vec<SlaViolation>, usize) {
        let from = from.map_or(i64::MIN, Timestamp::as_millis);
        let since = self.latest.range((from, String::new())..);
        (since.clone().rev().take(limit).map(|(_, violation)| violation.clone()).collect(), since.count())
    }
}

/// Starts the thread that reads; it ends with `shutdown`.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedViolations,
    news: SlaNews,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    tail::follow_values(log, (TOPIC, partitions), shutdown, failure, move |violations, is_live| {
        let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
        for violation in violations {
            if is_live {
                news.tell(|| sla_news::violation(&violation));
            }
            view.apply(violation);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(id: &str, breached_at: i64, version: i64) -> SlaViolation {
        SlaViolation {
            violation_id: id.into(),
            objective: "repair".into(),
            family: schemas::Family::Ticket,
            entity_kind: "ticket".into(),
            entity_id: id.into(),
            breached_at: Timestamp(breached_at),
            ingested_at: Timestamp(0),
            actual_ms: 2,
            reference_ms: 1,
            operator: "le".into(),
            consequence: None,
            customer_id: None,
            account_id: None,
            partner_ids: Vec::new(),
            withdrawn: false,
            version,
            replaces: None,
            tolerance_ms: 0,
            unit: "ms".into(),
        }
    }

    #[test]
    fn the_newest_version_of_the_newest_violations_is_kept() {
        let mut view = ViolationView::default();
        for number in 0..KEPT as i64 {
            view.apply(violation(&number.to_string(), number, 1));
        }
        // The first one is amended: it passed last of all. Then one more than is kept comes.
        view.apply(violation("0", KEPT as i64, 2));
        view.apply(violation("more", KEPT as i64 + 1, 1));
        let (newest, all) = view.newest(None, 3);
        let ids: Vec<_> = newest.iter().map(|found| (found.violation_id.as_str(), found.version)).collect();
        assert_eq!((ids, all), (vec![("more", 1), ("0", 2), ("9999", 1)], KEPT));
        assert_eq!(view.newest(Some(Timestamp(KEPT as i64)), 10).1, 2);
        assert!(!view.times.contains_key("1"), "the oldest went");
    }
}
