//! A log that aborts, fails, loses acknowledgements and takes partitions away, and partners that lie, over real
//! connections: still one outcome each. Many more seeds run in virtual time, in `simulated`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::DeliveryResult::DeadLettered;
use topology::sim::{FaultPlan, Rng, SimLog};

use super::{
    Bench, eventually,
    floworx::{NEVER, QUICK, TOPIC, command, target},
    outside::{Outside, Say},
};
use crate::sink::{SinkError, SinkSettings};

const FAULTS: FaultPlan =
    FaultPlan { abort: 200, lost_acknowledgement: 150, failed_commit: 150, poll: 50, ..FaultPlan::NONE };

/// What a partner does with a request, and what it says of it.
fn whim(seed: u64, id: &str, before: usize) -> (bool, Say) {
    let draw = id.bytes().fold(seed ^ before as u64, |draw, byte| draw.wrapping_mul(131).wrapping_add(byte.into()));
    let mut rng = Rng::new(draw);
    // It may do the work and say that it did not, say that it did in words that mean nothing, or say nothing in time.
    match rng.below(40) {
        _ if before >= 3 => (true, Say::status(if before.is_multiple_of(2) { 200 } else { 409 })),
        0..4 => (true, Say::status(500)),
        4..8 => (false, Say::status(503)),
        8..12 => (false, Say::status(429)),
        12..16 => (true, Say { body: "<html>done".to_owned(), ..Say::status(201) }),
        16..18 => (true, Say::status(201).after(Duration::from_millis(500))),
        18..24 => (true, Say::status(201).after(Duration::from_millis(30))),
        _ => (true, Say { body: r#"{"id":"flow"}"#.to_owned(), ..Say::status(201) }),
    }
}

#[tokio::test]
async fn one_outcome_each_however_slow_partners_are_and_whatever_they_say() {
    let (orders, each) = (40, 5);
    for seed in 0..2 {
        let done: Arc<Mutex<Vec<String>>> = Arc::default();
        let does = done.clone();
        let outside = Outside::start(move |seen, before| {
            let id = seen.header("idempotency-key").to_owned();
            let (is_done, say) = whim(seed, &id, before);
            let mut done = does.lock().unwrap();
            if is_done && !done.contains(&id) {
                done.push(id);
            }
            say
        })
        .await;
        let log = SimLog::new();
        let bench = Bench::on(Arc::new(log.clone()), TOPIC, 3, tempfile::tempdir().unwrap());
        let ids = (0..each).flat_map(|turn| (0..orders).map(move |order| (order, turn)));
        bench.write(ids.map(|(order, turn)| command(&format!("order-{order}"), &format!("{order}/{turn}"))));
        log.set_faults(FAULTS);
        let settings = SinkSettings { commit_interval_ms: 1, ..SinkSettings::default() };
        let running = bench.start(target(&outside, QUICK, NEVER), settings);
        for kick in 1..3 {
            eventually(|| outside.count() > kick * 60).await;
            log.kick("sink.floworx", 0);
        }
        let all = orders * each;
        eventually(|| running.ledger.snapshot().in_flight == 0 && bench.outcomes().len() >= all).await;
        running.stop().await.unwrap();
        let outcomes = bench.outcome_of_each();
        assert_eq!(outcomes.len(), all, "seed {seed}");
        assert!(outcomes.values().all(|outcome| outcome.result != DeadLettered), "seed {seed}");
        // What a partner did, it did in the order of each order's commands.
        let done = done.lock().unwrap();
        assert_eq!(done.len(), all, "seed {seed}");
        for order in 0..orders {
            let turns: Vec<&String> =
                done.iter().filter(|id| id.split('/').next() == Some(&order.to_string())).collect();
            assert!(turns.is_sorted(), "seed {seed}: {turns:?}");
        }
    }
}

#[tokio::test]
async fn a_sink_that_is_taken_over_stops_and_says_so() {
    let outside = Outside::start(|_, _| Say::status(201)).await;
    let bench = Bench::on(Arc::new(SimLog::new()), TOPIC, 1, tempfile::tempdir().unwrap());
    let running = bench.start(target(&outside, QUICK, NEVER), SinkSettings::default());
    eventually(|| bench.log.committed("sink.floworx", &topology::TopicPartition::new(TOPIC, 0)).is_ok()).await;
    bench.write([command("order-1", "1")]);
    eventually(|| bench.outcomes().len() == 1).await;
    let _newer = bench.log.producer("sink.floworx-0").unwrap();
    bench.write([command("order-2", "2")]);
    let ended = tokio::time::timeout(super::PATIENCE, running.sink).await.unwrap().unwrap();
    assert!(matches!(ended, Err(SinkError::Fenced(_))), "{ended:?}");
    assert_eq!(bench.outcomes().len(), 1);
}
