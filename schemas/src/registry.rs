//! The table of Avro schemas and their ids, kept beside the `avro/*.avsc` files.
//!
//! The embedded log has no schema registry: what a registry would answer is written down here.
//! An id is never given out twice and never changes its meaning. A changed schema gets a new id
//! and a new version; the old file moves to `avro/` under its version and stays listed, so that
//! records written with it are still read.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde_avro_fast::Schema as Compiled;

/// Set in an id that an outside registry has given out: the rest is that registry's own id. Ids of
/// the table never have it, so the two can be told apart in a frame.
pub const FOREIGN: u32 = 1 << 31;

/// One schema version of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaEntry {
    /// The id that the wire frame names.
    pub id: u32,
    /// The record's name, such as `OrderEvent`.
    pub name: &'static str,
    /// The version of this record's schema, counted from 1.
    pub version: u32,
    /// The file's name under `avro/`.
    pub file: &'static str,
    /// The schema's text.
    pub avsc: &'static str,
}

macro_rules! entry {
    ($id:literal, $name:literal, $version:literal, $file:literal) => {
        SchemaEntry {
            id: $id,
            name: $name,
            version: $version,
            file: $file,
            avsc: include_str!(concat!("../avro/", $file)),
        }
    };
}

/// Every known schema, in the order of its id.
pub const SCHEMAS: [SchemaEntry; 26] = [
    entry!(1, "OrderEvent", 1, "order.avsc"),
    entry!(2, "FlowEvent", 1, "flow.avsc"),
    entry!(3, "TicketEvent", 1, "ticket.avsc"),
    entry!(4, "AccountEvent", 1, "account.avsc"),
    entry!(5, "CustomerEvent", 1, "customer.avsc"),
    entry!(6, "CatalogEvent", 1, "catalog.avsc"),
    entry!(7, "PartnerEvent", 1, "partner.avsc"),
    entry!(8, "LifecycleFact", 1, "lifecycle_fact_v1.avsc"),
    entry!(9, "BillingRecord", 1, "billing_record.avsc"),
    entry!(10, "FloworxCommand", 1, "floworx_command_v1.avsc"),
    entry!(11, "PartnerDelivery", 1, "partner_delivery.avsc"),
    entry!(12, "DeliveryOutcome", 1, "delivery_outcome.avsc"),
    entry!(13, "SlaState", 1, "sla_state_v1.avsc"),
    entry!(14, "SlaViolation", 1, "sla_violation_v1.avsc"),
    entry!(15, "DeadLetter", 1, "dead_letter.avsc"),
    entry!(16, "SlaViolation", 2, "sla_violation_v2.avsc"),
    entry!(17, "SlaViolation", 3, "sla_violation.avsc"),
    entry!(18, "KpiWindow", 1, "kpi_window.avsc"),
    entry!(19, "BurnRate", 1, "burn_rate.avsc"),
    entry!(20, "SlaDegradation", 1, "sla_degradation.avsc"),
    entry!(21, "SlaPrediction", 1, "sla_prediction.avsc"),
    entry!(22, "FloworxCommand", 2, "floworx_command.avsc"),
    entry!(23, "SlaState", 2, "sla_state.avsc"),
    entry!(24, "Scorecard", 1, "scorecard.avsc"),
    entry!(25, "LifecycleFact", 2, "lifecycle_fact.avsc"),
    entry!(26, "SlaEscalation", 1, "sla_escalation.avsc"),
];

/// Parsed once, then shared by all threads; at the same positions as [`SCHEMAS`].
static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    SCHEMAS.iter().map(|entry| entry.avsc.parse().expect("the schema files parse: a test reads each")).collect()
});

/// The entry with this id.
pub fn schema_by_id(id: u32) -> Option<&'static SchemaEntry> {
    position(id).map(|at| &SCHEMAS[at])
}

/// The newest entry of the record with this name.
pub fn schema_by_name(name: &str) -> Option<&'static SchemaEntry> {
    SCHEMAS.iter().filter(|entry| entry.name == name).max_by_key(|entry| entry.version)
}

/// A writer's schema that is not in the table, but of a record that is.
#[derive(Clone, Copy)]
struct Adopted {
    name: &'static str,
    schema: &'static Compiled,
}

/// What [`adopt`] was told. Entries live as long as the process: a registry never changes an id.
static ADOPTED: LazyLock<RwLock<HashMap<u32, Adopted>>> = LazyLock::new(RwLock::default);

/// Why a schema of a registry cannot be read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// Not an Avro schema.
    #[error("not an Avro schema")]
    Invalid,
    /// No record of the table has its name.
    #[error("no record of the hub has the name of this schema")]
    Stranger,
}

/// Takes up the schema that a registry has under `registry_id`, so that frames with the returned id
/// are read by it. Asked again for the same id it changes nothing.
///
/// # Errors
/// See [`AdoptError`].
pub fn adopt(registry_id: u32, avsc: &str) -> Result<u32, AdoptError> {
    let id = registry_id | FOREIGN;
    if adopted(id).is_some() {
        return Ok(id);
    }
    let text: serde_json::Value = serde_json::from_str(avsc).map_err(|_| AdoptError::Invalid)?;
    let name = text.get("name").and_then(serde_json::Value::as_str).ok_or(AdoptError::Stranger)?;
    let name = name.rsplit('.').next().unwrap_or(name);
    let known = schema_by_name(name).ok_or(AdoptError::Stranger)?;
    let schema = Box::new(avsc.parse::<Compiled>().map_err(|_| AdoptError::Invalid)?);
    let mut all = ADOPTED.write().unwrap_or_else(PoisonError::into_inner);
    // Kept for good, as the table's own are: at most one for each id of the registry that was read.
    all.entry(id).or_insert_with(|| Adopted { name: known.name, schema: Box::leak(schema) });
    Ok(id)
}

fn adopted(id: u32) -> Option<Adopted> {
    ADOPTED.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
}

/// The name and the parsed schema with this id, of the table or adopted.
pub(crate) fn writer(id: u32) -> Option<(&'static str, &'static Compiled)> {
    match position(id) {
        Some(at) => Some((SCHEMAS[at].name, &COMPILED[at])),
        None if id & FOREIGN != 0 => adopted(id).map(|found| (found.name, found.schema)),
        None => None,
    }
}

/// The parsed schema of the table with this id.
pub(crate) fn compiled(id: u32) -> Option<&'static Compiled> {
    position(id).map(|at| &COMPILED[at])
}

/// The table is in the order of its ids.
fn position(id: u32) -> Option<usize> {
    SCHEMAS.binary_search_by_key(&id, |entry| entry.id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_are_found() {
        assert!(SCHEMAS.is_sorted_by(|one, other| one.id < other.id));
        for entry in &SCHEMAS {
            assert_eq!(schema_by_id(entry.id), Some(entry));
        }
        assert_eq!(schema_by_id(0), None);
        assert_eq!(schema_by_id(SCHEMAS[SCHEMAS.len() - 1].id + 1), None);
    }

    #[test]
    fn names_and_versions_are_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in &SCHEMAS {
            assert!(seen.insert((entry.name, entry.version)), "{} twice", entry.name);
        }
    }

    #[test]
    fn a_newer_writer_of_a_known_record_is_read_by_its_own_schema() {
        let mut newer: serde_json::Value = serde_json::from_str(schema_by_name("SlaState").unwrap().avsc).unwrap();
        // A field in front: reading by the table's schema would shift everything after it.
        let field = serde_json::json!({ "name": "added_later", "type": "string", "default": "" });
        newer["fields"].as_array_mut().unwrap().insert(0, field);
        let id = adopt(700_001, &newer.to_string()).unwrap();
        assert_eq!(adopt(700_001, "not looked at again"), Ok(id));
        assert_eq!(writer(id).unwrap().0, "SlaState");
        assert!(writer(700_001).is_none(), "an id of the registry is not one of the table");
    }

    #[test]
    fn what_is_not_ours_is_not_adopted() {
        assert_eq!(adopt(700_002, "{"), Err(AdoptError::Invalid));
        assert_eq!(adopt(700_003, r#"{"type":"record","name":"Elsewhere","fields":[]}"#), Err(AdoptError::Stranger));
        let refused = 700_003;
        assert!(writer(FOREIGN | refused).is_none());
    }
}
