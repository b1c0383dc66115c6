//! What the hub expects of open clocks.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How likely an open clock breaches, on `hub.sla.prediction` (compacted), keyed by
/// `objective|kind:entity_id`; a tombstone once it has ended or breached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaPrediction {
    /// The objective's name.
    pub objective: String,
    /// The entity's kind.
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// The class that it was compared within; `-` for none.
    pub class: String,
    /// The entity's state.
    pub stage: String,
    /// The probability that the target passes before the clock ends, in millionths.
    pub probability_ppm: i64,
    /// The probability's band: `low`, `some`, `likely` or `high`.
    pub band: String,
    /// Clocks of its objective, class and stage that ended, and lasted as long as it has: what the
    /// probability rests on.
    pub observations: i64,
    /// Working time used up when `at` was.
    pub consumed_ms: i64,
    /// The target in working time.
    pub target_ms: i64,
    /// The working time until clocks like it end, in the median; absent where none has been seen.
    #[serde(default)]
    pub left_ms: Option<i64>,
    /// When the target passes if nothing changes; absent while the clock rests.
    #[serde(default)]
    pub breach_at: Option<Timestamp>,
    /// The instant this prediction speaks of.
    pub at: Timestamp,
}
