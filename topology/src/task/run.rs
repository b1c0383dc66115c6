//! A task at work: one record, one timer, one commit at a time.

use std::sync::Arc;

use schemas::Timestamp;
use thiserror::Error;

use super::commit::{Prepared, taken_of};
use super::opening::Opened;
use super::restore::Restore;
use super::{Checkpointing, PartPlan, RecordQueue, Residence, TaskCore, TaskId, TaskState, dead_letter};
use crate::store::{GlobalTable, Stores, first_timer, parse_timer, timers_of};
use crate::{
    CheckpointError, Clock, Context, Counts, Fate, Fault, InitContext, LogError, Offset, Outcome, Position, Processor,
    Producer, Record, StoreKind, Timer, TopicName, TopicPartition, TopologyError, Verdict, WorkerSettings,
};

/// How many stream-time timers fire between two records; more than that wait for the next step.
const STREAM_TIMER_LIMIT: usize = 1000;

/// Which part of the head of timers is read from the checkpoint at a time.
const HEAD_PART: usize = 16;

/// Why a task cannot go on.
#[derive(Debug, Error)]
pub(crate) enum TaskError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{place}: {fault}")]
    Stop { place: String, fault: Fault },
    #[error("{0}")]
    Invariant(String),
    /// The position the task was assigned with stands for another count than its books.
    #[error("the committed position of input {input} stands for {taken} records taken in, the books say {booked}")]
    Books { input: usize, taken: u64, booked: u64 },
    /// The checkpoint that a store is a part of cannot be read: what was decided since is void.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What one step of a task did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) records: usize,
    pub(crate) timers: usize,
}

/// What a call is about: where it comes from and when.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) topic: &'a TopicName,
    pub(super) partition: u32,
    pub(super) offset: Offset,
    pub(super) now: Timestamp,
    pub(super) tables: &'a [GlobalTable],
}

/// One sub-topology on one partition.
pub(crate) struct Task {
    pub(crate) state: TaskState,
    pub(crate) core: TaskCore,
    pub(crate) queues: Vec<RecordQueue>,
    pub(super) nodes: Vec<Box<dyn Processor>>,
    pub(super) opened: Opened,
    pub(super) no_topic: TopicName,
    /// While set, nothing is taken in before this instant.
    pub(crate) retry_at: Option<Timestamp>,
    pub(super) restore: Restore,
    /// `None` where none is kept, and once it failed.
    pub(crate) checkpoint: Option<Checkpointing>,
    pub(crate) residence: Residence,
    /// What timers may take in memory beside those that the checkpoint does not have.
    pub(super) timer_head_bytes: usize,
    /// Whether the open transaction holds anything of this task.
    pub(crate) touched: bool,
    /// Bytes sent in the open transaction, and in the one whose commit is under way.
    pub(crate) sent_bytes: usize,
    /// What the commit under way makes durable; `None` where none is, or it has nothing of this task.
    pub(super) prepared: Option<Prepared>,
    pub(crate) committed_books: Vec<(TopicName, Counts)>,
    pub(super) committed_stream_time: Timestamp,
    pub(crate) orphan_timers: u64,
    pub(crate) retries: u64,
}

impl Task {
    /// A task on the partition of its id, whose sources are read from these positions.
    pub(crate) fn new(
        id: TaskId,
        plan: Arc<PartPlan>,
        positions: &[Position],
        settings: &WorkerSettings,
    ) -> Result<Self, TopologyError> {
        let books: Vec<_> = plan.sources.iter().map(|source| (source.topic.clone(), Counts::default())).collect();
        let queues = plan.sources.iter().zip(positions).map(|(source, position)| {
            let partition = TopicPartition { topic: source.topic.clone(), partition: id.partition };
            RecordQueue::new(partition, position.next_offset, taken_of(position).unwrap_or(0))
        });
        let nodes = make_nodes(&id, &plan)?;
        let kinds: Vec<StoreKind> = plan.stores.iter().map(|store| store.kind.clone()).collect();
        Ok(Self {
            state: TaskState::Created,
            restore: Restore::new(positions),
            checkpoint: None,
            residence: Residence::default(),
            timer_head_bytes: settings.timer_head_bytes,
            queues: queues.collect(),
            nodes,
            opened: Opened::default(),
            no_topic: "".into(),
            retry_at: None,
            touched: false,
            sent_bytes: 0,
            prepared: None,
            committed_books: books.clone(),
            committed_stream_time: Timestamp::default(),
            orphan_timers: 0,
            retries: 0,
            core: TaskCore {
                id,
                stores: Stores::new(&kinds),
                plan,
                stream_time: Timestamp::default(),
                outgoing: Vec::new(),
                forwards: Vec::new(),
                settled: Vec::new(),
                books,
                letters: settings.letters.clone(),
                max_record_bytes: settings.max_record_bytes,
                call_fault: None,
            },
        })
    }

    /// Whether records wait for their turn.
    pub(crate) fn has_records(&self) -> bool {
        self.queues.iter().any(|queue| queue.len() > 0)
    }

    /// Whether it takes records in.
    pub(crate) fn is_running(&self) -> bool {
        self.state == TaskState::Running
    }

    /// Whether its processors may be called: it runs, and they were opened.
    pub(crate) fn may_work(&self) -> bool {
        self.is_running() && self.opened.is_done()
    }

    /// Takes the record with the lowest timestamp in, if there is one, and fires the stream-time
    /// timers that it makes due.
    pub(crate) fn process_next(
        &mut self,
        now: Timestamp,
        tables: &[GlobalTable],
        producer: &mut dyn Producer,
        retry_after_millis: i64,
    ) -> Result<Work, TaskError> {
        let lowest = self.queues.iter().enumerate().filter_map(|(index, queue)| Some((queue.head()?, index))).min();
        let Some((timestamp, source)) = lowest else { return Ok(Work::default()) };
        let Some(record) = self.queues[source].pop() else { return Ok(Work::default()) };
        let savepoint = self.core.stores.savepoint();
        let before = self.core.stream_time;
        self.core.stream_time = before.max(timestamp);
        let call = Call { topic: &record.topic, partition: record.partition, offset: record.offset, now, tables };
        let ended = run_source(&mut self.nodes, &mut self.core, source, &record, call);
        self.check_reads()?;
        let verdict = match ended {
            Ok(verdict) => verdict,
            Err(fault) => {
                self.core.undo_call(savepoint);
                let (quarantine, outcome) = match fault.fate {
                    Fate::DeadLetter => (false, Outcome::DeadLettered),
                    Fate::Quarantine => (true, Outcome::Quarantined),
                    Fate::Retry => {
                        self.core.stream_time = before;
                        self.queues[source].unpop(record);
                        self.suspend_until(now.plus_millis(retry_after_millis));
                        return Ok(Work::default());
                    }
                    Fate::Park | Fate::Stop => {
                        let place = format!("{} at {}@{}", self.core.id, record.topic_partition(), record.offset);
                        return Err(TaskError::Stop { place, fault });
                    }
                };
                let letter = dead_letter(&self.core, &fault, &record, quarantine, now);
                self.core.outgoing.push(letter);
                outcome.into()
            }
        };
        self.core.book_call(Some((source, verdict)));
        let queue = &mut self.queues[source];
        queue.next = record.offset.next();
        queue.taken += 1;
        self.finish_call(producer)?;
        let timers = if self.core.stream_time > before {
            self.fire(now, tables, producer, STREAM_TIMER_LIMIT, &[Clock::Stream], retry_after_millis)?
        } else {
            0
        };
        Ok(Work { records: 1, timers })
    }

    /// Fires the timers that are due, by deadline, at most `limit`.
    pub(crate) fn punctuate(
        &mut self,
        now: Timestamp,
        tables: &[GlobalTable],
        producer: &mut dyn Producer,
        limit: usize,
        retry_after_millis: i64,
    ) -> Result<usize, TaskError> {
        self.fire(now, tables, producer, limit, &[Clock::Wall, Clock::Stream], retry_after_millis)
    }

    /// The deadline of the first wall-clock timer.
    pub(crate) fn next_wall_timer(&self) -> Option<Timestamp> {
        let (from, to) = timers_of(Clock::Wall);
        let mut first = None;
        self.core.stores.range(self.core.plan.timers_store(), &from, Some(&to), &mut |key, _| {
            first = parse_timer(key).map(|(deadline, _, _)| deadline);
            false
        });
        first
    }

    fn fire(
        &mut self,
        now: Timestamp,
        tables: &[GlobalTable],
        producer: &mut dyn Producer,
        limit: usize,
        clocks: &[Clock],
        retry_after_millis: i64,
    ) -> Result<usize, TaskError> {
        let store = self.core.plan.timers_store();
        let mut fired = 0;
        while fired < limit && self.may_work() {
            for clock in clocks {
                let (from, to) = timers_of(*clock);
                self.core.stores.reach_first(store, &from, &to, self.timer_head_bytes / HEAD_PART)?;
            }
            let timers = self.core.stores.entries(store);
            let due = clocks.iter().filter_map(|clock| {
                let reached = if *clock == Clock::Wall { now } else { self.core.stream_time };
                let (key, deadline) = first_timer(timers, *clock)?;
                (deadline <= reached).then_some((deadline, *clock, key))
            });
            let Some((deadline, clock, stored)) = due.min() else { break };
            let stored = stored.to_vec();
            let savepoint = self.core.stores.savepoint();
            self.core.stores.delete(store, &stored);
            self.touched = true;
            fired += 1;
            let owner = parse_timer(&stored).and_then(|(_, owner, key)| {
                let node = self.core.plan.nodes.iter().position(|node| node.name == owner)?;
                Some((node, bytes::Bytes::copy_from_slice(key)))
            });
            let Some((node, key)) = owner else {
                // Its processor is no longer in the topology: no one would know what it means.
                self.orphan_timers += 1;
                continue;
            };
            let timer = Timer { clock, deadline, key };
            let call =
                Call { topic: &self.no_topic, partition: self.core.id.partition, offset: Offset(-1), now, tables };
            let ended = run_timer(&mut self.nodes, &mut self.core, node, &timer, call);
            self.check_reads()?;
            match ended {
                Ok(()) => {
                    self.core.book_call(None);
                    self.finish_call(producer)?;
                }
                Err(fault) => {
                    self.core.undo_call(savepoint);
                    if fault.fate == Fate::Retry {
                        self.suspend_until(now.plus_millis(retry_after_millis));
                        break;
                    }
                    let place = format!("{}, a timer of {}", self.core.id, self.core.plan.nodes[node].name);
                    return Err(TaskError::Stop { place, fault });
                }
            }
        }
        Ok(fired)
    }

    /// Fails when something was read that the checkpoint could not give: whatever came of it is void.
    pub(super) fn check_reads(&mut self) -> Result<(), CheckpointError> {
        self.core.stores.take_trouble().map_or(Ok(()), Err)
    }

    /// Hands the sends of a call that succeeded to the producer.
    pub(super) fn finish_call(&mut self, producer: &mut dyn Producer) -> Result<(), TaskError> {
        self.touched = true;
        for record in self.core.outgoing.drain(..) {
            self.sent_bytes +=
                record.key.as_ref().map_or(0, bytes::Bytes::len) + record.value.as_ref().map_or(0, bytes::Bytes::len);
            producer.send(record)?;
        }
        Ok(())
    }

    pub(super) fn suspend_until(&mut self, instant: Timestamp) {
        self.retries += 1;
        self.retry_at = Some(instant);
        self.state.advance(TaskState::Suspended);
    }

    /// Goes on once the time to retry has come.
    pub(crate) fn resume_if_due(&mut self, now: Timestamp) {
        if self.state == TaskState::Suspended && self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.state.advance(TaskState::Running);
        }
    }

    /// Adds a record that was read.
    pub(crate) fn feed(&mut self, source: usize, record: Record) {
        self.queues[source].push(record);
    }
}

pub(super) fn make_nodes(id: &TaskId, plan: &PartPlan) -> Result<Vec<Box<dyn Processor>>, TopologyError> {
    plan.nodes
        .iter()
        .map(|node| {
            let mut processor = (node.factory)();
            processor.init(&mut InitContext { task: id, node })?;
            Ok(processor)
        })
        .collect()
}

/// Runs a source's processors on a record; the first one's verdict counts.
fn run_source(
    nodes: &mut [Box<dyn Processor>],
    core: &mut TaskCore,
    source: usize,
    record: &Record,
    call: Call<'_>,
) -> Result<Verdict, Fault> {
    let mut first = None;
    for index in 0..core.plan.sources[source].children.len() {
        let node = core.plan.sources[source].children[index];
        let verdict = run_node(nodes, core, node, record, call)?;
        first.get_or_insert(verdict);
    }
    Ok(first.unwrap_or(Verdict::Forwarded))
}

/// Runs a processor on a record, then its children on what it forwarded.
fn run_node(
    nodes: &mut [Box<dyn Processor>],
    core: &mut TaskCore,
    node: usize,
    record: &Record,
    call: Call<'_>,
) -> Result<Verdict, Fault> {
    let verdict = nodes[node].process(record, &mut context(core, node, record.timestamp, call))?;
    let forwarded = run_forwards(nodes, core, call)?;
    Ok(match verdict {
        Verdict::Forwarded => forwarded.unwrap_or(Verdict::Forwarded),
        other => other,
    })
}

fn run_timer(
    nodes: &mut [Box<dyn Processor>],
    core: &mut TaskCore,
    node: usize,
    timer: &Timer,
    call: Call<'_>,
) -> Result<(), Fault> {
    nodes[node].on_timer(timer, &mut context(core, node, timer.deadline, call))?;
    run_forwards(nodes, core, call).map(drop)
}

pub(super) fn run_forwards(
    nodes: &mut [Box<dyn Processor>],
    core: &mut TaskCore,
    call: Call<'_>,
) -> Result<Option<Verdict>, Fault> {
    if let Some(fault) = core.call_fault.take() {
        return Err(fault);
    }
    if core.forwards.is_empty() {
        return Ok(None);
    }
    let mut first = None;
    for (child, record) in std::mem::take(&mut core.forwards) {
        let verdict = run_node(nodes, core, child, &record, call)?;
        first.get_or_insert(verdict);
    }
    Ok(first)
}

pub(super) fn context<'a>(core: &'a mut TaskCore, node: usize, timestamp: Timestamp, call: Call<'a>) -> Context<'a> {
    Context {
        core,
        tables: call.tables,
        node,
        topic: call.topic,
        partition: call.partition,
        offset: call.offset,
        timestamp,
        now: call.now,
    }
}
