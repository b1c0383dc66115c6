//! A log that cannot be used for a while: it is waited for, the ledger says why, and nothing is lost or told twice.

use std::{sync::Arc, time::Duration};

use topology::sim::{FaultPlan, SimLog};

use super::{
    Bench, Running,
    billing::{self, keyed},
    database::{on_sqlite, record},
    eventually,
    floworx::{NEVER, QUICK, TOPIC, command, target},
    outside::{Outside, Say},
};
use crate::sink::SinkSettings;

/// Neither producers nor consumers can be had.
const NOBODY: FaultPlan = FaultPlan { begin: 1_000, ..FaultPlan::NONE };
/// Nothing can be committed.
const SILENT: FaultPlan = FaultPlan { failed_commit: 1_000, ..FaultPlan::NONE };
/// Everything is committed, and nothing is heard of it: neither the answer, nor what the log says when it is asked.
const DEAF: FaultPlan = FaultPlan { lost_acknowledgement: 1_000, read: 1_000, ..FaultPlan::NONE };

async fn bench(partitions: u32) -> (Outside, SimLog, Bench) {
    let outside = Outside::start(|_, before| Say::status(if before == 0 { 201 } else { 200 })).await;
    let log = SimLog::new();
    let bench = Bench::on(Arc::new(log.clone()), TOPIC, partitions, tempfile::tempdir().unwrap());
    (outside, log, bench)
}

async fn waits_for(running: &Running, why: &str) {
    eventually(|| running.ledger.waits_for().is_some_and(|told| told.contains(why))).await;
    assert!(!running.sink.is_finished(), "the sink has ended");
}

#[tokio::test]
async fn a_log_that_gives_no_producer_is_waited_for() {
    let (outside, log, bench) = bench(1).await;
    bench.write([command("order-1", "1")]);
    log.set_faults(NOBODY);
    let running = bench.start(target(&outside, QUICK, NEVER), SinkSettings::default());
    waits_for(&running, "does not answer").await;
    eventually(|| log.events().begins >= 3).await;
    assert!(!running.sink.is_finished(), "the sink has ended");
    log.set_faults(FaultPlan::NONE);
    eventually(|| bench.outcomes().len() == 1).await;
    eventually(|| running.ledger.waits_for().is_none()).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_sink_that_waits_for_its_log_ends_when_it_is_told_to() {
    let (outside, log, bench) = bench(1).await;
    log.set_faults(NOBODY);
    let running = bench.start(target(&outside, QUICK, NEVER), SinkSettings::default());
    waits_for(&running, "does not answer").await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn outcomes_wait_for_a_log_that_takes_none() {
    let (outside, log, bench) = bench(1).await;
    let running = bench.start(target(&outside, QUICK, NEVER), SinkSettings::default());
    for (faults, why) in [
        (SILENT, "did not answer"),
        (FaultPlan { abort: 1_000, ..FaultPlan::NONE }, "has aborted 20 transactions in a row"),
    ] {
        let before = bench.outcomes().len();
        bench.write((0..5).map(|number| command("order", &format!("{why} {number}"))));
        log.set_faults(faults);
        waits_for(&running, why).await;
        log.set_faults(FaultPlan::NONE);
        eventually(|| bench.outcomes().len() == before + 5).await;
        eventually(|| running.ledger.waits_for().is_none()).await;
    }
    running.stop().await.unwrap();
    assert_eq!(bench.outcome_of_each().len(), 10);
}

#[tokio::test]
async fn what_the_log_does_not_take_by_the_end_is_left_for_the_next_start() {
    let (outside, log, bench) = bench(1).await;
    bench.write([command("order-1", "1")]);
    log.set_faults(SILENT);
    let settings = SinkSettings { drain_ms: 100, ..SinkSettings::default() };
    let running = bench.start(target(&outside, QUICK, NEVER), settings);
    waits_for(&running, "did not answer").await;
    running.stop().await.unwrap();
    log.set_faults(FaultPlan::NONE);
    bench.run_until(target(&outside, QUICK, NEVER), settings, 1).await;
    assert_eq!((bench.outcome_of_each().len(), outside.count()), (1, 2));
}

#[tokio::test]
async fn what_may_be_committed_is_not_told_again_before_the_log_was_asked() {
    let (outside, log, bench) = bench(1).await;
    let running = bench.start(target(&outside, QUICK, NEVER), SinkSettings::default());
    log.set_faults(DEAF);
    bench.try_write(command("order-1", "1")).unwrap_err();
    waits_for(&running, "acknowledgement was lost").await;
    bench.try_write(command("order-2", "2")).unwrap_err();
    eventually(|| outside.count() == 2 && log.events().reads >= 3).await;
    log.set_faults(FaultPlan::NONE);
    eventually(|| bench.outcomes().len() >= 2 && running.ledger.waits_for().is_none()).await;
    running.stop().await.unwrap();
    assert_eq!(bench.outcome_of_each().len(), 2);
}

#[test]
fn billing_does_not_tell_again_either() {
    on_sqlite(|subject| {
        let log = SimLog::new();
        let bench = Bench::on(Arc::new(log.clone()), billing::TOPIC, 1, tempfile::tempdir().unwrap());
        let running = billing::start(&bench, (subject.open)());
        // It asks the log where its partition begins, and is then told nothing more.
        bench.write([keyed(record("o0", 1))]);
        billing::wait(|| bench.outcomes().len() == 1);
        log.set_faults(DEAF);
        bench.try_write(keyed(record("o1", 1))).unwrap_err();
        billing::wait(|| running.ledger.waits_for().is_some_and(|why| why.contains("acknowledgement was lost")));
        bench.try_write(keyed(record("o2", 1))).unwrap_err();
        billing::wait(|| running.ended() == 3 && log.events().reads >= 3);
        log.set_faults(FaultPlan::NONE);
        billing::wait(|| bench.outcomes().len() >= 3 && running.ledger.waits_for().is_none());
        running.stop();
        assert_eq!(bench.outcome_of_each().len(), 3);
    });
}

#[test]
fn billing_waits_for_its_log() {
    on_sqlite(|subject| {
        let log = SimLog::new();
        let bench = Bench::on(Arc::new(log.clone()), billing::TOPIC, 1, tempfile::tempdir().unwrap());
        bench.write((0..5).map(|number| keyed(record(&format!("o{number}"), 1))));
        log.set_faults(NOBODY);
        let running = billing::start(&bench, (subject.open)());
        billing::wait(|| running.ledger.waits_for().is_some_and(|why| why.contains("does not answer")));
        billing::wait(|| log.events().begins >= 2);
        // It is let in, and cannot ask where its partition begins.
        log.set_faults(FaultPlan { read: 1_000, ..SILENT });
        billing::wait(|| log.events().reads >= 2);
        // Then the database has it, and the log does not take the outcome.
        log.set_faults(SILENT);
        billing::wait(|| running.ended() == 5);
        billing::wait(|| running.ledger.waits_for().is_some_and(|why| why.contains("did not answer")));
        assert!(!running.thread.is_finished(), "the sink has ended");
        log.set_faults(FaultPlan::NONE);
        billing::wait(|| bench.outcomes().len() == 5 && running.ledger.waits_for().is_none());
        running.stop();
        assert_eq!(bench.outcome_of_each().len(), 5);
    });
}

#[test]
fn billing_ends_without_its_log() {
    on_sqlite(|subject| {
        let log = SimLog::new();
        let bench = Bench::on(Arc::new(log.clone()), billing::TOPIC, 1, tempfile::tempdir().unwrap());
        bench.write([keyed(record("o", 1))]);
        log.set_faults(SILENT);
        let settings = SinkSettings { drain_ms: 100, ..SinkSettings::default() };
        let running = billing::start_with(&bench, (subject.open)(), settings);
        billing::wait(|| running.ended() == 1);
        let began = std::time::Instant::now();
        running.stop();
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        log.set_faults(FaultPlan::NONE);
        billing::run(&bench, (subject.open)(), 1);
        assert_eq!(bench.outcome_of_each().len(), 1);
    });
}
