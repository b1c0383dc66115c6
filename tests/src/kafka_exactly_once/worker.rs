//! What each process of the scenarios does: this very test program, told by its environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connectors::delivery::http::wall_clock;
use connectors::kafka::{GroupProtocol, KafkaLog};
use connectors::state::LmdbCheckpoints;
use tokio::signal::unix::{SignalKind, signal};
use topology::{
    CheckpointSettings, Checkpoints, Commit, Log, LogError, MemoryBudget, TaskState, Worker, WorkerError,
    WorkerSettings,
};

use super::{PARTITIONS, settings, topology};

/// The name of the test that a process runs.
pub(super) const NAME: &str = "kafka_exactly_once::worker::worker_process";
/// What the child process is told by: brokers, prefix, instance, protocol, the folder of its state.
pub(super) const CHILD: &str = "TEST_KAFKA_WORKER";
/// How lines begin by which a process tells that what it did is thrown away.
pub(super) const LOSES: &str = "loses";
/// How lines begin by which it tells what a task was restored from: all entries, and those of the changelog.
pub(super) const RESTORES: &str = "restores";
/// How lines begin by which it tells how many tasks it runs, when that changes.
pub(super) const RUNS: &str = "runs";

/// What the processes run; otherwise a look at the topology they run.
#[test]
fn worker_process() {
    let Ok(told) = std::env::var(CHILD) else {
        let topics = topology().required_topics("app", |_| PARTITIONS);
        assert!(topics.iter().any(|topic| &*topic.name == "app.counts.changelog" && topic.partitions == PARTITIONS));
        return;
    };
    let leave = told_to_leave();
    let told: Vec<&str> = told.split(' ').collect();
    let protocol = if told[3] == "consumer" { GroupProtocol::Consumer } else { GroupProtocol::Classic };
    let settings = settings(told[0], told[1], told[2], protocol);
    let on_stuck = Arc::new(|what: &str| {
        eprintln!("stuck: {what}");
        std::process::exit(70);
    });
    let log: Arc<dyn Log> = KafkaLog::open(settings, on_stuck).expect("the settings are taken");
    let state = Path::new(told[4]);
    loop {
        match work(&log, worker_settings(state), &leave) {
            Ok(()) => std::process::exit(0),
            Err(WorkerError::Log(LogError::Retriable(why))) => {
                eprintln!("begins anew: {why}");
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => {
                eprintln!("ends: {error}");
                std::process::exit(3);
            }
        }
    }
}

fn worker_settings(state: &Path) -> WorkerSettings {
    // A transaction is open nearly always, so that whatever happens happens within one.
    let open = Duration::from_millis(200);
    let place: Arc<dyn Checkpoints> = Arc::new(LmdbCheckpoints::open(state).expect("a thread that writes"));
    WorkerSettings {
        commit_interval: open,
        min_commit_interval: open,
        // Most processes get to write one before something happens to them.
        checkpoints: CheckpointSettings {
            place: Some(place),
            interval: Duration::from_secs(2),
            ..CheckpointSettings::default()
        },
        // Not enough for all keys of the long form: what a checkpoint has leaves memory.
        memory: MemoryBudget::new(256 << 10),
        ..WorkerSettings::new("app")
    }
}

/// Works until it is told to leave, and leaves. It tells what it loses, and what its tasks start from.
fn work(log: &Arc<dyn Log>, settings: WorkerSettings, leave: &AtomicBool) -> Result<(), WorkerError> {
    let mut worker = Worker::new(topology(), log.clone(), settings)?;
    let mut running = BTreeSet::new();
    while !leave.load(Ordering::Acquire) {
        let step = worker.run_once(wall_clock(), Duration::from_millis(50))?;
        if let Some(ended @ (Commit::Aborted | Commit::Fenced)) = step.commit {
            eprintln!("{LOSES} its transaction: {ended:?}");
        }
        if step.lost > 0 {
            eprintln!("{LOSES} {} partitions", step.lost);
        }
        let tasks = worker.snapshot().tasks.into_iter().filter(|task| task.state == TaskState::Running);
        let now: BTreeMap<_, _> = tasks.map(|task| (task.id.clone(), task)).collect();
        for task in now.values().filter(|task| !running.contains(&task.id)) {
            eprintln!("{RESTORES} {} {}", task.restored, task.replayed);
        }
        if now.len() != running.len() {
            eprintln!("{RUNS} {}", now.len());
        }
        running = now.into_keys().collect();
    }
    worker.close(wall_clock())
}

/// Becomes true by SIGTERM.
fn told_to_leave() -> Arc<AtomicBool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut asked = {
        let _entered = runtime.enter();
        signal(SignalKind::terminate()).expect("SIGTERM can be heard")
    };
    let told = Arc::new(AtomicBool::new(false));
    let heard = told.clone();
    std::thread::spawn(move || {
        runtime.block_on(asked.recv());
        heard.store(true, Ordering::Release);
    });
    told
}
