//! Exactly once and conservation under every fault, for many seeds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use schemas::{DeadLetter, Timestamp};
use topology::sim::{
    DiskEvents, FailedSeed, LogEvents, Rng, Seeds, Simulation, SimulationEvents, SimulationSettings, seeds_told,
};
use topology::{MemoryBudget, Outcome, Topology};

use crate::alarm::ALARM_MILLIS;
use crate::fixture::counting;

/// What the straight-line model expects.
#[derive(Default)]
struct Model {
    appended: u64,
    applied: BTreeMap<String, u64>,
    windows: BTreeMap<String, u64>,
    poisoned: u64,
    doubted: u64,
    parked: u64,
    flips: BTreeMap<String, usize>,
}

fn append(simulation: &mut Simulation, rng: &mut Rng, model: &mut Model) {
    let key = format!("key-{}", rng.below(20));
    let value = ["x", "x", "flip", "flip", "poison", "doubt", "park", "retry", "alarm", "alarm", "alarm", "mute"]
        [rng.below(12)];
    let timestamp = simulation.now().plus_millis(-(rng.below(300) as i64));
    append_one(simulation, key, value, timestamp, model);
}

fn append_one(simulation: &mut Simulation, key: String, value: &'static str, timestamp: Timestamp, model: &mut Model) {
    simulation.append("words", key.as_bytes(), Some(Bytes::from_static(value.as_bytes())), timestamp).unwrap();
    model.appended += 1;
    match value {
        "poison" | "mute" => model.poisoned += 1,
        "doubt" => model.doubted += 1,
        _ => {
            model.parked += u64::from(value == "park");
            *model.flips.entry(key.clone()).or_default() += usize::from(value == "flip");
            *model.windows.entry(format!("{key}@{}", timestamp.0 / 100 * 100)).or_default() += 1;
            *model.applied.entry(key).or_default() += 1;
        }
    }
}

/// Runs one seed and checks all that must hold; returns what went wrong on the way.
fn run(seed: u64, topology: &Arc<Topology>, steps: usize) -> Result<Happened, String> {
    let mut rng = Rng::new(!seed);
    let mut settings = SimulationSettings::harsh("app");
    // So little that restoring takes several steps, and something may go wrong between them.
    settings.worker.restore_max_bytes = 1500;
    // With and without a disk to start from: both must come to the same.
    settings.checkpoints = seed.is_multiple_of(2);
    // On half of the disks without memory to speak of: whatever a checkpoint has leaves at once.
    if seed.is_multiple_of(4) {
        settings.worker.memory = MemoryBudget::new(rng.below(3) * 4_000);
    }
    // Of timers next to nothing stays in memory that a checkpoint has.
    settings.worker.timer_head_bytes = rng.below(4) * 150;
    // Transactions that stay open longer meet more on their way.
    if seed % 5 == 1 {
        settings.worker.min_commit_interval = Duration::from_millis(60);
    }
    // Workers that are slow have more to do while a commit is under way.
    if seed % 3 == 1 {
        settings.worker.max_records_per_step = 1 + rng.below(2);
        settings.worker.commit_interval = Duration::from_millis(15);
    }
    let mut simulation =
        Simulation::new(seed, topology.clone(), settings, Timestamp(1_000_000)).map_err(|error| error.to_string())?;
    let mut model = Model::default();
    for _ in 0..steps {
        if rng.chance(300) {
            append(&mut simulation, &mut rng, &mut model);
        }
        simulation.step().map_err(|error| format!("a step failed: {error}"))?;
    }
    simulation.settle(5_000).map_err(|error| error.to_string())?;
    check(&simulation, &model)?;
    let before = windows(&simulation);
    // All begin anew, from what they had on disk and in their changelogs.
    simulation.roll_out(topology.clone());
    simulation.settle(5_000).map_err(|error| error.to_string())?;
    check(&simulation, &model)?;
    if windows(&simulation) != before {
        return Err(format!("windows after a restart: {:?}, before it: {before:?}", windows(&simulation)));
    }
    // Time goes on until every alarm is due, by the wall clock and by stream time.
    simulation.pass(Duration::from_millis(2 * ALARM_MILLIS as u64));
    for key in 0..20 {
        let timestamp = simulation.now().plus_millis(2 * ALARM_MILLIS);
        append_one(&mut simulation, format!("key-{key}"), "x", timestamp, &mut model);
    }
    simulation.settle(5_000).map_err(|error| error.to_string())?;
    check(&simulation, &model)?;
    check_alarms(&simulation)?;
    if simulation.checkpoint_entries() == 0 && seed.is_multiple_of(2) {
        return Err("no checkpoint was ever written".to_owned());
    }
    Ok(Happened { workers: simulation.events, log: simulation.log_events(), disks: simulation.disk_events() })
}

/// How many windows each task keeps.
fn windows(simulation: &Simulation) -> BTreeMap<String, usize> {
    let tasks = simulation.tasks().into_iter();
    tasks
        .flat_map(|task| task.stores.into_iter().map(move |store| (format!("{} {}", task.id, store.name), store)))
        .filter(|(name, _)| name.ends_with(" windows"))
        .map(|(name, store)| (name, store.entries))
        .collect()
}

/// Each alarm that was set has come to one end.
fn check_alarms(simulation: &Simulation) -> Result<(), String> {
    let mut alarms: BTreeMap<Bytes, Vec<Bytes>> = BTreeMap::new();
    for record in simulation.log().records("alarms") {
        alarms.entry(record.key.unwrap()).or_default().push(record.value.unwrap());
    }
    let has_one_end = |said: &Vec<Bytes>| match said.as_slice() {
        [first, end] => first == "set" && (end == "fired" || end == "taken back"),
        _ => false,
    };
    match alarms.iter().find(|(_, said)| !has_one_end(said)) {
        Some((id, said)) => Err(format!("of the alarm of {id:?} was said {said:?}")),
        None => Ok(()),
    }
}

fn check(simulation: &Simulation, model: &Model) -> Result<(), String> {
    let log = simulation.log();
    let equal = |what: &str, found: u64, expected: u64| {
        if found == expected { Ok(()) } else { Err(format!("{what}: {found}, expected {expected}")) }
    };
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in log.records("counts") {
        let text = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        counts.entry(text(record.key)).or_default().push(text(record.value).parse().unwrap());
    }
    let expected: BTreeMap<String, Vec<u64>> =
        model.applied.iter().map(|(key, count)| (key.clone(), (1..=*count).collect())).collect();
    if counts != expected {
        return Err(format!("outputs differ: {counts:?}, expected {expected:?}"));
    }
    let mut windows: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in log.records("windowed") {
        let text = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        windows.entry(text(record.key)).or_default().push(text(record.value).parse().unwrap());
    }
    for (name, count) in &model.windows {
        let found = windows.remove(name).unwrap_or_default();
        if !found.iter().copied().eq(1..=*count) {
            return Err(format!("the counts of window {name}: {found:?}, expected 1 to {count}"));
        }
    }
    let mut origins: Vec<(i32, i64)> = log
        .records("hub.dead_letter")
        .iter()
        .map(|record| schemas::decode::<DeadLetter>(record.value.as_deref().unwrap()).unwrap())
        .map(|letter| (letter.origin_partition, letter.origin_offset))
        .collect();
    equal("dead letters", origins.len() as u64, model.poisoned)?;
    origins.sort_unstable();
    origins.dedup();
    equal("different dead letters", origins.len() as u64, model.poisoned)?;
    equal("quarantined", log.records("hub.quarantine").len() as u64, model.doubted)?;
    let mut released: Vec<_> = log.records("released").into_iter().map(|record| record.value.unwrap()).collect();
    equal("released", released.len() as u64, model.parked)?;
    released.sort();
    released.dedup();
    equal("released once", released.len() as u64, model.parked)?;
    let mut flips: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in log.records("flipped") {
        let text = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        flips.entry(text(record.key)).or_default().push(text(record.value));
    }
    for (key, count) in &model.flips {
        let expected: Vec<&str> = ["on", "off"].into_iter().cycle().take(*count).collect();
        if flips.remove(key).unwrap_or_default() != expected {
            return Err(format!("the flips of {key} do not alternate"));
        }
    }
    let mut lives: BTreeMap<Bytes, Vec<u64>> = BTreeMap::new();
    for record in log.records("lives") {
        let count = String::from_utf8_lossy(record.value.as_deref().unwrap()).parse().unwrap();
        lives.entry(record.key.unwrap()).or_default().push(count);
    }
    if lives.values().any(|counts| !counts.iter().copied().eq(1..=counts.len() as u64)) {
        return Err(format!("a life was opened twice, or the opening was lost: {lives:?}"));
    }
    let ledger = simulation.ledger();
    let applied = model.applied.values().sum();
    equal("taken in", ledger.taken("words"), model.appended)?;
    equal("applied", ledger.ended("words", Outcome::Applied), applied)?;
    equal("second stage", ledger.ended("counts", Outcome::Applied), applied)?;
    equal("second stage duplicates", ledger.ended("counts", Outcome::Duplicate), 0)?;
    equal("waiting", ledger.waiting() as u64, 0)?;
    equal("imbalance", ledger.imbalance() as u64, 0)
}

/// What happened on the way of many seeds.
#[derive(Debug, Default)]
struct Happened {
    workers: SimulationEvents,
    log: LogEvents,
    disks: DiskEvents,
}

impl Happened {
    fn add(&mut self, other: &Self) {
        self.workers.add(other.workers);
        self.log.add(other.log);
        self.disks.add(other.disks);
    }
}

#[test]
fn every_seed_gives_what_the_straight_line_model_gives() {
    let seeds = seeds_told(|name| std::env::var(name).ok(), 5_000).unwrap();
    let (count, started) = (seeds.end - seeds.start, Instant::now());
    let (topology, seeds) = (Arc::new(counting()), Seeds::new(seeds));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| seeds.work(|seed| run(seed, &topology, 600)));
        }
    });
    let all = seeds.end().unwrap_or_else(|FailedSeed { seed, reason }| {
        panic!("seed {seed}: {reason}\nreplay: SEED={seed} cargo test -p topology --test runtime every_seed")
    });
    let mut sum = Happened::default();
    for happened in &all {
        sum.add(happened);
    }
    println!("{count} seeds in {:.1} s: {sum:?}", started.elapsed().as_secs_f64());
    if count > 1 {
        // A run without faults would prove nothing.
        let Happened { workers, log, disks } = &sum;
        let ends = [workers.crashes, workers.log_errors, workers.kicks, workers.leaves, workers.aborts, workers.fenced];
        assert!(ends.iter().all(|times| *times > count / 3), "{sum:?}");
        let asked = [log.begins, log.sends, log.seeks, log.reads, log.short_reads, log.early_sends];
        assert!(asked.iter().all(|times| *times > count / 10), "{sum:?}");
        assert!([disks.reads, disks.batches].iter().all(|times| *times > 6 * count), "{sum:?}");
        assert!(disks.ranges > 6 * count, "{sum:?}");
        assert!([disks.failed_reads, disks.failed_batches].iter().all(|times| *times > count / 15), "{sum:?}");
        assert!(workers.commits > 16 * count && workers.followed > 10 * count, "{sum:?}");
    }
}

#[test]
fn a_seed_replays_to_the_last_record() {
    let run = || {
        let mut rng = Rng::new(7);
        let mut simulation =
            Simulation::new(42, Arc::new(counting()), SimulationSettings::harsh("app"), Timestamp(1_000_000)).unwrap();
        let mut model = Model::default();
        for _ in 0..300 {
            append(&mut simulation, &mut rng, &mut model);
            simulation.step().unwrap();
        }
        let log = simulation.log();
        let all = ["counts", "app.counts.changelog", "app.count.ledger.changelog"]
            .map(|topic| format!("{:?}", log.records(topic)));
        (simulation.events, all)
    };
    assert_eq!(run(), run());
}
