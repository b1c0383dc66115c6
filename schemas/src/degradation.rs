//! Degradation reports: what becomes of a violated objective.

use serde::{Deserialize, Serialize};

use crate::{Family, Timestamp};

/// Where a degradation report is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DegradationState {
    /// The objective was found to be violated.
    Created,
    /// Somebody works on it.
    Assigned,
    /// The clock has ended: the service is as it should be again.
    Cleared,
    /// It stayed so.
    Closed,
    /// It was a false event: late facts took the violation back.
    Cancelled,
}

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DegradationSubject {
    /// What the customer gets.
    Customer,
    /// What a partner does.
    Partner,
}

/// A degradation report on `hub.degradation` (compacted), keyed by `report_id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlaDegradation {
    /// Unique: the violation, followed by the partner where the report is a partner's.
    pub report_id: String,
    /// Whose service or performance it is about.
    pub subject: DegradationSubject,
    /// The customer's report that a partner's report comes from.
    #[serde(default)]
    pub originating_report_id: Option<String>,
    /// How often the report was told of, this time included.
    pub version: i64,
    /// Where it is in its life.
    pub state: DegradationState,
    /// Who works on it: the objective's owner, or the partner.
    #[serde(default)]
    pub assigned_to: Option<String>,
    /// The objective's name.
    pub objective: String,
    /// The entity's family.
    pub family: Family,
    /// The entity's kind.
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// The violation that it is about.
    pub violation_id: String,
    /// When the target passed.
    pub breached_at: Timestamp,
    /// Whose entity it is.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The billing account.
    #[serde(default)]
    pub account_id: Option<String>,
    /// The partner, where the report is a partner's.
    #[serde(default)]
    pub partner_id: Option<String>,
    /// When it came to its state.
    pub changed_at: Timestamp,
}
