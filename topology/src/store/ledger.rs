//! The books: what each source topic brought, how it ended, and what waits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Outcome, TopicName, Verdict, Waiting};

/// The counts of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records taken in.
    pub taken: u64,
    ended: [u64; Outcome::ALL.len()],
    waiting: [i64; Waiting::ALL.len()],
}

impl Counts {
    /// How many ended so.
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.ended[outcome as usize]
    }

    /// How many wait there.
    pub fn waiting(&self, place: Waiting) -> i64 {
        self.waiting[place as usize]
    }

    /// How many ended, however.
    pub fn ended_total(&self) -> u64 {
        self.ended.iter().sum()
    }

    /// How many wait, wherever.
    pub fn waiting_total(&self) -> i64 {
        self.waiting.iter().sum()
    }

    /// Taken in, less ended, less waiting: 0 unless something was lost or counted twice. A place
    /// where fewer than none wait was settled twice, and counts as well.
    pub fn imbalance(&self) -> i64 {
        let settled_twice: i64 = self.waiting.iter().map(|count| (-count).max(0)).sum();
        let lost = self.taken as i64 - self.ended_total() as i64 - self.waiting_total();
        lost.abs() + settled_twice
    }

    /// One record was taken in.
    pub fn take(&mut self) {
        self.taken += 1;
    }

    /// A record has this verdict; `Forwarded` to no one is applied.
    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Ended(outcome) => self.ended[outcome as usize] += 1,
            Verdict::Waiting(place) => self.waiting[place as usize] += 1,
            Verdict::Forwarded => self.ended[Outcome::Applied as usize] += 1,
        }
    }

    /// A record that waited has ended.
    pub fn settle(&mut self, from: Waiting, to: Outcome) {
        self.waiting[from as usize] -= 1;
        self.ended[to as usize] += 1;
    }

    fn add(&mut self, other: &Self) {
        self.taken += other.taken;
        self.ended.iter_mut().zip(other.ended).for_each(|(sum, count)| *sum += count);
        self.waiting.iter_mut().zip(other.waiting).for_each(|(sum, count)| *sum += count);
    }
}

/// The counts of a task, a worker or a hub, by source topic.
///
/// ```
/// use topology::{Ledger, Outcome, Waiting};
/// let mut ledger = Ledger::default();
/// let orders = ledger.topic_mut("hub.order");
/// orders.take();
/// orders.count(topology::Verdict::Waiting(Waiting::Parked));
/// assert_eq!((ledger.waiting(), ledger.imbalance()), (1, 0));
/// ledger.topic_mut("hub.order").settle(Waiting::Parked, Outcome::Applied);
/// assert_eq!(ledger.ended("hub.order", Outcome::Applied), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    topics: BTreeMap<TopicName, Counts>,
}

impl Ledger {
    /// The counts of a topic; all 0 for one that brought nothing.
    pub fn topic(&self, topic: &str) -> Counts {
        self.topics.get(topic).copied().unwrap_or_default()
    }

    /// The counts of a topic, to change.
    pub fn topic_mut(&mut self, topic: &str) -> &mut Counts {
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.into(), Counts::default());
        }
        self.topics.get_mut(topic).expect("inserted above")
    }

    /// Every topic with its counts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicName, &Counts)> {
        self.topics.iter()
    }

    /// How many records of a topic were taken in.
    pub fn taken(&self, topic: &str) -> u64 {
        self.topic(topic).taken
    }

    /// How many records of a topic ended so.
    pub fn ended(&self, topic: &str, outcome: Outcome) -> u64 {
        self.topic(topic).ended(outcome)
    }

    /// How many records ended so, of all topics.
    pub fn total(&self, outcome: Outcome) -> u64 {
        self.topics.values().map(|counts| counts.ended(outcome)).sum()
    }

    /// How many records wait, wherever.
    pub fn waiting(&self) -> i64 {
        self.topics.values().map(Counts::waiting_total).sum()
    }

    /// The sum of the topics' imbalances: 0 unless something was lost or counted twice.
    pub fn imbalance(&self) -> i64 {
        self.topics.values().map(Counts::imbalance).sum()
    }

    /// Adds another ledger's counts.
    pub fn merge(&mut self, other: &Self) {
        for (topic, counts) in &other.topics {
            self.topics.entry(topic.clone()).or_default().add(counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conservation_holds_from_taken_in_to_settled_and_merges() {
        let mut counts = Counts::default();
        for verdict in [Outcome::Duplicate.into(), Verdict::Forwarded, Verdict::Waiting(Waiting::Buffered)] {
            counts.take();
            counts.count(verdict);
            assert_eq!(counts.imbalance(), 0);
        }
        assert_eq!((counts.ended(Outcome::Applied), counts.waiting(Waiting::Buffered)), (1, 1));
        counts.settle(Waiting::Buffered, Outcome::Stale);
        assert_eq!((counts.imbalance(), counts.waiting_total(), counts.ended_total()), (0, 0, 3));

        let mut ledger = Ledger::default();
        *ledger.topic_mut("t") = counts;
        let other = ledger.clone();
        ledger.merge(&other);
        assert_eq!((ledger.taken("t"), ledger.total(Outcome::Stale), ledger.imbalance()), (6, 2, 0));
    }

    #[test]
    fn a_loss_a_double_count_and_a_double_settlement_all_show() {
        let mut lost = Counts::default();
        lost.take();
        assert_eq!(lost.imbalance(), 1);
        let mut doubled = Counts::default();
        doubled.count(Outcome::Applied.into());
        assert_eq!(doubled.imbalance(), 1);
        let mut settled = Counts::default();
        settled.settle(Waiting::Parked, Outcome::Applied);
        assert_ne!(settled.imbalance(), 0);
    }
}
