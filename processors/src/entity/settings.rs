//! How long and how many events may wait, and what follows when the wait was in vain.

use serde::Deserialize;

/// What to do with an event of an entity whose creation never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownEntity {
    /// The entity is known from now on, in the state the event names, flagged `adopted`.
    #[default]
    Adopt,
    /// The event goes to quarantine.
    Quarantine,
}

/// What to do with the events of an entity whose parent (customer, offering, order) never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingParent {
    /// They go on without it, flagged `customer_unknown`, `offering_unknown`, ...
    #[default]
    Continue,
    /// They become dead letters.
    DeadLetter,
}

/// The bounds and policies of the entity processors.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntitySettings {
    /// How many events of an entity are remembered to find repeats.
    pub seen_events_max: usize,
    /// How many events of an entity may wait for an earlier one.
    pub buffered_events_max: u16,
    /// How long an event waits for an earlier one of its entity, in milliseconds.
    pub buffered_wait_ms: i64,
    /// How many events of an entity may wait for its parents.
    pub parked_events_max: u16,
    /// How long an entity waits for its parents, in milliseconds.
    pub parked_wait_ms: i64,
    /// How often the catalog is asked again while an order waits for an offering, in milliseconds.
    pub recheck_ms: i64,
    /// How long a question for a customer that is not known is remembered, in milliseconds.
    pub lookup_wait_ms: i64,
    /// How long the answer about a customer serves the next orders and tickets too, in milliseconds;
    /// 0 for not at all. Until then they see the customer's class as it was.
    pub customer_memory_ms: i64,
    /// What to do with an event of an entity whose creation never came.
    pub unknown_entity: UnknownEntity,
    /// What to do with the events of an entity whose parents never came.
    pub missing_parent: MissingParent,
    /// Channels whose payments are debits by mandate.
    pub autopay_channels: Vec<String>,
    /// How long before such a debit its bill must have been sent to the customer, in milliseconds.
    pub notice_ms: i64,
}

impl Default for EntitySettings {
    fn default() -> Self {
        Self {
            seen_events_max: 64,
            buffered_events_max: 16,
            buffered_wait_ms: 30_000,
            parked_events_max: 64,
            parked_wait_ms: 5_000,
            recheck_ms: 250,
            lookup_wait_ms: 3_600_000,
            customer_memory_ms: 60_000,
            unknown_entity: UnknownEntity::default(),
            missing_parent: MissingParent::default(),
            autopay_channels: ["autopay", "upi-autopay", "e-mandate"].map(str::to_owned).into(),
            notice_ms: 24 * 3_600_000,
        }
    }
}
