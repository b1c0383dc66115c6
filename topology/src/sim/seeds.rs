//! Many seeds of a simulation, on all processors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A seed that did not come to what it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSeed {
    /// Which one: it replays.
    pub seed: u64,
    /// Why.
    pub reason: String,
}

/// Runs each seed, on as many threads as there are processors, and returns what each came to, in their order.
///
/// A seed that panics has failed. Once one has, no more are begun, and those below it are run to their end, so that
/// what is returned does not hang on which thread was faster.
///
/// # Errors
/// The lowest seed that failed.
///
/// ```
/// use topology::sim::{FailedSeed, Rng, run_seeds};
///
/// let thrown = run_seeds(0..100, |seed| Ok(Rng::new(seed).below(6) + 1)).expect("no seed fails");
/// assert!(thrown.len() == 100 && thrown.contains(&6));
///
/// let failed = run_seeds(0..100, |seed| if seed < 7 { Ok(()) } else { Err(format!("{seed} is too many")) });
/// assert_eq!(failed, Err(FailedSeed { seed: 7, reason: "7 is too many".to_owned() }));
/// ```
pub fn run_seeds<T: Send>(
    seeds: Range<u64>,
    run: impl Fn(u64) -> Result<T, String> + Sync,
) -> Result<Vec<T>, FailedSeed> {
    let next = AtomicU64::new(seeds.start);
    let (done, failed) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeMap::new()));
    let work = || {
        // The seeds below one that failed are all taken already.
        while lock(&failed).is_empty() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let ended = catch_unwind(AssertUnwindSafe(|| run(seed)));
            match ended.unwrap_or_else(|_| Err("it panicked, as said above".to_owned())) {
                Ok(come_to) => drop(lock(&done).insert(seed, come_to)),
                Err(reason) => drop(lock(&failed).insert(seed, reason)),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let first = lock(&failed).pop_first();
    match first {
        Some((seed, reason)) => Err(FailedSeed { seed, reason }),
        None => Ok(std::mem::take(&mut *lock(&done)).into_values().collect()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which seeds to run: `SEED` names one, `SEEDS` says how many (`usual` unless it does), `SEEDS_FROM` where to begin
/// (at 0). `told` gives the value of such a name, as the environment does.
///
/// # Errors
/// The name whose value is no number.
///
/// ```
/// use topology::sim::seeds_told;
///
/// assert_eq!(seeds_told(|_| None, 300), Ok(0..300));
/// assert_eq!(seeds_told(|name| (name == "SEED").then(|| "42".to_owned()), 300), Ok(42..43));
/// assert!(seeds_told(|name| (name == "SEEDS").then(|| "many".to_owned()), 300).is_err());
/// ```
pub fn seeds_told(told: impl Fn(&str) -> Option<String>, usual: u64) -> Result<Range<u64>, String> {
    let number =
        |name: &str| told(name).map(|text| text.parse::<u64>().map_err(|_| format!("{name} is no number"))).transpose();
    if let Some(seed) = number("SEED")? {
        return Ok(seed..seed.saturating_add(1));
    }
    let first = number("SEEDS_FROM")?.unwrap_or(0);
    Ok(first..first.saturating_add(number("SEEDS")?.unwrap_or(usual)))
}
