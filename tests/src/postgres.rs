//! Billing in a real PostgreSQL: the rows arrive, and a kill -9 in the middle doubles none.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use connectors::billing::test_support::PostgresServer;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::support::{Hub, order_created, order_state, until};

const ORDERS: u64 = 400;

/// A view of the database from outside.
struct Database {
    runtime: Runtime,
    client: Client,
}

impl Database {
    fn connect(url: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls)).expect("the server is up");
        runtime.spawn(connection);
        Self { runtime, client }
    }

    /// One number; 0 while the hub has not made its tables.
    fn number(&self, query: &str) -> i64 {
        self.runtime.block_on(self.client.query_one(query, &[])).map_or(0, |row| row.get(0))
    }

    /// The number of deliveries of each order and its latest state.
    fn orders(&self) -> BTreeMap<String, (i64, Option<String>)> {
        let query = "select entity_id, (select count(*) from billing_record r where r.entity_kind = e.entity_kind
            and r.entity_id = e.entity_id), state from billing_entity e where entity_kind = 'order'";
        let rows = self.runtime.block_on(self.client.query(query, &[])).expect("the tables exist");
        rows.into_iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
    }
}

fn start(data: &Path, url: &str) -> Hub {
    let file = data.join("hub.toml");
    std::fs::write(&file, format!("[billing]\nkind = \"postgres\"\nurl = \"{url}\"\n")).expect("a writable folder");
    Hub::start(data, Some(&file))
}

#[test]
fn rows_arrive_once_though_the_hub_dies_in_the_middle() {
    let (data, cluster) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let server = PostgresServer::start(cluster.path()).expect("a PostgreSQL server");
    let database = Database::connect(&server.url());
    let records = || database.number("select count(*) from billing_record");

    let mut hub = start(data.path(), &server.url());
    let mut lines = Vec::new();
    for number in 0..ORDERS {
        let id = format!("pg-{number}");
        lines.push(order_created(&id).to_string());
        lines.extend(["inProgress", "completed"].map(|state| order_state(&id, state).to_string()));
    }
    let half = lines.len() / 2;
    let mut seen = 0;
    for part in [&lines[..half], &lines[half..]] {
        let answer = hub.post("/v1/events", "application/x-ndjson", part.join("\n")).expect("an answer");
        assert_eq!(answer.status().as_u16(), 202);
        // Killed as soon as some of the part's rows are there and the rest is on its way.
        until("rows in PostgreSQL", Duration::from_secs(60), || (records() > seen).then_some(()));
        hub.kill();
        seen = records();
        hub = start(data.path(), &server.url());
    }
    // Each order is billed at its creation and at its completion.
    let wanted = i64::try_from(ORDERS * 2).expect("few");
    until("every row in PostgreSQL", Duration::from_secs(90), || (records() >= wanted).then_some(()));
    hub.settle(Duration::from_secs(60));
    let orders = database.orders();
    let expected = (2, Some("completed".to_owned()));
    let wrong: Vec<_> = orders.iter().filter(|(_, found)| **found != expected).collect();
    assert!(wrong.is_empty(), "orders with other than two deliveries, or not completed: {wrong:?}");
    assert_eq!((orders.len() as u64, records()), (ORDERS, wanted));

    // A lost database is waited for, not given up: what comes meanwhile arrives afterwards.
    server.stop().expect("the server stops");
    hub.send(&order_created("pg-while-away"));
    server.restart().expect("the server starts again");
    let database = Database::connect(&server.url());
    until("the row of the time without a database", Duration::from_secs(60), || {
        (database.number("select count(*) from billing_record where entity_id = 'pg-while-away'") == 1).then_some(())
    });
    hub.settle(Duration::from_secs(60));
    assert_eq!(database.number("select count(*) from billing_record"), wanted + 1);
    assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
    assert_eq!(hub.stop(), Some(0));
}
