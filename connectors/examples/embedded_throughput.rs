//! How fast the embedded log takes in and gives out: events/s and CPU seconds.
//!
//! `cargo run --release -p connectors --example embedded_throughput -- [EVENTS] [--no-sync]`
//! Each event is five records of 300 bytes over 20 partitions; 2,000 events make a transaction.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::embedded::{EmbeddedLog, Settings};
use schemas::Timestamp;
use topology::{ConsumerConfig, Log as _, OutgoingRecord, Poll, TopicName, TopicSpec};

const RECORDS_PER_EVENT: usize = 5;
const EVENTS_PER_COMMIT: usize = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    let events = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000_usize);
    let sync = !std::env::args().any(|argument| argument == "--no-sync");
    let directory = tempfile::tempdir()?;
    let (log, _) = EmbeddedLog::open(directory.path(), Settings { sync, ..Settings::default() })?;
    let topics: Vec<TopicName> = (0..RECORDS_PER_EVENT).map(|topic| format!("bench.{topic}").into()).collect();
    let specs: Vec<_> = topics.iter().map(|topic| TopicSpec::delete(topic.clone(), 4, None)).collect();
    log.ensure_topics(&specs)?;

    let value = Bytes::from(vec![b'x'; 284]);
    let keys: Vec<_> = (0..10_000).map(|key| Bytes::from(format!("ORDER-{key:010}"))).collect();
    let mut producer = log.producer("bench")?;
    let (began, cpu, mut worst) = (Instant::now(), cpu_seconds(), Duration::ZERO);
    for first in (0..events).step_by(EVENTS_PER_COMMIT) {
        let group = Instant::now();
        for event in first..events.min(first + EVENTS_PER_COMMIT) {
            for topic in &topics {
                producer.send(OutgoingRecord {
                    topic: topic.clone(),
                    partition: None,
                    key: Some(keys[event % keys.len()].clone()),
                    value: Some(value.clone()),
                    timestamp: Timestamp(event as i64),
                    headers: Vec::new(),
                })?;
            }
        }
        producer.commit("bench", &[])?;
        worst = worst.max(group.elapsed());
    }
    report("write", events, began, cpu);
    println!("worst commit {} ms", worst.as_millis());

    let config = ConsumerConfig { group: "bench".into(), member: 0, members: 1, topics };
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let mut consumer = log.consumer(config)?;
    let (mut records, mut count) = (Vec::new(), 0);
    while !matches!(consumer.poll(Duration::ZERO, 1 << 20, &mut records)?, Poll::Idle) {
        count += records.len();
        records.clear();
    }
    assert_eq!(count, events * RECORDS_PER_EVENT, "every record is read once");
    report("read", events, began, cpu);
    Ok(())
}

fn report(what: &str, events: usize, began: Instant, cpu: f64) {
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let events = events as f64;
    println!("{what}: {:.0} events/s, {:.2} CPU s per million events", events / wall, cpu / events * 1e6);
}

/// CPU time of this process so far, where the system tells (in hundredths of a second).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
