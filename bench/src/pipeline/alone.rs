//! The order pipeline on a log in memory: what the hub's own parts cost, with no broker and no client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::delivery::http::wall_clock;
use topology::sim::SimLog;
use topology::{Log, Worker, WorkerSettings};

use super::events;
use super::hub::topology;
use super::stage::{APPLICATION, topics};
use crate::cluster::PARTITIONS;

/// Events that go through the log at a time.
const CHUNK: usize = 4_000;
/// So many steps without anything to do are the end.
const QUIET: u32 = 20;

/// Works so many orders through, and prints what that took beside making the events.
pub fn run(orders: u64) -> anyhow::Result<()> {
    let log = SimLog::new();
    let topology = Arc::new(topology()?);
    let mut topics = topics();
    topics.extend(topology.required_topics(APPLICATION, |_| PARTITIONS));
    log.ensure_topics(&topics)?;
    let mut outside = log.producer("outside")?;
    for record in events::tables() {
        outside.send(record)?;
    }
    let mut worker = Worker::new(topology, Arc::new(log.clone()), WorkerSettings::new(APPLICATION))?;
    let mut told = events::events("alone", orders, wall_clock()).peekable();
    let (mut count, mut records, mut taken) = (0, 0, Duration::ZERO);
    while told.peek().is_some() {
        for event in told.by_ref().take(CHUNK) {
            outside.send(event.record())?;
            count += 1;
        }
        outside.commit("outside", &[])?;
        let began = Instant::now();
        // What a step wrote is found by one of the next.
        let mut idle = 0;
        while idle < QUIET {
            let step = worker.run_once(wall_clock(), Duration::ZERO)?;
            records += step.records;
            idle = if step.idle && step.records == 0 { idle + 1 } else { 0 };
        }
        taken += began.elapsed();
    }
    let micros = taken.as_secs_f64() / f64::from(count) * 1e6;
    println!("{count} events, {records} records: {micros:.1} us an event");
    Ok(())
}
