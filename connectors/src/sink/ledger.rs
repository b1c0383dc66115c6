//! What a sink has taken in and how it ended, for everyone to see.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use super::progress::Progress;

/// The counts of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TargetCounts {
    /// Confirmed by the outside.
    pub delivered: u64,
    /// The outside had it already.
    pub duplicate: u64,
    /// Given up.
    pub dead_lettered: u64,
}

/// The books of one sink, counted from the topic's beginning, over restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkSnapshot {
    /// The topic.
    pub topic: String,
    /// Records taken in.
    pub taken_in: u64,
    /// Of those, confirmed by the outside.
    pub delivered: u64,
    /// Of those, known to the outside already.
    pub duplicate: u64,
    /// Of those, given up.
    pub dead_lettered: u64,
    /// Of those, still under way.
    pub in_flight: u64,
    /// The same by target. Of hundreds of targets the least used are counted together.
    pub by_target: BTreeMap<String, TargetCounts>,
}

impl SinkSnapshot {
    /// `taken in - ended - under way`: anything but 0 is a defect.
    pub fn imbalance(&self) -> i64 {
        let accounted = self.delivered + self.duplicate + self.dead_lettered + self.in_flight;
        self.taken_in as i64 - accounted as i64
    }
}

/// A shared view of a sink's books, and of what it waits for.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Mutex<View>>);

#[derive(Debug)]
struct View {
    books: SinkSnapshot,
    waits_for: Option<String>,
}

impl Ledger {
    /// Empty books for `topic`.
    pub fn new(topic: &str) -> Self {
        let books = SinkSnapshot { topic: topic.to_owned(), ..SinkSnapshot::default() };
        Self(Arc::new(Mutex::new(View { books, waits_for: None })))
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The books as they stand.
    pub fn snapshot(&self) -> SinkSnapshot {
        self.view().books.clone()
    }

    /// Why the sink cannot use its log at the moment, if so. What it waits for of the outside is told by breakers.
    pub fn waits_for(&self) -> Option<String> {
        self.view().waits_for.clone()
    }

    /// The log cannot be used for now.
    pub(super) fn waits(&self, why: String) {
        self.view().waits_for = Some(why);
    }

    /// The log did as it was asked.
    pub(super) fn goes_on(&self) {
        self.view().waits_for = None;
    }

    /// Rewrites the books from the partitions' progress.
    pub(super) fn update<'a>(&self, partitions: impl Iterator<Item = &'a Progress>) {
        let books = &mut self.view().books;
        *books = SinkSnapshot { topic: std::mem::take(&mut books.topic), ..SinkSnapshot::default() };
        for progress in partitions {
            books.taken_in += progress.taken_in();
            books.in_flight += progress.in_flight();
            for (name, [delivered, duplicate, dead_lettered]) in progress.by_target() {
                books.delivered += delivered;
                books.duplicate += duplicate;
                books.dead_lettered += dead_lettered;
                let counts = books.by_target.entry(name.clone()).or_default();
                counts.delivered += delivered;
                counts.duplicate += duplicate;
                counts.dead_lettered += dead_lettered;
            }
        }
    }
}
