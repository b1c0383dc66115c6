//! Billing records in one SQLite file, the default that needs no server.
//!
//! Write-ahead log with `synchronous = FULL`: a batch costs one fsync, at its commit. `NORMAL`
//! would save it, but then a power cut could take back rows whose delivery the hub's log, synced
//! later, has already confirmed.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, Transaction, params};
use schemas::Timestamp;

use super::database::{BillingDatabase, BillingPosition, DatabaseError, Entry, Origins, newest_by_entity};

/// The version of the tables, kept in `user_version`.
const TABLES_VERSION: i64 = 1;
/// How long another process may hold the file, such as `sqlite3` in the middle of a query.
const BUSY: Duration = Duration::from_secs(10);
/// Delivery ids asked for in one query.
const IDS_PER_QUERY: usize = 500;

const TABLES: &str = "
create table if not exists billing_record (
    delivery_id text primary key not null, route text not null, family text not null, entity_kind text not null,
    entity_id text not null, version integer not null, state text, customer_id text, account_id text, currency text,
    amount_micros integer, occurred_at integer not null, ingested_at integer not null, applied_at integer not null,
    payload text not null, origin_partition integer not null, origin_offset integer not null
) strict;
create table if not exists billing_entity (
    entity_kind text not null, entity_id text not null, version integer not null, state text, customer_id text,
    account_id text, currency text, amount_micros integer, occurred_at integer not null, updated_at integer not null,
    payload text not null, primary key (entity_kind, entity_id)
) strict, without rowid;
create table if not exists hub_position (
    sink text not null, topic text not null, part integer not null, next_offset integer not null,
    primary key (sink, topic, part)
) strict, without rowid;
";

const INSERT_RECORD: &str = "
insert into billing_record values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
on conflict (delivery_id) do nothing";

const UPSERT_ENTITY: &str = "
insert into billing_entity values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
on conflict (entity_kind, entity_id) do update set
    version = excluded.version, state = excluded.state, customer_id = excluded.customer_id,
    account_id = excluded.account_id, currency = excluded.currency, amount_micros = excluded.amount_micros,
    occurred_at = excluded.occurred_at, updated_at = excluded.updated_at, payload = excluded.payload
where excluded.version > billing_entity.version";

const UPSERT_POSITION: &str = "
insert into hub_position values (?1, ?2, ?3, ?4)
on conflict (sink, topic, part) do update set next_offset = excluded.next_offset";

/// Billing in a SQLite file.
#[derive(Debug)]
pub struct SqliteBilling {
    connection: Connection,
}

impl SqliteBilling {
    /// Opens the file, and creates it and its tables where they are missing.
    ///
    /// # Errors
    /// When the file cannot be opened, or was written by a newer hub.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = Connection::open(path).map_err(|error| classify(&error))?;
        Self::set_up(connection).map_err(|error| classify(&error))?.check()
    }

    fn set_up(connection: Connection) -> Result<Self, rusqlite::Error> {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // 64 MB of pages, and a checkpoint each 32 MB of log: larger ones move a page fewer times.
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.pragma_update(None, "wal_autocheckpoint", 8_192)?;
        connection.set_prepared_statement_cache_capacity(16);
        Ok(Self { connection })
    }

    fn check(self) -> Result<Self, DatabaseError> {
        let sql = |error: rusqlite::Error| classify(&error);
        let version: i64 = self.connection.query_row("pragma user_version", [], |row| row.get(0)).map_err(sql)?;
        if version > TABLES_VERSION {
            return Err(DatabaseError::Stop(format!(
                "the billing database has tables of version {version}, this hub knows {TABLES_VERSION}: run the newer hub"
            )));
        }
        if version < TABLES_VERSION {
            self.connection.execute_batch(TABLES).map_err(sql)?;
            self.connection.pragma_update(None, "user_version", TABLES_VERSION).map_err(sql)?;
        }
        Ok(self)
    }

    fn try_apply(
        &mut self,
        batch: &[Entry<'_>],
        positions: &[BillingPosition<'_>],
        applied_at: Timestamp,
    ) -> Result<Vec<bool>, rusqlite::Error> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let new = insert_records(&transaction, batch, applied_at)?;
        upsert_entities(&transaction, batch, applied_at)?;
        {
            let mut statement = transaction.prepare_cached(UPSERT_POSITION)?;
            for at in positions {
                statement.execute(params![at.sink, at.topic, at.partition, at.next_offset])?;
            }
        }
        transaction.commit()?;
        Ok(new)
    }
}

fn insert_records(
    transaction: &Transaction<'_>,
    batch: &[Entry<'_>],
    applied_at: Timestamp,
) -> Result<Vec<bool>, rusqlite::Error> {
    let mut statement = transaction.prepare_cached(INSERT_RECORD)?;
    let mut new = Vec::with_capacity(batch.len());
    for Entry { partition, offset, record } in batch {
        let rows = statement.execute(params![
            record.delivery_id,
            record.route,
            record.family.name(),
            record.entity_kind,
            record.entity_id,
            record.version,
            record.state,
            record.customer_id,
            record.account_id,
            record.currency,
            record.amount_micros,
            record.occurred_at.as_millis(),
            record.ingested_at.as_millis(),
            applied_at.as_millis(),
            record.payload,
            partition,
            offset,
        ])?;
        new.push(rows == 1);
    }
    Ok(new)
}

fn upsert_entities(
    transaction: &Transaction<'_>,
    batch: &[Entry<'_>],
    applied_at: Timestamp,
) -> Result<(), rusqlite::Error> {
    let mut statement = transaction.prepare_cached(UPSERT_ENTITY)?;
    for record in newest_by_entity(batch).into_values() {
        statement.execute(params![
            record.entity_kind,
            record.entity_id,
            record.version,
            record.state,
            record.customer_id,
            record.account_id,
            record.currency,
            record.amount_micros,
            record.occurred_at.as_millis(),
            applied_at.as_millis(),
            record.payload,
        ])?;
    }
    Ok(())
}

impl BillingDatabase for SqliteBilling {
    fn positions(&mut self, sink: &str, topic: &str) -> Result<BTreeMap<u32, i64>, DatabaseError> {
        let read = || {
            let mut statement = self
                .connection
                .prepare_cached("select part, next_offset from hub_position where sink = ?1 and topic = ?2")?;
            statement.query_map([sink, topic], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()
        };
        read().map_err(|error: rusqlite::Error| classify(&error))
    }

    fn apply(
        &mut self,
        batch: &[Entry<'_>],
        positions: &[BillingPosition<'_>],
        applied_at: Timestamp,
    ) -> Result<Vec<bool>, DatabaseError> {
        self.try_apply(batch, positions, applied_at).map_err(|error| classify(&error))
    }

    fn origins(&mut self, delivery_ids: &[&str]) -> Result<Origins, DatabaseError> {
        let mut origins = Origins::new();
        for ids in delivery_ids.chunks(IDS_PER_QUERY) {
            let mut query = String::from(
                "select delivery_id, origin_partition, origin_offset from billing_record where delivery_id in (",
            );
            for number in 1..=ids.len() {
                let _ = write!(query, "{}?{number}", if number == 1 { "" } else { ", " });
            }
            query.push(')');
            let read = || {
                let mut statement = self.connection.prepare(&query)?;
                let rows = statement
                    .query_map(rusqlite::params_from_iter(ids), |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
                rows.collect::<Result<Vec<_>, _>>()
            };
            origins.extend(read().map_err(|error: rusqlite::Error| classify(&error))?);
        }
        Ok(origins)
    }
}

/// What an error of SQLite means for the batch. SQLite's messages name tables and columns, never values.
fn classify(error: &rusqlite::Error) -> DatabaseError {
    let text = format!("the billing database: {error}");
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseError::Retry(text),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            DatabaseError::Refused(text)
        }
        _ => DatabaseError::Stop(text),
    }
}
