//! How fast SQLite takes billing records. Run by hand, in release:
//! `cargo test --release -p connectors sqlite_takes -- --ignored --nocapture`.

use std::time::Instant;

use schemas::Timestamp;

use super::database::record;
use crate::billing::{BillingDatabase, BillingPosition, Entry, SqliteBilling};

/// Rows a second into both tables together, in batches of 2,000.
const ROWS_PER_SECOND: f64 = 150_000.0;

/// Records of each measurement, three versions an entity.
const RECORDS: i64 = 200_000;

#[test]
#[ignore = "a measurement: run in release"]
fn sqlite_takes_its_rows_fast_enough() {
    // Ids that count up, versions a few hundred entities apart: what an order system sends.
    let near = measure("ids that count up", |n| (n / 3 + 1_000 - n % 3 * 200, n % 3));
    // The worst case, every row on a page of its own. For comparison: it is bound by the disk.
    measure("ids at random", |n| (n * 7_919 % (RECORDS / 3), n / (RECORDS / 3)));
    assert!(near >= ROWS_PER_SECOND, "{near:.0}");
}

/// Rows a second for entity ids and versions by the record's number.
fn measure(what: &str, entity: impl Fn(i64) -> (i64, i64)) -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let mut database = SqliteBilling::open(&directory.path().join("billing.db")).unwrap();
    let numbered = (0..RECORDS).map(entity);
    let records: Vec<_> = numbered.map(|(id, version)| record(&format!("order-{id:08}"), version)).collect();
    let began = Instant::now();
    for (batch, chunk) in records.chunks(2_000).enumerate() {
        let first = (batch * 2_000) as i64;
        let entries: Vec<_> = chunk
            .iter()
            .enumerate()
            .map(|(at, record)| Entry { partition: 0, offset: first + at as i64, record })
            .collect();
        let next_offset = first + entries.len() as i64;
        let position = BillingPosition { sink: "s", topic: "t", partition: 0, next_offset };
        assert!(database.apply(&entries, &[position], Timestamp(1)).unwrap().iter().all(|new| *new));
    }
    let rows = records.len() as f64 * 2.0 / began.elapsed().as_secs_f64();
    println!("{what}: {rows:.0} rows a second into both tables");
    rows
}
