//! The processes of the scenarios: started, told to leave, killed and frozen, and what they tell.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::worker::{CHILD, LOSES, NAME, RESTORES, RUNS};
use crate::support::until;

/// How long a process may take to end in good order.
const LEAVING: Duration = Duration::from_secs(30);
const SIGTERM: i32 = 15;

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
            .args(["--exact", "--nocapture", NAME])
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

    /// What their tasks began with, all of them together.
    pub(super) fn restored(&self) -> Restored {
        let told = self.told();
        let numbers = told.lines().filter_map(|line| line.strip_prefix(RESTORES)?.trim().split_once(' '));
        numbers.fold(Restored::default(), |sum, (entries, replayed)| {
            let number = |text: &str| text.parse::<u64>().expect("a number, as written above");
            Restored {
                tasks: sum.tasks + 1,
                entries: sum.entries + number(entries),
                replayed: sum.replayed + number(replayed),
            }
        })
    }
}

/// What tasks began with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Restored {
    /// How many tasks were taken up.
    pub(super) tasks: u64,
    /// What was read for them: of checkpoints, which are read as far as is needed, and of changelogs.
    pub(super) entries: u64,
    /// Of those, the records of changelogs: what the checkpoints did not have.
    pub(super) replayed: u64,
}

impl Restored {
    /// That checkpoints were used: without them everything is replayed.
    pub(super) fn must_be_of_checkpoints(self) {
        assert!(self.replayed < self.entries, "no checkpoint was used: {self:?}");
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
