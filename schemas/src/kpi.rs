//! What the hub measures, window by window.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A KPI in one window for one value of one dimension on `hub.kpi` (compacted), keyed by
/// `kpi|by|value|window|start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KpiWindow {
    /// The KPI's name, such as `order_cycle`.
    pub kpi: String,
    /// The dimension: `all`, `class`, `circle`, `channel`, `customer_class`, `partner`, `objective`.
    pub by: String,
    /// The dimension's value; `other` holds what is not among the k largest, `all` is the value of `all`.
    pub value: String,
    /// The window's size: `5m`, `1h`, `1d`, `total` (ever since) or `open` (what has not ended).
    pub window: String,
    /// The window's start, included; the epoch for `total` and `open`.
    pub start: Timestamp,
    /// The window's end, excluded; the epoch for `total` and `open`.
    pub end: Timestamp,
    /// What was measured: the denominator of a ratio, the durations of a percentile, what is open.
    pub count: i64,
    /// Of those, the ones that the KPI's name speaks of: the numerator of a ratio.
    pub hits: i64,
    /// The sum of the durations, in milliseconds.
    pub sum_ms: i64,
    /// What could not be measured because its times make no sense; in no other figure.
    pub suspect: i64,
    /// What came after its pane was closed; in no other figure.
    pub late: i64,
    /// The median duration, within one percent.
    #[serde(default)]
    pub p50_ms: Option<i64>,
    /// The 90th percentile.
    #[serde(default)]
    pub p90_ms: Option<i64>,
    /// The 95th percentile.
    #[serde(default)]
    pub p95_ms: Option<i64>,
    /// The 99th percentile.
    #[serde(default)]
    pub p99_ms: Option<i64>,
    /// Of what is open: since when the oldest is, rounded down to its bucket.
    #[serde(default)]
    pub oldest_at: Option<Timestamp>,
    /// Of what is open: the mean of the instants since when.
    #[serde(default)]
    pub mean_at: Option<Timestamp>,
}

/// How fast an SLO spends its error budget, on `hub.sla.burn` (compacted), keyed by `slo|value`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurnRate {
    /// The SLO's name.
    pub slo: String,
    /// The value of its dimension, such as a partner's id; `all` where it is about everything.
    pub value: String,
    /// The share that shall be good, in millionths.
    pub objective_ppm: i64,
    /// The period that the budget is for.
    pub period_ms: i64,
    /// What was measured in the period.
    pub period_events: i64,
    /// Of those, the bad ones.
    pub period_bad: i64,
    /// The share of the period's budget that is left, in millionths; below 0 when overspent.
    pub budget_left_ppm: i64,
    /// Each window that an alert looks at, by length.
    pub windows: Vec<BurnWindow>,
    /// The most severe alert that fires: `page`, `ticket` or `none`.
    pub severity: String,
    /// The event time that the windows end at.
    pub at: Timestamp,
}

/// One window of a [`BurnRate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurnWindow {
    /// Its length.
    pub window_ms: i64,
    /// What was measured in it.
    pub events: i64,
    /// Of those, the bad ones.
    pub bad: i64,
    /// How many times faster than evenly over the period the budget goes, in thousandths.
    pub burn_milli: i64,
}
