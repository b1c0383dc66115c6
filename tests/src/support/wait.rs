//! Waiting for something to become true, with a deadline.

use std::time::{Duration, Instant};

/// How often is asked.
const EVERY: Duration = Duration::from_millis(40);

/// Asks until there is an answer.
///
/// # Panics
/// When `patience` is used up, with what `wanted` says.
pub fn until<T>(wanted: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {wanted}");
        std::thread::sleep(EVERY);
    }
}
