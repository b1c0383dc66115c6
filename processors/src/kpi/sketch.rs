//! Counts by bucket: percentiles of durations, ages of what is open.

use serde::{Deserialize, Serialize};

/// Neighbouring buckets of durations differ by this factor, so that a bucket's middle is within one
/// percent of whatever lies in it.
const GAMMA: f64 = 1.02;

/// Counts by bucket, sorted, without empty ones.
///
/// It is what `DDSketch` is with two demands more: what was added can be taken out again, because late
/// facts amend, and the order of additions and removals leaves no trace. A count may be negative for
/// a while, where a removal overtook its addition on another partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch(Vec<(i32, i64)>);

impl Sketch {
    /// Adds `count` to a bucket; a negative count takes out.
    pub fn add(&mut self, bucket: i32, count: i64) {
        match self.0.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(place) => {
                self.0[place].1 += count;
                if self.0[place].1 == 0 {
                    self.0.remove(place);
                }
            }
            Err(_) if count == 0 => {}
            Err(place) => self.0.insert(place, (bucket, count)),
        }
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            self.add(*bucket, *count);
        }
    }

    /// The bucket that the smallest share `quantile` of all counts ends in (nearest rank).
    fn bucket_at(&self, quantile: f64) -> Option<i32> {
        let all: i64 = self.0.iter().map(|entry| entry.1.max(0)).sum();
        let rank = ((all as f64 * quantile).ceil() as i64).clamp(1, all.max(1));
        let mut below = 0;
        self.0.iter().find_map(|(bucket, count)| {
            below += (*count).max(0);
            (*count > 0 && below >= rank).then_some(*bucket)
        })
    }

    /// The duration below which this share of all durations lies, in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> Option<i64> {
        self.bucket_at(quantile).map(middle_of)
    }

    /// The lowest bucket that counts anything.
    pub fn first(&self) -> Option<i32> {
        self.0.iter().find(|entry| entry.1 > 0).map(|entry| entry.0)
    }
}

/// The bucket of a duration; those below a millisecond share one.
pub fn bucket_of(millis: i64) -> i32 {
    ((millis.max(1) as f64).ln() / GAMMA.ln()).ceil() as i32
}

fn middle_of(bucket: i32) -> i64 {
    (2.0 * GAMMA.powi(bucket) / (GAMMA + 1.0)).round() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
            #[test]
            fn percentiles_are_within_a_percent_of_the_exact_ones(
                mut durations in prop::collection::vec(1_000_i64..5_000_000_000, 1..200),
                quantile in 0.01..1.0_f64,
            ) {
                let mut sketch = Sketch::default();
                for duration in &durations {
    sketch.add(bucket_of(*duration), 1);
    }
                durations.sort_unstable();
                let rank = ((durations.len() as f64 * quantile).ceil() as usize).clamp(1, durations.len());
                let (exact, told) = (durations[rank - 1] as f64, sketch.quantile_ms(quantile).unwrap() as f64);
                prop_assert!((told - exact).abs() <= exact * 0.0101 + 1.0, "{told} for {exact}");
            }

            #[test]
            fn what_is_taken_out_leaves_no_trace_and_halves_merge_to_the_whole(
                kept in prop::collection::vec(0_i64..100_000, 0..50),
                gone in prop::collection::vec(0_i64..100_000, 0..50),
            ) {
                let (mut whole, mut first, mut second) = (Sketch::default(), Sketch::default(), Sketch::default());
                for duration in &gone {
    first.add(bucket_of(*duration), -1);
    }
                for duration in &kept {
    whole.add(bucket_of(*duration), 1);
    }
                for duration in kept.iter().chain(&gone) {
    second.add(bucket_of(*duration), 1);
    }
                first.merge(&second);
                prop_assert_eq!(&first, &whole);
            }
        }

    #[test]
    fn a_month_of_all_durations_is_small() {
        let mut sketch = Sketch::default();
        for step in 0..2_000 {
            sketch.add(bucket_of((1.02_f64.powi(step) as i64).min(2_592_000_000)), 1);
        }
        let bytes = topology::encode_value(&sketch).unwrap().len();
        assert!(bytes < 8_192, "{bytes} bytes");
    }
}
