//! The threads that process, each stepping one worker.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::delivery::http::wall_clock;
use topology::{LogError, TaskId, Topology, Worker, WorkerError, WorkerSettings, WorkerSnapshot};

use super::asking::{Ask, Asking, QUEUE};
use super::failure::Failure;
use super::status::not_ready;
use super::transaction_ends::TransactionEnds;
use crate::wiring::SharedLog;

/// How long a worker waits for records: the time until it sees that it shall stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often a worker tells how it is.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// How long to wait before a worker is made anew, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Idle steps in a row after which a draining worker has nothing left.
const IDLE_STEPS: u32 = 3;

const RUN: u8 = 0;
const DRAIN: u8 = 1;
const STOP: u8 = 2;

/// All workers of the process.
pub(super) struct Workers {
    phase: Arc<AtomicU8>,
    slots: Vec<Slot>,
    threads: Vec<JoinHandle<()>>,
    asking: Asking,
}

type Slot = Arc<Mutex<Seen>>;

/// What is seen of a worker.
#[derive(Default)]
struct Seen {
    /// How it was a moment ago.
    snapshot: Option<WorkerSnapshot>,
    /// Why there is no worker.
    waits_for: Option<String>,
}

impl Workers {
    pub(super) fn start(
        topology: &Arc<Topology>,
        log: &SharedLog,
        settings: Vec<WorkerSettings>,
        failure: &Failure,
    ) -> Result<Self, WorkerError> {
        let phase = Arc::new(AtomicU8::new(RUN));
        let mut workers = Self { phase, slots: Vec::new(), threads: Vec::new(), asking: Asking::default() };
        for settings in settings {
            let name = format!("worker-{}", settings.member);
            let slot = Slot::default();
            let worker = match Worker::new(topology.clone(), log.clone(), settings.clone()) {
                Err(WorkerError::Log(LogError::Retriable(why))) => {
                    lock(&slot).waits_for = Some(why);
                    None
                }
                made => Some(made?),
            };
            let (ask, asks) = sync_channel(QUEUE);
            workers.asking.add(ask);
            let thread = Thread {
                name: name.clone(),
                worker,
                topology: topology.clone(),
                settings,
                log: log.clone(),
                phase: workers.phase.clone(),
                slot: slot.clone(),
                asks,
                failure: failure.clone(),
                checkpoint_failures: 0,
                restored: BTreeSet::new(),
                said_at: Instant::now(),
            };
            let spawned = std::thread::Builder::new()
                .name(name)
                .spawn(move || thread.run())
                .map_err(|source| LogError::Io { context: "starting a worker's thread".to_owned(), source })?;
            workers.slots.push(slot);
            workers.threads.push(spawned);
        }
        Ok(workers)
    }

    /// How each worker was a moment ago; nothing of those that have not told yet.
    pub(super) fn snapshots(&self) -> Vec<Option<WorkerSnapshot>> {
        self.slots.iter().map(|slot| lock(slot).snapshot.clone()).collect()
    }

    /// Why each worker cannot use the log at the moment, if so.
    pub(super) fn waits_for(&self) -> Vec<Option<String>> {
        self.slots.iter().map(|slot| lock(slot).waits_for.clone()).collect()
    }

    /// The way to ask the workers for values of their stores.
    pub(super) fn asking(&self) -> Asking {
        self.asking.clone()
    }

    /// Lets the workers finish what is in the log, then end.
    pub(super) fn drain(&self) {
        self.phase.store(DRAIN, Ordering::Release);
    }

    /// Lets the workers end after the step they are in.
    pub(super) fn stop(&self) {
        self.phase.store(STOP, Ordering::Release);
    }

    /// Whether all threads have ended.
    pub(super) fn have_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the threads.
    pub(super) fn join(&mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker's thread had panicked");
            }
        }
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Seen> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn report(failure: &Failure, name: &str, error: &WorkerError) {
    let log = if let WorkerError::Log(error) = error { Some(error) } else { None };
    failure.report_log(name, error, log);
}

struct Thread {
    name: String,
    /// None before the log let it begin, and after the log failed it.
    worker: Option<Worker>,
    topology: Arc<Topology>,
    settings: WorkerSettings,
    log: SharedLog,
    phase: Arc<AtomicU8>,
    slot: Slot,
    asks: Receiver<Ask>,
    failure: Failure,
    /// How many checkpoints of the worker were given up when it was looked at last.
    checkpoint_failures: u64,
    /// The tasks of which it was said what they were restored from.
    restored: BTreeSet<TaskId>,
    /// When it was said last how far a restore is, or that it is over.
    said_at: Instant,
}

/// How often it is said how far a restore is.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// A panic must end the hub, not leave a part of it silently dead.
struct Guard<'a> {
    name: &'a str,
    failure: &'a Failure,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failure.report(self.name, &"panicked");
        }
    }
}

impl Thread {
    fn run(mut self) {
        let (name, failure) = (self.name.clone(), self.failure.clone());
        let _guard = Guard { name: &name, failure: &failure };
        let mut pause = PAUSE.0;
        loop {
            let began = Instant::now();
            let worker = match self.worker.take() {
                Some(worker) => worker,
                None => match self.begin_anew(&mut pause) {
                    Ok(Some(worker)) => worker,
                    Ok(None) => return,
                    Err(error) => return report(&failure, &name, &error),
                },
            };
            match self.step_until_told(worker) {
                Ok(()) => return,
                // The outside may recover. What a worker holds is in doubt then, so a new one begins
                // from what is committed.
                Err(WorkerError::Log(LogError::Retriable(why))) => {
                    tracing::warn!(why, "a worker begins anew: the log could not be used");
                    *lock(&self.slot) = Seen { snapshot: None, waits_for: Some(why) };
                }
                Err(error) => return report(&failure, &name, &error),
            }
            if began.elapsed() > PAUSE.1 {
                pause = PAUSE.0;
            }
        }
    }

    /// Makes a worker; `None` when it was told to stop meanwhile.
    fn begin_anew(&mut self, pause: &mut Duration) -> Result<Option<Worker>, WorkerError> {
        loop {
            let until = Instant::now() + *pause;
            while Instant::now() < until {
                if self.phase.load(Ordering::Acquire) != RUN {
                    return Ok(None);
                }
                std::thread::sleep(PATIENCE);
            }
            *pause = (*pause * 2).min(PAUSE.1);
            match Worker::new(self.topology.clone(), self.log.clone(), self.settings.clone()) {
                Ok(worker) => return Ok(Some(worker)),
                Err(WorkerError::Log(LogError::Retriable(why))) => {
                    tracing::debug!(why, "the log is waited for");
                    lock(&self.slot).waits_for = Some(why);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn step_until_told(&mut self, mut worker: Worker) -> Result<(), WorkerError> {
        let mut ends = TransactionEnds::default();
        let mut told = Instant::now().checked_sub(TELL_EVERY).unwrap();
        let mut idle_steps = 0;
        loop {
            let phase = self.phase.load(Ordering::Acquire);
            if phase == STOP || (phase == DRAIN && idle_steps >= IDLE_STEPS) {
                return self.end(worker);
            }
            let began = Instant::now();
            let step = worker.run_once(wall_clock(), PATIENCE)?;
            idle_steps = if step.idle { idle_steps + 1 } else { 0 };
            ends.note(&step, worker.is_committing(), began);
            while let Ok(ask) = self.asks.try_recv() {
                ask.answer(&worker);
            }
            if told.elapsed() >= TELL_EVERY {
                self.tell(&worker);
                told = Instant::now();
            }
        }
    }

    /// Commits, tells how it was with that, and closes: a closed worker has no books to show.
    fn end(&mut self, mut worker: Worker) -> Result<(), WorkerError> {
        worker.commit(wall_clock())?;
        self.tell(&worker);
        worker.close(wall_clock())
    }

    /// Says how far a restore is, and what each came to.
    fn say_restored(&mut self, snapshot: &WorkerSnapshot) {
        if let Some(progress) = not_ready(Some(snapshot)) {
            if self.said_at.elapsed() >= SAY_EVERY && !snapshot.tasks.is_empty() {
                tracing::info!(worker = self.name, "{progress}");
                self.said_at = Instant::now();
            }
            return;
        }
        let fresh = snapshot.tasks.iter().filter(|task| !self.restored.contains(&task.id));
        let (tasks, records, replayed) = fresh.fold((0, 0, 0), |(tasks, records, replayed), task| {
            (tasks + 1, records + task.restored, replayed + task.replayed)
        });
        if tasks > 0 {
            // What is not from changelogs is from the checkpoints of this process.
            tracing::info!(worker = self.name, tasks, records, replayed, "restored");
            self.said_at = Instant::now();
        }
        self.restored = snapshot.tasks.iter().map(|task| task.id.clone()).collect();
    }

    fn tell(&mut self, worker: &Worker) {
        let snapshot = worker.snapshot();
        if snapshot.checkpoint_failures > self.checkpoint_failures {
            let why = snapshot.checkpoint_trouble.as_deref().unwrap_or_default();
            tracing::warn!(why, "a checkpoint is given up: nothing is lost, but the next start replays more");
        }
        self.checkpoint_failures = snapshot.checkpoint_failures;
        self.say_restored(&snapshot);
        *lock(&self.slot) = Seen { snapshot: Some(snapshot), waits_for: None };
    }
}
