//! Which periods count for which instants.
//!
//! What is taken out of a card must have been put into it, also where the period or the time zone was configured
//! otherwise in between. So an instant belongs to the period that was configured as it passed, whenever it is told.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::period::{Period, PeriodKind};
use super::settings::ScoreSettings;

/// No period is longer: a month of 31 days, and a clock put back.
const LONGEST_PERIOD_MS: i64 = 32 * 86_400_000;

/// The periods that were configured, in order. New fields go to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Eras(Vec<Era>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Era {
    /// The first instant that they count for.
    since: i64,
    kind: String,
    time_zone: String,
}

impl Eras {
    /// Lets the configured periods count from now on; false where they do already.
    pub(super) fn begin(&mut self, settings: &ScoreSettings, now: i64) -> bool {
        let time_zone = settings.time_zone.iana_name().unwrap_or("UTC");
        let kind = settings.period.name();
        if self.0.last().is_some_and(|era| era.kind == kind && era.time_zone == time_zone) {
            return false;
        }
        // Of instants so long ago there are no cards any more, whatever they counted for: a card is kept from the end of its
        // period on.
        let kept = settings.kept_ms.saturating_add(settings.grace_ms).saturating_add(LONGEST_PERIOD_MS);
        let is_past = |next: &Era| next.since.saturating_add(kept) < now;
        let past = self.0.iter().skip(1).take_while(|next| is_past(next)).count();
        self.0.drain(..past);
        let since = if self.0.is_empty() { i64::MIN } else { now };
        self.0.push(Era { since, kind: kind.to_owned(), time_zone: time_zone.to_owned() });
        true
    }

    /// The period that an instant lies in, and its kind; nothing for an instant that no calendar has.
    pub(super) fn period(&self, settings: &ScoreSettings, at: i64) -> Option<(PeriodKind, Period)> {
        let place = self.0.partition_point(|era| era.since <= at).saturating_sub(1);
        // The last one is what is configured.
        let earlier = self.0.get(place).filter(|_| place + 1 < self.0.len());
        let kind = earlier.and_then(|era| PeriodKind::ALL.into_iter().find(|kind| kind.name() == era.kind));
        let kind = kind.unwrap_or(settings.period);
        let zone = earlier.and_then(|era| TimeZone::get(&era.time_zone).ok());
        Some((kind, Period::of(kind, zone.as_ref().unwrap_or(&settings.time_zone), at)?))
    }
}
