//! A card: what was measured, and the score that comes of it.

use schemas::{ScorePart, Scorecard, Timestamp};
use serde::{Deserialize, Serialize};

use super::period::Period;
use super::settings::ScoreSettings;
use crate::kpi::{Kpi, Tally, Value};

/// What each part is made of, in the order of [`ScoreSettings::parts`].
const PARTS: [Kpi; 5] =
    [Kpi::PartnerAcknowledged, Kpi::SlaMet, Kpi::PartnerAvailability, Kpi::PartnerDisputes, Kpi::PartnerDataQuality];

/// Whether changes to a KPI are for cards.
pub(super) fn is_scored(kpi: Kpi) -> bool {
    PARTS.contains(&kpi) || matches!(kpi, Kpi::PartnerResponse | Kpi::PartnerOurFault)
}

/// One partner's period: one value of the store. New fields go to the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) period: String,
    pub(super) period_kind: String,
    pub(super) start: i64,
    pub(super) end: i64,
    tallies: Vec<(Kpi, Tally)>,
    /// See [`Scorecard::revision`].
    pub(super) revision: i64,
    /// Whether something changed since it was told.
    pub(super) is_changed: bool,
    /// The one timer that waits.
    pub(super) timer: Option<i64>,
}

impl Card {
    pub(super) fn new(period: Period, kind: &str) -> Self {
        let Period { name, start, end } = period;
        Self { period: name, period_kind: kind.to_owned(), start, end, ..Self::default() }
    }

    /// Adds what was measured `times` times; -1 takes it out.
    pub(super) fn add(&mut self, kpi: Kpi, value: Value, times: i64) {
        let place = self.tallies.iter().position(|(known, _)| *known == kpi).unwrap_or_else(|| {
            self.tallies.push((kpi, Tally::default()));
            self.tallies.len() - 1
        });
        self.tallies[place].1.add(kpi, value, times);
        self.is_changed = true;
    }

    fn tally(&self, kpi: Kpi) -> Option<&Tally> {
        self.tallies.iter().find(|(known, _)| *known == kpi).map(|(_, tally)| tally)
    }

    /// The card as it is told.
    pub(super) fn told(&self, partner: &str, settings: &ScoreSettings, now: Timestamp) -> Scorecard {
        let parts: Vec<ScorePart> =
            PARTS.iter().zip(settings.parts).map(|(kpi, part)| self.part(*kpi, part, settings.min_events)).collect();
        let weighed = parts.iter().filter_map(|part| Some((part.share_ppm?, i64::from(part.weight))));
        let (sum, weight) = weighed.fold((0, 0), |(sum, all), (share, weight)| (sum + share * weight, all + weight));
        let response = |quantile| self.tally(Kpi::PartnerResponse)?.buckets.quantile_ms(quantile);
        Scorecard {
            partner_id: partner.to_owned(),
            period: self.period.clone(),
            period_kind: self.period_kind.clone(),
            start_at: Timestamp(self.start),
            end_at: Timestamp(self.end),
            score_ppm: (weight > 0).then(|| sum / weight),
            parts,
            our_faults: self.tally(Kpi::PartnerOurFault).map_or(0, |tally| tally.hits),
            response_p50_ms: response(0.5),
            response_p95_ms: response(0.95),
            revision: self.revision,
            told_at: now,
        }
    }

    fn part(&self, kpi: Kpi, part: super::PartSettings, min_events: i64) -> ScorePart {
        let empty = Tally::default();
        let tally = self.tally(kpi).unwrap_or(&empty);
        // One order may have several tickets: no more of it is bad than all.
        let good = if kpi == Kpi::PartnerDisputes { (tally.count - tally.hits).max(0) } else { tally.hits };
        let is_enough = tally.count > 0 && tally.count >= min_events;
        ScorePart {
            name: part.name.to_owned(),
            count: tally.count,
            good,
            share_ppm: is_enough.then(|| (good.clamp(0, tally.count) * 1_000_000) / tally.count),
            target_ppm: part.target_ppm,
            weight: i32::try_from(part.weight).unwrap_or(i32::MAX),
            suspect: tally.suspect,
            late: tally.late,
        }
    }
}
