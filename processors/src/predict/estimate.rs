//! The probability that a clock breaches, from how long clocks before it went on.
//!
//! A clock entered its stage with a budget `b` of working time left, and has used `e` of it. Of the
//! clocks seen to enter the stage, `n` went on for longer than `e`, and `h` of them for longer than
//! `b`: so many breach. Few observations say little, so [`WEIGHT`] more are added that breach as often
//! as the parent says:
//!
//! ```text
//! p(class, stage) = (h + WEIGHT * p(stage)) / (n + WEIGHT)      h, n of the objective's class and stage
//! p(stage)        = (h + WEIGHT * p(any))   / (n + WEIGHT)      of the objective's stage
//! p(any)          = (h + WEIGHT * used)     / (n + WEIGHT)      of the objective
//! used            = share of the target that is used up         where nothing has been seen
//! ```

use super::times::Times;

/// How many observations the parent's word is worth.
const WEIGHT: f64 = 20.0;

/// From here on a clock counts as likely to breach.
const BANDS: [(f64, &str); 3] = [(0.8, "high"), (0.5, "likely"), (0.2, "some")];

/// The band of a probability: `high` from 0.8 on, `likely` from 0.5, `some` from 0.2, else `low`.
pub fn band(probability: f64) -> &'static str {
    BANDS.iter().find(|(from, _)| probability >= *from).map_or("low", |(_, name)| name)
}

/// A clock within its stage, in working time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// What was used up when the stage began.
    pub(super) entered_ms: i64,
    /// What is used up now.
    pub(super) consumed_ms: i64,
    pub(super) target_ms: i64,
}

/// What is expected of a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) probability: f64,
    /// Observations of the class and stage that say it.
    pub(super) observations: f64,
    /// Working time until the end, in the median.
    pub(super) left_ms: Option<i64>,
}

/// The estimate from the times of the objective, of its stage, and of its class and stage.
pub(super) fn estimate(course: Course, [any, stage, class]: [&Times; 3]) -> Estimate {
    let used = course.consumed_ms as f64 / course.target_ms.max(1) as f64;
    let (elapsed, budget) = (course.consumed_ms - course.entered_ms, course.target_ms - course.entered_ms);
    let refine = |parent: f64, times: &Times| {
        (times.beyond(budget.max(elapsed)) + WEIGHT * parent) / (times.beyond(elapsed) + WEIGHT)
    };
    let probability = [any, stage, class].into_iter().fold(used.clamp(0.0, 1.0), refine);
    let observations = class.beyond(elapsed);
    // The closest that has seen enough tells how long it takes.
    let told = [class, stage, any].into_iter().find(|times| times.beyond(elapsed) >= WEIGHT);
    let left_ms = told.and_then(|times| times.median_beyond(elapsed)).map(|median| (median - elapsed).max(0));
    Estimate { probability: probability.clamp(0.0, 1.0), observations, left_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn times(minutes: impl IntoIterator<Item = i64>) -> Times {
        let mut times = Times::default();
        minutes.into_iter().for_each(|minute| times.add(minute * MINUTE));
        times
    }

    fn probability(consumed: i64, times: [&Times; 3]) -> f64 {
        let course = Course { entered_ms: 0, consumed_ms: consumed * MINUTE, target_ms: 60 * MINUTE };
        estimate(course, times).probability
    }

    #[test]
    fn without_history_it_is_the_share_used() {
        let none = Times::default();
        assert!((probability(15, [&none; 3]) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn history_tells_what_share_of_those_left_goes_on_too_long() {
        // Nine of ten end at 10 minutes, one at 100.
        let seen = times((0..1_000).map(|number| if number % 10 == 0 { 100 } else { 10 }));
        let early = probability(1, [&seen; 3]);
        assert!((early - 0.1).abs() < 0.01, "{early}");
        // Who has not ended at 20 minutes is of the slow ones.
        let late = probability(20, [&seen; 3]);
        assert!(late > 0.95, "{late}");
    }

    #[test]
    fn a_thin_class_follows_its_parent_and_a_thick_one_itself() {
        let (fast, slow) = (times((0..1_000).map(|_| 10)), times([100, 100]));
        let thin = probability(1, [&fast, &fast, &slow]);
        assert!(thin < 0.2, "{thin}");
        let slow = times((0..1_000).map(|_| 100));
        assert!(probability(1, [&fast, &fast, &slow]) > 0.95);
    }

    #[test]
    fn bands_begin_where_they_say() {
        assert_eq!([0.0, 0.2, 0.5, 0.8, 1.0].map(band), ["low", "some", "likely", "high", "high"]);
    }
}
