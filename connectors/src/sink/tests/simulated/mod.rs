//! A sink on a simulated log, against partners that are slow and lie, in virtual time: every run is a pure function of
//! its seed, to the last request.

mod happened;
mod scenario;
mod target;
mod verdict;

use std::time::Instant;

use happened::Happened;
use scenario::Scenario;
use topology::sim::{FailedSeed, Seeds, seeds_told};

/// Runs one seed and checks all that must hold; returns what happened, and every request and outcome in order.
fn run(seed: u64) -> Result<(Happened, Vec<String>), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut scenario = Scenario::new(seed);
        let books = scenario.run().await?.snapshot();
        let outcomes = verdict::check(&scenario, &books)?;
        let mut trace = std::mem::take(&mut scenario.partners.asked().trace);
        trace.extend(outcomes);
        Ok((scenario.happened, trace))
    })
}

#[test]
fn every_seed_ends_each_record_once_and_in_order() {
    let seeds = seeds_told(|name| std::env::var(name).ok(), 300).unwrap();
    let (count, started) = (seeds.end - seeds.start, Instant::now());
    let seeds = Seeds::new(seeds);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| seeds.work(run));
        }
    });
    let all = seeds.end().unwrap_or_else(|FailedSeed { seed, reason }| {
        panic!("seed {seed}: {reason}\nreplay: SEED={seed} cargo test -p connectors --lib sink::tests::simulated")
    });
    let mut sum = Happened::default();
    for (happened, _) in all {
        sum.add(happened);
    }
    println!("{count} seeds in {:.1} s: {sum:?}", started.elapsed().as_secs_f64());
    if count > 1 {
        // A run without faults would prove nothing.
        let Happened { crashes, stops, takeovers, fenced, kicks, guests, log, partners } = sum;
        let befell = [crashes, stops, takeovers, fenced, kicks, guests];
        assert!(befell.iter().all(|times| *times > count / 2), "{sum:?}");
        let commits = [log.aborts, log.fenced, log.lost_acknowledgements, log.failed_commits];
        assert!(commits.iter().all(|times| *times > count / 2), "{sum:?}");
        assert!([log.polls, log.reads, log.short_reads].iter().all(|times| *times > count / 2), "{sum:?}");
        let lies = [partners.denied, partners.garbled, partners.late, partners.slow, partners.duplicates];
        assert!(lies.iter().all(|times| *times > 2 * count), "{sum:?}");
        assert!([partners.busy, partners.waits, partners.refused].iter().all(|times| *times > count), "{sum:?}");
    }
}

#[test]
fn a_seed_gives_the_same_run_to_the_last_request() {
    for seed in 0..10 {
        let (first, again) = (run(seed).unwrap(), run(seed).unwrap());
        assert!(first.1.len() > 60, "{first:?}");
        assert_eq!(first, again, "seed {seed}");
    }
    assert_ne!(run(1).unwrap().1, run(2).unwrap().1);
}
