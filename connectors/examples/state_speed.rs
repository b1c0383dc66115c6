//! How fast a key-value store is as it grows past its memory, on real checkpoints: gets and puts of a
//! 64-byte state per second and their processor time, how long a read takes while a checkpoint is
//! written and when none is, and how soon a start takes its first record.
//! Run it by `make bench-state` (`ARGS="KEYS MEMORY_MIB RECORDS"` for one size).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::state::LmdbCheckpoints;
use schemas::Timestamp;
use topology::sim::SimLog;
use topology::{
    CheckpointSettings, Context, Fault, InitContext, Log, MemoryBudget, Outcome, OutgoingRecord, Processor, Record,
    StoreHandle, StoreSpec, TopicSpec, Topology, TopologyBuilder, TopologyError, Verdict, Worker, WorkerSettings,
};

/// How many records go through the log at a time: it is in memory and keeps them.
const CHUNK: usize = 20_000;

#[derive(Default)]
struct Touch {
    state: StoreHandle,
    reads: Arc<std::sync::Mutex<Vec<u32>>>,
}

impl Processor for Touch {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.state = init.store("state")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let key = record.key.clone().unwrap_or_default();
        let mut state = [0_u8; 64];
        let began = Instant::now();
        if let Some(old) = context.peek(self.state, &key) {
            state.copy_from_slice(old);
        }
        let nanos = u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX);
        self.reads.lock().expect("one thread").push(nanos);
        state[0] = state[0].wrapping_add(1);
        context.put(self.state, &key, Bytes::copy_from_slice(&state));
        Ok(Outcome::Applied.into())
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0
}

/// p50, p99 and the largest, in microseconds.
fn quantiles(mut nanos: Vec<u32>) -> String {
    nanos.sort_unstable();
    let at = |part: f64| nanos.get((nanos.len() as f64 * part) as usize).map_or(0.0, |value| f64::from(*value) / 1e3);
    let max = nanos.last().map_or(0.0, |value| f64::from(*value) / 1e3);
    format!("{:.2} / {:.2} / {max:.0}", at(0.5), at(0.99))
}

struct Bench {
    topology: Arc<Topology>,
    place: Arc<LmdbCheckpoints>,
    memory: Arc<MemoryBudget>,
    reads: Arc<std::sync::Mutex<Vec<u32>>>,
    start: Instant,
}

impl Bench {
    fn worker(&self, log: &SimLog) -> Result<Worker, Box<dyn std::error::Error>> {
        let place = Some(self.place.clone() as Arc<dyn topology::Checkpoints>);
        let settings = WorkerSettings {
            checkpoints: CheckpointSettings {
                place,
                interval: Duration::from_secs(2),
                ..CheckpointSettings::default()
            },
            memory: self.memory.clone(),
            ..WorkerSettings::new("bench")
        };
        Ok(Worker::new(self.topology.clone(), Arc::new(log.clone()), settings)?)
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_000_000 + self.start.elapsed().as_millis() as i64)
    }

    /// One record for each of these keys, all taken in; the seconds that took without making them.
    fn pass(&self, log: &SimLog, worker: &mut Worker, keys: &[u64]) -> Result<f64, Box<dyn std::error::Error>> {
        let mut producer = log.producer("outside")?;
        for key in keys {
            producer.send(OutgoingRecord {
                topic: "in".into(),
                partition: Some(0),
                key: Some(format!("entity-{key:012}").into()),
                value: None,
                timestamp: self.now(),
                headers: Vec::new(),
            })?;
        }
        producer.commit("outside", &[])?;
        let (began, mut done) = (Instant::now(), 0);
        while done < keys.len() {
            done += worker.run_once(self.now(), Duration::ZERO)?.records;
        }
        Ok(began.elapsed().as_secs_f64())
    }
}

fn measure(keys: u64, memory_mib: usize, records: usize) -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let reads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let shared = reads.clone();
    let mut builder = TopologyBuilder::new();
    builder.sub_topology("touch").source("in", "in").store(StoreSpec::key_value("state")).processor(
        "touch",
        &["in"],
        &["state"],
        &[],
        move || Box::new(Touch { state: StoreHandle::default(), reads: shared.clone() }),
    );
    let bench = Bench {
        topology: Arc::new(builder.build()?),
        place: Arc::new(LmdbCheckpoints::open(directory.path())?),
        memory: MemoryBudget::new(memory_mib << 20),
        reads,
        start: Instant::now(),
    };
    let log = SimLog::new();
    let mut topics = bench.topology.required_topics("bench", |_| 1);
    topics.extend(["in", "hub.dead_letter", "hub.quarantine"].map(|topic| TopicSpec::delete(topic, 1, None)));
    log.ensure_topics(&topics)?;
    let mut worker = bench.worker(&log)?;
    let all: Vec<u64> = (0..keys).collect();
    for chunk in all.chunks(CHUNK) {
        bench.pass(&log, &mut worker, chunk)?;
    }
    drop(all);
    bench.reads.lock().expect("one thread").clear();
    let (mut seconds, cpu, mut next) = (0.0, cpu_seconds(), 1_u64);
    let (mut writing, mut resting) = (Vec::new(), Vec::new());
    for _ in 0..records.div_ceil(CHUNK) {
        let chunk: Vec<u64> = (0..CHUNK)
            .map(|_| {
                next = next.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                (next >> 20) % keys
            })
            .collect();
        let lag = |worker: &Worker| worker.snapshot().tasks.first().is_some_and(|task| task.checkpoint_is_writing);
        let before = lag(&worker);
        seconds += bench.pass(&log, &mut worker, &chunk)?;
        let taken = std::mem::take(&mut *bench.reads.lock().expect("one thread"));
        if before || lag(&worker) { writing.extend(taken) } else { resting.extend(taken) }
    }
    let cpu = cpu_seconds() - cpu;
    let snapshot = worker.snapshot();
    let (done, reads, evicted) = (writing.len() + resting.len(), snapshot.checkpoint_reads, snapshot.evicted);
    let resident = bench.memory.used() >> 20;
    worker.close(bench.now())?;
    let began = Instant::now();
    let mut worker = bench.worker(&log)?;
    bench.pass(&log, &mut worker, &[7])?;
    println!(
        "| {keys} | {memory_mib} | {:.0} | {:.2} | {} | {} | {resident} ({:.0}) | {reads} | {evicted} | {} |",
        done as f64 / seconds,
        cpu * 1e6 / done as f64,
        quantiles(resting),
        quantiles(writing),
        resident_mib(),
        began.elapsed().as_millis(),
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    println!(
        "| keys | budget MiB | records/s | CPU s/M | read us p50 / p99 / max | while a checkpoint is written | \
         resident MiB (process) | checkpoint reads | evicted | start ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    if let [keys, memory_mib, records] = numbers[..] {
        return measure(keys as u64, memory_mib, records);
    }
    for (keys, memory_mib) in [(10_000, 512), (1_000_000, 512), (1_000_000, 64)] {
        measure(keys, memory_mib, 2_000_000)?;
    }
    Ok(())
}
