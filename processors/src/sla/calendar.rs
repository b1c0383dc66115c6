//! Working time: how much of it lies between two instants, and when so much of it will have passed.
//!
//! A calendar is unrolled once into the working intervals of seventy years, each with the working
//! time before it. Both questions are then two binary searches, whatever the distance, and what
//! the time zone does to its clocks (summer time) is already in the intervals.

use jiff::civil::{Date, Time, Weekday, date};
use jiff::tz::TimeZone;
use schemas::Timestamp;

/// The first year that is unrolled; nothing before it is working time.
const FIRST_YEAR: i16 = 2000;
/// The last one; nothing after it is working time.
const LAST_YEAR: i16 = 2069;

/// Working hours of one day: from, until (`None` for the day's end).
pub(super) type Hours = (Time, Option<Time>);

/// A working interval `[start, end)` in milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
struct Interval {
    start: i64,
    end: i64,
    /// Working time before `start`.
    before: i64,
}

/// Working time, ready to be asked.
#[derive(Debug)]
pub struct Calendar {
    intervals: Vec<Interval>,
    /// For what is told of a gap between intervals.
    zone: TimeZone,
    holidays: hashbrown::HashSet<Date>,
    /// Stretches of years whose holidays are listed; empty where none is, of no year.
    known: Vec<(i64, i64)>,
}

/// A stretch of time that is working time all through, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) works: bool,
    /// Holidays that lie in a stretch without work, in order.
    pub(super) holidays: Vec<Date>,
}

impl Calendar {
    /// Unrolls working hours, given from Monday on; each day's in order and apart from each other.
    pub(super) fn new(zone: &TimeZone, hours: &[Vec<Hours>; 7], holidays: &hashbrown::HashSet<Date>) -> Self {
        let mut intervals: Vec<Interval> = Vec::new();
        let mut before = 0;
        let mut day = date(FIRST_YEAR, 1, 1);
        let end = date(LAST_YEAR, 12, 31);
        while day < end {
            let next = day.tomorrow().expect("the last year is far from the calendar's end");
            if !holidays.contains(&day) {
                for (from, until) in &hours[weekday_index(day.weekday())] {
                    let start = instant(zone, day, *from);
                    let end =
                        until.map_or_else(|| instant(zone, next, Time::midnight()), |time| instant(zone, day, time));
                    // Clocks that go forward may leave nothing of an interval.
                    let start = intervals.last().map_or(start, |last| start.max(last.end));
                    if end > start {
                        intervals.push(Interval { start, end, before });
                        before += end - start;
                    }
                }
            }
            day = next;
        }
        Self { intervals, zone: zone.clone(), holidays: holidays.clone(), known: known_years(zone, holidays) }
    }

    /// Whether the holidays of every year from one instant to another are listed. A calendar that
    /// lists none at all is taken at its word: it has no holidays.
    pub(super) fn knows(&self, from: i64, to: i64) -> bool {
        self.known.is_empty() || self.known.iter().any(|(start, end)| *start <= from && to < *end)
    }

    /// The years from one instant to another of which no holiday is listed.
    pub(super) fn unlisted_years(&self, from: Timestamp, to: Timestamp) -> Vec<i16> {
        let year = |at: Timestamp| {
            let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::MAX);
            self.zone.to_datetime(at).date().year()
        };
        let listed = |year: i16| self.holidays.iter().any(|day| day.year() == year);
        (year(from)..=year(to).min(LAST_YEAR)).filter(|year| !listed(*year)).collect()
    }

    /// The time zone.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The stretches of work and rest between two instants, in order and without a gap; `None` for
    /// more than `max`.
    pub(super) fn pieces(&self, from: i64, until: i64, max: usize) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut at = from;
        let mut index = self.intervals.partition_point(|interval| interval.end <= from);
        while at < until {
            let next = self.intervals.get(index);
            let start = next.map_or(until, |interval| interval.start.min(until));
            if at < start {
                pieces.push(Piece { from: at, until: start, works: false, holidays: self.holidays_in(at, start) });
            }
            if let Some(interval) = next.filter(|interval| interval.start < until) {
                let (from, until) = (interval.start.max(at), interval.end.min(until));
                pieces.push(Piece { from, until, works: true, holidays: Vec::new() });
                at = until;
                index += 1;
            } else {
                at = until;
            }
            if pieces.len() > max {
                return None;
            }
        }
        Some(pieces)
    }

    fn holidays_in(&self, from: i64, until: i64) -> Vec<Date> {
        let day = |at: i64| {
            let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
            self.zone.to_datetime(at).date()
        };
        let (first, last) = (day(from), day(until - 1));
        let mut holidays: Vec<Date> =
            self.holidays.iter().copied().filter(|holiday| (first..=last).contains(holiday)).collect();
        holidays.sort_unstable();
        holidays
    }

    /// Working time from the beginning of the calendar to `at`.
    fn total(&self, at: i64) -> i64 {
        let after = self.intervals.partition_point(|interval| interval.start <= at);
        match after.checked_sub(1).map(|index| self.intervals[index]) {
            Some(interval) => interval.before + at.min(interval.end) - interval.start,
            None => 0,
        }
    }

    /// Working time between two instants in milliseconds; 0 where `to` is not the later one.
    pub fn elapsed(&self, from: Timestamp, to: Timestamp) -> i64 {
        (self.total(to.0) - self.total(from.0)).max(0)
    }

    /// The first instant by which `millis` of working time have passed since `from`. Beyond the
    /// calendar's last year it never comes: [`i64::MAX`].
    pub fn add(&self, from: Timestamp, millis: i64) -> Timestamp {
        if millis <= 0 {
            return from;
        }
        let total = self.total(from.0).saturating_add(millis);
        let index =
            self.intervals.partition_point(|interval| interval.before + (interval.end - interval.start) < total);
        match self.intervals.get(index) {
            Some(interval) => Timestamp(interval.start + total - interval.before),
            None => Timestamp(i64::MAX),
        }
    }
}

/// The years that have a holiday, neighbours joined, as instants.
fn known_years(zone: &TimeZone, holidays: &hashbrown::HashSet<Date>) -> Vec<(i64, i64)> {
    let years: std::collections::BTreeSet<i16> = holidays.iter().map(|day| day.year()).collect();
    let begin = |year: i16| instant(zone, Date::new(year, 1, 1).unwrap_or(Date::MAX), Time::midnight());
    let mut known: Vec<(i64, i64)> = Vec::new();
    for year in years {
        let (start, end) = (begin(year), begin(year.saturating_add(1)));
        match known.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => known.push((start, end)),
        }
    }
    known
}

/// An hour that clocks leave out is moved behind the gap, one that comes twice is its first.
fn instant(zone: &TimeZone, day: Date, time: Time) -> i64 {
    zone.to_ambiguous_zoned_datetime(day.to_datetime(time))
        .compatible()
        .map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond())
}

fn weekday_index(weekday: Weekday) -> usize {
    weekday.to_monday_zero_offset() as usize
}

/// The clock an objective counts by.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    Wall,
    Business(std::sync::Arc<Calendar>),
}

impl Clock {
    pub(super) fn elapsed(&self, from: i64, to: i64) -> i64 {
        match self {
            Self::Wall => to.saturating_sub(from).max(0),
            Self::Business(calendar) => calendar.elapsed(Timestamp(from), Timestamp(to)),
        }
    }

    /// Whether it can tell working time between two instants without a guess.
    pub(super) fn knows(&self, from: i64, to: i64) -> bool {
        match self {
            Self::Wall => true,
            Self::Business(calendar) => calendar.knows(from, to),
        }
    }

    pub(super) fn add(&self, from: i64, millis: i64) -> i64 {
        match self {
            Self::Wall => from.saturating_add(millis.max(0)),
            Self::Business(calendar) => calendar.add(Timestamp(from), millis).0,
        }
    }
}
