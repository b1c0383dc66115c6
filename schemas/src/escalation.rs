//! Steps of ladders that clocks passed.

use serde::{Deserialize, Serialize};

use crate::{Family, Timestamp};

/// A step of an objective's ladder that a clock passed, on `hub.sla.escalation`, keyed by `kind:id` of the entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlaEscalation {
    /// Unique: objective, entity, the step, and how often it was climbed to before.
    pub escalation_id: String,
    /// The objective's name.
    pub objective: String,
    /// The entity's family.
    pub family: Family,
    /// The entity's kind.
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// The share of the target that was used up.
    pub percent: i32,
    /// The step's place in the ladder, from 1.
    pub level: i32,
    /// Who is called.
    pub role: String,
    /// When so much was used up.
    pub reached_at: Timestamp,
    /// When the target passes if nothing changes.
    #[serde(default)]
    pub breach_at: Option<Timestamp>,
    /// The target, in milliseconds.
    pub target_ms: i64,
    /// Whose entity it is.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// Partners concerned.
    #[serde(default)]
    pub partner_ids: Vec<String>,
    /// When the hub took the causing event in.
    pub ingested_at: Timestamp,
    /// Whether late events took the step back; it was told by the same id before.
    #[serde(default)]
    pub withdrawn: bool,
}
