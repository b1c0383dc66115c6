//! The processes of the scenarios, which are this very test program: started, told to leave, killed and frozen.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connectors::delivery::http::wall_clock;
use connectors::kafka::{GroupProtocol, KafkaLog};
use tokio::signal::unix::{SignalKind, signal};
use topology::{Log, LogError, Worker, WorkerError, WorkerSettings};

use super::{PARTITIONS, settings, topology};
use crate::support::until;

/// What the child process is told by: brokers, prefix, instance, protocol.
const CHILD: &str = "TEST_KAFKA_WORKER";
/// How long a process may take to end in good order.
const LEAVING: Duration = Duration::from_secs(30);
const SIGTERM: i32 = 15;

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
    loop {
        match work(&log, &leave) {
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

/// Works until it is told to leave, and leaves.
fn work(log: &Arc<dyn Log>, leave: &AtomicBool) -> Result<(), WorkerError> {
    // A transaction is open nearly always, so that whatever happens happens within one.
    let open = Duration::from_millis(200);
    let settings = WorkerSettings { commit_interval: open, min_commit_interval: open, ..WorkerSettings::new("app") };
    let mut worker = Worker::new(topology(), log.clone(), settings)?;
    while !leave.load(Ordering::Acquire) {
        worker.run_once(wall_clock(), Duration::from_millis(50))?;
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

    /// Starts one that does not run.
    pub(super) fn join(&mut self, number: usize) {
        let path = self.folder.path().join(format!("{number}.log"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a log file");
        let child = Command::new(std::env::current_exe().expect("a test has a path"))
            .args(["--exact", "--nocapture", "kafka_exactly_once::processes::worker_process"])
            .env(CHILD, format!("{} {} process-{number} {}", self.brokers, self.prefix, self.protocol))
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
        let logs = (0..self.children.len()).map(|number| self.folder.path().join(format!("{number}.log")));
        logs.filter_map(|path| std::fs::read_to_string(path).ok()).collect::<Vec<_>>().join("\n")
    }

    /// How often one of them lost its transaction, or its place, and began anew.
    pub(super) fn begun_anew(&self) -> usize {
        self.told().lines().filter(|line| line.starts_with("begins anew")).count()
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
