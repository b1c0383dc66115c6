//! The billing sink from topic to rows, on SQLite and on a real PostgreSQL server.

use std::{sync::Arc, thread, time::Instant};

use schemas::{BillingRecord, DeliveryResult, Timestamp};
use topology::sim::{FaultPlan, SimLog};

use super::{
    Bench, PATIENCE,
    database::{Subject, on_postgres, on_sqlite, record},
};
use crate::{
    billing::{BillingDatabase, BillingPosition, DatabaseError, Entry, Origins},
    sink::{Ledger, Shutdown, SinkError, SinkSettings, run_sql},
};

pub(super) const TOPIC: &str = "out.billing";

pub(super) fn keyed(record: BillingRecord) -> (String, BillingRecord) {
    (format!("order:{}", record.entity_id), record)
}

pub(super) struct Billing {
    pub(super) ledger: Ledger,
    shutdown: Shutdown,
    pub(super) thread: thread::JoinHandle<Result<(), SinkError>>,
}

pub(super) fn start(bench: &Bench, database: Box<dyn BillingDatabase>) -> Billing {
    start_with(bench, database, SinkSettings::default())
}

pub(super) fn start_with(bench: &Bench, database: Box<dyn BillingDatabase>, settings: SinkSettings) -> Billing {
    let (ledger, shutdown) = (Ledger::new(TOPIC), Shutdown::new());
    let (log, topic, books, stop) = (bench.log.clone(), bench.topic.clone(), ledger.clone(), shutdown.clone());
    let settings = SinkSettings { batch_records: 100, ..settings };
    let thread = thread::spawn(move || run_sql(&log, topic, database, settings, books, stop));
    Billing { ledger, shutdown, thread }
}

pub(super) fn wait(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "what should have come did not");
        thread::yield_now();
    }
}

impl Billing {
    pub(super) fn ended(&self) -> u64 {
        let books = self.ledger.snapshot();
        books.delivered + books.duplicate + books.dead_lettered
    }

    pub(super) fn stop(self) -> Ledger {
        self.shutdown.trigger();
        self.thread.join().unwrap().unwrap();
        assert_eq!(self.ledger.snapshot().imbalance(), 0);
        self.ledger
    }
}

/// Runs the sink until so many have ended ever.
pub(super) fn run(bench: &Bench, database: Box<dyn BillingDatabase>, ends: u64) -> Ledger {
    let billing = start(bench, database);
    wait(|| billing.ended() >= ends);
    billing.stop()
}

fn results(bench: &Bench) -> (usize, usize, usize) {
    let outcomes = bench.outcomes();
    let count = |result| outcomes.iter().filter(|outcome| outcome.result == result).count();
    (count(DeliveryResult::Delivered), count(DeliveryResult::Duplicate), count(DeliveryResult::DeadLettered))
}

fn from_topic_to_rows(subject: &Subject<'_>) {
    let bench = Bench::new(TOPIC, 3);
    let records = |from: i64, to: i64| {
        (from..to).flat_map(|version| (0..50).map(move |n| keyed(record(&format!("o{n}"), version))))
    };
    bench.write(records(0, 10));
    bench.write_raw([("torn".to_owned(), b"no frame".to_vec())]);
    let books = run(&bench, (subject.open)(), 501).snapshot();
    assert_eq!((books.taken_in, books.delivered, books.dead_lettered), (501, 500, 1));
    assert_eq!(bench.outcome_of_each().len(), 500);
    assert_eq!((subject.query)("select count(*) from billing_record"), 500);
    assert_eq!((subject.query)("select count(*) from billing_entity where version = 9"), 50);

    // A repeated delivery is a duplicate, over a restart too; the books go on.
    bench.write([keyed(record("o1", 4))]);
    bench.write(records(10, 11));
    let books = run(&bench, (subject.open)(), 552).snapshot();
    assert_eq!((books.taken_in, books.delivered, books.duplicate, books.dead_lettered), (552, 550, 1, 1));
    assert_eq!(results(&bench), (550, 1, 0));
}

/// The process died between the database's commit and the log's.
fn a_database_ahead_of_the_log(subject: &Subject<'_>) {
    let bench = Bench::new(TOPIC, 1);
    let all: Vec<_> = (0..300).map(|n| record(&format!("o{n}"), 1)).collect();
    bench.write(all.iter().cloned().map(keyed));
    let mut database = (subject.open)();
    let entries: Vec<_> =
        all[..170].iter().enumerate().map(|(at, record)| Entry { partition: 0, offset: at as i64, record }).collect();
    let position = BillingPosition { sink: "sink.billing", topic: TOPIC, partition: 0, next_offset: 170 };
    database.apply(&entries, &[position], Timestamp(1)).unwrap();
    run(&bench, database, 300);
    assert_eq!(bench.outcome_of_each().len(), 300);
    assert_eq!(results(&bench), (300, 0, 0));
    assert_eq!((subject.query)("select count(*) from billing_record"), 300);
    assert_eq!(
        (subject.query)("select count(*) from billing_record where applied_at = 1"),
        170,
        "rows were written again"
    );
}

/// The database was lost, or restored from an old copy.
fn a_database_behind_the_log(subject: &Subject<'_>) {
    let bench = Bench::new(TOPIC, 2);
    bench.write((0..200).map(|n| keyed(record(&format!("o{n}"), 1))));
    on_sqlite(|lost| {
        run(&bench, (lost.open)(), 200);
    });
    bench.write((200..250).map(|n| keyed(record(&format!("o{n}"), 1))));
    let books = run(&bench, (subject.open)(), 250).snapshot();
    assert_eq!((books.taken_in, books.delivered), (250, 250));
    assert_eq!(bench.outcome_of_each().len(), 250);
    assert_eq!((subject.query)("select count(*) from billing_record"), 250);
}

#[test]
fn sqlite_from_topic_to_rows() {
    on_sqlite(from_topic_to_rows);
}

#[test]
fn sqlite_ahead_of_the_log() {
    on_sqlite(a_database_ahead_of_the_log);
}

#[test]
fn sqlite_behind_the_log() {
    on_sqlite(a_database_behind_the_log);
}

#[test]
fn postgres_from_topic_to_rows() {
    on_postgres(|subject, _| from_topic_to_rows(subject));
}

#[test]
fn postgres_ahead_of_the_log() {
    on_postgres(|subject, _| a_database_ahead_of_the_log(subject));
}

#[test]
fn postgres_behind_the_log() {
    on_postgres(|subject, _| a_database_behind_the_log(subject));
}

#[test]
fn postgres_that_crashes_is_waited_for_and_a_refused_record_ends_alone() {
    on_postgres(|subject, server| {
        let bench = Bench::new(TOPIC, 1);
        bench.write((0..400).map(|n| keyed(record(&format!("o{n}"), 1))));
        let billing = start(&bench, (subject.open)());
        wait(|| billing.ended() >= 400);
        server.stop().unwrap();
        // PostgreSQL stores no NUL in a text.
        let bad = BillingRecord { payload: "{\"name\":\"\0\"}".to_owned(), ..record("bad", 1) };
        bench.write((400..450).map(|n| keyed(record(&format!("o{n}"), 1))).chain([keyed(bad)]));
        bench.write((450..500).map(|n| keyed(record(&format!("o{n}"), 1))));
        server.restart().unwrap();
        wait(|| billing.ended() >= 501);
        let books = billing.stop().snapshot();
        assert_eq!((books.delivered, books.dead_lettered), (500, 1));
        assert_eq!(bench.outcome_of_each().len(), 501);
        let letters = bench.dead_letters();
        assert_eq!((letters.len(), letters[0].code.as_str(), letters[0].origin_offset), (1, "HUB-4002", 450));
        assert_eq!((subject.query)("select count(*) from billing_record"), 500);
    });
}

#[test]
fn one_outcome_each_whatever_the_log_does() {
    on_sqlite(|subject| {
        let log = SimLog::new();
        let bench = Bench::on(Arc::new(log.clone()), TOPIC, 3, tempfile::tempdir().unwrap());
        log.set_faults(FaultPlan {
            abort: 300,
            lost_acknowledgement: 200,
            failed_commit: 200,
            poll: 100,
            fence: 0,
            ..FaultPlan::default()
        });
        let billing = start(&bench, (subject.open)());
        for round in 0..20 {
            log.set_faults(FaultPlan::default());
            bench.write((0..20).map(|n| keyed(record(&format!("o{n}"), round))));
            log.set_faults(FaultPlan {
                abort: 300,
                lost_acknowledgement: 200,
                failed_commit: 200,
                poll: 100,
                fence: 0,
                ..FaultPlan::default()
            });
            wait(|| billing.ended() >= (round as u64 + 1) * 20);
        }
        // What has ended is in the books at once, in the log with a commit: the last one comes with the end.
        log.set_faults(FaultPlan::default());
        billing.stop();
        assert_eq!(bench.outcome_of_each().len(), 400);
        assert_eq!(results(&bench), (400, 0, 0));
    });
}

/// A database that is never there.
struct Gone;

impl BillingDatabase for Gone {
    fn positions(&mut self, _: &str, _: &str) -> Result<std::collections::BTreeMap<u32, i64>, DatabaseError> {
        Ok(std::collections::BTreeMap::new())
    }

    fn apply(&mut self, _: &[Entry<'_>], _: &[BillingPosition<'_>], _: Timestamp) -> Result<Vec<bool>, DatabaseError> {
        Err(DatabaseError::Retry("gone".to_owned()))
    }

    fn origins(&mut self, _: &[&str]) -> Result<Origins, DatabaseError> {
        Err(DatabaseError::Retry("gone".to_owned()))
    }
}

#[test]
fn shutdown_does_not_wait_for_a_database_that_is_gone() {
    let bench = Bench::new(TOPIC, 1);
    bench.write([keyed(record("o", 1))]);
    let billing = start(&bench, Box::new(Gone));
    let began = Instant::now();
    billing.stop();
    assert!(began.elapsed().as_secs() < 5);
    assert!(bench.outcomes().is_empty());
}
