//! Working time against a walk from minute to minute.

use std::sync::LazyLock;

use hashbrown::HashSet;
use jiff::civil::{Date, Time, date, time};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use schemas::Timestamp;

use super::driver::{MINUTE, at};
use crate::sla::Calendar;

const HOUR: i64 = 60 * MINUTE;

/// Office hours with lunch, and Sunday nights across the change of the clocks.
fn hours() -> [Vec<(Time, Option<Time>)>; 7] {
    let office = || vec![(time(9, 0, 0, 0), Some(time(13, 0, 0, 0))), (time(14, 30, 0, 0), Some(time(18, 0, 0, 0)))];
    let night = vec![(time(0, 0, 0, 0), Some(time(3, 0, 0, 0))), (time(22, 0, 0, 0), None)];
    [office(), office(), vec![], office(), office(), vec![], night]
}

fn holidays() -> HashSet<Date> {
    HashSet::from_iter([date(2026, 3, 27), date(2026, 10, 26), date(2026, 4, 3)])
}

fn zone() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

static CALENDAR: LazyLock<Calendar> = LazyLock::new(|| Calendar::new(&zone(), &hours(), &holidays()));

/// Whether the minute that begins now is working time.
fn is_working(zone: &TimeZone, hours: &[Vec<(Time, Option<Time>)>; 7], holidays: &HashSet<Date>, millis: i64) -> bool {
    let local = jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned_datetime(zone.clone());
    let day = &hours[local.weekday().to_monday_zero_offset() as usize];
    !holidays.contains(&local.date())
        && day.iter().any(|(from, until)| *from <= local.time() && until.is_none_or(|until| local.time() < until))
}

fn walked(from: i64, to: i64) -> i64 {
    let (zone, hours, holidays) = (zone(), hours(), holidays());
    let minutes = (from..to).step_by(MINUTE as usize);
    minutes.filter(|minute| is_working(&zone, &hours, &holidays, *minute)).count() as i64 * MINUTE
}

fn elapsed(from: i64, to: i64) -> i64 {
    CALENDAR.elapsed(Timestamp(from), Timestamp(to))
}

#[test]
fn the_night_of_the_change_is_shorter_in_spring_and_longer_in_autumn() {
    assert_eq!(elapsed(at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z")), 2 * HOUR);
    assert_eq!(elapsed(at("2026-10-24T12:00:00Z"), at("2026-10-25T12:00:00Z")), 4 * HOUR);
    assert_eq!(elapsed(at("2026-10-17T12:00:00Z"), at("2026-10-18T12:00:00Z")), 3 * HOUR);
}

#[test]
fn holidays_weekends_and_what_runs_backwards_are_no_time() {
    // Friday 27 March is a holiday, Saturday is free.
    assert_eq!(elapsed(at("2026-03-26T18:00:00Z"), at("2026-03-29T00:00:00Z")), 0);
    assert_eq!(elapsed(at("2026-03-30T12:00:00Z"), at("2026-03-30T09:00:00Z")), 0);
    // Summer time: nine o'clock is eight in UTC.
    assert_eq!(elapsed(at("2026-03-30T07:00:00Z"), at("2026-03-30T08:01:00Z")), MINUTE);
}

#[test]
fn working_time_ends_when_it_is_used_up_not_when_work_begins_again() {
    let noon = at("2026-03-30T11:00:00Z");
    assert_eq!(CALENDAR.add(Timestamp(noon), HOUR).0, noon + HOUR);
    assert_eq!(CALENDAR.add(Timestamp(noon), HOUR + 1).0, at("2026-03-30T13:30:00Z") + 1);
    assert_eq!(CALENDAR.add(Timestamp(noon), 0).0, noon);
    assert_eq!(CALENDAR.add(Timestamp(noon), i64::MAX).0, i64::MAX);
}

/// A minute of the weeks around the two changes of the clocks.
fn minute() -> impl Strategy<Value = i64> {
    let weeks = |start: &'static str| (0..21 * 24 * 60i64).prop_map(move |minute| at(start) + minute * MINUTE);
    prop_oneof![weeks("2026-03-18T00:00:00Z"), weeks("2026-10-14T00:00:00Z")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn elapsed_is_what_a_walk_counts(from in minute(), length in 0..14 * 24 * 60i64) {
        let to = from + length * MINUTE;
        prop_assert_eq!(elapsed(from, to), walked(from, to));
    }
}

proptest! {
    #[test]
    fn add_and_elapsed_are_inverse(from in minute(), offset in 0..MINUTE, millis in 0..500 * HOUR) {
        let from = from + offset;
        let to = CALENDAR.add(Timestamp(from), millis).0;
        prop_assert_eq!(elapsed(from, to), millis);
        // It is the first such instant.
        prop_assert!(millis == 0 || elapsed(from, to - 1) == millis - 1);
    }
}
