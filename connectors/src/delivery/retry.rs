//! When to try again, and when to give up.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use schemas::Code;
use serde::{Deserialize, Serialize};

/// How often and how long one record is tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// The first wait, in milliseconds.
    pub initial_ms: u64,
    /// By how much each wait grows.
    pub factor: f32,
    /// The longest wait, in milliseconds.
    pub cap_ms: u64,
    /// Attempts until the record is given up, the first one included.
    pub max_attempts: u32,
    /// Time from the first attempt until the record is given up, in milliseconds.
    pub max_elapsed_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { initial_ms: 200, factor: 2.0, cap_ms: 30_000, max_attempts: 10, max_elapsed_ms: 15 * 60_000 }
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after this time.
    Wait(Duration),
    /// Give up; the limit that was reached.
    GiveUp(Code),
}

impl RetryPolicy {
    /// The longest time a record may take.
    pub fn max_elapsed(&self) -> Duration {
        Duration::from_millis(self.max_elapsed_ms)
    }

    /// The attempts of one record. `seed` decides the jitter, so that a run can be repeated.
    pub fn attempts(&self, seed: u64) -> Attempts {
        // backon's jitter adds up to one more delay; starting from half keeps the waits between
        // half of the plan and the plan, so the cap is a cap.
        let waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(self.initial_ms) / 2)
            .with_max_delay(Duration::from_millis(self.cap_ms.max(self.initial_ms)) / 2)
            .with_factor(self.factor.max(1.0))
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed)
            .build();
        Attempts { waits, made: 0, limit: self.max_attempts.max(1), max_elapsed: self.max_elapsed() }
    }
}

/// The attempts made for one record so far.
#[derive(Debug)]
pub struct Attempts {
    waits: ExponentialBackoff,
    made: u32,
    limit: u32,
    max_elapsed: Duration,
}

impl Attempts {
    /// Attempts made.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The longest time the record may take.
    pub fn max_elapsed(&self) -> Duration {
        self.max_elapsed
    }

    /// Counts an attempt that begins now, and returns its number, from 1.
    pub fn begin(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// What follows when an attempt failed `elapsed` after the first began, and the outside asked
    /// to be left alone for `retry_after`. The longer of that and the policy's own wait counts.
    pub fn failed(&mut self, elapsed: Duration, retry_after: Option<Duration>) -> Next {
        if self.made >= self.limit {
            return Next::GiveUp(Code::DeliveryAttemptsExhausted);
        }
        let own = self.waits.next().unwrap_or_default();
        let wait = retry_after.map_or(own, |asked| asked.max(own));
        if elapsed.saturating_add(wait) > self.max_elapsed {
            return Next::GiveUp(Code::DeliveryTimeExhausted);
        }
        Next::Wait(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { initial_ms: 100, factor: 2.0, cap_ms: 1_000, max_attempts: 8, max_elapsed_ms: 60_000 };

    fn waits(policy: &RetryPolicy, seed: u64) -> Vec<Next> {
        let mut attempts = policy.attempts(seed);
        let mut all = Vec::new();
        loop {
            attempts.begin();
            let next = attempts.failed(Duration::ZERO, None);
            all.push(next);
            if matches!(next, Next::GiveUp(_)) {
                return all;
            }
        }
    }

    #[test]
    fn waits_grow_stay_within_their_band_and_end_at_the_limit() {
        let all = waits(&POLICY, 7);
        assert_eq!(all.len(), 8);
        for (next, plan) in all.iter().zip([100, 200, 400, 800, 1_000, 1_000, 1_000]) {
            let Next::Wait(wait) = next else { panic!("gave up early: {all:?}") };
            assert!(
                *wait >= Duration::from_millis(plan) / 2 && *wait <= Duration::from_millis(plan),
                "{wait:?} of {plan}"
            );
        }
        assert_eq!(all[7], Next::GiveUp(Code::DeliveryAttemptsExhausted));
    }

    #[test]
    fn the_seed_decides_the_jitter() {
        assert_eq!(waits(&POLICY, 1), waits(&POLICY, 1));
        assert_ne!(waits(&POLICY, 1), waits(&POLICY, 2));
    }

    #[test]
    fn a_longer_retry_after_is_honoured_and_a_shorter_one_is_not() {
        let mut attempts = POLICY.attempts(1);
        attempts.begin();
        assert_eq!(attempts.failed(Duration::ZERO, Some(Duration::from_secs(20))), Next::Wait(Duration::from_secs(20)));
        attempts.begin();
        let Next::Wait(wait) = attempts.failed(Duration::ZERO, Some(Duration::from_millis(1))) else { panic!() };
        assert!(wait >= Duration::from_millis(100));
    }

    #[test]
    fn a_wait_beyond_the_elapsed_limit_gives_up_at_once() {
        let mut attempts = POLICY.attempts(1);
        attempts.begin();
        assert_eq!(
            attempts.failed(Duration::from_secs(50), Some(Duration::from_secs(11))),
            Next::GiveUp(Code::DeliveryTimeExhausted)
        );
        assert_eq!(
            attempts.failed(Duration::ZERO, Some(Duration::from_secs(u64::MAX))),
            Next::GiveUp(Code::DeliveryTimeExhausted)
        );
    }
}
