//! What the hub wrote into the SQLite billing database, read from outside.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::until;

/// A billing database, read only.
pub struct Billing(Connection);

impl Billing {
    /// Opens the database of a data directory.
    pub fn open(data: &Path) -> Self {
        let path = data.join("billing.db");
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        connection.busy_timeout(Duration::from_secs(10)).expect("a time-out can be set");
        Self(connection)
    }

    /// How many deliveries it holds.
    pub fn deliveries(&self) -> u64 {
        self.count("true")
    }

    /// How many deliveries there are for which this condition holds.
    pub fn count(&self, condition: &str) -> u64 {
        let query = format!("select count(*) from billing_record where {condition}");
        self.0.query_row(&query, [], |row| row.get::<_, i64>(0)).expect("a count") as u64
    }

    /// The payloads of an entity's deliveries, oldest first.
    pub fn payloads(&self, kind: &str, id: &str) -> Vec<serde_json::Value> {
        let query = "select payload from billing_record where entity_kind = ?1 and entity_id = ?2 order by version";
        let mut statement = self.0.prepare(query).expect("the table exists");
        let rows = statement.query_map([kind, id], |row| row.get::<_, String>(0)).expect("rows");
        rows.map(|row| serde_json::from_str(&row.expect("a row")).expect("a payload is JSON")).collect()
    }

    /// Every entity's latest state and number of deliveries, by `kind:id`.
    pub fn entities(&self) -> BTreeMap<String, (Option<String>, i64)> {
        let query = "select entity_kind || ':' || entity_id, state, (select count(*) from billing_record r
            where r.entity_kind = e.entity_kind and r.entity_id = e.entity_id) from billing_entity e";
        let mut statement = self.0.prepare(query).expect("the tables exist");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// Waits until there are at least this many deliveries for which the condition holds.
    pub fn wait_for(&self, wanted: u64, condition: &str) {
        until(&format!("{wanted} deliveries where {condition}"), Duration::from_secs(60), || {
            (self.count(condition) >= wanted).then_some(())
        });
    }
}
