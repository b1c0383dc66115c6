//! Billing records into SQL: every delivery as a row, and the newest state of every entity.
//!
//! The consumed positions stand in the same database transaction as the rows, so the database
//! itself knows what it has. The tables are the same in SQLite and PostgreSQL; instants are
//! milliseconds since the epoch, amounts are millionths.

mod database;
mod postgres;
mod postgres_error;
mod postgres_url;
mod sqlite;
#[doc(hidden)]
pub mod test_support;

pub use database::{BillingDatabase, BillingPosition, DatabaseError, Entry, Origins};
pub use postgres::{PostgresBilling, PostgresSettings};
pub use postgres_url::PostgresUrlFault;
pub use sqlite::SqliteBilling;
