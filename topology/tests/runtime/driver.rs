//! The driver, and through it all that a processor can do.

use std::time::Duration;

use schemas::{DeadLetter, Timestamp};
use topology::sim::MemoryCheckpoints;
use topology::{Outcome, Standby, TaskId, TestDriver, Waiting, WorkerError};

use crate::fixture::{PARK_MILLIS, counting};

const NOW: Timestamp = Timestamp(1_000_000);

fn values(records: &[topology::OutgoingRecord]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned())
        .collect()
}

#[test]
fn a_record_goes_through_both_stages_and_is_counted_once() {
    let mut driver = TestDriver::new(counting(), NOW).with_partitions(3);
    for _ in 0..3 {
        driver.pipe("words", "a", "x", NOW);
    }
    driver.pipe("words", "b", "x", NOW);
    let mut counts = values(&driver.read("counts"));
    counts.sort();
    assert_eq!(counts, ["1", "1", "2", "3"]);
    assert!(driver.read("counts").is_empty(), "what was read is drained");
    let ledger = driver.outcomes();
    assert_eq!((ledger.taken("words"), ledger.ended("words", Outcome::Applied)), (4, 4));
    assert_eq!((ledger.taken("counts"), ledger.ended("counts", Outcome::Applied)), (4, 4));
    assert_eq!(driver.imbalance(), 0);
}

#[test]
fn a_window_is_kept_by_stream_time_and_not_after_it() {
    let mut driver = TestDriver::new(counting(), NOW);
    let at = |millis: i64| Timestamp(NOW.0 + millis);
    for millis in [0, 299, 50, 399, 99, 400, 70, 70, 100, 120] {
        driver.pipe("words", "a", "x", at(millis));
    }
    // At 400 the window at 0 is gone, and a late record does not bring it back; the one at 100 is kept.
    assert_eq!(values(&driver.read("windowed")), ["1", "1", "2", "1", "3", "1", "1", "1", "1", "2"]);
    let changelog = driver.log().records("test.windows.changelog");
    assert!(!changelog.is_empty());
    assert!(changelog.iter().all(|record| record.value.is_some()), "what expires leaves no tombstone");
}

#[test]
fn a_refused_record_leaves_a_dead_letter_and_nothing_else() {
    let mut driver = TestDriver::new(counting(), NOW);
    driver.pipe("words", "a", "x", NOW);
    driver.pipe("words", "a", "poison", NOW);
    driver.pipe("words", "a", "doubt", NOW);
    driver.pipe("words", "a", "huge", NOW);
    driver.pipe("words", "a", "x", NOW);
    assert_eq!(values(&driver.read("counts")), ["1", "2"], "what the refused calls did is undone");
    let letters = driver.read("hub.dead_letter");
    let letter: DeadLetter = schemas::decode(letters[0].value.as_deref().unwrap()).unwrap();
    assert_eq!((letter.origin_topic.as_str(), letter.origin_partition, letter.origin_offset), ("words", 0, 1));
    assert_eq!(
        (letter.part.as_str(), letter.code.as_str(), letter.payload_bytes, letter.payload),
        ("count", "HUB-0001", 6, None)
    );
    let letter: DeadLetter = schemas::decode(letters[1].value.as_deref().unwrap()).unwrap();
    assert_eq!((letter.reason.as_str(), letter.origin_offset), ("output_too_large", 3));
    assert_eq!(letters.len(), 2);
    assert_eq!(driver.read("hub.quarantine").len(), 1);
    let ledger = driver.outcomes();
    assert_eq!((ledger.ended("words", Outcome::DeadLettered), ledger.ended("words", Outcome::Quarantined)), (2, 1));
    assert_eq!(ledger.imbalance(), 0);
}

#[test]
fn a_waiting_record_survives_a_restart_and_is_settled_by_its_timer() {
    let mut driver = TestDriver::new(counting(), NOW);
    driver.pipe("words", "a", "park", NOW);
    assert_eq!(driver.waiting(), 1);
    driver.advance_wall_clock(NOW.plus_millis(PARK_MILLIS - 1));
    assert!(driver.read("released").is_empty());
    driver.restart();
    assert_eq!((driver.waiting(), driver.imbalance()), (1, 0));
    assert_eq!(driver.outcomes().topic("words").waiting(Waiting::Parked), 1);
    driver.advance_wall_clock(NOW.plus_millis(PARK_MILLIS));
    let released = driver.read("released");
    assert_eq!(values(&released), ["0@0"]);
    assert_eq!(released[0].timestamp, NOW.plus_millis(PARK_MILLIS), "a timer's sends carry its deadline");
    assert_eq!((driver.waiting(), driver.imbalance()), (0, 0));
    driver.restart();
    driver.advance_wall_clock(NOW.plus_millis(10 * PARK_MILLIS));
    assert!(driver.read("released").is_empty(), "a timer fires once");
    assert_eq!(driver.outcomes().ended("words", Outcome::Applied), 1);
}

#[test]
fn stores_come_back_from_their_changelogs() {
    let mut driver = TestDriver::new(counting(), NOW);
    driver.pipe("words", "a", "x", NOW);
    let before = driver.store_get("counts", "a").unwrap();
    driver.restart();
    assert_eq!(driver.store_get("counts", "a").unwrap(), before);
    driver.pipe("words", "a", "x", NOW);
    assert_eq!(values(&driver.read("counts")), ["1", "2"]);
    let task = &driver.snapshot().tasks[0];
    assert!(task.restored > 0);
    assert_eq!(task.restored, task.to_restore);
}

#[test]
fn windows_go_when_stream_time_passes_their_retention() {
    let mut driver = TestDriver::new(counting(), NOW);
    let windows = |driver: &TestDriver| {
        let snapshot = driver.snapshot();
        snapshot.tasks[0].stores.iter().find(|store| store.name == "windows").unwrap().entries
    };
    driver.pipe("words", "a", "x", NOW);
    driver.pipe("words", "a", "x", NOW.plus_millis(300));
    assert_eq!(windows(&driver), 2);
    driver.pipe("words", "a", "x", NOW.plus_millis(600));
    assert_eq!(windows(&driver), 2, "the first is gone");
    driver.restart();
    assert_eq!(windows(&driver), 2, "its record in the changelog is passed over");
    assert_eq!(driver.snapshot().tasks[0].stream_time, NOW.plus_millis(600));
}

#[test]
fn a_standby_lets_expire_what_its_owner_does() {
    let mut driver = TestDriver::new(counting(), NOW);
    let (topology, disk) = (counting(), MemoryCheckpoints::default());
    let task = TaskId { sub_topology: "count".into(), partition: 0 };
    let settings = (NOW, Duration::from_hours(1));
    let mut standby = Standby::open(&topology, "test", &task, &disk, driver.log(), settings).unwrap();
    let mut most = 0;
    for millis in [0, 100, 200, 900, 1_000] {
        driver.pipe("words", "a", "x", NOW.plus_millis(millis));
        while standby.step(driver.log(), NOW, 10_000).unwrap().behind > 0 {}
        most = most.max(disk.entries());
    }
    standby.close().unwrap();
    // The count of the key and two rows of the books, and of five windows the last two.
    assert_eq!((disk.entries(), most), (3 + 2, 3 + 3));
}

#[test]
fn a_fault_that_asks_to_retry_holds_its_task_until_the_outside_recovers() {
    let busy = Timestamp(2_000_000);
    let mut driver = TestDriver::new(counting(), busy);
    driver.pipe("words", "a", "retry", busy);
    driver.pipe("words", "a", "x", busy);
    assert!(driver.read("counts").is_empty());
    assert_eq!(driver.outcomes().taken("words"), 0);
    assert_eq!(driver.snapshot().tasks[0].state, topology::TaskState::Suspended);
    driver.advance_wall_clock(busy.plus_millis(1_000));
    assert_eq!(values(&driver.read("counts")), ["1", "2"], "in order, once");
    assert_eq!(driver.imbalance(), 0);
}

#[test]
fn stop_ends_the_worker_and_names_the_place_without_the_payload() {
    let mut driver = TestDriver::new(counting(), NOW);
    let error = driver.try_pipe("words", "a", Some("stop".into()), NOW).unwrap_err();
    assert!(matches!(error, WorkerError::Stop { .. }));
    assert_eq!(error.to_string(), "count/0 at words/0@0: HUB-0003 stop: it says stop");
}
