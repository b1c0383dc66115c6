//! How well partners did.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How well a partner did in a period, on `hub.scorecard`, keyed `partner|period`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    /// The partner.
    pub partner_id: String,
    /// The period's name, such as `2026-11`, `2026-W48` or `2026-11-24`.
    pub period: String,
    /// `day`, `week` or `month`.
    pub period_kind: String,
    /// The period's first instant.
    pub start_at: Timestamp,
    /// The first instant after it.
    pub end_at: Timestamp,
    /// The mean of the parts' shares by weight, in millionths; absent where no part has enough to go by.
    #[serde(default)]
    pub score_ppm: Option<i64>,
    /// Its parts.
    pub parts: Vec<ScorePart>,
    /// Deliveries that were given up for what we sent: in no part.
    pub our_faults: i64,
    /// Half of the deliveries were taken faster, in milliseconds.
    #[serde(default)]
    pub response_p50_ms: Option<i64>,
    /// 95 of 100 deliveries were taken faster, in milliseconds.
    #[serde(default)]
    pub response_p95_ms: Option<i64>,
    /// 0 while the period is provisional, 1 when it is final, more when something late amended it.
    pub revision: i64,
    /// When it was told.
    pub told_at: Timestamp,
}

/// One part of a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScorePart {
    /// Its name, such as `availability`.
    pub name: String,
    /// What was measured.
    pub count: i64,
    /// Of that, what was good.
    pub good: i64,
    /// The share that was good, in millionths; absent where too little was measured.
    #[serde(default)]
    pub share_ppm: Option<i64>,
    /// The share that is asked for, in millionths.
    pub target_ppm: i64,
    /// How much the part weighs beside the others.
    pub weight: i32,
    /// What could not be measured because its times make no sense; in no other figure.
    pub suspect: i64,
    /// What came too late to be measured; in no other figure.
    pub late: i64,
}
