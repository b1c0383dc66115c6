//! The circuit breaker of one target: after a run of failures the target is left alone for a
//! while, then asked carefully.
//!
//! ```text
//!                failures in a row reach the threshold
//!      +--------+ ------------------------------------> +------+
//!      | Closed |                                       | Open | <--+
//!      +--------+ <---+                                 +------+    |
//!                     | probes enough succeeded            | the   | a probe failed
//!                     |              +----------+ <--------+ time  | (the next rest
//!                     +------------- | HalfOpen |   is over        |  is longer)
//!                                    +----------+ -----------------+
//! ```
//!
//! Pure: every method is told what time it is.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures_to_open: u32,
    /// How long it stays open the first time, in milliseconds.
    pub open_ms: u64,
    /// How long it stays open at most; each failed probe doubles the rest, in milliseconds.
    pub open_max_ms: u64,
    /// Probes under way at a time while half-open.
    pub probes: u32,
    /// Probes that must succeed, one after the other, to close it.
    pub successes_to_close: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures_to_open: 5, open_ms: 1_000, open_max_ms: 60_000, probes: 1, successes_to_close: 2 }
    }
}

/// Where the breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed {
        /// Failures in a row so far.
        failures: u32,
    },
    /// No call passes before `until`.
    Open {
        /// The end of the rest.
        until: Instant,
        /// How long this rest is.
        rest: Duration,
    },
    /// A few calls pass, to see.
    HalfOpen {
        /// Probes under way.
        probing: u32,
        /// Probes that succeeded.
        successes: u32,
        /// How long the last rest was.
        rest: Duration,
    },
}

impl BreakerState {
    /// The value of the gauge `hub_breaker_state`.
    pub const fn gauge(self) -> f64 {
        match self {
            Self::Closed { .. } => 0.0,
            Self::HalfOpen { .. } => 1.0,
            Self::Open { .. } => 2.0,
        }
    }

    /// The name in summaries and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::HalfOpen { .. } => "half_open",
            Self::Open { .. } => "open",
        }
    }
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Go on, and report how it ended.
    Go,
    /// Not before this instant.
    Until(Instant),
    /// Not before a probe that is under way has ended.
    Probing,
}

/// The breaker of one target.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    settings: BreakerSettings,
    state: BreakerState,
}

impl CircuitBreaker {
    /// A closed breaker.
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: BreakerState::Closed { failures: 0 } }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Asks to make a call. Each [`Permit::Go`] must be answered by exactly one of
    /// [`succeeded`](Self::succeeded), [`failed`](Self::failed) and
    /// [`abandoned`](Self::abandoned).
    pub fn permit(&mut self, now: Instant) -> Permit {
        if let BreakerState::Open { until, rest } = self.state {
            if now < until {
                return Permit::Until(until);
            }
            self.state = BreakerState::HalfOpen { probing: 0, successes: 0, rest };
        }
        match &mut self.state {
            BreakerState::HalfOpen { probing, .. } if *probing >= self.settings.probes.max(1) => Permit::Probing,
            BreakerState::HalfOpen { probing, .. } => {
                *probing += 1;
                Permit::Go
            }
            BreakerState::Closed { .. } | BreakerState::Open { .. } => Permit::Go,
        }
    }

    /// A call got an answer, be it a refusal.
    pub fn succeeded(&mut self) {
        match &mut self.state {
            BreakerState::Closed { failures } => *failures = 0,
            BreakerState::HalfOpen { probing, successes, .. } => {
                *probing = probing.saturating_sub(1);
                *successes += 1;
                if *successes >= self.settings.successes_to_close {
                    self.state = BreakerState::Closed { failures: 0 };
                }
            }
            // A call from before it opened came back late: one success does not end the rest.
            BreakerState::Open { .. } => {}
        }
    }

    /// A call found the target in trouble.
    pub fn failed(&mut self, now: Instant) {
        match &mut self.state {
            BreakerState::Closed { failures } => {
                *failures += 1;
                if *failures >= self.settings.failures_to_open.max(1) {
                    self.open(now, Duration::from_millis(self.settings.open_ms));
                }
            }
            BreakerState::HalfOpen { rest, .. } => {
                let longer = rest.saturating_mul(2).min(Duration::from_millis(self.settings.open_max_ms));
                self.open(now, longer.max(Duration::from_millis(self.settings.open_ms)));
            }
            BreakerState::Open { .. } => {}
        }
    }

    /// A permitted call was given up before it had an answer.
    pub fn abandoned(&mut self) {
        if let BreakerState::HalfOpen { probing, .. } = &mut self.state {
            *probing = probing.saturating_sub(1);
        }
    }

    fn open(&mut self, now: Instant, rest: Duration) {
        self.state = BreakerState::Open { until: now + rest, rest };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BreakerSettings =
        BreakerSettings { failures_to_open: 3, open_ms: 1_000, open_max_ms: 3_000, probes: 1, successes_to_close: 2 };

    fn opened(now: Instant) -> CircuitBreaker {
        let mut breaker = CircuitBreaker::new(SETTINGS);
        for _ in 0..3 {
            assert_eq!(breaker.permit(now), Permit::Go);
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn opens_after_a_run_of_failures_only() {
        let now = Instant::now();
        let mut breaker = CircuitBreaker::new(SETTINGS);
        for _ in 0..10 {
            breaker.failed(now);
            breaker.failed(now);
            breaker.succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
        assert_eq!(opened(now).state().name(), "open");
    }

    #[test]
    fn an_open_breaker_lets_nothing_pass_before_its_time() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let until = now + Duration::from_secs(1);
        assert_eq!(breaker.permit(now), Permit::Until(until));
        breaker.succeeded();
        breaker.failed(now + Duration::from_millis(500));
        assert_eq!(breaker.permit(now + Duration::from_millis(999)), Permit::Until(until));
        assert_eq!(breaker.permit(until), Permit::Go);
        assert_eq!(breaker.permit(until), Permit::Probing);
    }

    #[test]
    fn probes_close_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + Duration::from_secs(1);
        for _ in 0..2 {
            assert_eq!(breaker.permit(later), Permit::Go);
            breaker.succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
    }

    #[test]
    fn a_failed_probe_lengthens_the_rest_up_to_its_maximum() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for rest in [2_000, 3_000, 3_000] {
            let BreakerState::Open { until, .. } = breaker.state() else { panic!("not open") };
            now = until;
            assert_eq!(breaker.permit(now), Permit::Go);
            breaker.failed(now);
            let rest = Duration::from_millis(rest);
            assert_eq!(breaker.state(), BreakerState::Open { until: now + rest, rest });
        }
    }

    #[test]
    fn an_abandoned_probe_makes_room_for_another() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + Duration::from_secs(1);
        assert_eq!(breaker.permit(later), Permit::Go);
        assert_eq!(breaker.permit(later), Permit::Probing);
        breaker.abandoned();
        assert_eq!(breaker.permit(later), Permit::Go);
    }
}
