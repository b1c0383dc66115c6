//! Which records may be delivered now: the window of each partition, then the lane of each key.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
};

use schemas::DeliveryResult;
use topology::{Position, Record, TopicPartition};

use super::{
    batch::SinkError,
    ending::{Ending, GivenUp, Origin, UNKNOWN_TARGET},
    metrics::TargetMetrics,
    progress::Progress,
    pursue::{Pursuit, TargetState, pursue},
    reader::{Command, Reader},
    target::Target,
};
use crate::delivery::http::wall_clock;

/// The records of one target with one order key.
type LaneKey = (usize, String);

/// One delivery, to be spawned.
type Delivery = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// What a delivery comes to.
#[derive(Debug)]
pub(super) struct Finished {
    lane: LaneKey,
    ending: Ending,
}

/// A record that waits for its turn.
struct Waiting<R> {
    origin: Origin,
    record: R,
}

struct Partition {
    assignment: u64,
    progress: Progress,
    /// Read, but beyond the window.
    backlog: VecDeque<Record>,
    paused: bool,
}

/// The sink's records between the log and the targets.
pub(super) struct Flow<T: Target> {
    part: Arc<str>,
    target: Arc<T>,
    targets: Vec<Arc<TargetState>>,
    unknown: TargetMetrics,
    window: i64,
    assignments: u64,
    /// Sorted, so that what is taken in first never hangs on a hash.
    partitions: BTreeMap<TopicPartition, Partition>,
    /// Whether a position may be behind records that have ended: it passed them as they came by, and no ending of
    /// another record need ever follow to be committed with it.
    pub(super) has_passed: bool,
    /// A lane exists while one of its records is under way; its queue holds those behind it.
    lanes: HashMap<LaneKey, VecDeque<Waiting<T::Record>>>,
    ready: Vec<Delivery>,
    endings: Vec<Ending>,
}

impl<T: Target> Flow<T> {
    pub(super) fn new(part: String, target: T, window: i64) -> Self {
        let targets = target.targets().into_iter().map(|settings| Arc::new(TargetState::new(settings))).collect();
        Self {
            part: part.into(),
            target: Arc::new(target),
            targets,
            unknown: TargetMetrics::new(UNKNOWN_TARGET),
            window,
            assignments: 0,
            partitions: BTreeMap::new(),
            has_passed: false,
            lanes: HashMap::new(),
            ready: Vec::new(),
            endings: Vec::new(),
        }
    }

    pub(super) fn assign(&mut self, partitions: Vec<(TopicPartition, Position)>) -> Result<(), SinkError> {
        for (partition, position) in partitions {
            let progress = Progress::from_position(&position).map_err(|detail| SinkError::BadNote {
                part: self.part.to_string(),
                partition: partition.clone(),
                detail,
            })?;
            self.assignments += 1;
            let state = Partition { assignment: self.assignments, progress, backlog: VecDeque::new(), paused: false };
            self.partitions.insert(partition, state);
        }
        Ok(())
    }

    /// Forgets partitions. Their deliveries under way go on, but nobody waits for their end: the
    /// next owner delivers again, under the same idempotency keys.
    pub(super) fn revoke(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.partitions.remove(partition);
        }
        self.has_passed &= !self.partitions.is_empty();
    }

    /// Queues records as they were read.
    pub(super) fn queue(&mut self, records: Vec<Record>) {
        let mut last: Option<TopicPartition> = None;
        for record in records {
            let same = last.as_ref().is_some_and(|at| at.partition == record.partition && at.topic == record.topic);
            if !same {
                last = Some(record.topic_partition());
            }
            if let Some(partition) = last.as_ref().and_then(|at| self.partitions.get_mut(at)) {
                partition.backlog.push_back(record);
            }
        }
    }

    /// Takes in what the windows have room for, and pauses the partitions whose window is full.
    pub(super) fn feed(&mut self, reader: &Reader) {
        let mut taken = Vec::new();
        for (name, partition) in &mut self.partitions {
            while let Some(record) = partition.backlog.front() {
                if partition.progress.is_full_for(record.offset, self.window) {
                    break;
                }
                let Some(record) = partition.backlog.pop_front() else { break };
                if partition.progress.take_in(record.offset) {
                    taken.push((partition.assignment, record));
                } else {
                    self.has_passed = true;
                }
            }
            let full = !partition.backlog.is_empty();
            if full != partition.paused {
                partition.paused = full;
                reader.command(if full { Command::Pause(name.clone()) } else { Command::Resume(name.clone()) });
            }
        }
        for (assignment, record) in taken {
            self.take_in(assignment, &record);
        }
    }

    fn take_in(&mut self, assignment: u64, raw: &Record) {
        let origin = Origin::of(raw, assignment);
        let decoded = match raw.value.as_ref() {
            Some(value) => self.target.decode(value).map_err(|error| (error.code(), error.to_string())),
            None => Err((schemas::Code::BadAvro, "the record has no value".to_owned())),
        };
        let ending = match decoded {
            Ok(record) => match self.target.target(&record) {
                Some(number) => {
                    self.targets[number].metrics.began(1);
                    let key = (number, self.target.order_key(&record));
                    let waiting = Waiting { origin, record };
                    if let Some(lane) = self.lanes.get_mut(&key) {
                        lane.push_back(waiting);
                    } else {
                        self.lanes.insert(key.clone(), VecDeque::new());
                        self.start(key, waiting);
                    }
                    return;
                }
                None => self.without_target(origin, &record),
            },
            Err((code, detail)) => origin.undecodable(&self.part, code, detail, wall_clock()),
        };
        self.unknown.ended(ending.result, 1);
        self.note(&ending);
        self.endings.push(ending);
    }

    fn without_target(&self, origin: Origin, record: &T::Record) -> Ending {
        let why = GivenUp {
            code: schemas::Code::DeliveryBadTarget,
            detail: "the delivery's target is not configured".to_owned(),
            attempts: 0,
            at: wall_clock(),
        };
        let name = self.target.target_name(record);
        let mut outcome =
            self.target.subject(record).outcome(&name, DeliveryResult::DeadLettered, why.attempts, why.at);
        outcome.error_code = Some(why.code.number().to_owned());
        Ending {
            dead_letter: Some(origin.dead_letter(&self.part, &why)),
            origin,
            counted_as: UNKNOWN_TARGET.to_owned(),
            result: DeliveryResult::DeadLettered,
            outcome: Some(outcome),
        }
    }

    fn start(&mut self, lane: LaneKey, waiting: Waiting<T::Record>) {
        let (part, target, state) = (self.part.clone(), self.target.clone(), self.targets[lane.0].clone());
        self.ready.push(Box::pin(async move {
            let Waiting { origin, record } = waiting;
            // The same record waits the same times whenever it is delivered again.
            let seed = u64::from(crc32fast::hash(target.subject(&record).delivery_id.as_bytes()));
            let pursuit = pursue(target.as_ref(), &state, &record, seed).await;
            state.metrics.took(pursuit.took, 1);
            let ending = ending(&part, target.as_ref(), &state.settings.name, &record, origin, pursuit);
            Finished { lane, ending }
        }));
    }

    /// Deliveries that may begin.
    pub(super) fn take_ready(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.ready)
    }

    /// Records that ended as they were taken in.
    pub(super) fn take_endings(&mut self) -> Vec<Ending> {
        std::mem::take(&mut self.endings)
    }

    /// A delivery has ended: the next of its lane begins. Returns the ending, unless the partition
    /// is another's by now.
    pub(super) fn finished(&mut self, finished: Finished) -> Option<Ending> {
        let Finished { lane, ending } = finished;
        let metrics = &self.targets[lane.0].metrics;
        metrics.left(1);
        loop {
            match self.lanes.get_mut(&lane).and_then(VecDeque::pop_front) {
                Some(next) if self.is_current(&next.origin) => {
                    self.start(lane.clone(), next);
                    break;
                }
                Some(_) => self.targets[lane.0].metrics.left(1),
                None => {
                    self.lanes.remove(&lane);
                    break;
                }
            }
        }
        if !self.is_current(&ending.origin) {
            return None;
        }
        self.targets[lane.0].metrics.ended(ending.result, 1);
        self.note(&ending);
        Some(ending)
    }

    /// Whether the record's partition has been this sink's since the record was taken in.
    pub(super) fn is_current(&self, origin: &Origin) -> bool {
        self.partitions.get(&origin.partition).is_some_and(|state| state.assignment == origin.assignment)
    }

    fn note(&mut self, ending: &Ending) {
        if let Some(partition) = self.partitions.get_mut(&ending.origin.partition) {
            partition.progress.end(ending.origin.offset, &ending.counted_as, ending.result);
        }
    }

    /// The positions to commit, all of them: those that did not move cost a few bytes.
    pub(super) fn positions(&mut self) -> Vec<(TopicPartition, Position)> {
        self.partitions.iter_mut().map(|(name, state)| (name.clone(), state.progress.position())).collect()
    }

    pub(super) fn progress(&self) -> impl Iterator<Item = &Progress> {
        self.partitions.values().map(|state| &state.progress)
    }

    /// Lets go of everything that waits: it is delivered after the next start.
    pub(super) fn leave(&mut self) {
        self.ready.clear();
        for ((number, _), lane) in self.lanes.drain() {
            self.targets[number].metrics.left(lane.len() + 1);
        }
    }
}

fn ending<T: Target>(
    part: &str,
    target: &T,
    name: &str,
    record: &T::Record,
    origin: Origin,
    pursuit: Pursuit,
) -> Ending {
    let at = wall_clock();
    let mut outcome = target.subject(record).outcome(name, pursuit.result, pursuit.attempts, at);
    outcome.error_code = pursuit.given_up.or(pursuit.last_failure).map(|code| code.number().to_owned());
    outcome.http_status = pursuit.http_status.map(i32::from);
    outcome.external_ref = pursuit.external_ref;
    let dead_letter = pursuit.given_up.map(|code| {
        let detail = match (pursuit.last_failure, pursuit.http_status) {
            (_, Some(status)) => format!("{name} answered the last attempt with status {status}"),
            (Some(last), None) => format!("the last attempt at {name} ended with {last} {}", last.name()),
            (None, None) => format!("{name} was left alone by its circuit breaker the whole time"),
        };
        origin.dead_letter(part, &GivenUp { code, detail, attempts: pursuit.attempts, at })
    });
    Ending { origin, counted_as: name.to_owned(), result: pursuit.result, outcome: Some(outcome), dead_letter }
}
