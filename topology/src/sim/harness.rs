//! Several workers, one thread, one clock, faults from one seed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemas::Timestamp;

use super::{DiskEvents, FaultPlan, LogEvents, MemoryCheckpoints, Rng, SimLog};
use crate::{
    CheckpointSettings, Commit, Ledger, Log, LogError, MemoryBudget, OutgoingRecord, Standby, TaskId, TaskSnapshot,
    TopicSpec, Topology, Worker, WorkerError, WorkerSettings,
};

/// How a [`Simulation`] is set up.
#[derive(Clone, Debug)]
pub struct SimulationSettings {
    /// How many workers live at most.
    pub workers: u32,
    /// How many partitions every topic has.
    pub partitions: u32,
    /// Faults of the log.
    pub faults: FaultPlan,
    /// How often in a thousand steps a worker is dropped with all it has not committed.
    pub crash: u32,
    /// How often in a thousand steps a worker is thrown out of the group while it goes on.
    pub kick: u32,
    /// How often in a thousand steps a worker closes in good order and comes back later.
    pub leave: u32,
    /// How often in a thousand steps a worker's process follows, for a moment, a task that it does not have.
    pub standby: u32,
    /// How far a worker's clock is from the simulation's at most, either way. Each new worker has its own.
    pub clock_skew: Duration,
    /// Whether each worker has a disk of its own with checkpoints.
    pub checkpoints: bool,
    /// What the workers are told; member numbers are the simulation's.
    pub worker: WorkerSettings,
}

impl SimulationSettings {
    /// Three workers, four partitions, every fault.
    pub fn harsh(application: &str) -> Self {
        Self {
            workers: 3,
            partitions: 4,
            faults: FaultPlan::HARSH,
            crash: 15,
            kick: 10,
            leave: 10,
            standby: 60,
            clock_skew: Duration::from_millis(400),
            checkpoints: true,
            worker: WorkerSettings {
                checkpoints: CheckpointSettings {
                    interval: Duration::from_millis(150),
                    ..CheckpointSettings::default()
                },
                ..WorkerSettings::new(application)
            },
        }
    }
}

/// Workers on a [`SimLog`], stepped one at a time in an order from the seed.
pub struct Simulation {
    topology: Arc<Topology>,
    settings: SimulationSettings,
    log: SimLog,
    rng: Rng,
    now: Timestamp,
    workers: Vec<Option<Worker>>,
    /// How many milliseconds each worker's clock is fast.
    fast: Vec<i64>,
    /// The disk of each worker, which a crash leaves as it is.
    disks: Vec<MemoryCheckpoints>,
    /// Whether workers of a topology before the one that was rolled out may live.
    is_rolling: bool,
    /// What went wrong on the way and was survived, by kind.
    pub events: SimulationEvents,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimulationEvents {
    /// Workers dropped with what they had not committed.
    pub crashes: u64,
    /// Workers that ended because the log gave an error.
    pub log_errors: u64,
    /// Workers thrown out of their group.
    pub kicks: u64,
    /// Workers that closed in good order.
    pub leaves: u64,
    /// Records that standbys took over.
    pub followed: u64,
    /// Commits that aborted.
    pub aborts: u64,
    /// Commits that were fenced.
    pub fenced: u64,
    /// Commits that succeeded.
    pub commits: u64,
}

impl SimulationEvents {
    /// Adds what happened in another simulation.
    pub fn add(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.log_errors += other.log_errors;
        self.kicks += other.kicks;
        self.leaves += other.leaves;
        self.followed += other.followed;
        self.aborts += other.aborts;
        self.fenced += other.fenced;
        self.commits += other.commits;
    }
}

impl Simulation {
    /// A simulation with all topics of the topology on a new log; no worker lives yet.
    ///
    /// # Errors
    /// When the log refuses a topic.
    pub fn new(
        seed: u64,
        topology: Arc<Topology>,
        settings: SimulationSettings,
        now: Timestamp,
    ) -> Result<Self, LogError> {
        let mut rng = Rng::new(seed);
        let log = SimLog::with_faults(rng.next_u64(), FaultPlan::default());
        log.ensure_topics(&all_topics(&topology, &settings.worker, settings.partitions))?;
        log.set_faults(settings.faults);
        let workers = (0..settings.workers).map(|_| None).collect();
        let fast = vec![0; settings.workers as usize];
        let disk = |worker: u32| MemoryCheckpoints::with_faults(seed ^ u64::from(worker + 1) << 32, settings.faults);
        let disks = (0..settings.workers).map(disk).collect();
        Ok(Self {
            topology,
            settings,
            log,
            rng,
            now,
            workers,
            fast,
            disks,
            is_rolling: false,
            events: SimulationEvents::default(),
        })
    }

    /// The log below.
    pub fn log(&self) -> &SimLog {
        &self.log
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Appends a record from outside, durably.
    ///
    /// # Errors
    /// When the topic does not exist.
    pub fn append(
        &mut self,
        topic: &str,
        key: &[u8],
        value: Option<Bytes>,
        timestamp: Timestamp,
    ) -> Result<(), LogError> {
        let faults = self.settings.faults;
        self.log.set_faults(FaultPlan::default());
        let mut producer = self.log.producer("outside")?;
        let key = Some(Bytes::copy_from_slice(key));
        producer.send(OutgoingRecord {
            topic: topic.into(),
            partition: None,
            key,
            value,
            timestamp,
            headers: Vec::new(),
        })?;
        producer.commit("outside", &[])?;
        self.log.set_faults(faults);
        Ok(())
    }

    /// Lets time pass in which no worker runs.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.plus_millis(time.as_millis() as i64);
    }

    /// Rolls another topology out: workers that start from now on have it, and those that live end as if
    /// they had crashed, every other one at once and the rest when the simulation settles.
    pub fn roll_out(&mut self, topology: Arc<Topology>) {
        self.topology = topology;
        self.workers.iter_mut().step_by(2).for_each(|worker| *worker = None);
        self.is_rolling = true;
    }

    /// One step: something may go wrong, then one worker runs once, and time goes on.
    ///
    /// # Errors
    /// What no worker may survive: [`WorkerError::Stop`], [`WorkerError::Invariant`],
    /// [`WorkerError::Topology`], and errors of the log that are not simulated.
    pub fn step(&mut self) -> Result<(), WorkerError> {
        self.now = self.now.plus_millis(self.rng.below(12) as i64);
        let chosen = self.rng.below(self.workers.len());
        if self.rng.chance(self.settings.kick) && self.workers[chosen].is_some() {
            self.events.kicks += 1;
            self.log.kick(&self.settings.worker.application, chosen as u32);
        }
        if self.rng.chance(self.settings.crash) && self.workers[chosen].take().is_some() {
            self.events.crashes += 1;
            return Ok(());
        }
        if self.rng.chance(self.settings.leave)
            && let Some(mut worker) = self.workers[chosen].take()
        {
            self.events.leaves += 1;
            let now = self.clock_of(chosen);
            return self.survive(worker.close(now)).map(drop);
        }
        if self.settings.checkpoints && self.rng.chance(self.settings.standby) {
            self.follow(chosen);
        }
        self.start_if_dead(chosen)?;
        let now = self.clock_of(chosen);
        let Some(worker) = &mut self.workers[chosen] else { return Ok(()) };
        let step = worker.run_once(now, Duration::ZERO);
        match self.survive(step)? {
            None => self.workers[chosen] = None,
            Some(step) => match step.commit {
                Some(Commit::Committed) => self.events.commits += 1,
                Some(Commit::Aborted) => self.events.aborts += 1,
                Some(Commit::Fenced) => self.events.fenced += 1,
                None => {}
            },
        }
        Ok(())
    }

    /// Stops all faults and steps all workers until nothing is left to do.
    ///
    /// # Errors
    /// As [`Simulation::step`]; also when `max_steps` are not enough.
    pub fn settle(&mut self, max_steps: usize) -> Result<(), WorkerError> {
        self.settings.faults = FaultPlan::default();
        self.log.set_faults(FaultPlan::default());
        self.disks.iter().for_each(|disk| disk.set_faults(FaultPlan::default()));
        (self.settings.crash, self.settings.kick, self.settings.leave) = (0, 0, 0);
        if std::mem::take(&mut self.is_rolling) {
            self.workers.fill_with(|| None);
        }
        let mut quiet = 0;
        for _ in 0..max_steps {
            self.now = self.now.plus_millis(7);
            let mut idle = true;
            for index in 0..self.workers.len() {
                self.start_if_dead(index)?;
                let now = self.clock_of(index);
                let Some(worker) = &mut self.workers[index] else { continue };
                let step = worker.run_once(now, Duration::ZERO);
                // A commit that had begun among faults may still end by one.
                let Some(step) = self.survive(step)? else {
                    self.workers[index] = None;
                    idle = false;
                    continue;
                };
                idle &= step.idle && step.records + step.timers == 0 && step.commit.is_none();
                // What comes within a second is waited for; a clock set for tomorrow is not.
                idle &= step.wake_at.is_none_or(|at| at.millis_since(now) > 1_000);
            }
            quiet = if idle { quiet + 1 } else { 0 };
            // News of a rebalance takes one poll each to be told, to be obeyed and to be acted on.
            if quiet == 5 {
                return Ok(());
            }
        }
        Err(WorkerError::Invariant(format!("not settled after {max_steps} steps")))
    }

    /// What happened to the disks of all workers.
    pub fn disk_events(&self) -> DiskEvents {
        let mut sum = DiskEvents::default();
        self.disks.iter().for_each(|disk| sum.add(disk.events()));
        sum
    }

    /// How often the log failed, commits apart.
    pub fn log_events(&self) -> LogEvents {
        self.log.events()
    }

    /// How many entries the checkpoints of all workers hold.
    pub fn checkpoint_entries(&self) -> usize {
        self.disks.iter().map(MemoryCheckpoints::entries).sum()
    }

    /// The tasks of all live workers.
    pub fn tasks(&self) -> Vec<TaskSnapshot> {
        self.workers.iter().flatten().flat_map(|worker| worker.snapshot().tasks).collect()
    }

    /// The books of all live workers.
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        self.workers.iter().flatten().for_each(|worker| sum.merge(&worker.snapshot().ledger()));
        sum
    }

    /// Lets the process of a worker follow a task that it does not have into its disk. What fails is given up: a
    /// standby is a shortcut.
    fn follow(&mut self, index: usize) {
        let part = &self.topology.sub_topologies[self.rng.below(self.topology.sub_topologies.len())];
        let partition = self.rng.below(self.settings.partitions as usize) as u32;
        let task = TaskId { sub_topology: part.name.as_str().into(), partition };
        let held = self.workers[index].as_ref().map(Worker::snapshot);
        if held.is_some_and(|held| held.tasks.iter().any(|held| held.id == task)) {
            return;
        }
        let (application, now) = (&self.settings.worker.application, self.clock_of(index));
        let age_max = self.settings.worker.checkpoints.age_max;
        let opened = Standby::open(&self.topology, application, &task, &self.disks[index], &self.log, (now, age_max));
        let Ok(mut standby) = opened else { return };
        for _ in 0..=self.rng.below(6) {
            match standby.step(&self.log, now, 600) {
                Ok(step) => self.events.followed += step.records,
                Err(_) => return,
            }
        }
        // It is let go in good order, or is gone with its process.
        if self.rng.chance(700) {
            let _ = standby.close();
        }
    }

    /// What a worker takes for the time.
    fn clock_of(&self, index: usize) -> Timestamp {
        self.now.plus_millis(self.fast[index])
    }

    fn start_if_dead(&mut self, index: usize) -> Result<(), WorkerError> {
        if self.workers[index].is_none() {
            let skew = self.settings.clock_skew.as_millis() as usize;
            self.fast[index] = self.rng.below(2 * skew + 1) as i64 - skew as i64;
            let mut settings =
                WorkerSettings { member: index as u32, members: self.settings.workers, ..self.settings.worker.clone() };
            // Each worker stands for a process: it has its own memory as it has its own disk.
            settings.memory = MemoryBudget::new(self.settings.worker.memory.limit());
            if self.settings.checkpoints {
                settings.checkpoints.place = Some(Arc::new(self.disks[index].clone()));
            }
            let log: Arc<dyn Log> = Arc::new(self.log.clone());
            self.workers[index] = Some(Worker::new(self.topology.clone(), log, settings)?);
        }
        Ok(())
    }

    /// Simulated errors end the worker, others the simulation.
    fn survive<T>(&mut self, result: Result<T, WorkerError>) -> Result<Option<T>, WorkerError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(WorkerError::Log(LogError::Retriable(_))) => {
                self.events.log_errors += 1;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

/// Every topic a topology reads and writes, internal ones included.
pub(crate) fn all_topics(topology: &Topology, settings: &WorkerSettings, partitions: u32) -> Vec<TopicSpec> {
    let mut specs = topology.required_topics(&settings.application, |_| partitions);
    let parts = &topology.sub_topologies;
    let sources = parts.iter().flat_map(|part| part.sources.iter().map(|source| source.topic.clone()));
    let sinks = parts.iter().flat_map(|part| part.sinks.iter().map(|sink| sink.topic.clone()));
    let tables = topology.tables.iter().map(|table| table.topic.clone());
    let letters = [settings.letters.dead_letters.clone(), settings.letters.quarantine.clone()];
    specs.extend(
        sources.chain(sinks).chain(tables).chain(letters).map(|topic| TopicSpec::delete(topic, partitions, None)),
    );
    specs
}
