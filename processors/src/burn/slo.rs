//! SLOs and their alerts, checked.

use thiserror::Error;

use crate::kpi::{By, Kpi, Measure, Size};

/// How much an alert demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Someone looks at it in working hours.
    Ticket,
    /// Someone is woken.
    Page,
}

impl Severity {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }
}

/// An alert on two windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    /// How much it demands.
    pub severity: Severity,
    /// The window that says that it matters.
    pub long_ms: i64,
    /// The window that says that it still goes on.
    pub short_ms: i64,
    /// The share of the budget that may go in the long window before it fires.
    pub budget_share: f64,
}

impl Alert {
    /// The burn rate that both windows must exceed.
    pub fn threshold(&self, period_ms: i64) -> f64 {
        self.budget_share * period_ms as f64 / self.long_ms as f64
    }
}

/// What can be wrong with an SLO.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SloFault {
    /// The KPI is no ratio.
    #[error("the KPI {0:?} is no ratio: nothing of it is good or bad")]
    NoRatio(&'static str),
    /// The objective leaves no budget, or is none.
    #[error("an objective of {0} % is not between 0 and 100, both excluded")]
    NoBudget(f64),
    /// The period cannot be summed.
    #[error("a period must be whole days, between one and 35")]
    BadPeriod,
    /// A window that cannot be summed from those that are kept.
    #[error(
        "the windows of an alert must be whole multiples of 5m up to 6h, or of 1h up to 4d, the short one the shorter"
    )]
    BadWindow,
    /// The alert's threshold is beyond what a burn rate can be.
    #[error(
        "the alert on {} h never fires: its threshold is {share} % of {period_days} d / {} h = {threshold:.2}, and a burn rate cannot exceed 1 / (1 - {objective}) = {highest:.2}",
        .long_ms / 3_600_000, .long_ms / 3_600_000
    )]
    NeverFires {
        /// The long window.
        long_ms: i64,
        /// The share of the budget, in percent.
        share: f64,
        /// The period, in days.
        period_days: i64,
        /// What follows from them.
        threshold: f64,
        /// The objective.
        objective: f64,
        /// What a burn rate can be at most.
        highest: f64,
    },
}

/// A share of a KPI that shall be good over a period. Made by [`Slo::new`], and so always sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Its name.
    pub name: String,
    /// The KPI.
    pub kpi: Kpi,
    /// The dimension.
    pub by: By,
    /// The one value that it is about; each of the largest where none is named.
    pub value: Option<String>,
    /// The share that shall be good, between 0 and 1.
    pub objective: f64,
    /// The period that the budget is for.
    pub period_ms: i64,
    /// With fewer events in the long window nothing fires.
    pub events_min: i64,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

impl Slo {
    /// Checks an SLO.
    ///
    /// # Errors
    /// The first fault found.
    pub fn new(
        name: impl Into<String>,
        (kpi, by, value): (Kpi, By, Option<String>),
        objective: f64,
        period_ms: i64,
        events_min: i64,
        alerts: Vec<Alert>,
    ) -> Result<Self, SloFault> {
        if !matches!(kpi.definition().measure, Measure::Ratio { .. }) {
            return Err(SloFault::NoRatio(kpi.name()));
        }
        if !(objective > 0.0 && objective < 1.0) {
            return Err(SloFault::NoBudget(objective * 100.0));
        }
        let days = period_ms / Size::Day.millis();
        if period_ms % Size::Day.millis() != 0 || !(1..=35).contains(&days) {
            return Err(SloFault::BadPeriod);
        }
        let slo = Self { name: name.into(), kpi, by, value, objective, period_ms, events_min, alerts };
        let highest = slo.highest_burn();
        for alert in &slo.alerts {
            if pane_of(alert.long_ms).is_none() || pane_of(alert.short_ms).is_none() || alert.short_ms >= alert.long_ms
            {
                return Err(SloFault::BadWindow);
            }
            let threshold = alert.threshold(period_ms);
            if threshold >= highest {
                return Err(SloFault::NeverFires {
                    long_ms: alert.long_ms,
                    share: alert.budget_share * 100.0,
                    period_days: days,
                    threshold,
                    objective,
                    highest,
                });
            }
        }
        Ok(slo)
    }

    /// The highest burn rate there is: everything is bad.
    pub fn highest_burn(&self) -> f64 {
        1.0 / (1.0 - self.objective)
    }

    /// The lengths of all windows that its alerts look at, ascending.
    pub fn windows(&self) -> Vec<i64> {
        let mut all: Vec<i64> = self.alerts.iter().flat_map(|alert| [alert.long_ms, alert.short_ms]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The windows that one of this length is summed from; none where it cannot be.
pub(super) fn pane_of(window_ms: i64) -> Option<Size> {
    let fits = |size: Size, most_ms: i64| window_ms > 0 && window_ms <= most_ms && window_ms % size.millis() == 0;
    if fits(Size::FiveMinutes, 6 * Size::Hour.millis()) {
        Some(Size::FiveMinutes)
    } else {
        fits(Size::Hour, 4 * Size::Day.millis()).then_some(Size::Hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::burn::{default_alerts, default_slos};

    const DAY: i64 = 86_400_000;

    fn slo(objective: f64, alerts: Vec<Alert>) -> Result<Slo, SloFault> {
        Slo::new("s", (Kpi::SlaMet, By::All, None), objective, 30 * DAY, 20, alerts)
    }

    #[test]
    fn thresholds_are_those_of_the_table() {
        let thresholds: Vec<f64> = default_alerts().iter().map(|alert| alert.threshold(30 * DAY)).collect();
        for (found, wanted) in thresholds.iter().zip([14.4, 6.0, 3.0, 1.0]) {
            assert!((found - wanted).abs() < 1e-9, "{thresholds:?}");
        }
        assert!(!default_slos().is_empty());
    }

    #[test]
    fn what_can_never_fire_is_refused_with_its_arithmetic() {
        // 1 / (1 - 0.9306) is just above 14.4, and 1 / (1 - 0.93) just below it.
        assert!(slo(0.9306, default_alerts()).is_ok());
        let told = slo(0.93, default_alerts()).unwrap_err().to_string();
        assert!(told.contains("2 % of 30 d / 1 h = 14.40") && told.contains("1 / (1 - 0.93) = 14.29"), "{told}");
        let six = |objective| slo(objective, default_alerts()[1..].to_vec());
        assert!(six(0.84).is_ok() && six(0.83).is_err());
    }

    #[test]
    fn windows_must_be_sums_of_those_that_are_kept() {
        let alert = |long_ms, short_ms| vec![Alert { long_ms, short_ms, ..default_alerts()[3] }];
        assert!(slo(0.99, alert(72 * 3_600_000, 300_000)).is_ok());
        for (long, short) in
            [(3_600_000, 60_000), (7 * 3_600_000 + 300_000, 300_000), (300_000, 300_000), (5 * DAY, 3_600_000)]
        {
            assert_eq!(slo(0.99, alert(long, short)), Err(SloFault::BadWindow), "{long} {short}");
        }
        let duration = Slo::new("s", (Kpi::OrderCycle, By::All, None), 0.9, DAY, 1, vec![]);
        assert_eq!(duration, Err(SloFault::NoRatio("order_cycle")));
        assert_eq!(slo(1.0, vec![]), Err(SloFault::NoBudget(100.0)));
        let short = Slo::new("s", (Kpi::SlaMet, By::All, None), 0.9, DAY / 2, 1, vec![]);
        assert_eq!(short, Err(SloFault::BadPeriod));
    }
}
