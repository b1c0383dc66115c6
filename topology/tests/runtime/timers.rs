//! Timers of which only the soonest are in memory.

use std::sync::Arc;
use std::time::Duration;

use schemas::Timestamp;
use topology::sim::MemoryCheckpoints;
use topology::{CheckpointSettings, StoreSnapshot, TestDriver, WorkerSettings};

use crate::fixture::{PARK_MILLIS, counting};

const NOW: Timestamp = Timestamp(1_000_000);
const COUNT: usize = 400;

fn timers(driver: &TestDriver) -> StoreSnapshot {
    driver.snapshot().tasks[0].stores.iter().find(|store| store.name == "count.timers").unwrap().clone()
}

#[test]
fn a_start_reads_the_soonest_timers_and_all_fire_in_their_order() {
    const HEAD: usize = 3_000;
    let checkpoints = CheckpointSettings {
        place: Some(Arc::new(MemoryCheckpoints::default())),
        interval: Duration::ZERO,
        ..CheckpointSettings::default()
    };
    let settings = WorkerSettings { timer_head_bytes: HEAD, checkpoints, ..WorkerSettings::new("test") };
    let mut driver = TestDriver::with_settings(counting(), NOW, 1, settings);
    for millis in 0..COUNT as i64 {
        driver.advance_wall_clock(NOW.plus_millis(millis / 10));
        driver.pipe("words", "a", "park", NOW);
    }
    for millis in 40..45 {
        driver.advance_wall_clock(NOW.plus_millis(millis));
    }
    let kept = timers(&driver);
    assert!(!kept.is_whole && kept.bytes <= HEAD, "{kept:?}");
    assert_eq!(driver.waiting(), COUNT as i64);
    driver.restart();
    let kept = timers(&driver);
    assert!(kept.bytes <= HEAD / 8, "{kept:?}");
    assert!(driver.snapshot().tasks[0].restored < COUNT as u64 / 10, "{:?}", driver.snapshot().tasks[0]);
    driver.read("released");
    driver.advance_wall_clock(NOW.plus_millis(PARK_MILLIS + COUNT as i64));
    let released = driver.read("released");
    assert_eq!(released.len(), COUNT);
    assert!(released.iter().map(|record| record.timestamp).is_sorted());
    assert_eq!((driver.waiting(), driver.imbalance(), timers(&driver).entries), (0, 0, 0));
}
