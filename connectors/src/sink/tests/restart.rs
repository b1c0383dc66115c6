//! Restarts with records under way, and the window that bounds them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use schemas::DeliveryResult;
use topology::Offset;

use super::{
    Bench, eventually,
    floworx::{NEVER, QUICK, TOPIC, command, target},
    outside::{Outside, Say},
};
use crate::sink::SinkSettings;

/// A Floworx that fails orders named `stuck…` until it is mended.
async fn stubborn() -> (Outside, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = mended.clone();
    let outside = Outside::start(move |seen, _| {
        let stuck = seen.header("idempotency-key").starts_with("stuck") && !is_mended.load(Ordering::SeqCst);
        Say::status(if stuck { 503 } else { 201 })
    })
    .await;
    (outside, mended)
}

#[tokio::test]
async fn only_what_had_not_ended_is_delivered_again() {
    let (outside, mended) = stubborn().await;
    let patient = crate::delivery::RetryPolicy { max_attempts: 1_000_000, ..QUICK };
    let settings = SinkSettings { drain_ms: 50, ..SinkSettings::default() };
    let bench = Bench::new(TOPIC, 1);
    let ids: Vec<String> =
        (0..100).map(|number| format!("{}-{number}", if number % 10 == 3 { "stuck" } else { "free" })).collect();
    bench.write(ids.iter().map(|id| command(id, id)));

    let running = bench.start(target(&outside, patient, NEVER), settings);
    eventually(|| running.ledger.snapshot().delivered == 90).await;
    let books = running.stop().await.unwrap().snapshot();
    assert_eq!((books.taken_in, books.delivered, books.in_flight), (100, 90, 10));
    assert_eq!(bench.next_offset("sink.floworx"), Offset(3));
    assert_eq!(bench.outcome_of_each().len(), 90);

    // A start and stop with nothing mended changes nothing.
    let running = bench.start(target(&outside, patient, NEVER), settings);
    eventually(|| running.ledger.snapshot().taken_in == 100).await;
    running.stop().await.unwrap();
    assert_eq!(bench.outcome_of_each().len(), 90);

    mended.store(true, Ordering::SeqCst);
    let before = outside.count();
    let ledger = bench.run_until(target(&outside, patient, NEVER), settings, 100).await;
    assert_eq!(outside.count() - before, 10, "records that had ended were delivered again");
    let outcomes = bench.outcome_of_each();
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes.values().all(|outcome| outcome.result == DeliveryResult::Delivered));
    let books = ledger.snapshot();
    assert_eq!((books.taken_in, books.delivered, books.in_flight), (100, 100, 0));
    assert_eq!(books.by_target["floworx"].delivered, 100);
    assert_eq!(bench.next_offset("sink.floworx"), Offset(100));
}

#[tokio::test]
async fn the_position_passes_what_had_ended_although_nothing_more_ends() {
    let (outside, mended) = stubborn().await;
    let patient = crate::delivery::RetryPolicy { max_attempts: 1_000_000, ..QUICK };
    let settings = SinkSettings { drain_ms: 50, ..SinkSettings::default() };
    let bench = Bench::new(TOPIC, 1);
    bench.write(["stuck-0", "free-1", "free-2"].map(|id| command(id, id)));
    let running = bench.start(target(&outside, patient, NEVER), settings);
    eventually(|| running.ledger.snapshot().delivered == 2).await;
    running.stop().await.unwrap();

    // The first ends while the sink stops, before those behind it come by.
    let tried = outside.count();
    let narrow = SinkSettings { window: 1, ..SinkSettings::default() };
    let running = bench.start(target(&outside, patient, NEVER), narrow);
    eventually(|| outside.count() > tried).await;
    running.shutdown.trigger();
    mended.store(true, Ordering::SeqCst);
    running.stop().await.unwrap();
    assert_eq!((bench.outcome_of_each().len(), bench.next_offset("sink.floworx")), (3, Offset(1)));

    let before = outside.count();
    let running = bench.start(target(&outside, patient, NEVER), settings);
    eventually(|| bench.next_offset("sink.floworx") == Offset(3)).await;
    running.stop().await.unwrap();
    assert_eq!((bench.outcome_of_each().len(), outside.count()), (3, before));
}

#[tokio::test]
async fn the_window_bounds_what_is_under_way_and_other_partitions_go_on() {
    let (outside, mended) = stubborn().await;
    let patient = crate::delivery::RetryPolicy { max_attempts: 1_000_000, ..QUICK };
    let settings = SinkSettings { window: 8, drain_ms: 50, ..SinkSettings::default() };
    let bench = Bench::new(TOPIC, 2);
    // One key lives in one partition; a second key is looked for that lives in the other.
    let home = |key: &str| topology::partition_for_key(key.as_bytes(), 2);
    let here = "stuck-order".to_owned();
    let there: Vec<String> =
        (0..).map(|n| format!("there-{n}")).filter(|key| home(key) != home(&here)).take(50).collect();
    let near: Vec<String> =
        (0..).map(|n| format!("near-{n}")).filter(|key| home(key) == home(&here)).take(30).collect();
    bench.write([command(&here, "stuck")]);
    bench.write(near.iter().chain(&there).map(|key| command(key, key)));

    let running = bench.start(target(&outside, patient, NEVER), settings);
    eventually(|| running.ledger.snapshot().delivered == 50 + 7).await;
    // Nothing more may come, however long one waits; the stuck one's next attempts give it time.
    let attempts = outside.count();
    eventually(|| outside.count() >= attempts + 5).await;
    assert_eq!(running.ledger.snapshot().delivered, 57);
    mended.store(true, Ordering::SeqCst);
    eventually(|| running.ledger.snapshot().delivered == 81).await;
    running.stop().await.unwrap();
    assert_eq!(bench.outcome_of_each().len(), 81);
}

#[tokio::test]
async fn what_is_under_way_ends_within_the_drain_time() {
    let outside = Outside::start(|_, _| Say::status(201).after(Duration::from_millis(150))).await;
    let bench = Bench::new(TOPIC, 1);
    bench.write((0..10).map(|number| command(&format!("order-{number}"), &format!("{number}"))));
    let running = bench.start(target(&outside, QUICK, NEVER), SinkSettings::default());
    eventually(|| outside.count() == 10).await;
    let books = running.stop().await.unwrap().snapshot();
    assert_eq!((books.delivered, books.in_flight), (10, 0));
    assert_eq!(bench.outcome_of_each().len(), 10);
}
