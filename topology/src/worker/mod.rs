//! Workers: the loop that polls, feeds, processes, punctuates and commits.

mod assignment;
mod checkpoint;
mod commit;
mod error;
mod memory;
mod rewind;
mod settings;
mod snapshot;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::Timestamp;

pub use error::*;
pub use settings::*;
pub use snapshot::*;
pub use step::*;

use crate::budget::BudgetShare;
use crate::store::GlobalTable;
use crate::task::{PartPlan, Task};
use crate::{
    Commit, Consumer, ConsumerConfig, Log, LogError, Position, Producer, Record, TaskId, TopicPartition, Topology,
};

/// Steps the tasks of its partitions. It spawns no thread and reads no clock: its owner calls
/// [`Worker::run_once`] again and again with the time.
pub struct Worker {
    topology: Arc<Topology>,
    log: Arc<dyn Log>,
    settings: WorkerSettings,
    plans: Vec<Arc<PartPlan>>,
    tables: Vec<GlobalTable>,
    /// `None` until the first step, and while a fenced pair is replaced.
    connection: Option<Connection>,
    /// Whether the consumer has been told of an assignment.
    joined: bool,
    tasks: Vec<Task>,
    /// Which task and source a partition's records go to.
    routes: BTreeMap<TopicPartition, (usize, usize)>,
    /// Partitions that are assigned while others of their task are not yet.
    pending: BTreeMap<TaskId, BTreeMap<usize, Position>>,
    buffer: Vec<Record>,
    scratch: Vec<Record>,
    positions: Vec<(TopicPartition, Position)>,
    /// When the open transaction began, as far as the steps' times say.
    opened_at: Option<Timestamp>,
    last_commit_at: Option<Timestamp>,
    /// When the last commit began, however it ended.
    begun_at: Option<Timestamp>,
    /// At most one, and everything that is about a task waits for it.
    under_way: Option<commit::UnderWay>,
    /// When a commit was waited for last.
    rested_at: Option<Timestamp>,
    /// How the last commit ended that did since the step began.
    heard: Option<Commit>,
    /// How many partitions turned out to be another's since the step began.
    lost: usize,
    counters: Counters,
    changelog_routes: checkpoint::ChangelogRoutes,
    /// Why the last checkpoint that failed did.
    checkpoint_trouble: Option<String>,
    /// What it uses of the memory that all workers share.
    share: BudgetShare,
    /// Which task the next step begins with.
    turn: usize,
    /// Whether the last step brought entries back into memory: there may be more.
    is_warming: bool,
}

struct Connection {
    consumer: Box<dyn Consumer>,
    producer: Box<dyn Producer>,
}

#[derive(Default)]
struct Counters {
    records: u64,
    timers: u64,
    commits: u64,
    aborts: u64,
    fenced: u64,
    last_transaction_millis: i64,
    checkpoint_failures: u64,
    evicted: u64,
    checkpoint_reads: u64,
}

impl Worker {
    /// A worker for this topology on this log; nothing is read before the first step. The topics
    /// must exist ([`Topology::required_topics`] names the internal ones).
    ///
    /// # Errors
    /// When a source or table topic does not exist, or the sources of a sub-topology have
    /// different partition counts.
    pub fn new(topology: Arc<Topology>, log: Arc<dyn Log>, settings: WorkerSettings) -> Result<Self, WorkerError> {
        let counts: BTreeMap<_, _> = log.topics()?.into_iter().collect();
        topology.check_partitions(&counts)?;
        let tables = topology.tables.iter().map(|spec| {
            let partitions = counts.get(&spec.topic).ok_or_else(|| LogError::UnknownTopic(spec.topic.clone()))?;
            Ok(GlobalTable::new(spec.clone(), *partitions))
        });
        let tables = tables.collect::<Result<_, LogError>>()?;
        let plan = |part| Arc::new(PartPlan::new(part, &topology.tables, &settings.application));
        Ok(Self {
            plans: topology.sub_topologies.iter().map(plan).collect(),
            share: BudgetShare::new(settings.memory.clone()),
            turn: 0,
            is_warming: false,
            log,
            settings,
            tables,
            topology,
            connection: None,
            joined: false,
            tasks: Vec::new(),
            routes: BTreeMap::new(),
            pending: BTreeMap::new(),
            buffer: Vec::new(),
            scratch: Vec::new(),
            positions: Vec::new(),
            opened_at: None,
            last_commit_at: None,
            begun_at: None,
            under_way: None,
            rested_at: None,
            heard: None,
            lost: 0,
            counters: Counters::default(),
            changelog_routes: checkpoint::ChangelogRoutes::default(),
            checkpoint_trouble: None,
        })
    }

    /// The plan it runs.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &WorkerSettings {
        &self.settings
    }

    /// The consumer and producer, made when they are first needed and after fencing.
    fn connect(&mut self) -> Result<&mut Connection, WorkerError> {
        if self.connection.is_none() {
            let settings = &self.settings;
            // The producer first: it fences an older owner before any position is read.
            let producer = self.log.producer(&format!("{}-{}", settings.application, settings.member))?;
            let topics =
                self.plans.iter().flat_map(|plan| plan.sources.iter().map(|source| source.topic.clone())).collect();
            let consumer = self.log.consumer(ConsumerConfig {
                group: settings.application.clone(),
                member: settings.member,
                members: settings.members,
                topics,
            })?;
            self.connection = Some(Connection { consumer, producer });
        }
        Ok(self.connection.as_mut().expect("made above"))
    }
}
