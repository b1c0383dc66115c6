//! Several processes share partitions on a real broker, are killed, started and frozen, and every
//! output is recomputed: each input counts once, in its order, whoever processed it.

mod long;
mod processes;
mod storm;
mod three_brokers;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::kafka::{GroupProtocol, KafkaSettings};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use schemas::Timestamp;
use topology::{
    Commit, Context, Fault, InitContext, Log, LogError, Offset, Outcome, OutgoingRecord, Position, Processor, Record,
    SinkHandle, StoreSpec, TopicPartition, TopicSpec, Topology, TopologyBuilder, TopologyError, TypedStore, Verdict,
};

use crate::support::{Broker, until};
use processes::Processes;

const PARTITIONS: u32 = 6;
/// How many keys the short scenarios write.
const KEYS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(90);

/// Numbers the records of each key, and says what the last one was.
#[derive(Default)]
struct Number {
    counts: TypedStore<u64>,
    out: SinkHandle,
}

impl Processor for Number {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.counts = TypedStore::new(init.store("counts")?);
        self.out = init.sink("out")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let key = record.key.clone().unwrap_or_default();
        let count = self.counts.get(context, &key)?.unwrap_or(0) + 1;
        self.counts.put(context, &key, &count)?;
        let seen = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        context.send(self.out, Some(key), Some(format!("{count} {seen}").into()));
        Ok(Outcome::Applied.into())
    }
}

fn topology() -> Arc<Topology> {
    let mut builder = TopologyBuilder::new();
    builder
        .sub_topology("number")
        .source("in", "in")
        .store(StoreSpec::key_value("counts"))
        .processor("number", &["in"], &["counts"], &[], || Box::<Number>::default())
        .sink("out", "out", &["number"]);
    builder.build().map(Arc::new).expect("the parts fit together")
}

fn settings(broker: &str, prefix: &str, instance: &str, protocol: GroupProtocol) -> KafkaSettings {
    KafkaSettings {
        prefix: prefix.to_owned(),
        protocol,
        session_timeout: Duration::from_secs(2),
        transaction_timeout: Duration::from_secs(5),
        ..KafkaSettings::new(broker, instance)
    }
}

fn make_topics(log: &dyn Log) -> Result<(), LogError> {
    let mut topics = vec![TopicSpec::delete("in", PARTITIONS, None), TopicSpec::delete("out", PARTITIONS, None)];
    topics.extend(["hub.dead_letter", "hub.quarantine"].map(|name| TopicSpec::delete(name, PARTITIONS, None)));
    topics.extend(topology().required_topics("app", |_| PARTITIONS));
    log.ensure_topics(&topics)
}

/// Writes inputs, each key's numbered from 1 on, in small transactions.
struct Feed {
    producer: Box<dyn topology::Producer>,
    next: BTreeMap<u64, u64>,
    keys: u64,
    dice: ChaCha8Rng,
    written: u64,
}

impl Feed {
    fn new(log: &dyn Log, keys: u64, seed: u64) -> Self {
        let producer = log.producer("feed").expect("a producer");
        Self { producer, next: BTreeMap::new(), keys, dice: ChaCha8Rng::seed_from_u64(seed), written: 0 }
    }

    /// One transaction; again until it came through, as every publisher does.
    fn write(&mut self, count: usize) {
        let keys: Vec<u64> = (0..count).map(|_| self.dice.random_range(0..self.keys)).collect();
        loop {
            let mut next: BTreeMap<u64, u64> = BTreeMap::new();
            let sent = keys.iter().try_for_each(|key| {
                let number = next.entry(*key).or_insert_with(|| self.next.get(key).copied().unwrap_or(0));
                *number += 1;
                self.producer.send(OutgoingRecord {
                    topic: "in".into(),
                    partition: None,
                    key: Some(Bytes::from(format!("key-{key}"))),
                    value: Some(Bytes::from(number.to_string())),
                    timestamp: Timestamp(1_700_000_000_000 + self.written as i64),
                    headers: Vec::new(),
                })
            });
            // The position makes each transaction another: where its end was not confirmed, it tells.
            let position = Position { next_offset: Offset(self.written as i64), metadata: keys.len().to_string() };
            let positions = [(TopicPartition::new("in", 0), position)];
            match sent.and_then(|()| self.producer.commit("feed", &positions)) {
                Ok(Commit::Committed) => {
                    self.next.extend(next);
                    self.written += count as u64;
                    return;
                }
                Ok(Commit::Aborted) | Err(LogError::Retriable(_)) => self.producer.abort(),
                other => panic!("the feed cannot write: {other:?}"),
            }
        }
    }
}

/// Waits until the group has taken in every input, then recomputes the output of each key.
/// Returns how many outputs there are.
fn verify(log: &dyn Log, processes: &mut Processes, feed: &Feed, patience: Duration) -> u64 {
    let place = |topic: &str, partition| TopicPartition::new(topic, partition);
    until("every input is taken in", patience, || {
        processes.must_all_run();
        let taken = (0..PARTITIONS).all(|partition| {
            let partition = place("in", partition);
            let position = log.committed("app", &partition).ok().flatten();
            position
                .is_some_and(|position| log.behind(&partition, position.next_offset).is_ok_and(|behind| behind == 0))
        });
        taken.then_some(())
    });
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut outputs = 0;
    for partition in 0..PARTITIONS {
        let partition = place("out", partition);
        let end = until("all ends of transactions", PATIENCE, || {
            let end = log.written_end(&partition).ok()?;
            (log.bounds(&partition).ok()?.1 == end).then_some(end)
        });
        let (mut next, mut records) = (Offset(0), Vec::new());
        while next < end {
            next = log.read(&partition, next, 1 << 20, &mut records).expect("outputs are read");
        }
        for record in records {
            outputs += 1;
            let text =
                |bytes: &Option<Bytes>| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
            let (key, value) = (text(&record.key), text(&record.value));
            let count = seen.entry(key.clone()).or_default();
            *count += 1;
            assert_eq!(value, format!("{count} {count}"), "output of {key} in {partition} at {}", record.offset);
        }
    }
    let expected: BTreeMap<String, u64> = feed.next.iter().map(|(key, count)| (format!("key-{key}"), *count)).collect();
    assert_eq!(seen, expected, "each input has one output");
    println!("{} inputs, {outputs} outputs, all as recomputed", feed.written);
    outputs
}

/// Scenarios whose end depends on time-outs of the broker run where they are asked for.
fn is_long_form() -> bool {
    let asked = std::env::var_os("KAFKA_LONG").is_some();
    if !asked {
        println!("skipped: runs with KAFKA_LONG=1, as in make soak");
    }
    asked
}

#[test]
fn nothing_is_lost_or_doubled_when_the_broker_dies_under_load() {
    let mut broker = Broker::start_beside_controller();
    let prefix = "broker.";
    let log = broker.log(prefix, "test");
    make_topics(&*log).expect("topics are made");
    let mut processes = Processes::start(broker.address(), prefix, "classic", 2);
    let mut feed = Feed::new(&*log, KEYS, 3);
    let load = |feed: &mut Feed, time: Duration| {
        let until = Instant::now() + time;
        while Instant::now() < until {
            feed.write(100);
        }
    };
    for _ in 0..2 {
        load(&mut feed, Duration::from_millis(1_500));
        let before = feed.written;
        std::thread::scope(|threads| {
            let restart = threads.spawn(|| broker.crash_and_restart());
            while !restart.is_finished() || feed.written < before + 1_000 {
                feed.write(100);
            }
        });
    }
    verify(&*log, &mut processes, &feed, PATIENCE);
}

fn scenario(broker: &Broker, protocol: &'static str, rounds: u32) {
    let prefix = format!("eos.{protocol}.");
    let log = broker.log(&prefix, "test");
    make_topics(&*log).expect("topics are made");
    let mut processes = Processes::start(broker.address(), &prefix, protocol, 3);
    let mut feed = Feed::new(&*log, KEYS, 3);
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    for round in 0..rounds {
        // Load goes on while the process is being replaced, so that it dies in its work.
        let calm_until = Instant::now() + Duration::from_millis(dice.random_range(800..2_500));
        while Instant::now() < calm_until {
            feed.write(dice.random_range(1..400));
        }
        let victim = dice.random_range(0..3);
        if round % 2 == 1 {
            until("each has tasks to lose", PATIENCE, || {
                feed.write(dice.random_range(1..400));
                (0..3).all(|number| processes.tasks(number) > 0).then_some(())
            });
            // Frozen for longer than its session: it wakes up as a member that is none any more, with
            // a transaction that it would like to commit.
            let before = processes.thrown_away();
            processes.signal(victim, "-STOP");
            let awake_at = Instant::now() + Duration::from_secs(4);
            while Instant::now() < awake_at {
                feed.write(dice.random_range(1..400));
            }
            processes.signal(victim, "-CONT");
            until("who was frozen throws away what it did", PATIENCE, || {
                (processes.thrown_away() > before).then_some(())
            });
        } else {
            processes.replace(victim);
        }
    }
    verify(&*log, &mut processes, &feed, PATIENCE);
    let restored = processes.restored();
    println!("{} times work was thrown away; {restored:?}", processes.thrown_away());
    restored.must_be_of_checkpoints();
}

#[test]
fn every_input_counts_once_while_processes_die_and_freeze() {
    scenario(&Broker::start(), "classic", 6);
}

#[test]
fn so_it_does_with_the_newer_group_protocol() {
    // A member may wait long for its first assignment there.
    if !is_long_form() {
        return;
    }
    scenario(&Broker::start(), "consumer", 6);
}
