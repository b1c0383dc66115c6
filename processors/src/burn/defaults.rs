//! What holds without a configuration. Every objective here is a proposal, to be set.

use super::{Alert, Severity, Slo};
use crate::kpi::{By, Kpi};

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
const PERIOD_MS: i64 = 30 * 24 * HOUR_MS;
const EVENTS_MIN: i64 = 20;

/// The four alerts of the SRE workbook.
pub fn default_alerts() -> Vec<Alert> {
    let alert = |severity, long_ms, short_ms, budget_share| Alert { severity, long_ms, short_ms, budget_share };
    vec![
        alert(Severity::Page, HOUR_MS, 5 * MINUTE_MS, 0.02),
        alert(Severity::Page, 6 * HOUR_MS, 30 * MINUTE_MS, 0.05),
        alert(Severity::Ticket, 24 * HOUR_MS, 2 * HOUR_MS, 0.10),
        alert(Severity::Ticket, 72 * HOUR_MS, 6 * HOUR_MS, 0.10),
    ]
}

/// SLOs for clocks, payments and partners.
pub fn default_slos() -> Vec<Slo> {
    let slo = |name, kpi, by, objective| {
        Slo::new(name, (kpi, by, None), objective, PERIOD_MS, EVENTS_MIN, default_alerts())
            .expect("the defaults are sound: a test makes them")
    };
    vec![
        slo("sla-objectives", Kpi::SlaMet, By::Objective, 0.98),
        slo("sla-partners", Kpi::SlaMet, By::Partner, 0.98),
        slo("order-fallout", Kpi::OrderFallout, By::All, 0.95),
        slo("payment-technical", Kpi::PaymentTechnicalFailure, By::All, 0.98),
        slo("partner-availability", Kpi::PartnerAvailability, By::Partner, 0.995),
    ]
}
