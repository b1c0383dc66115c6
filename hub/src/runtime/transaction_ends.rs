//! How the workers' transactions end, as metrics.

use std::time::Instant;

use metrics::{counter, describe_counter, describe_histogram, histogram};
use topology::{Commit, Step};

pub(super) fn describe() {
    let seconds = "From the begin of a commit until its worker heard of the end, to a step";
    describe_histogram!("hub_commit_seconds", metrics::Unit::Seconds, seconds);
    describe_counter!("hub_transactions_total", "Transactions of workers, by how their commit ended");
    describe_counter!("hub_partitions_lost_total", "Partitions that a worker found to be another's already");
    // From the start, so that a rate of the first one is seen.
    for end in ["committed", "aborted", "fenced"] {
        counter!("hub_transactions_total", "end" => end).increment(0);
    }
    counter!("hub_partitions_lost_total").increment(0);
}

/// Counts the ends of one worker's transactions.
#[derive(Default)]
pub(super) struct TransactionEnds {
    /// When the commit under way began.
    committing: Option<Instant>,
}

impl TransactionEnds {
    /// Takes in what a step that began at `began` did, and whether a commit is under way after it.
    pub(super) fn note(&mut self, step: &Step, is_committing: bool, began: Instant) {
        if let Some(commit) = step.commit {
            let end = match commit {
                Commit::Committed => "committed",
                Commit::Aborted => "aborted",
                Commit::Fenced => "fenced",
            };
            counter!("hub_transactions_total", "end" => end).increment(1);
            let began = self.committing.take().unwrap_or(began);
            if commit == Commit::Committed {
                histogram!("hub_commit_seconds").record(began.elapsed().as_secs_f64());
            }
        }
        if step.lost > 0 {
            counter!("hub_partitions_lost_total").increment(step.lost as u64);
        }
        if is_committing {
            self.committing.get_or_insert_with(Instant::now);
        } else {
            self.committing = None;
        }
    }
}
