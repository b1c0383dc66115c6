//! A sink on a simulated log, against partners that are slow and lie, in virtual time: every run is a pure function of
//! its seed, to the last request.

mod happened;
mod scenario;
mod target;
mod verdict;

use std::{
    collections::BTreeMap,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use happened::Happened;
use scenario::Scenario;

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

/// Runs the seeds on all processors; the lowest one that failed, with the reason.
fn run_all(seeds: Range<u64>) -> Result<Happened, (u64, String)> {
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(BTreeMap::new()));
    let work = || {
        let mut sum = Happened::default();
        // The seeds below one that failed are all taken already.
        while failed.lock().unwrap().is_empty() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let ended = catch_unwind(AssertUnwindSafe(|| run(seed)));
            match ended.unwrap_or_else(|_| Err("it panicked, as said above".to_owned())) {
                Ok((happened, _)) => sum.add(happened),
                Err(reason) => drop(failed.lock().unwrap().insert(seed, reason)),
            }
        }
        sum
    };
    let mut sum = Happened::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            sum.add(worker.join().unwrap());
        }
    });
    failed.into_inner().unwrap().pop_first().map_or(Ok(sum), Err)
}

#[test]
fn every_seed_ends_each_record_once_and_in_order() {
    let number =
        |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number of seeds, or one seed"));
    let one = number("SEED");
    let seeds = one.map_or_else(|| 0..number("SEEDS").unwrap_or(300), |seed| seed..seed + 1);
    let (count, started) = (seeds.end - seeds.start, Instant::now());
    let sum = run_all(seeds).unwrap_or_else(|(seed, reason)| {
        panic!("seed {seed}: {reason}\nreplay: SEED={seed} cargo test -p connectors --lib sink::tests::simulated")
    });
    println!("{count} seeds in {:.1} s: {sum:?}", started.elapsed().as_secs_f64());
    if one.is_none() {
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
