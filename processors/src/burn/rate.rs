//! From counts by window to a burn rate and the alerts that fire.

use schemas::{BurnRate, BurnWindow, Timestamp};

use super::Slo;
use super::slo::pane_of;
use crate::kpi::{Measure, Size};

/// Events and bad ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) events: i64,
    pub(crate) bad: i64,
}

impl Counts {
    /// From what a KPI counts.
    pub(crate) fn of(slo: &Slo, count: i64, hits: i64) -> Self {
        let good = matches!(slo.kpi.definition().measure, Measure::Ratio { good: true });
        Self { events: count, bad: if good { count - hits } else { hits } }
    }

    fn plus(self, other: Self) -> Self {
        Self { events: self.events + other.events, bad: self.bad + other.bad }
    }

    fn burn(self, slo: &Slo) -> f64 {
        if self.events <= 0 { 0.0 } else { self.bad as f64 / self.events as f64 / (1.0 - slo.objective) }
    }
}

/// The burn rate of an SLO's value at an event time. `counts` gives what a window of a size that
/// starts at an instant holds; a window ends with the pane that the time lies in.
pub(crate) fn rate(slo: &Slo, value: &str, at: i64, mut counts: impl FnMut(Size, i64) -> Counts) -> BurnRate {
    let mut sum = |window_ms: i64, size: Size| {
        let end = size.start_of(at) + size.millis();
        let starts = (0..window_ms / size.millis()).map(|number| end - (number + 1) * size.millis());
        starts.fold(Counts::default(), |sum, start| sum.plus(counts(size, start)))
    };
    let period = sum(slo.period_ms, Size::Day);
    let windows: Vec<(i64, Counts)> = slo
        .windows()
        .into_iter()
        .map(|window_ms| (window_ms, pane_of(window_ms).map_or_else(Counts::default, |size| sum(window_ms, size))))
        .collect();
    let of =
        |wanted: i64| windows.iter().find(|window| window.0 == wanted).map_or_else(Counts::default, |found| found.1);
    let severity = slo
        .alerts
        .iter()
        .filter(|alert| {
            let (long, short, threshold) = (of(alert.long_ms), of(alert.short_ms), alert.threshold(slo.period_ms));
            long.events >= slo.events_min && long.burn(slo) > threshold && short.burn(slo) > threshold
        })
        .map(|alert| alert.severity)
        .max();
    let budget = period.events as f64 * (1.0 - slo.objective);
    let left = if budget > 0.0 { 1.0 - period.bad as f64 / budget } else { 1.0 };
    BurnRate {
        slo: slo.name.clone(),
        value: value.to_owned(),
        objective_ppm: (slo.objective * 1e6).round() as i64,
        period_ms: slo.period_ms,
        period_events: period.events,
        period_bad: period.bad,
        budget_left_ppm: (left * 1e6).round() as i64,
        windows: windows
            .iter()
            .map(|(window_ms, counts)| BurnWindow {
                window_ms: *window_ms,
                events: counts.events,
                bad: counts.bad,
                burn_milli: (counts.burn(slo) * 1e3).round() as i64,
            })
            .collect(),
        severity: severity.map_or("none", super::Severity::name).to_owned(),
        at: Timestamp(at),
    }
}
