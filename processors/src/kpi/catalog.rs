//! The KPIs: their names, what they measure, and for how long late facts may still amend them.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// How a KPI measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A share: hits of all that was counted.
    Ratio {
        /// Whether a hit is what one wants; else it is what one wants to avoid.
        good: bool,
    },
    /// Durations, by percentile.
    Duration,
    /// What has begun and not ended, by age; the buckets of its beginnings are so wide.
    Open {
        /// In milliseconds.
        bucket_ms: i64,
    },
}

/// A KPI. Stored entries hold its number: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kpi {
    /// From creation to completion, less what waited for the customer.
    OrderCycle,
    /// Completed by the earlier of the requested and the first promised date.
    OrderOnTime,
    /// Ended orders that failed, were held or had an error on their way.
    OrderFallout,
    /// Orders completed without failure, hold, error or request to cancel, of all that ended and were not cancelled.
    OrderRightFirstTime,
    /// From creation to the first work on it (MTTA).
    TicketAcknowledge,
    /// From creation to the resolution, less what waited for the customer (MTTR).
    TicketResolution,
    /// Resolved at one go: neither waited for the customer nor reopened within ten days (FCR).
    TicketFirstContact,
    /// Reopenings in a window, to the resolutions in it.
    TicketReopen,
    /// Tickets not resolved yet, by age.
    TicketBacklog,
    /// Payments done, of those done, failed or denied.
    PaymentSuccess,
    /// Payments that failed for a technical reason, of the same.
    PaymentTechnicalFailure,
    /// Payments that were denied, of the same.
    PaymentBusinessDecline,
    /// Autopay attempts that failed or were denied.
    AutopayAttemptFailure,
    /// Ported numbers within the working days allowed.
    MnpOnTime,
    /// Clocks that ended in time, of those that ended or passed their target.
    SlaMet,
    /// From a change to its acknowledgement by billing.
    BillingReplication,
    /// Changes sent to billing and not acknowledged yet, by age.
    BillingUnacknowledged,
    /// From the hub's taking a change in to the partner's acknowledgement.
    PartnerResponse,
    /// Good calls, of the calls that could be: our own bad requests do not count.
    PartnerAvailability,
    /// Deliveries that the partner took within the time agreed, of those that it took or should have.
    PartnerAcknowledged,
    /// Tickets that name the partner, to the orders that ended.
    PartnerDisputes,
    /// Orders that ended without a doubt in their facts.
    PartnerDataQuality,
    /// Deliveries given up for what we sent.
    PartnerOurFault,
    /// Autopay attempts whose bill was sent early enough before.
    AutopayNotice,
}

/// What is fixed of a KPI.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The KPI.
    pub kpi: Kpi,
    /// Its name in records, metrics and configuration.
    pub name: &'static str,
    /// How it measures.
    pub measure: Measure,
    /// What it means, in one sentence.
    pub help: &'static str,
    /// For how long after its pane what happens later may change it, where that is longer than the
    /// grace of all.
    pub horizon_ms: i64,
}

const fn ratio(kpi: Kpi, name: &'static str, good: bool, help: &'static str) -> Definition {
    Definition { kpi, name, measure: Measure::Ratio { good }, help, horizon_ms: 0 }
}

const fn duration(kpi: Kpi, name: &'static str, help: &'static str) -> Definition {
    Definition { kpi, name, measure: Measure::Duration, help, horizon_ms: 0 }
}

const fn open(kpi: Kpi, name: &'static str, bucket_ms: i64, help: &'static str) -> Definition {
    Definition { kpi, name, measure: Measure::Open { bucket_ms }, help, horizon_ms: 0 }
}

impl Definition {
    const fn within_days(self, days: i64) -> Self {
        Self { horizon_ms: days * DAY_MS, ..self }
    }
}

/// Every KPI, by its number.
pub const KPIS: [Definition; 24] = [
    duration(Kpi::OrderCycle, "order_cycle", "Time from creation to completion, less waiting for the customer"),
    ratio(Kpi::OrderOnTime, "order_on_time", true, "Orders completed by the date requested or first promised"),
    ratio(Kpi::OrderFallout, "order_fallout", false, "Ended orders that failed, were held or had an error"),
    ratio(
        Kpi::OrderRightFirstTime,
        "order_right_first_time",
        true,
        "Orders completed without any trouble, nor a ticket about them up to 30 days later",
    )
    .within_days(30),
    duration(Kpi::TicketAcknowledge, "ticket_acknowledge", "Time from creation to the first work on the ticket"),
    duration(Kpi::TicketResolution, "ticket_resolution", "Time to resolution, less waiting for the customer"),
    ratio(Kpi::TicketFirstContact, "ticket_first_contact", true, "Tickets resolved at one go, not reopened since")
        .within_days(10),
    ratio(Kpi::TicketReopen, "ticket_reopen", false, "Reopenings to resolutions"),
    open(Kpi::TicketBacklog, "ticket_backlog", HOUR_MS, "Tickets that are not resolved"),
    ratio(Kpi::PaymentSuccess, "payment_success", true, "Payments done"),
    ratio(Kpi::PaymentTechnicalFailure, "payment_technical_failure", false, "Payments that failed"),
    ratio(Kpi::PaymentBusinessDecline, "payment_business_decline", false, "Payments that were denied"),
    ratio(Kpi::AutopayAttemptFailure, "autopay_attempt_failure", false, "Autopay attempts that failed"),
    ratio(Kpi::MnpOnTime, "mnp_on_time", true, "Numbers ported within the working days allowed"),
    ratio(Kpi::SlaMet, "sla_met", true, "Clocks that ended in time"),
    duration(Kpi::BillingReplication, "billing_replication", "Time from a change to billing's acknowledgement"),
    open(Kpi::BillingUnacknowledged, "billing_unacknowledged", MINUTE_MS, "Changes that billing has not acknowledged"),
    duration(Kpi::PartnerResponse, "partner_response", "Time from taking a change in to the partner's acknowledgement"),
    ratio(Kpi::PartnerAvailability, "partner_availability", true, "Calls that the partner answered as it should"),
    ratio(
        Kpi::PartnerAcknowledged,
        "partner_acknowledged",
        true,
        "Deliveries that the partner took in the time agreed",
    ),
    ratio(Kpi::PartnerDisputes, "partner_disputes", false, "Tickets that name the partner, to orders that ended"),
    ratio(
        Kpi::PartnerDataQuality,
        "partner_data_quality",
        true,
        "Orders of the partner without a doubt in their facts",
    ),
    ratio(Kpi::PartnerOurFault, "partner_our_fault", false, "Deliveries to the partner given up for what we sent"),
    ratio(Kpi::AutopayNotice, "autopay_notice", true, "Autopay attempts whose bill was sent in time before"),
];

impl Kpi {
    /// What is fixed of it.
    pub fn definition(self) -> &'static Definition {
        &KPIS[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// The KPI of this name.
    pub fn find(name: &str) -> Option<Self> {
        KPIS.iter().find(|definition| definition.name == name).map(|definition| definition.kpi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kpi_stands_at_its_number_and_has_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for (number, definition) in KPIS.iter().enumerate() {
            assert_eq!(definition.kpi as usize, number);
            assert!(names.insert(definition.name));
            assert_eq!(Kpi::find(definition.name), Some(definition.kpi));
        }
        // Numbers are in stored entries.
        assert_eq!([Kpi::OrderCycle as u8, Kpi::SlaMet as u8, Kpi::PartnerAvailability as u8], [0, 14, 18]);
        assert_eq!([Kpi::PartnerAcknowledged as u8, Kpi::AutopayNotice as u8], [19, 23]);
    }
}
