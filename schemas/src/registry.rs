//! The table of Avro schemas and their ids, kept beside the `avro/*.avsc` files.
//!
//! The embedded log has no schema registry: what a registry would answer is written down here.
//! An id is never given out twice and never changes its meaning. A changed schema gets a new id
//! and a new version; the old file moves to `avro/` under its version and stays listed, so that
//! records written with it are still read.

use std::sync::LazyLock;

use serde_avro_fast::Schema as Compiled;

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
pub const SCHEMAS: [SchemaEntry; 16] = [
    entry!(1, "OrderEvent", 1, "order.avsc"),
    entry!(2, "FlowEvent", 1, "flow.avsc"),
    entry!(3, "TicketEvent", 1, "ticket.avsc"),
    entry!(4, "AccountEvent", 1, "account.avsc"),
    entry!(5, "CustomerEvent", 1, "customer.avsc"),
    entry!(6, "CatalogEvent", 1, "catalog.avsc"),
    entry!(7, "PartnerEvent", 1, "partner.avsc"),
    entry!(8, "LifecycleFact", 1, "lifecycle_fact.avsc"),
    entry!(9, "BillingRecord", 1, "billing_record.avsc"),
    entry!(10, "FloworxCommand", 1, "floworx_command.avsc"),
    entry!(11, "PartnerDelivery", 1, "partner_delivery.avsc"),
    entry!(12, "DeliveryOutcome", 1, "delivery_outcome.avsc"),
    entry!(13, "SlaState", 1, "sla_state.avsc"),
    entry!(14, "SlaViolation", 1, "sla_violation_v1.avsc"),
    entry!(15, "DeadLetter", 1, "dead_letter.avsc"),
    entry!(16, "SlaViolation", 2, "sla_violation.avsc"),
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

/// The parsed schema with this id.
pub(crate) fn compiled(id: u32) -> Option<&'static Compiled> {
    position(id).map(|at| &COMPILED[at])
}

/// Ids are given out from 1 without a gap, so the table is its own index.
fn position(id: u32) -> Option<usize> {
    let at = usize::try_from(id.checked_sub(1)?).ok()?;
    (at < SCHEMAS.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_from_one_without_a_gap() {
        for (at, entry) in SCHEMAS.iter().enumerate() {
            assert_eq!(entry.id as usize, at + 1, "{}", entry.name);
            assert_eq!(schema_by_id(entry.id), Some(entry));
        }
        assert_eq!(schema_by_id(0), None);
        assert_eq!(schema_by_id(SCHEMAS.len() as u32 + 1), None);
    }

    #[test]
    fn names_and_versions_are_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in &SCHEMAS {
            assert!(seen.insert((entry.name, entry.version)), "{} twice", entry.name);
        }
    }
}
