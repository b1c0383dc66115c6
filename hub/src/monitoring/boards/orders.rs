//! How orders fare, from creation to completion.

use super::WINDOW;
use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit, Variable};

pub(super) const BOARD: Board = Board {
    uid: "hub-orders",
    title: "Hub / Order journey",
    help: "How long orders take, how many come in time, and where they fall out: by product and circle.",
    variables: &[
        WINDOW,
        Variable {
            name: "product",
            label: "Product",
            values: "label_values(hub_kpi_order_fallout_events_total{by=\"class\"}, value)",
        },
        Variable {
            name: "circle",
            label: "Circle",
            values: "label_values(hub_kpi_order_fallout_events_total{by=\"circle\"}, value)",
        },
    ],
    panels: &[
        lines(
            "Orders ended",
            "In the last whole window, by event time.",
            Unit::Count,
            "hub-overview",
            &[query("sum(hub_kpi_order_fallout_events{by=\"all\",window=\"$window\"})", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "In time",
            "Completed by the earlier of the requested and the first promised date.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_order_on_time_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_order_on_time_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Fallout",
            "Of the orders that ended: failed, held, or with an error on their way.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_order_fallout_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_order_fallout_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Right first time",
            "Completed without failure, hold, error or a wish to cancel, and without a ticket about it up to 30 days later.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_order_right_first_time_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_order_right_first_time_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Cycle time",
            "From creation to completion, less waiting for the customer; all orders.",
            Unit::Seconds,
            "hub-slo",
            &[query(
                "max by (percentile) (hub_kpi_order_cycle_seconds{by=\"all\",window=\"$window\"})",
                "p{{percentile}}",
            )],
        ),
        lines(
            "Cycle time by product, p95",
            "From creation to completion, less waiting for the customer.",
            Unit::Seconds,
            "hub-slo",
            &[query(
                "max by (value) (hub_kpi_order_cycle_seconds{by=\"class\",value=~\"$product\",window=\"$window\",percentile=\"95\"})",
                "{{value}}",
            )],
        ),
        lines(
            "Fallout by product",
            "Of the orders that ended, since the dashboard's range began.",
            Unit::Share,
            "hub-overview",
            &[query(
                "sum by (value) (rate(hub_kpi_order_fallout_hits_total{by=\"class\",value=~\"$product\"}[$__rate_interval])) / sum by (value) (rate(hub_kpi_order_fallout_events_total{by=\"class\",value=~\"$product\"}[$__rate_interval]))",
                "{{value}}",
            )],
        ),
        lines(
            "Orders ended by circle",
            "Per second, by event time as it was counted.",
            Unit::PerSecond,
            "hub-overview",
            &[query(
                "sum by (value) (rate(hub_kpi_order_fallout_events_total{by=\"circle\",value=~\"$circle\"}[$__rate_interval]))",
                "{{value}}",
            )],
        ),
        lines(
            "Clocks on orders",
            "Promises that run.",
            Unit::Count,
            "hub-slo",
            &[query("sum by (objective) (hub_sla_open{objective=~\"order.*|fibre.*\"})", "{{objective}}")],
        ),
        lines(
            "Orders that wait",
            "For a predecessor, a customer or an offering.",
            Unit::Count,
            "hub-internals",
            &[query("sum by (stage) (hub_waiting{topic=\"hub.order\"})", "{{stage}}")],
        ),
    ],
};
