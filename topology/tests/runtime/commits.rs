//! What a worker does while a commit is under way, and when that ends badly.

use std::time::Duration;

use schemas::Timestamp;
use topology::sim::FaultPlan;
use topology::{Commit, WorkerSettings};

use crate::worker::{seeded, started, write};

/// Every commit takes its time.
const SLOW: FaultPlan = FaultPlan { slow_commit: 1000, ..FaultPlan::NONE };

/// A worker of two, with a commit under way and the other one gone, so that its next poll tells it of more partitions.
fn committing(seed: u64, faults: FaultPlan) -> (topology::sim::SimLog, topology::Worker) {
    let log = seeded(seed, 2);
    let of = |member| WorkerSettings { member, members: 2, max_records_per_step: 64, ..WorkerSettings::new("app") };
    let (mut stays, leaves) = (started(&log, of(0)), started(&log, of(1)));
    // It gives up what is the other one's.
    for _ in 0..9 {
        stays.run_once(Timestamp(0), Duration::ZERO).unwrap();
    }
    write(&log, 300);
    log.set_faults(faults);
    stays.run_once(Timestamp(500), Duration::ZERO).unwrap();
    assert!(!stays.is_committing());
    stays.run_once(Timestamp(600), Duration::ZERO).unwrap();
    assert!(stays.is_committing());
    drop(leaves);
    (log, stays)
}

#[test]
fn partitions_that_a_fenced_membership_was_given_are_not_taken() {
    let mut met = 0;
    for seed in 0..16 {
        let (log, mut worker) = committing(seed, FaultPlan { fence: 1000, ..SLOW });
        let step = worker.run_once(Timestamp(601), Duration::ZERO).unwrap();
        assert_eq!(step.commit, Some(Commit::Fenced), "seed {seed}");
        // Where the end was heard before the poll, the poll was that of a new membership.
        if worker.snapshot().tasks.is_empty() {
            met += 1;
        }
        log.set_faults(FaultPlan::NONE);
        let mut ids = Vec::new();
        for now in 0..60 {
            worker.run_once(Timestamp(2000 + 7 * now), Duration::ZERO).unwrap();
            ids = worker.snapshot().tasks.iter().map(|task| task.id.to_string()).collect();
        }
        assert_eq!(ids, ["count/0", "count/1", "sum/0", "sum/1"], "seed {seed}");
        assert_eq!(log.records("counts").len(), 300, "seed {seed}");
    }
    assert!(met > 0, "the assignment was never told before the end of the commit");
}

#[test]
fn partitions_that_come_while_a_commit_is_under_way_are_taken() {
    for seed in 0..16 {
        let (log, mut worker) = committing(seed, SLOW);
        let step = worker.run_once(Timestamp(601), Duration::ZERO).unwrap();
        assert_eq!(step.commit, Some(Commit::Committed), "seed {seed}");
        assert_eq!(worker.snapshot().tasks.len(), 4, "seed {seed}");
        for now in 0..60 {
            worker.run_once(Timestamp(2000 + 7 * now), Duration::ZERO).unwrap();
        }
        assert_eq!(log.records("counts").len(), 300, "seed {seed}");
    }
}
