//! How fast SQLite takes billing records: rows a second into both tables together.
//!
//! `cargo run --release -p connectors --example sqlite_speed -- [RECORDS]`
//! 2,000 records make a batch; each entity comes three times or more.

use std::error::Error;
use std::time::Instant;

use connectors::billing::{BillingDatabase as _, BillingPosition, Entry, SqliteBilling};
use schemas::{BillingRecord, Family, Timestamp};

const BATCH: usize = 2_000;
const ENTITIES: i64 = 60_000;

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(200_000_i64);
    let directory = tempfile::tempdir()?;
    let mut database = SqliteBilling::open(&directory.path().join("billing.sqlite"))?;
    let records: Vec<_> = (0..count).map(|n| record(n.wrapping_mul(7_919) % ENTITIES, n / ENTITIES)).collect();
    let began = Instant::now();
    for (batch, chunk) in records.chunks(BATCH).enumerate() {
        let first = (batch * BATCH) as i64;
        let entries: Vec<_> =
            (first..).zip(chunk).map(|(offset, record)| Entry { partition: 0, offset, record }).collect();
        let next_offset = first + entries.len() as i64;
        let position = BillingPosition { sink: "s", topic: "t", partition: 0, next_offset };
        let new = database.apply(&entries, &[position], Timestamp(1))?;
        if new.iter().any(|new| !new) {
            return Err("a record counts as a repeat that is none".into());
        }
    }
    let rows = records.len() as f64 * 2.0 / began.elapsed().as_secs_f64();
    println!("{} records, {rows:.0} rows a second into both tables", records.len());
    Ok(())
}

fn record(entity: i64, version: i64) -> BillingRecord {
    BillingRecord {
        delivery_id: format!("order:{entity}#{version}/billing"),
        route: "billing-orders".to_owned(),
        family: Family::Order,
        entity_kind: "order".to_owned(),
        entity_id: format!("order-{entity}"),
        version,
        state: Some("completed".to_owned()),
        customer_id: Some("cust-1".to_owned()),
        account_id: None,
        currency: Some("INR".to_owned()),
        amount_micros: Some(version * 1_000_000),
        occurred_at: Timestamp(1_000 + version),
        ingested_at: Timestamp(2_000 + version),
        payload: format!(r#"{{"version":{version}}}"#),
    }
}
