//! One LMDB environment: the tables of a task's stores and of their positions.
// Opening a memory map is unsafe: another process that wrote the same file would break what Rust takes
// for granted about the mapped bytes.
#![allow(unsafe_code)]

use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use heed::types::{Bytes, DecodeIgnore, Str};
use heed::{Database, Env, EnvOpenOptions, RoTxn, RwTxn, WithoutTls};
use schemas::Timestamp;
use topology::{CheckpointBatch, CheckpointError, Offset};

use super::key;

/// Address space set aside, not disk: a file is as large as what it holds.
const MAP_BYTES: usize = 64 << 30;
/// The table of positions; no store may have this name.
const POSITIONS: &str = " positions";
/// The key of the commit's time among the positions; no store has an empty name.
const COMMITTED_AT: &[u8] = b"\0committed_at";

/// How many expired entries of a table one batch deletes: it writes a checkpoint, not a burst.
const EXPIRE_LIMIT: usize = 100_000;

/// A table of bytes.
pub(super) type Table = Database<Bytes, Bytes>;

/// One that was handed a task's checkpoint: the number of those before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder(u64);

pub(super) struct Environment {
    /// The number of the holder that may write.
    holder: AtomicU64,
    env: Env<WithoutTls>,
    names: Vec<String>,
    tables: Vec<Table>,
    positions: Table,
}

pub(super) fn failed(what: &str) -> impl Fn(heed::Error) -> CheckpointError {
    move |error| CheckpointError(format!("{what} a checkpoint: {error}"))
}

impl Environment {
    pub(super) fn open(directory: &Path, stores: &[String]) -> Result<Self, CheckpointError> {
        let place = |error: &dyn std::fmt::Display| {
            CheckpointError(format!("opening the checkpoint {}: {error}", directory.display()))
        };
        std::fs::create_dir_all(directory).map_err(|error| place(&error))?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES).max_dbs(stores.len() as u32 + 64);
        // SAFETY: the directory lies in the process's data directory, which a lock keeps to one process,
        // and `LmdbCheckpoints` opens each of its environments once.
        let env = unsafe { options.open(directory) }.map_err(|error| place(&error))?;
        let mut txn = env.write_txn().map_err(|error| place(&error))?;
        let mut table = |name: &str| env.create_database(&mut txn, Some(name)).map_err(|error| place(&error));
        let tables = stores.iter().map(|name| table(name)).collect::<Result<_, _>>()?;
        let positions = table(POSITIONS)?;
        forget_others(&env, &mut txn, stores, positions).map_err(|error| place(&error))?;
        txn.commit().map_err(|error| place(&error))?;
        Ok(Self { holder: AtomicU64::new(0), env, names: stores.to_vec(), tables, positions })
    }

    /// Whether it holds tables for exactly these stores.
    pub(super) fn has(&self, stores: &[String]) -> bool {
        self.names == stores
    }

    /// A new holder: what those before it hand over from now on is refused.
    pub(super) fn hand_over(&self) -> Holder {
        Holder(self.holder.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// A transaction that goes on reading what is there now.
    pub(super) fn read_on(&self) -> Result<RoTxn<'static, WithoutTls>, CheckpointError> {
        self.env.clone().static_read_txn().map_err(failed("reading"))
    }

    fn read(&self) -> Result<RoTxn<'_, WithoutTls>, CheckpointError> {
        self.env.read_txn().map_err(failed("reading"))
    }

    pub(super) fn table(&self, store: usize) -> Table {
        self.tables[store]
    }

    fn number(&self, txn: &RoTxn<'_, WithoutTls>, key: &[u8]) -> Result<Option<i64>, CheckpointError> {
        let value = self.positions.get(txn, key).map_err(failed("reading"))?;
        Ok(value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes))
    }

    /// Where each store stands, and the commit's time.
    pub(super) fn positions(&self) -> Result<(Vec<Option<Offset>>, Option<Timestamp>), CheckpointError> {
        let txn = self.read()?;
        let offset = |name: &String| Ok(self.number(&txn, name.as_bytes())?.map(Offset));
        let offsets = self.names.iter().map(offset).collect::<Result<_, CheckpointError>>()?;
        Ok((offsets, self.number(&txn, COMMITTED_AT)?.map(Timestamp)))
    }

    /// Writes a batch in one synced transaction.
    pub(super) fn write(&self, holder: Holder, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        if self.holder.load(Ordering::Acquire) != holder.0 {
            return Err(CheckpointError("the task has another holder by now".to_owned()));
        }
        let mut txn = self.env.write_txn().map_err(failed("writing"))?;
        for (table, changes) in self.tables.iter().zip(&batch.stores) {
            if let Some(first) = &changes.expired_before {
                expire(*table, &mut txn, first).map_err(failed("writing"))?;
            }
        }
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (store, mut changes) in batch.stores.into_iter().enumerate() {
            // Neighbours lie on one page: it is copied once.
            changes.entries.sort_unstable_by(|left, right| left.0.cmp(&right.0));
            for (entry, content) in &changes.entries {
                match content {
                    Some(content) => {
                        key::encode(entry, content, &mut key, &mut value);
                        self.tables[store].put(&mut txn, &key, &value).map_err(failed("writing"))?;
                    }
                    None => {
                        key::encode_key(entry, &mut key);
                        self.tables[store].delete(&mut txn, &key).map_err(failed("writing"))?;
                    }
                }
            }
            if let Some(next) = changes.next_offset {
                self.put_number(&mut txn, self.names[store].as_bytes(), next.0)?;
            }
        }
        self.put_number(&mut txn, COMMITTED_AT, batch.committed_at.0)?;
        txn.commit().map_err(failed("writing"))
    }

    fn put_number(&self, txn: &mut RwTxn<'_>, key: &[u8], number: i64) -> Result<(), CheckpointError> {
        self.positions.put(txn, key, &number.to_be_bytes()).map_err(failed("writing"))
    }

    pub(super) fn clear(&self) -> Result<(), CheckpointError> {
        let mut txn = self.env.write_txn().map_err(failed("clearing"))?;
        for table in self.tables.iter().chain([&self.positions]) {
            table.clear(&mut txn).map_err(failed("clearing"))?;
        }
        txn.commit().map_err(failed("clearing"))
    }
}

/// Empties the tables of stores that the task has no more. One that comes back later begins anew: its
/// changelog may have gone on without it, and the commit's time says nothing of it.
fn forget_others(env: &Env<WithoutTls>, txn: &mut RwTxn<'_>, stores: &[String], positions: Table) -> heed::Result<()> {
    let Some(all) = env.open_database::<Str, DecodeIgnore>(txn, None)? else { return Ok(()) };
    let names: Vec<String> = all.iter(txn)?.map(|entry| Ok(entry?.0.to_owned())).collect::<heed::Result<_>>()?;
    for name in names.iter().filter(|name| *name != POSITIONS && !stores.contains(name)) {
        // One that had no position has been emptied before.
        if positions.delete(txn, name.as_bytes())?
            && let Some(table) = env.open_database::<Bytes, Bytes>(txn, Some(name))?
        {
            table.clear(txn)?;
        }
    }
    Ok(())
}

/// Deletes what lies before `first`, at most [`EXPIRE_LIMIT`] entries: the rest goes with later batches.
fn expire(table: Table, txn: &mut RwTxn<'_>, first: &[u8]) -> heed::Result<()> {
    let first_stored = key::Stored::of(first);
    let before = |end| (Bound::Unbounded, Bound::Excluded(end));
    let end = table.range(txn, &before(first_stored.as_bytes()))?.nth(EXPIRE_LIMIT).transpose()?;
    let end = end.map(|(stored, _)| stored.to_vec());
    table.delete_range(txn, &before(end.as_deref().unwrap_or(first_stored.as_bytes())))?;
    // Long keys are not in order, but there are few of them if any.
    let mut long = Vec::new();
    let all_long = (Bound::Included(key::FIRST_LONG), Bound::Unbounded);
    for entry in table.range(txn, &all_long)? {
        let (stored, value) = entry?;
        if key::decode(stored, value).is_some_and(|(key, _)| key < first) {
            long.push(stored.to_vec());
        }
    }
    long.iter().try_for_each(|stored| table.delete(txn, stored).map(drop))
}
