//! What the billing sink asks of a database.

use std::collections::{BTreeMap, HashMap};

use schemas::{BillingRecord, Timestamp};
use thiserror::Error;

/// A record with the place it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The partition of the sink's topic.
    pub partition: u32,
    /// The record's offset.
    pub offset: i64,
    /// The record.
    pub record: &'a BillingRecord,
}

/// The next offset to apply, as the database stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingPosition<'a> {
    /// The sink.
    pub sink: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: u32,
    /// The next offset to apply.
    pub next_offset: i64,
}

/// Where the stored deliveries came from: partition and offset by delivery id.
pub type Origins = HashMap<String, (u32, i64)>;

/// Why a database did not do as asked. Nothing of a failed call is stored, except that after a lost
/// connection the last commit may have happened; applying again is harmless.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The database may recover: ask the same again.
    #[error("{0}")]
    Retry(String),
    /// A record of the batch can never be stored.
    #[error("{0}")]
    Refused(String),
    /// Someone must act first: the disk is full, the login is wrong, a table is another.
    #[error("{0}")]
    Stop(String),
}

/// A database that takes billing records. Used by one thread; every method blocks for I/O.
pub trait BillingDatabase: Send {
    /// The stored positions of a sink in a topic: next offset by partition.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    fn positions(&mut self, sink: &str, topic: &str) -> Result<BTreeMap<u32, i64>, DatabaseError>;

    /// Stores a batch and the positions after it in one transaction that is durable on return.
    /// Returns for each entry whether its delivery id was new.
    ///
    /// Idempotent: a delivery id that is stored stays as it is, and an entity is overwritten by a
    /// higher version only.
    ///
    /// # Errors
    /// See [`DatabaseError`]; the batch is stored as a whole or not at all.
    fn apply(
        &mut self,
        batch: &[Entry<'_>],
        positions: &[BillingPosition<'_>],
        applied_at: Timestamp,
    ) -> Result<Vec<bool>, DatabaseError>;

    /// Where these deliveries came from, for those that are stored.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    fn origins(&mut self, delivery_ids: &[&str]) -> Result<Origins, DatabaseError>;
}

/// The newest version of each entity of a batch, in the order of their keys, so that concurrent
/// writers lock rows in one order and each row is written once.
pub(super) fn newest_by_entity<'a>(batch: &[Entry<'a>]) -> BTreeMap<(&'a str, &'a str), &'a BillingRecord> {
    let mut newest: BTreeMap<(&str, &str), &BillingRecord> = BTreeMap::new();
    for entry in batch {
        let record = entry.record;
        let kept = newest.entry((&record.entity_kind, &record.entity_id)).or_insert(record);
        if record.version > kept.version {
            *kept = record;
        }
    }
    newest
}
