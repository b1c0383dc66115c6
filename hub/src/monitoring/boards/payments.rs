//! Payments, autopay, and what billing knows.

use super::WINDOW;
use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit, Variable};

pub(super) const BOARD: Board = Board {
    uid: "hub-payments",
    title: "Hub / Payments and autopay",
    help: "Which payments come through, why the others do not, and how far billing is behind.",
    variables: &[
        WINDOW,
        Variable {
            name: "channel",
            label: "Channel",
            values: "label_values(hub_kpi_payment_success_events_total{by=\"channel\"}, value)",
        },
    ],
    panels: &[
        lines(
            "Payments done",
            "Of those done, failed or denied.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_payment_success_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_payment_success_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Failed for a technical reason",
            "Of those done, failed or denied.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_payment_technical_failure_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_payment_technical_failure_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Denied",
            "Of those done, failed or denied.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_payment_business_decline_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_payment_business_decline_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Autopay attempts failed",
            "Of all attempts.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_autopay_attempt_failure_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_autopay_attempt_failure_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Payments",
            "Per second: all, and how those ended that did not come through.",
            Unit::PerSecond,
            "hub-overview",
            &[
                query("sum(rate(hub_kpi_payment_success_events_total{by=\"all\"}[$__rate_interval]))", "all"),
                query(
                    "sum(rate(hub_kpi_payment_technical_failure_hits_total{by=\"all\"}[$__rate_interval]))",
                    "technical failure",
                ),
                query("sum(rate(hub_kpi_payment_business_decline_hits_total{by=\"all\"}[$__rate_interval]))", "denied"),
            ],
        ),
        lines(
            "Payments by channel",
            "Per second.",
            Unit::PerSecond,
            "hub-overview",
            &[query(
                "sum by (value) (rate(hub_kpi_payment_success_events_total{by=\"channel\",value=~\"$channel\"}[$__rate_interval]))",
                "{{value}}",
            )],
        ),
        lines(
            "Until billing has it",
            "From a change to billing's acknowledgement.",
            Unit::Seconds,
            "hub-internals",
            &[query(
                "max by (percentile) (hub_kpi_billing_replication_seconds{by=\"all\",window=\"$window\"})",
                "p{{percentile}}",
            )],
        ),
        lines(
            "Billing has not acknowledged",
            "How many changes were sent and not acknowledged.",
            Unit::Count,
            "hub-internals",
            &[query("sum(hub_kpi_billing_unacknowledged_open{by=\"all\"})", "changes")],
        ),
    ],
};
