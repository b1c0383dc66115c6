//! What the listener let in, what it turned away at the door, and why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// The books of the listener since the process started: what was refused is stored nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IngestCounts {
    /// Events made durable, by family.
    pub accepted: BTreeMap<&'static str, u64>,
    /// Requests and lines turned away, by code.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Lines of batches that became dead letters, by code.
    pub dead_lettered: BTreeMap<&'static str, u64>,
}

/// A shared view of the listener's books.
#[derive(Clone, Debug, Default)]
pub struct IngestLedger(Arc<Mutex<IngestCounts>>);

impl IngestLedger {
    /// The books as they stand.
    pub fn snapshot(&self) -> IngestCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds counts, and to the metrics as well.
    pub(super) fn add(&self, counts: &IngestCounts) {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (family, count) in &counts.accepted {
            *books.accepted.entry(family).or_default() += count;
            metrics::counter!("hub_ingest_accepted_total", "family" => *family).increment(*count);
        }
        for (code, count) in &counts.rejected {
            *books.rejected.entry(code).or_default() += count;
            metrics::counter!("hub_ingest_rejected_total", "code" => *code).increment(*count);
        }
        for (code, count) in &counts.dead_lettered {
            *books.dead_lettered.entry(code).or_default() += count;
            metrics::counter!("hub_ingest_dead_lettered_total", "code" => *code).increment(*count);
        }
    }

    /// One request was turned away.
    pub(super) fn reject(&self, code: &'static str) {
        self.add(&IngestCounts { rejected: [(code, 1)].into(), ..IngestCounts::default() });
    }
}

/// Says what the metrics of the listener mean.
pub(super) fn describe() {
    metrics::describe_counter!("hub_ingest_accepted_total", "Events made durable by the listener, by family");
    metrics::describe_counter!("hub_ingest_rejected_total", "Requests and lines turned away by the listener, by code");
    metrics::describe_counter!("hub_ingest_dead_lettered_total", "Lines of batches that became dead letters, by code");
    metrics::describe_histogram!(
        "hub_ingest_commit_seconds",
        metrics::Unit::Seconds,
        "Time from the first event of a transaction of the listener until it was durable"
    );
}
