//! Is the hub well, and is anybody waiting for it?

use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit};

pub(super) const BOARD: Board = Board {
    uid: "hub-overview",
    title: "Hub / Operations overview",
    help: "For whoever is on duty: nothing lost, nothing late, nobody about to be let down.",
    variables: &[],
    panels: &[
        lines(
            "Imbalance",
            "Records taken in that neither ended nor wait. Anything but 0 is a defect.",
            Unit::Count,
            "hub-internals",
            &[query("sum(abs(hub_conservation_imbalance))", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "Oldest unread event",
            "Age of the oldest record that somebody has still to take in.",
            Unit::Seconds,
            "hub-internals",
            &[query("max(hub_lag_seconds)", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "Open breakers",
            "Outside systems that are left alone because they failed.",
            Unit::Count,
            "hub-partner",
            &[query("count(hub_breaker_state == 2) or vector(0)", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "Ready",
            "Instances that are restored and at work, of all that answer.",
            Unit::Share,
            "hub-internals",
            &[query("avg(hub_ready)", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "Events in",
            "Records taken in from the topics of each family.",
            Unit::PerSecond,
            "hub-orders",
            &[query("sum by (topic) (rate(hub_records_taken_total{topic=~\"hub.+\"}[$__rate_interval]))", "{{topic}}")],
        ),
        lines(
            "Deliveries",
            "How deliveries to outside systems ended.",
            Unit::PerSecond,
            "hub-partner",
            &[query(
                "sum by (target, outcome) (rate(hub_deliveries_total[$__rate_interval]))",
                "{{target}} {{outcome}}",
            )],
        ),
        lines(
            "How records ended",
            "Every record ends in exactly one of these.",
            Unit::PerSecond,
            "hub-internals",
            &[query("sum by (outcome) (rate(hub_records_total[$__rate_interval]))", "{{outcome}}")],
        ),
        lines(
            "Where records wait",
            "Buffered for a predecessor, parked for a parent, in flight to the outside.",
            Unit::Count,
            "hub-internals",
            &[query("sum by (stage) (hub_waiting)", "{{stage}}")],
        ),
        lines(
            "Open clocks",
            "Promises that run, and those past a warning level.",
            Unit::Count,
            "hub-slo",
            &[
                query("sum by (objective) (hub_sla_open)", "{{objective}}"),
                query("sum by (objective) (hub_sla_warned)", "{{objective}} warned"),
            ],
        ),
        lines(
            "Time to the next breach",
            "Of the clock that breaches first; nothing where none runs.",
            Unit::Seconds,
            "hub-slo",
            &[query("min by (objective) (hub_sla_next_breach_seconds)", "{{objective}}")],
        ),
        lines(
            "Not acknowledged by billing",
            "Age of the oldest change that billing has not acknowledged.",
            Unit::Seconds,
            "hub-payments",
            &[query("max(hub_kpi_billing_unacknowledged_oldest_seconds{by=\"all\"})", "oldest")],
        ),
        lines(
            "Events accepted at the door",
            "By the listener, made durable before the answer.",
            Unit::PerSecond,
            "hub-internals",
            &[query("sum by (family) (rate(hub_ingest_accepted_total[$__rate_interval]))", "{{family}}")],
        ),
    ],
};
