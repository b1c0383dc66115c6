//! What a standby saves: a large store is taken over without one and with one, and the times are printed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use connectors::kafka::KafkaSettings;
use connectors::state::LmdbCheckpoints;
use schemas::Timestamp;
use topology::{
    CheckpointSettings, Checkpoints, Commit, Context, Fault, InitContext, Log, LogError, Outcome, OutgoingRecord,
    Processor, Record, Standby, StoreHandle, StoreSpec, TaskId, TaskState, TopicSpec, Topology, TopologyBuilder,
    TopologyError, Verdict, Worker, WorkerSettings,
};

use crate::support::{Broker, until};

const PARTITIONS: u32 = 4;
const VALUE_BYTES: usize = 100;
const PATIENCE: Duration = Duration::from_secs(600);
const BATCH_BYTES: usize = 16 << 20;

/// Keeps the last value of each key.
#[derive(Default)]
struct Keep(StoreHandle);

impl Processor for Keep {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = init.store("kept")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let value = record.value.clone().unwrap_or_default();
        context.put(self.0, record.key.as_deref().unwrap_or_default(), value);
        Ok(Outcome::Applied.into())
    }
}

fn topology() -> Arc<Topology> {
    let mut builder = TopologyBuilder::new();
    builder.sub_topology("keep").source("in", "in").store(StoreSpec::key_value("kept")).processor(
        "keep",
        &["in"],
        &["kept"],
        &[],
        || Box::<Keep>::default(),
    );
    builder.build().map(Arc::new).expect("the parts fit together")
}

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64)
}

fn feed(log: &dyn Log, keys: std::ops::Range<u64>) {
    let mut producer = log.producer("feed").expect("a producer");
    let keys: Vec<u64> = keys.collect();
    for keys in keys.chunks(5_000) {
        for key in keys {
            let key = Some(Bytes::from(format!("key-{key}")));
            let value = Some(Bytes::from(vec![b'v'; VALUE_BYTES]));
            let record =
                OutgoingRecord { topic: "in".into(), partition: None, key, value, timestamp: now(), headers: vec![] };
            producer.send(record).expect("a record is taken");
        }
        assert_eq!(producer.commit("feed", &[]).expect("a commit"), Commit::Committed);
    }
}

/// A process: its own client, and its own disk.
struct Process {
    log: Arc<dyn Log>,
    place: Arc<dyn Checkpoints>,
}

impl Process {
    fn new(broker: &str, name: &str, disk: &Path) -> Self {
        let settings = KafkaSettings {
            prefix: "million.".to_owned(),
            session_timeout: Duration::from_secs(6),
            ..KafkaSettings::new(broker, name)
        };
        let stuck = Arc::new(|what: &str| panic!("{what} never came back"));
        let log = connectors::kafka::KafkaLog::open(settings, stuck).expect("a log");
        Self { log, place: Arc::new(LmdbCheckpoints::open(disk).expect("a thread")) }
    }

    fn worker(&self) -> Worker {
        let checkpoints = CheckpointSettings { place: Some(self.place.clone()), ..CheckpointSettings::default() };
        let settings = WorkerSettings { checkpoints, ..WorkerSettings::new("app") };
        Worker::new(topology(), self.log.clone(), settings).expect("a worker")
    }

    /// Follows every partition to its end, and lets go of them.
    fn follow(&self) {
        let (topology, age_max) = (topology(), CheckpointSettings::default().age_max);
        for partition in 0..PARTITIONS {
            let task = TaskId { sub_topology: "keep".into(), partition };
            let (place, log) = (self.place.as_ref(), self.log.as_ref());
            let opened = Standby::open(&topology, "app", &task, place, log, (now(), age_max));
            let mut standby = opened.expect("a standby begins");
            until("all of it is followed", PATIENCE, || {
                // While a batch is being written nothing is read.
                let step = standby.step(log, now(), BATCH_BYTES).expect("a step");
                (step.behind == 0).then_some(())
            });
            standby.close().expect("the last batch is written");
        }
    }
}

fn run_until(worker: &mut Worker, wanted: u64) {
    let deadline = Instant::now() + PATIENCE;
    let mut taken = 0;
    loop {
        match worker.run_once(now(), Duration::from_millis(20)) {
            Ok(step) => taken += step.records as u64,
            Err(topology::WorkerError::Log(LogError::Retriable(why))) => panic!("the log: {why}"),
            Err(error) => panic!("{error}"),
        }
        if taken >= wanted
            && !worker.snapshot().tasks.is_empty()
            && worker.run_once(now(), Duration::ZERO).expect("a step").idle
        {
            return;
        }
        assert!(Instant::now() < deadline, "{taken} of {wanted}");
    }
}

/// Seconds from the assignment of the partitions until their tasks run, and how many changelog records that took.
fn take_over(process: &Process, record: u64) -> (f64, u64, Worker) {
    let mut worker = process.worker();
    let (mut assigned, deadline) = (None, Instant::now() + PATIENCE);
    let seconds = loop {
        worker.run_once(now(), Duration::from_millis(5)).expect("a step");
        let tasks = worker.snapshot().tasks;
        let before = assigned.get_or_insert_with(Instant::now);
        if tasks.len() < PARTITIONS as usize {
            assigned = None;
        } else if tasks.iter().all(|task| task.state == TaskState::Running) {
            break before.elapsed().as_secs_f64();
        }
        assert!(Instant::now() < deadline, "not taken over");
    };
    let tail = worker.snapshot().tasks.iter().map(|task| task.replayed).sum();
    // All is there, and the work goes on.
    for key in [0, record / 2, record - 1] {
        assert_eq!(
            worker.store_get("kept", format!("key-{key}").as_bytes()).map(|value| value.len()),
            Some(VALUE_BYTES)
        );
    }
    feed(process.log.as_ref(), 0..100);
    run_until(&mut worker, 100);
    (seconds, tail, worker)
}

#[test]
fn a_million_keys_are_taken_over() {
    if std::env::var_os("KAFKA_LONG").is_none() {
        println!("skipped: runs with KAFKA_LONG=1, as in make soak");
        return;
    }
    let keys = std::env::var("STANDBY_KEYS").map_or(1_000_000, |text| text.parse().expect("a number of keys"));
    let broker = Broker::start();
    let disks = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let process = |number: usize| Process::new(&broker.address(), ["a", "b", "c"][number], disks[number].path());
    let owner = process(0);
    let mut topics = vec![TopicSpec::delete("in", PARTITIONS, None)];
    topics.extend(["hub.dead_letter", "hub.quarantine"].map(|name| TopicSpec::delete(name, PARTITIONS, None)));
    topics.extend(topology().required_topics("app", |_| PARTITIONS));
    owner.log.ensure_topics(&topics).expect("topics are made");
    feed(owner.log.as_ref(), 0..keys);
    let mut worker = owner.worker();
    run_until(&mut worker, keys);

    let standby = process(1);
    let began = Instant::now();
    standby.follow();
    let following = began.elapsed().as_secs_f64();
    drop(worker);

    let (without, all, worker) = take_over(&process(2), keys);
    standby.follow();
    drop(worker);
    let (with, tail, worker) = take_over(&standby, keys);
    drop(worker);
    println!(
        "{keys} keys: taken over in {without:.2} s from the changelogs ({all} records), in {with:.2} s from what was \
         followed ({tail} records); following them from nothing took {following:.1} s"
    );
    assert!(tail < all / 100, "{tail} of {all}");
}
