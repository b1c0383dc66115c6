//! Checkpoints and workers that come and go: how old a checkpoint is, and what one that cannot be read brings about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use schemas::Timestamp;
use topology::sim::{FaultPlan, MemoryCheckpoints, SimLog};
use topology::{
    CheckpointSettings, Clock, Context, Fault, InitContext, Log as _, Outcome, OutgoingRecord, Processor, Record,
    StoreHandle, StoreSpec, Timer, TopicSpec, Topology, TopologyBuilder, TopologyError, Verdict, Worker,
    WorkerSettings,
};

const PARTITIONS: u32 = 2;
const HOUR: i64 = 3_600_000;
/// When the timers are due.
const DUE: i64 = HOUR;
/// The key that is read as a task opens.
const FIRST: &[u8] = b"first";

/// What happened to the tasks, in its order.
type Calls = Arc<Mutex<BTreeMap<String, Vec<&'static str>>>>;

/// Keeps each key, sets a timer for it, and notes what it is called for.
struct Keep {
    kept: StoreHandle,
    calls: Calls,
}

impl Keep {
    fn note(&self, context: &Context<'_>, call: &'static str) {
        self.calls.lock().unwrap().entry(context.task().to_string()).or_default().push(call);
    }
}

impl Processor for Keep {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.kept = init.store("kept")?;
        Ok(())
    }

    fn open(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        self.note(context, "open");
        context.peek(self.kept, FIRST);
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        self.note(context, "record");
        let key = record.key.clone().unwrap_or_default();
        context.put(self.kept, &key, Bytes::from_static(b"value"));
        context.schedule(Clock::Wall, Timestamp(DUE), &key);
        Ok(Outcome::Applied.into())
    }

    fn on_timer(&mut self, _timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        self.note(context, "timer");
        Ok(())
    }
}

fn topology(calls: &Calls) -> Topology {
    let (mut builder, calls) = (TopologyBuilder::new(), calls.clone());
    let make = move || Box::new(Keep { kept: StoreHandle::default(), calls: calls.clone() }) as Box<dyn Processor>;
    let part = builder.sub_topology("part").source("in", "in").store(StoreSpec::key_value("kept"));
    part.processor("keep", &["in"], &["kept"], &[], make);
    builder.build().unwrap()
}

fn log() -> SimLog {
    let log = SimLog::new();
    let mut topics = topology(&Calls::default()).required_topics("app", |_| PARTITIONS);
    topics.extend(["in", "hub.dead_letter", "hub.quarantine"].map(|name| TopicSpec::delete(name, PARTITIONS, None)));
    log.ensure_topics(&topics).unwrap();
    log
}

fn write(log: &SimLog, keys: &[&'static [u8]]) {
    let mut producer = log.producer("outside").unwrap();
    for partition in 0..PARTITIONS {
        for key in keys {
            let record = OutgoingRecord {
                topic: "in".into(),
                partition: Some(partition),
                key: Some(Bytes::from_static(key)),
                value: None,
                timestamp: Timestamp(1),
                headers: vec![],
            };
            producer.send(record).unwrap();
        }
    }
    producer.commit("", &[]).unwrap();
}

/// A worker that has run for a while from `now` on, a second at a time, and keeps its checkpoints in `place`.
fn run(log: &SimLog, place: &MemoryCheckpoints, calls: &Calls, now: i64) -> Worker {
    let checkpoints = CheckpointSettings { place: Some(Arc::new(place.clone())), ..CheckpointSettings::default() };
    let settings = WorkerSettings { checkpoints, ..WorkerSettings::new("app") };
    let mut worker = Worker::new(Arc::new(topology(calls)), Arc::new(log.clone()), settings).unwrap();
    for second in 0..30 {
        worker.run_once(Timestamp(now + second * 1_000), Duration::ZERO).unwrap();
    }
    worker
}

/// How many records of changelogs the worker's tasks were restored from.
fn replayed(worker: &Worker) -> u64 {
    worker.snapshot().tasks.iter().map(|task| task.replayed).sum()
}

#[test]
fn a_task_is_opened_before_it_does_anything_whatever_becomes_of_the_others() {
    let (log, place, calls) = (log(), MemoryCheckpoints::default(), Calls::default());
    write(&log, &[FIRST]);
    run(&log, &place, &calls, 0).close(Timestamp(40_000)).unwrap();
    assert!(calls.lock().unwrap().values().all(|calls| calls == &["open", "record"]));
    write(&log, &[b"second"]);

    // The first task's opening fails on its checkpoint; the others have due timers and records by then.
    place.set_faults(FaultPlan { checkpoint_read: 1_000, ..FaultPlan::NONE });
    let calls = Calls::default();
    let worker = run(&log, &place, &calls, DUE);
    assert!(place.events().failed_reads > 0 && worker.snapshot().checkpoint_failures > 0);
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), PARTITIONS as usize);
    for (task, calls) in calls.iter() {
        let first = calls.iter().position(|call| *call != "open").expect("it does something");
        assert!(first > 0, "{task}: {calls:?}");
        assert!(calls.contains(&"timer") && calls.contains(&"record"), "{task}: {calls:?}");
    }
}

#[test]
fn a_checkpoint_from_before_the_first_commit_is_of_use_to_the_next_start() {
    let (log, calls) = (log(), Calls::default());
    let (elsewhere, place) = (MemoryCheckpoints::default(), MemoryCheckpoints::default());
    write(&log, &[FIRST]);
    run(&log, &elsewhere, &calls, 0).close(Timestamp(40_000)).unwrap();

    // On a disk without a checkpoint all is replayed; nothing is committed, a checkpoint is written, and it crashes.
    let now = 99 * HOUR;
    let second = run(&log, &place, &calls, now);
    assert!(replayed(&second) > 0 && place.events().batches > 0);
    drop(second);
    assert_eq!(replayed(&run(&log, &place, &calls, now + 60_000)), 0, "the checkpoint was thrown away");
}

#[test]
fn a_checkpoint_grows_no_younger_by_a_replay() {
    let (log, calls) = (log(), Calls::default());
    let (elsewhere, place) = (MemoryCheckpoints::default(), MemoryCheckpoints::default());
    write(&log, &[FIRST]);
    run(&log, &place, &calls, 0).close(Timestamp(40_000)).unwrap();
    write(&log, &[b"second"]);
    run(&log, &elsewhere, &calls, 10 * HOUR).close(Timestamp(10 * HOUR + 40_000)).unwrap();

    // The tail is replayed and written, with the time that the checkpoint had.
    let batches = place.events().batches;
    let second = run(&log, &place, &calls, 11 * HOUR);
    assert!(replayed(&second) > 0 && place.events().batches > batches);
    drop(second);
    let third = run(&log, &place, &calls, 11 * HOUR + 60_000);
    assert_eq!(replayed(&third), 0, "the checkpoint was thrown away");
    drop(third);
    assert!(replayed(&run(&log, &place, &calls, 13 * HOUR)) > 0, "a checkpoint of 13 hours ago was used");
}
