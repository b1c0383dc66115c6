//! Timers of which only the soonest are in memory.

use std::sync::Arc;
use std::time::Duration;

use schemas::Timestamp;
use topology::sim::{FaultPlan, MemoryCheckpoints};
use topology::{CheckpointSettings, StoreSnapshot, TestDriver, WorkerSettings};

use crate::fixture::{PARK_MILLIS, counting};

const NOW: Timestamp = Timestamp(1_000_000);
const COUNT: usize = 400;

fn timers(driver: &TestDriver) -> StoreSnapshot {
    driver.snapshot().tasks[0].stores.iter().find(|store| store.name == "count.timers").unwrap().clone()
}

/// Checkpoints of every commit on this disk, and a head of so many bytes.
fn settings(disk: &MemoryCheckpoints, timer_head_bytes: usize) -> WorkerSettings {
    let checkpoints = CheckpointSettings {
        place: Some(Arc::new(disk.clone())),
        interval: Duration::ZERO,
        ..CheckpointSettings::default()
    };
    WorkerSettings { timer_head_bytes, checkpoints, ..WorkerSettings::new("test") }
}

#[test]
fn timers_that_fired_leave_memory_though_no_checkpoint_is_written_any_more() {
    let disk = MemoryCheckpoints::default();
    let mut driver = TestDriver::with_settings(counting(), NOW, 1, settings(&disk, 300));
    let mut now = NOW;
    let mut park = |driver: &mut TestDriver, count: usize| {
        for _ in 0..count {
            now = now.plus_millis(1);
            driver.advance_wall_clock(now);
            driver.pipe("words", "a", "park", now);
        }
        now
    };
    park(&mut driver, 50);
    assert!(!timers(&driver).is_whole);
    disk.set_faults(FaultPlan { checkpoint_write: 1_000, ..FaultPlan::NONE });
    park(&mut driver, 50);
    assert!(disk.events().failed_batches > 0);
    let end = park(&mut driver, 400).plus_millis(PARK_MILLIS + 1);
    driver.advance_wall_clock(end);
    driver.advance_wall_clock(end.plus_millis(1));
    assert_eq!((driver.read("released").len(), driver.waiting(), driver.imbalance()), (500, 0, 0));
    let kept = timers(&driver);
    assert_eq!((kept.is_whole, kept.entries, kept.bytes), (true, 0, 0));
}

#[test]
fn a_start_reads_the_soonest_timers_and_all_fire_in_their_order() {
    const HEAD: usize = 3_000;
    let settings = settings(&MemoryCheckpoints::default(), HEAD);
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
