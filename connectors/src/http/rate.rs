//! How many requests a credential may make: a token bucket each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::auth::Principal;

/// The buckets of all credentials.
pub(super) struct RateLimit {
    per_second: u32,
    burst: u32,
    buckets: Mutex<HashMap<Principal, Bucket>>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimit {
    /// `per_second` 0 limits nobody.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst: burst.max(1), buckets: Mutex::default() }
    }

    /// Takes one token of the principal.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn take(&self, principal: Principal, now: Instant) -> Result<(), Duration> {
        if self.per_second == 0 {
            return Ok(());
        }
        let (rate, burst) = (f64::from(self.per_second), f64::from(self.burst));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(principal).or_insert(Bucket { tokens: burst, at: now });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * rate).min(burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - bucket.tokens) / rate))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_a_burst_then_the_rate_each_for_its_own() {
        let limit = RateLimit::new(10, 3);
        let (one, other, start) = (Principal(0), Principal(1), Instant::now());
        for _ in 0..3 {
            assert_eq!(limit.take(one, start), Ok(()));
        }
        let wait = limit.take(one, start).unwrap_err();
        assert!(wait <= Duration::from_millis(101) && wait >= Duration::from_millis(99), "{wait:?}");
        assert_eq!(limit.take(other, start), Ok(()));
        assert_eq!(limit.take(one, start + Duration::from_millis(101)), Ok(()));
        assert!(limit.take(one, start + Duration::from_millis(102)).is_err());
    }

    #[test]
    fn zero_limits_nobody() {
        let limit = RateLimit::new(0, 1);
        let now = Instant::now();
        assert!((0..1_000).all(|_| limit.take(Principal(0), now).is_ok()));
    }
}
