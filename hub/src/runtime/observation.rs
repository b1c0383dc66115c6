//! The hub at one instant, as its books say it: what metrics, screens and summaries are made from.

use std::collections::BTreeMap;

use connectors::http::IngestCounts;
use connectors::sink::SinkSnapshot;
use schemas::{SlaStatus, Timestamp};
use serde::Serialize;
use topology::{Ledger, Outcome, Waiting};

/// What a topic brought and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopicFlow {
    /// Records taken in.
    pub taken_in: u64,
    /// Of those, ended, by outcome.
    pub ended: BTreeMap<&'static str, u64>,
    /// Of those, waiting, by place.
    pub waiting: BTreeMap<&'static str, i64>,
    /// Taken in, less ended, less waiting: 0, or something is wrong.
    pub imbalance: i64,
}

/// The clocks of one objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SlaCounts {
    /// Running or resting.
    pub open: i64,
    /// Of the open ones, those past a warning level.
    pub warned: i64,
    /// Past the target, whether or not they have ended.
    pub breached: i64,
    /// Of the breached ones, those that a warning had been told of before.
    pub forewarned: i64,
    /// How long before the breach the first warnings had been told, summed over them, in milliseconds.
    pub forewarned_ms: i64,
    /// Ended in time.
    pub met: i64,
    /// Seconds until the next one breaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_breach_seconds: Option<f64>,
}

impl SlaCounts {
    /// A clock came to, or left, this state.
    pub(super) fn change(&mut self, status: SlaStatus, closed: bool, warned: bool, by: i64) {
        if status == SlaStatus::Breached {
            self.breached += by;
        } else if status == SlaStatus::Met {
            self.met += by;
        } else if !closed && status != SlaStatus::Unknown {
            self.open += by;
            if warned {
                self.warned += by;
            }
        }
    }
}

/// The hub at one instant.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// What the listener let in and turned away, since the start.
    pub ingest: IngestCounts,
    /// Every topic that a part takes in, by name; over restarts.
    pub topics: BTreeMap<String, TopicFlow>,
    /// Each sink's books; over restarts.
    pub sinks: Vec<(&'static str, SinkSnapshot)>,
    /// Records in the log that their reader has not taken in, by group and topic.
    pub lag: BTreeMap<(String, String), u64>,
    /// When the log was asked for that; `None` when it never answered.
    pub lag_at: Option<Timestamp>,
    /// The clocks by objective.
    pub sla: BTreeMap<String, SlaCounts>,
    /// Clocks that no verdict can be given of, by objective and reason.
    pub sla_unknown: BTreeMap<(String, String), i64>,
    /// Whether every worker has told how it is and has restored its state.
    pub restored: bool,
    /// Entries and changelog records that the tasks were restored from.
    pub restored_records: u64,
    /// Of those, changelog records: what the checkpoints did not have.
    pub replayed_records: u64,
    /// Committed bytes that no checkpoint has yet.
    pub checkpoint_lag_bytes: u64,
    /// Checkpoints that were given up.
    pub checkpoint_failures: u64,
    /// Memory that stores, tables and queues take.
    pub resident_bytes: u64,
    /// Memory that they may take.
    pub budget_bytes: u64,
    /// Entries that left memory, since the workers began.
    pub evicted: u64,
    /// Values read from checkpoints, since the workers began.
    pub checkpoint_reads: u64,
}

impl Observation {
    pub(super) fn add_ledger(&mut self, ledger: &Ledger) {
        for (topic, counts) in ledger.iter() {
            let flow = self.topics.entry(topic.to_string()).or_default();
            flow.taken_in += counts.taken;
            for outcome in Outcome::ALL.into_iter().filter(|outcome| counts.ended(*outcome) > 0) {
                *flow.ended.entry(outcome.name()).or_default() += counts.ended(outcome);
            }
            for place in Waiting::ALL.into_iter().filter(|place| counts.waiting(*place) != 0) {
                *flow.waiting.entry(place.name()).or_default() += counts.waiting(place);
            }
            flow.imbalance += counts.imbalance();
        }
    }

    pub(super) fn add_sink(&mut self, name: &'static str, books: SinkSnapshot) {
        let flow = self.topics.entry(books.topic.clone()).or_default();
        flow.taken_in += books.taken_in;
        for (outcome, count) in [
            (Outcome::Delivered, books.delivered),
            (Outcome::Duplicate, books.duplicate),
            (Outcome::DeadLettered, books.dead_lettered),
        ] {
            if count > 0 {
                *flow.ended.entry(outcome.name()).or_default() += count;
            }
        }
        if books.in_flight > 0 {
            *flow.waiting.entry(Waiting::InFlight.name()).or_default() += books.in_flight as i64;
        }
        flow.imbalance += books.imbalance().abs();
        self.sinks.push((name, books));
    }

    /// Records taken in by all parts.
    pub fn taken_in(&self) -> u64 {
        self.topics.values().map(|flow| flow.taken_in).sum()
    }

    /// Ended records by outcome, of all parts.
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        let mut sum = BTreeMap::new();
        for (outcome, count) in self.topics.values().flat_map(|flow| &flow.ended) {
            *sum.entry(*outcome).or_default() += count;
        }
        sum
    }

    /// Records that wait, of all parts.
    pub fn waiting(&self) -> i64 {
        self.topics.values().flat_map(|flow| flow.waiting.values()).sum()
    }

    /// The sum of all imbalances.
    pub fn imbalance(&self) -> i64 {
        self.topics.values().map(|flow| flow.imbalance).sum()
    }

    /// Records that nobody has taken in yet.
    pub fn unread(&self) -> u64 {
        self.lag.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_of_tasks_and_sinks_add_up() {
        let mut ledger = Ledger::default();
        let orders = ledger.topic_mut("hub.order");
        for verdict in [Outcome::Applied.into(), topology::Verdict::Waiting(Waiting::Parked)] {
            orders.take();
            orders.count(verdict);
        }
        let mut seen = Observation::default();
        seen.add_ledger(&ledger);
        seen.add_ledger(&ledger);
        let books = SinkSnapshot {
            topic: "out.billing".into(),
            taken_in: 3,
            delivered: 2,
            in_flight: 1,
            ..SinkSnapshot::default()
        };
        seen.add_sink("billing", books);
        assert_eq!((seen.taken_in(), seen.waiting(), seen.imbalance()), (7, 3, 0));
        assert_eq!(seen.outcomes(), [("applied", 2), ("delivered", 2)].into());
        let lost = SinkSnapshot { topic: "out.partner".into(), taken_in: 1, ..SinkSnapshot::default() };
        seen.add_sink("partner", lost);
        assert_eq!(seen.imbalance(), 1);
    }
}
