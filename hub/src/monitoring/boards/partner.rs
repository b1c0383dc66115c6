//! How partners and other outside systems do, each by itself.

use super::WINDOW;
use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit, Variable};

pub(super) const BOARD: Board = Board {
    uid: "hub-partner",
    title: "Hub / Partner scorecard",
    help: "Score, response time, availability and retries of each partner. Our own bad requests do not count against a partner.",
    variables: &[
        WINDOW,
        Variable {
            name: "partner",
            label: "Partner",
            values: "label_values(hub_kpi_partner_availability_events_total{by=\"partner\"}, value)",
        },
        Variable { name: "target", label: "Target", values: "label_values(hub_breaker_state, target)" },
    ],
    panels: &[
        lines(
            "Score",
            "Of the current period, the mean of its parts by weight; hub sla partner says what it rests on.",
            Unit::Share,
            "hub-slo",
            &[query("max by (partner) (hub_partner_score{part=\"score\",partner=~\"$partner\"})", "{{partner}}")],
        )
        .drawn(Kind::Bars),
        lines(
            "Parts of the score",
            "The share of each part that was good; nothing while there is too little to go by.",
            Unit::Share,
            "hub-slo",
            &[query(
                "max by (partner, part) (hub_partner_score{part!=\"score\",partner=~\"$partner\"})",
                "{{partner}} {{part}}",
            )],
        )
        .drawn(Kind::Bars),
        lines(
            "Given up for what we sent",
            "Deliveries that the partner refused: they count against nobody.",
            Unit::Count,
            "hub-overview",
            &[query(
                "sum by (value) (hub_kpi_partner_our_fault_hits_total{by=\"partner\",value=~\"$partner\"})",
                "{{value}}",
            )],
        )
        .drawn(Kind::Bars),
        lines(
            "Availability",
            "Calls that the partner answered as it should, since the hub counts.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum by (value) (hub_kpi_partner_availability_hits_total{by=\"partner\",value=~\"$partner\"}) / sum by (value) (hub_kpi_partner_availability_events_total{by=\"partner\",value=~\"$partner\"})",
                "{{value}}",
            )],
        )
        .drawn(Kind::Bars),
        lines(
            "Response time, p95",
            "From taking a change in to the partner's acknowledgement, in the last whole window.",
            Unit::Seconds,
            "hub-slo",
            &[query(
                "max by (value) (hub_kpi_partner_response_seconds{by=\"partner\",value=~\"$partner\",window=\"$window\",percentile=\"95\"})",
                "{{value}}",
            )],
        )
        .drawn(Kind::Bars),
        lines(
            "Availability over time",
            "Of the calls that could be; nothing while there are none.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum by (value) (rate(hub_kpi_partner_availability_hits_total{by=\"partner\",value=~\"$partner\"}[$__rate_interval])) / sum by (value) (rate(hub_kpi_partner_availability_events_total{by=\"partner\",value=~\"$partner\"}[$__rate_interval]))",
                "{{value}}",
            )],
        ),
        lines(
            "Calls",
            "Per second.",
            Unit::PerSecond,
            "hub-overview",
            &[query(
                "sum by (value) (rate(hub_kpi_partner_availability_events_total{by=\"partner\",value=~\"$partner\"}[$__rate_interval]))",
                "{{value}}",
            )],
        ),
        lines(
            "Attempts after the first",
            "Deliveries that had to be tried again.",
            Unit::PerSecond,
            "hub-overview",
            &[query(
                "sum by (target) (rate(hub_delivery_retries_total{target=~\"$target\"}[$__rate_interval]))",
                "{{target}}",
            )],
        ),
        lines(
            "Breakers",
            "0 closed, 1 half-open, 2 open.",
            Unit::Count,
            "hub-overview",
            &[query("max by (target) (hub_breaker_state{target=~\"$target\"})", "{{target}}")],
        ),
        lines(
            "Delivery time, p95",
            "Of one attempt.",
            Unit::Seconds,
            "hub-overview",
            &[query(
                "histogram_quantile(0.95, sum by (target, le) (rate(hub_delivery_seconds_bucket{target=~\"$target\"}[$__rate_interval])))",
                "{{target}}",
            )],
        ),
        lines(
            "In flight",
            "Deliveries taken in and not ended.",
            Unit::Count,
            "hub-overview",
            &[query("sum by (target) (hub_sink_in_flight{target=~\"$target\"})", "{{target}}")],
        ),
    ],
};
