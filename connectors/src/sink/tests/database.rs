//! What every billing database must do, on SQLite and on a real PostgreSQL server.

use schemas::{BillingRecord, Family, Timestamp};

use crate::billing::{
    BillingDatabase, BillingPosition, Entry, PostgresBilling, PostgresSettings, SqliteBilling,
    test_support::PostgresServer,
};

pub(super) fn record(entity: &str, version: i64) -> BillingRecord {
    BillingRecord {
        delivery_id: format!("order:{entity}#{version}/billing"),
        route: "billing-orders".to_owned(),
        family: Family::Order,
        entity_kind: "order".to_owned(),
        entity_id: entity.to_owned(),
        version,
        state: Some(format!("state-{version}")),
        customer_id: Some("cust-1".to_owned()),
        account_id: None,
        currency: Some("INR".to_owned()),
        amount_micros: Some(version * 1_000_000),
        occurred_at: Timestamp(1_000 + version),
        ingested_at: Timestamp(2_000 + version),
        payload: format!(r#"{{"version":{version}}}"#),
    }
}

/// Asks for one number.
pub(super) type Query<'a> = dyn Fn(&str) -> i64 + 'a;

/// A database, opened as often as wanted, and a way to look into it from outside.
pub(super) struct Subject<'a> {
    pub(super) open: &'a dyn Fn() -> Box<dyn BillingDatabase>,
    pub(super) query: &'a Query<'a>,
}

pub(super) fn on_sqlite(scenario: impl Fn(&Subject<'_>)) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("billing.db");
    scenario(&Subject {
        open: &|| Box::new(SqliteBilling::open(&path).unwrap()),
        query: &|sql| rusqlite::Connection::open(&path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap(),
    });
}

pub(super) fn on_postgres(scenario: impl Fn(&Subject<'_>, &PostgresServer)) {
    let directory = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(directory.path()).unwrap();
    let settings = PostgresSettings::new(server.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let query = |sql: &str| {
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&settings.url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query_one(sql, &[]).await.unwrap().get(0)
        })
    };
    let open = || -> Box<dyn BillingDatabase> { Box::new(PostgresBilling::new(&settings).unwrap()) };
    scenario(&Subject { open: &open, query: &query }, &server);
}

fn entries(from: i64, records: &[BillingRecord]) -> Vec<Entry<'_>> {
    let numbered = records.iter().enumerate();
    numbered.map(|(index, record)| Entry { partition: 1, offset: from + index as i64, record }).collect()
}

fn position(next_offset: i64) -> [BillingPosition<'static>; 1] {
    [BillingPosition { sink: "sink.billing", topic: "out.billing", partition: 1, next_offset }]
}

fn scenario(subject: &Subject<'_>) {
    let query = subject.query;
    let mut database = (subject.open)();
    assert!(database.positions("sink.billing", "out.billing").unwrap().is_empty());

    // Out of order, and one delivery twice in the batch.
    let first = [record("a", 1), record("a", 3), record("a", 2), record("b", 1), record("a", 1)];
    let new = database.apply(&entries(10, &first), &position(15), Timestamp(5_000)).unwrap();
    assert_eq!(new, [true, true, true, true, false]);
    assert_eq!(query("select count(*) from billing_record"), 4);
    assert_eq!(query("select version from billing_entity where entity_id = 'a'"), 3);
    assert_eq!(
        query("select amount_micros from billing_entity where entity_kind = 'order' and entity_id = 'a'"),
        3_000_000
    );
    assert_eq!(query("select applied_at from billing_record where delivery_id = 'order:a#2/billing'"), 5_000);

    // Applied again as a whole: nothing changes, not even the row's origin.
    let again = database.apply(&entries(10, &first), &position(15), Timestamp(6_000)).unwrap();
    assert_eq!(again, [false; 5]);
    let origins = database.origins(&["order:a#1/billing", "order:b#1/billing", "none"]).unwrap();
    assert_eq!(origins.len(), 2);
    assert_eq!((origins["order:a#1/billing"], origins["order:b#1/billing"]), ((1, 10), (1, 13)));
    assert_eq!(query("select max(applied_at) from billing_record"), 5_000);

    // An older version never overwrites, in a later batch and on another connection neither.
    drop(database);
    let mut database = (subject.open)();
    assert_eq!(database.positions("sink.billing", "out.billing").unwrap(), [(1, 15)].into());
    assert!(database.positions("sink.other", "out.billing").unwrap().is_empty());
    let second = [record("b", 7), record("a", 0)];
    assert_eq!(database.apply(&entries(15, &second), &position(17), Timestamp(7_000)).unwrap(), [true, true]);
    assert_eq!(query("select version from billing_entity where entity_id = 'a'"), 3);
    assert_eq!(query("select version from billing_entity where entity_id = 'b'"), 7);
    assert_eq!(query("select updated_at from billing_entity where entity_id = 'b'"), 7_000);
    assert_eq!(database.positions("sink.billing", "out.billing").unwrap(), [(1, 17)].into());

    // An empty batch moves the position.
    assert!(database.apply(&[], &position(20), Timestamp(8_000)).unwrap().is_empty());
    assert_eq!(query("select next_offset from hub_position"), 20);
    assert_eq!(query("select count(*) from billing_record where account_id is null"), 6);
}

#[test]
fn sqlite() {
    on_sqlite(scenario);
}

#[test]
fn postgres() {
    on_postgres(|subject, _| scenario(subject));
}

#[test]
fn a_file_of_a_newer_hub_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("billing.db");
    drop(SqliteBilling::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteBilling::open(&path).unwrap_err();
    assert!(error.to_string().contains("newer hub"), "{error}");
}

#[test]
fn a_bad_url_is_refused_without_being_shown() {
    let error = PostgresBilling::new(&PostgresSettings::new("host=x password=hidden port=none")).unwrap_err();
    assert!(!error.to_string().contains("hidden"), "{error}");
}
