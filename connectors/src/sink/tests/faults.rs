//! A log that aborts, fails, loses acknowledgements and takes partitions away: still one outcome each.

use std::sync::Arc;

use topology::sim::{FaultPlan, SimLog};

use super::{
    Bench, eventually,
    floworx::{NEVER, QUICK, TOPIC, command, target},
    outside::{Outside, Say},
};
use crate::sink::{SinkError, SinkSettings};

const FAULTS: FaultPlan =
    FaultPlan { abort: 200, lost_acknowledgement: 150, failed_commit: 150, poll: 50, ..FaultPlan::NONE };

#[tokio::test]
async fn one_outcome_each_whatever_the_log_does() {
    for seed in 0..5 {
        let outside = Outside::start(|_, before| Say::status(if before == 0 { 201 } else { 200 })).await;
        let log = SimLog::new();
        let bench = Bench::on(Arc::new(log.clone()), TOPIC, 3, tempfile::tempdir().unwrap());
        bench.write((0..300).map(|number| command(&format!("order-{number}"), &format!("{number}"))));
        log.set_faults(FAULTS);
        let settings = SinkSettings { commit_interval_ms: 1, ..SinkSettings::default() };
        let running = bench.start(target(&outside, QUICK, NEVER), settings);
        for kick in 1..4u64 {
            eventually(|| outside.count() as u64 > (kick + seed) * 25).await;
            log.kick("sink.floworx", 0);
        }
        eventually(|| running.ledger.snapshot().in_flight == 0 && bench.outcomes().len() >= 300).await;
        running.stop().await.unwrap();
        assert_eq!(bench.outcome_of_each().len(), 300, "seed {seed}");
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
