//! Periods: days, ISO weeks and months of a time zone.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// How long a card's period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodKind {
    /// A day, such as `2026-11-24`.
    Day,
    /// A week from Monday on (ISO 8601), such as `2026-W48`.
    Week,
    /// A month, such as `2026-11`.
    Month,
}

impl PeriodKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Its name in configuration and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// One period: `[start, end)` in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its name.
    pub name: String,
    /// Its first instant.
    pub start: i64,
    /// The first instant after it.
    pub end: i64,
}

impl Period {
    /// The period that an instant lies in; nothing for one that no calendar has.
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use processors::score::{Period, PeriodKind};
    ///
    /// let at = "2026-11-30T19:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    /// let india = TimeZone::get("Asia/Kolkata").unwrap();
    /// assert_eq!(Period::of(PeriodKind::Month, &india, at).unwrap().name, "2026-12");
    /// assert_eq!(Period::of(PeriodKind::Month, &TimeZone::UTC, at).unwrap().name, "2026-11");
    /// assert_eq!(Period::of(PeriodKind::Week, &india, at).unwrap().name, "2026-W49");
    /// ```
    pub fn of(kind: PeriodKind, zone: &TimeZone, at: i64) -> Option<Self> {
        let date = zone.to_datetime(Timestamp::from_millisecond(at).ok()?).date();
        let week = date.iso_week_date();
        let (name, first, next) = match kind {
            PeriodKind::Day => (date.to_string(), date, date.tomorrow().ok()?),
            PeriodKind::Week => {
                let monday = ISOWeekDate::new(week.year(), week.week(), Weekday::Monday).ok()?.date();
                (format!("{:04}-W{:02}", week.year(), week.week()), monday, monday.checked_add(1.week()).ok()?)
            }
            PeriodKind::Month => {
                let first = date.first_of_month();
                (format!("{:04}-{:02}", date.year(), date.month()), first, first.checked_add(1.month()).ok()?)
            }
        };
        let start = |date: Date| {
            Some(zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()?.as_millisecond())
        };
        Some(Self { name, start: start(first)?, end: start(next)? })
    }
}
