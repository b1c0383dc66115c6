//! The processes of the scenarios, which are this very test program: started, told to leave, killed and frozen.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
use crate::support::until;

/// What the child process is told by: brokers, prefix, instance, protocol, the folder of its state.
const CHILD: &str = "TEST_KAFKA_WORKER";
/// How long a process may take to end in good order.
const LEAVING: Duration = Duration::from_secs(30);
const SIGTERM: i32 = 15;
/// How lines begin by which a process tells that what it did is thrown away.
const LOSES: &str = "loses";
/// How lines begin by which it tells what a task was restored from: all entries, and those of the changelog.
const RESTORES: &str = "restores";
/// How lines begin by which it tells how many tasks it runs, when that changes.
const RUNS: &str = "runs";

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

/// Processes of the application, each with a name that it keeps over restarts.
pub(super) struct Processes {
    brokers: String,
    prefix: String,
    protocol: &'static str,
    /// `None` where it has left or was killed.
    children: Vec<Option<Child>>,
    folder: tempfile::TempDir,
}

impl Processes {
    pub(super) fn start(brokers: String, prefix: &str, protocol: &'static str, count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let children = (0..count).map(|_| None).collect();
        let mut processes = Self { brokers, prefix: prefix.to_owned(), protocol, children, folder };
        (0..count).for_each(|number| processes.join(number));
        processes
    }

    fn log_of(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("{number}.log"))
    }

    /// Starts one that does not run.
    pub(super) fn join(&mut self, number: usize) {
        let path = self.log_of(number);
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a log file");
        // Those of the one before are gone.
        writeln!(log, "{RUNS} 0").expect("a writable file");
        let state = self.folder.path().join(format!("{number}.state")).display().to_string();
        let child = Command::new(std::env::current_exe().expect("a test has a path"))
            .args(["--exact", "--nocapture", "kafka_exactly_once::processes::worker_process"])
            .env(CHILD, format!("{} {} process-{number} {} {state}", self.brokers, self.prefix, self.protocol))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a test starts");
        assert!(self.children[number].replace(child).is_none(), "process {number} runs already");
    }

    /// `kill -9`, and the same process again.
    pub(super) fn replace(&mut self, number: usize) {
        self.must_run(number);
        self.kill(number);
        self.join(number);
    }

    pub(super) fn kill(&mut self, number: usize) {
        let mut child = self.children[number].take().expect("it runs");
        child.kill().expect("the child can be killed");
        child.wait().expect("the child can be reaped");
    }

    /// SIGTERM, and its end in good order.
    pub(super) fn leave(&mut self, number: usize) {
        self.must_run(number);
        self.signal(number, "-TERM");
        let mut child = self.children[number].take().expect("it runs");
        let ended = until("a process leaves", LEAVING, || child.try_wait().expect("the child can be asked"));
        // One that was told before it could listen has nothing to put in order.
        assert!(ended.success() || ended.signal() == Some(SIGTERM), "it left with {ended}:\n{}", self.told());
    }

    pub(super) fn signal(&self, number: usize, signal: &str) {
        let pid = self.children[number].as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    pub(super) fn is_running(&self, number: usize) -> bool {
        self.children[number].is_some()
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.children.iter().flatten().count()
    }

    /// That none of those that run has ended by itself.
    pub(super) fn must_all_run(&mut self) {
        (0..self.children.len()).for_each(|number| self.must_run(number));
    }

    fn must_run(&mut self, number: usize) {
        let Some(child) = &mut self.children[number] else { return };
        let ended = child.try_wait().expect("the child can be asked");
        assert!(ended.is_none(), "process {number} ended with {ended:?}:\n{}", self.told());
    }

    /// What they have said.
    pub(super) fn told(&self) -> String {
        let logs = (0..self.children.len()).map(|number| self.log_of(number));
        logs.filter_map(|path| std::fs::read_to_string(path).ok()).collect::<Vec<_>>().join("\n")
    }

    /// How many tasks one of them runs, as it has told.
    pub(super) fn tasks(&self, number: usize) -> usize {
        let told = std::fs::read_to_string(self.log_of(number)).unwrap_or_default();
        let last = told.lines().rev().find_map(|line| line.strip_prefix(RUNS)?.trim().parse().ok());
        last.unwrap_or_default()
    }

    /// How often one of them could not say how a transaction ended, or could not use the log, and began anew.
    pub(super) fn begun_anew(&self) -> usize {
        self.told().lines().filter(|line| line.starts_with("begins anew")).count()
    }

    /// How often what one of them had done was thrown away: its transaction was aborted or fenced, its partitions were
    /// another's already, or it began anew.
    pub(super) fn thrown_away(&self) -> usize {
        self.told().lines().filter(|line| line.starts_with(LOSES)).count() + self.begun_anew()
    }

    /// What their tasks were restored from, all of them together: entries and records, and of those the records of
    /// changelogs.
    pub(super) fn restored(&self) -> (u64, u64) {
        let told = self.told();
        let numbers = told.lines().filter_map(|line| line.strip_prefix(RESTORES)?.trim().split_once(' '));
        numbers.fold((0, 0), |(restored, replayed), (more, of_them)| {
            let number = |text: &str| text.parse::<u64>().expect("a number, as written above");
            (restored + number(more), replayed + number(of_them))
        })
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            eprintln!("{}", self.told());
        }
    }
}
