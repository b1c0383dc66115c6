//! Number portability: the regulator's working days.

use super::WINDOW;
use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit};

pub(super) const BOARD: Board = Board {
    uid: "hub-mnp",
    title: "Hub / Number portability",
    help: "Whether numbers are ported within the working days that the regulator allows. Needs objectives whose names \
           begin with mnp.",
    variables: &[WINDOW],
    panels: &[
        lines(
            "Ported in time",
            "Of all that were ported or are late.",
            Unit::Share,
            "hub-slo",
            &[query(
                "sum(hub_kpi_mnp_on_time_hits{by=\"all\",window=\"$window\"}) / sum(hub_kpi_mnp_on_time_events{by=\"all\",window=\"$window\"})",
                "",
            )],
        )
        .drawn(Kind::Numbers),
        lines(
            "Ported or late",
            "In the last whole window.",
            Unit::Count,
            "hub-orders",
            &[query("sum(hub_kpi_mnp_on_time_events{by=\"all\",window=\"$window\"})", "")],
        )
        .drawn(Kind::Numbers),
        lines(
            "Ported, and ported in time",
            "Per second, ever since the range began.",
            Unit::PerSecond,
            "hub-orders",
            &[
                query("sum(rate(hub_kpi_mnp_on_time_events_total{by=\"all\"}[$__rate_interval]))", "all"),
                query("sum(rate(hub_kpi_mnp_on_time_hits_total{by=\"all\"}[$__rate_interval]))", "in time"),
            ],
        ),
    ],
};
