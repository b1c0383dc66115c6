//! How trouble is dealt with.

use super::WINDOW;
use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit, Variable};

pub(super) const BOARD: Board = Board {
    uid: "hub-tickets",
    title: "Hub / Tickets",
    help: "How soon tickets are taken up and resolved, what comes back, and what lies.",
    variables: &[
        WINDOW,
        Variable {
            name: "product",
            label: "Ticket type",
            values: "label_values(hub_kpi_ticket_resolution_events_total{by=\"class\"}, value)",
        },
    ],
    panels: &[
        lines(
            "Open tickets",
            "Not resolved yet.",
            Unit::Count,
            "hub-slo",
            &[query("sum(hub_kpi_ticket_backlog_open{by=\"all\"})", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "Oldest open ticket",
            "Age by event time.",
            Unit::Seconds,
            "hub-slo",
            &[query("max(hub_kpi_ticket_backlog_oldest_seconds{by=\"all\"})", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "At first contact",
            "Resolved at one go: neither waited for the customer nor came back.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_ticket_first_contact_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_ticket_first_contact_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Reopened",
            "Reopenings to resolutions.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_ticket_reopen_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_ticket_reopen_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Time to acknowledge",
            "From creation to the first work on the ticket.",
            Unit::Seconds,
            "hub-slo",
            &[query(
                "max by (percentile) (hub_kpi_ticket_acknowledge_seconds{by=\"all\",window=\"$window\"})",
                "p{{percentile}}",
            )],
        ),
        lines(
            "Time to resolve",
            "From creation to the resolution, less waiting for the customer.",
            Unit::Seconds,
            "hub-slo",
            &[query(
                "max by (percentile) (hub_kpi_ticket_resolution_seconds{by=\"all\",window=\"$window\"})",
                "p{{percentile}}",
            )],
        ),
        lines(
            "Resolved by type",
            "Per second.",
            Unit::PerSecond,
            "hub-overview",
            &[query(
                "sum by (value) (rate(hub_kpi_ticket_resolution_events_total{by=\"class\",value=~\"$product\"}[$__rate_interval]))",
                "{{value}}",
            )],
        ),
        lines(
            "Clocks on tickets",
            "Promises that run, and those past a warning level.",
            Unit::Count,
            "hub-slo",
            &[
                query("sum by (objective) (hub_sla_open{objective=~\"ticket.*\"})", "{{objective}}"),
                query("sum by (objective) (hub_sla_warned{objective=~\"ticket.*\"})", "{{objective}} warned"),
            ],
        ),
        lines(
            "Escalations",
            "Steps of ladders that tickets passed, by share of the target used up.",
            Unit::PerSecond,
            "hub-slo",
            &[query(
                "sum by (percent) (rate(hub_sla_escalations_total{call=\"called\",objective=~\"ticket-.*\"}[$__rate_interval]))",
                "{{percent}} %",
            )],
        ),
    ],
};
