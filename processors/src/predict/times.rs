//! How long clocks went on: a histogram of working time, fine for short times and coarse for long ones.

use serde::{Deserialize, Serialize};

/// Counts are halved when there are so many: what was long ago weighs less.
const FULL: u64 = 4_096;
/// The shortest time that is told from none, in milliseconds.
const GRAIN_MS: i64 = 16;

/// Times by bucket. Eight buckets double the time, so that one is at most an eighth wide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Times {
    /// Ascending by bucket.
    counts: Vec<(u8, u32)>,
}

fn bucket(millis: i64) -> u8 {
    let grains = millis.max(0) / GRAIN_MS + 8;
    let octave = grains.ilog2() - 3;
    let bucket = octave * 8 + ((grains >> octave) as u32 & 7);
    bucket.min(u32::from(u8::MAX) - 1) as u8
}

/// The first time of a bucket, in milliseconds.
fn start(bucket: u8) -> f64 {
    let (octave, eighth) = (i32::from(bucket / 8), f64::from(bucket % 8));
    ((8.0 + eighth) * 2.0_f64.powi(octave) - 8.0) * GRAIN_MS as f64
}

impl Times {
    /// Adds one.
    pub(super) fn add(&mut self, millis: i64) {
        let bucket = bucket(millis);
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => self.counts[place].1 += 1,
            Err(place) => self.counts.insert(place, (bucket, 1)),
        }
        if self.counts.iter().map(|(_, count)| u64::from(*count)).sum::<u64>() > FULL {
            self.counts.iter_mut().for_each(|(_, count)| *count /= 2);
            self.counts.retain(|(_, count)| *count > 0);
        }
    }

    /// How many went on for longer than this; within a bucket they are taken as spread evenly.
    pub(super) fn beyond(&self, millis: i64) -> f64 {
        let part = |(bucket, count): &(u8, u32)| {
            let (from, until) = (start(*bucket), start(bucket + 1));
            f64::from(*count) * ((until - millis as f64) / (until - from)).clamp(0.0, 1.0)
        };
        self.counts.iter().map(part).sum()
    }

    /// The median of those that went on for longer than this, where there are any.
    pub(super) fn median_beyond(&self, millis: i64) -> Option<i64> {
        let all = self.beyond(millis);
        // Halves are counted from the longest down.
        let mut above = 0.0;
        for (bucket, count) in self.counts.iter().rev() {
            let (from, until) = (start(*bucket), start(bucket + 1));
            let missing = all / 2.0 - above;
            if f64::from(*count) >= missing && missing > 0.0 {
                return Some((until - (until - from) * missing / f64::from(*count)) as i64);
            }
            above += f64::from(*count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bucket_that_spans_it() {
        for millis in (0..2_000_000_000_i64).step_by(1_234_577).chain(0..5_000) {
            let found = bucket(millis);
            let millis = (millis / GRAIN_MS * GRAIN_MS) as f64;
            assert!(start(found) <= millis && millis < start(found + 1), "{millis} in {found}");
        }
    }

    #[test]
    fn shares_and_medians_are_those_of_what_was_added() {
        let mut times = Times::default();
        (1..=1_000).for_each(|second| times.add(second * 1_000));
        for (second, beyond) in [(0, 1_000.0), (100, 900.0), (500, 500.0), (900, 100.0), (1_100, 0.0)] {
            let found = times.beyond(second * 1_000);
            assert!((found - beyond).abs() < 15.0, "{found} beyond {second} s");
        }
        let median = times.median_beyond(500_000).unwrap();
        assert!((median - 750_000).abs() < 25_000, "{median}");
        assert_eq!(times.median_beyond(2_000_000), None);
    }

    #[test]
    fn what_was_long_ago_weighs_less() {
        let mut times = Times::default();
        (0..100_000).for_each(|_| times.add(1_000));
        (0..FULL).for_each(|_| times.add(60_000));
        assert!(times.beyond(30_000) / times.beyond(0) > 0.7);
        assert!(times.beyond(0) <= FULL as f64);
    }
}
