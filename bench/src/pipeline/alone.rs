//! The order pipeline on a log in memory: what the hub's own parts cost, with no broker and no client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::delivery::http::wall_clock;
use topology::sim::SimLog;
use topology::{Log, OutgoingRecord, Producer, TopicSpec, Worker, WorkerSettings};

use super::events;
use super::hub::topology;
use super::stage::{APPLICATION, INPUT};
use crate::cluster::PARTITIONS;

/// Events that go through the log at a time.
const CHUNK: usize = 4_000;
/// So many steps without anything to do are the end.
const QUIET: u32 = 20;

/// Works so many orders through, and prints what that took beside making the events.
pub fn run(orders: u64) -> anyhow::Result<()> {
    let log = SimLog::new();
    let topology = Arc::new(topology()?);
    let mut topics = processors::topology::topics(PARTITIONS);
    topics.push(TopicSpec::delete(INPUT, PARTITIONS, None));
    topics.extend(topology.required_topics(APPLICATION, |_| PARTITIONS));
    log.ensure_topics(&topics)?;
    let mut outside = log.producer("outside")?;
    for (key, value) in events::offerings() {
        send(outside.as_mut(), "hub.catalog.table", key, value)?;
    }
    for (key, value) in events::partners() {
        send(outside.as_mut(), "hub.partner.table", key, value)?;
    }
    let mut worker = Worker::new(topology, Arc::new(log.clone()), WorkerSettings::new(APPLICATION))?;
    let mut told = events::events("alone", orders, wall_clock()).peekable();
    let (mut count, mut records, mut taken) = (0, 0, Duration::ZERO);
    while told.peek().is_some() {
        for event in told.by_ref().take(CHUNK) {
            send(outside.as_mut(), INPUT, event.order, event.json)?;
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

fn send(producer: &mut dyn Producer, topic: &str, key: Bytes, value: Bytes) -> anyhow::Result<()> {
    Ok(producer.send(OutgoingRecord {
        topic: topic.into(),
        partition: None,
        key: Some(key),
        value: Some(value),
        timestamp: wall_clock(),
        headers: Vec::new(),
    })?)
}
