//! Error budgets: what is left, and how fast it goes.

use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit, Variable};

pub(super) const BOARD: Board = Board {
    uid: "hub-slo",
    title: "Hub / SLO burn",
    help: "What is left of each error budget and how fast it goes, by event time; and the clocks that promises run on.",
    variables: &[Variable { name: "slo", label: "SLO", values: "label_values(hub_slo_objective_ratio, slo)" }],
    panels: &[
        lines(
            "Budget left",
            "Of the period's error budget; nothing left means the objective is missed.",
            Unit::Share,
            "hub-partner",
            &[query("min by (slo, value) (hub_slo_budget_left_ratio{slo=~\"$slo\"})", "{{slo}} {{value}}")],
        )
        .drawn(Kind::Bars),
        lines(
            "Alerts",
            "1 while the stream's own alert of that severity fires.",
            Unit::Count,
            "hub-overview",
            &[query("max by (slo, value, severity) (hub_slo_alert{slo=~\"$slo\"})", "{{slo}} {{value}} {{severity}}")],
        )
        .drawn(Kind::Bars),
        lines(
            "Burn rate",
            "How many times faster than evenly the budget goes, in each window.",
            Unit::Times,
            "hub-partner",
            &[query("max by (slo, value, window) (hub_slo_burn_ratio{slo=~\"$slo\"})", "{{slo}} {{value}} {{window}}")],
        ),
        lines(
            "Events in the windows",
            "A rate of few events says little: below the SLO's minimum nobody is woken.",
            Unit::Count,
            "hub-overview",
            &[query(
                "max by (slo, value, window) (hub_slo_window_events{slo=~\"$slo\"})",
                "{{slo}} {{value}} {{window}}",
            )],
        ),
        lines(
            "Clocks",
            "Running, met, and past their target.",
            Unit::Count,
            "hub-overview",
            &[
                query("sum by (objective) (hub_sla_open)", "{{objective}} open"),
                query("sum by (objective) (hub_sla_met)", "{{objective}} met"),
                query("sum by (objective) (hub_sla_breached)", "{{objective}} breached"),
            ],
        ),
        lines(
            "Met in time",
            "Of the clocks that ended or passed their target.",
            Unit::Share,
            "hub-overview",
            &[query(
                "sum by (value) (rate(hub_kpi_sla_met_hits_total{by=\"objective\"}[$__rate_interval])) / sum by (value) (rate(hub_kpi_sla_met_events_total{by=\"objective\"}[$__rate_interval]))",
                "{{value}}",
            )],
        ),
    ],
};
