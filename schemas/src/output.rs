//! What the hub publishes: facts, deliveries, outcomes, SLA results, dead letters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Family, Timestamp};

/// A lifecycle fact on `hub.lifecycle`: what changed, when, for whom. Keyed by `family:entity_id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifecycleFact {
    /// Unique per change: the entity and its version, such as `order:123#4`.
    pub fact_id: String,
    /// The entity's family.
    pub family: Family,
    /// The kind within the family: `order`, `ticket`, `payment`, `refund`, `bill`, ...
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// The entity's version, counted up by one with each fact.
    pub version: i64,
    /// The event type that caused the fact.
    pub event_type: String,
    /// What happened: `created`, `state_changed`, `attribute_changed`, `milestone`, ...
    pub change: String,
    /// The state before, by its TMF name; absent for a new entity.
    #[serde(default)]
    pub from_state: Option<String>,
    /// The state after, by its TMF name.
    #[serde(default)]
    pub to_state: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the hub took the causing event in.
    pub ingested_at: Timestamp,
    /// When the entity was created, as its source says, else when first seen.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// A date promised on the entity (order: min of requested and first expected completion).
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// Whose entity it is.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The customer's class at this time.
    #[serde(default)]
    pub customer_class: Option<String>,
    /// The billing account.
    #[serde(default)]
    pub account_id: Option<String>,
    /// Partners that own or fulfil a part.
    #[serde(default)]
    pub partner_ids: Vec<String>,
    /// The SLA class of the (first) offering, or the ticket type.
    #[serde(default)]
    pub class: Option<String>,
    /// Category, as the family has one.
    #[serde(default)]
    pub category: Option<String>,
    /// Priority or severity as sent.
    #[serde(default)]
    pub priority: Option<String>,
    /// Licence service area.
    #[serde(default)]
    pub circle: Option<String>,
    /// Sales or payment channel.
    #[serde(default)]
    pub channel: Option<String>,
    /// Doubts carried on, such as `sla_suspect` or `customer_unknown`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// The order that a ticket is about.
    #[serde(default)]
    pub order_id: Option<String>,
}

/// A record for billing on `out.billing`, keyed by `family:entity_id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BillingRecord {
    /// The idempotency key: cause and route.
    pub delivery_id: String,
    /// The route that asked for it.
    pub route: String,
    /// The entity's family.
    pub family: Family,
    /// `order`, `ticket`, `payment`, `refund`, `bill`, `billing_account`, `customer`, `sla_violation`, ...
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// The entity's version: a lower one never overwrites a higher one.
    pub version: i64,
    /// The entity's state.
    #[serde(default)]
    pub state: Option<String>,
    /// Whose entity it is.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The billing account.
    #[serde(default)]
    pub account_id: Option<String>,
    /// The amount's currency.
    #[serde(default)]
    pub currency: Option<String>,
    /// The amount in millionths.
    #[serde(default)]
    pub amount_micros: Option<i64>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the hub took the causing event in.
    pub ingested_at: Timestamp,
    /// The route's allowed fields as a JSON object.
    pub payload: String,
}

/// A command for Floworx on `out.floworx`, keyed by the order id or `kind:id` of another entity (TMF701 ProcessFlow
/// create).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloworxCommand {
    /// The idempotency key: cause and route.
    pub delivery_id: String,
    /// The route that asked for it.
    pub route: String,
    /// The entity the flow works for. On the wire it has the name of when only orders had flows.
    #[serde(rename = "order_id")]
    pub entity_id: String,
    /// The process flow specification to start.
    pub specification: String,
    /// The entity's category.
    #[serde(default)]
    pub category: Option<String>,
    /// The entity's priority.
    #[serde(default)]
    pub priority: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the hub took the causing event in.
    pub ingested_at: Timestamp,
    /// The route's allowed fields as a JSON object.
    pub payload: String,
    /// The entity's kind, such as `order` or `ticket`.
    #[serde(default = "order")]
    pub entity_kind: String,
    /// The entity's family.
    #[serde(default = "order_family")]
    pub family: Family,
    /// What asked for it: `fact`, a change of the entity; `violation` or `escalation`, of an SLA clock of the entity.
    #[serde(default = "fact")]
    pub cause: String,
}

fn order() -> String {
    "order".to_owned()
}

const fn order_family() -> Family {
    Family::Order
}

fn fact() -> String {
    "fact".to_owned()
}

/// A webhook to a partner on `out.partner`, keyed by `partner_id`; also a notification on
/// `out.notification`, where the partner is the notification target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartnerDelivery {
    /// The idempotency key: cause, route and partner (Standard Webhooks `webhook-id`).
    pub delivery_id: String,
    /// The route that asked for it.
    pub route: String,
    /// Whom it goes to.
    pub partner_id: String,
    /// The event type as the partner sees it, such as `order.state_changed`.
    pub event_type: String,
    /// The entity's family.
    pub family: Family,
    /// The kind within the family.
    pub entity_kind: String,
    /// The entity's id: deliveries of one entity to one partner keep their order.
    pub entity_id: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the hub took the causing event in.
    pub ingested_at: Timestamp,
    /// The route's allowed fields as a JSON object.
    pub payload: String,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryResult {
    /// The outside confirmed it.
    Delivered,
    /// The outside had it already (same idempotency key).
    Duplicate,
    /// Given up; a dead letter was written.
    DeadLettered,
}

/// What the outside answered, on `hub.delivery`, keyed like the delivery's entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryOutcome {
    /// The delivery's idempotency key.
    pub delivery_id: String,
    /// `billing`, `floworx`, `partner:<id>`, ...
    pub target: String,
    /// The route that asked for it.
    pub route: String,
    /// The entity's family.
    pub family: Family,
    /// The entity's kind within the family.
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// How it ended.
    pub result: DeliveryResult,
    /// Attempts made, the last one included.
    pub attempts: i32,
    /// The stable code of the last failure; absent after a clean delivery.
    #[serde(default)]
    pub error_code: Option<String>,
    /// The HTTP status of the last answer.
    #[serde(default)]
    pub http_status: Option<i32>,
    /// What the outside calls it, such as the process flow's id.
    #[serde(default)]
    pub external_ref: Option<String>,
    /// When the cause happened.
    pub occurred_at: Timestamp,
    /// When the hub took the cause in.
    pub ingested_at: Timestamp,
    /// When the last attempt ended.
    pub finished_at: Timestamp,
}

/// How far an SLA clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlaStatus {
    /// Running.
    Open,
    /// Stopped for a while by a pause state.
    Paused,
    /// Ended in time.
    Met,
    /// The target passed, whether or not it ended since.
    Breached,
    /// Ended without a verdict: the entity was cancelled.
    Cancelled,
    /// No verdict can be given, and a reason says why.
    Unknown,
}

/// The state of one objective for one entity on `hub.sla.state` (compacted), keyed by
/// `objective|kind:entity_id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlaState {
    /// The objective's name.
    pub objective: String,
    /// The entity's family.
    pub family: Family,
    /// The entity's kind.
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// How far the clock is.
    pub status: SlaStatus,
    /// Whether the clock has ended (met, breached and stopped, cancelled, unknown).
    pub closed: bool,
    /// The highest warning level passed, in percent of the target; 0 for none.
    pub warned_percent: i32,
    /// When the clock started.
    pub started_at: Timestamp,
    /// Working time used up when `updated_at` was.
    pub consumed_ms: i64,
    /// The target in working time.
    pub target_ms: i64,
    /// When it will be breached if nothing changes; absent while paused or closed.
    #[serde(default)]
    pub breach_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
    /// Whose entity it is.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// Partners concerned.
    #[serde(default)]
    pub partner_ids: Vec<String>,
    /// The instant this state speaks of.
    pub updated_at: Timestamp,
    /// Why no verdict can be given, where the status is unknown, such as `suspect_times` or
    /// `no_due_date`.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A violation on `hub.sla.violation` in the shape of TMF623, keyed by customer id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlaViolation {
    /// Unique: objective, entity and the clock's start.
    pub violation_id: String,
    /// The objective's name.
    pub objective: String,
    /// The entity's family.
    pub family: Family,
    /// The entity's kind.
    pub entity_kind: String,
    /// The entity's id.
    pub entity_id: String,
    /// When the target passed.
    pub breached_at: Timestamp,
    /// When the hub took the causing event in.
    pub ingested_at: Timestamp,
    /// Working time used, in milliseconds.
    pub actual_ms: i64,
    /// The target, in milliseconds.
    pub reference_ms: i64,
    /// The operator of the rule: `le`.
    pub operator: String,
    /// What follows, from the objective: `billing_credit`, ...
    #[serde(default)]
    pub consequence: Option<String>,
    /// Whose entity it is.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The billing account to credit.
    #[serde(default)]
    pub account_id: Option<String>,
    /// Partners concerned.
    #[serde(default)]
    pub partner_ids: Vec<String>,
    /// Whether late events took the violation back; it was told by the same id before.
    #[serde(default)]
    pub withdrawn: bool,
    /// How often it was told, amended or taken back, this time included.
    #[serde(default = "first_version")]
    pub version: i64,
    /// What late events made this version replace: the violation's id, followed by `#version` where
    /// that is not the first.
    #[serde(default)]
    pub replaces: Option<String>,
    /// How far beyond the target is still no violation, in milliseconds.
    #[serde(default)]
    pub tolerance_ms: i64,
    /// What actual, reference and tolerance are counted in: `ms`.
    #[serde(default = "milliseconds")]
    pub unit: String,
}

fn milliseconds() -> String {
    "ms".to_owned()
}

const fn first_version() -> i64 {
    1
}

/// A record the hub could not use, on `hub.dead_letter` or `hub.quarantine`, keyed as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The part that gave up: `ingest`, `entity.order`, `sink.partner`, ...
    pub part: String,
    /// The topic the record came from; for a file its name, for HTTP the path.
    pub origin_topic: String,
    /// The partition it came from; 0 for files and HTTP.
    pub origin_partition: i32,
    /// The offset it came from; the line number for files, -1 for HTTP.
    pub origin_offset: i64,
    /// The stable code, such as `HUB-2003`.
    pub code: String,
    /// The code's name, such as `bad_timestamp`.
    pub reason: String,
    /// The path of the field at fault.
    #[serde(default)]
    pub field: Option<String>,
    /// One sentence without any value of the payload.
    pub detail: String,
    /// Attempts made.
    pub attempts: i32,
    /// When it was given up.
    pub at: Timestamp,
    /// The record's size in bytes.
    pub payload_bytes: i64,
    /// The payload, where the guard allows it.
    #[serde(default)]
    pub payload: Option<String>,
    /// The record's headers, as text.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}
