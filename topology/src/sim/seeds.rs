//! Many seeds of a simulation.

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

/// Seeds that are run, by as many threads as their owner likes.
///
/// ```
/// use topology::sim::{FailedSeed, Rng, Seeds};
///
/// let seeds = Seeds::new(0..100);
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| seeds.work(|seed| Ok(Rng::new(seed).below(6) + 1)));
///     }
/// });
/// let thrown = seeds.end().expect("no seed fails");
/// assert!(thrown.len() == 100 && thrown.contains(&6));
///
/// let seeds = Seeds::new(0..100);
/// seeds.work(|seed| if seed < 7 { Ok(()) } else { Err(format!("{seed} is too many")) });
/// assert_eq!(seeds.end(), Err(FailedSeed { seed: 7, reason: "7 is too many".to_owned() }));
/// ```
#[derive(Debug)]
pub struct Seeds<T> {
    next: AtomicU64,
    end: u64,
    done: Mutex<BTreeMap<u64, T>>,
    failed: Mutex<BTreeMap<u64, String>>,
}

impl<T> Seeds<T> {
    /// These, of which none was run yet.
    pub fn new(seeds: Range<u64>) -> Self {
        let (next, end) = (AtomicU64::new(seeds.start), seeds.end);
        Self { next, end, done: Mutex::default(), failed: Mutex::default() }
    }

    /// Runs one seed after the other until none is left. One that panics has failed; once one has, no more are begun.
    pub fn work(&self, run: impl Fn(u64) -> Result<T, String>) {
        // The seeds below one that failed are all taken already, and run to their end.
        while lock(&self.failed).is_empty() {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                break;
            }
            let ended = catch_unwind(AssertUnwindSafe(|| run(seed)));
            match ended.unwrap_or_else(|_| Err("it panicked, as said above".to_owned())) {
                Ok(come_to) => drop(lock(&self.done).insert(seed, come_to)),
                Err(reason) => drop(lock(&self.failed).insert(seed, reason)),
            }
        }
    }

    /// What each came to, in their order, once nobody works on them any more.
    ///
    /// # Errors
    /// The lowest seed that failed, however fast the others were.
    pub fn end(self) -> Result<Vec<T>, FailedSeed> {
        match lock(&self.failed).pop_first() {
            Some((seed, reason)) => Err(FailedSeed { seed, reason }),
            None => Ok(std::mem::take(&mut *lock(&self.done)).into_values().collect()),
        }
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
