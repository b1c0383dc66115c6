//! The simulated log itself: topics in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::consumer::SimConsumer;
use super::group::Group;
use super::producer::SimProducer;
use super::{FaultPlan, LogEvents, Rng};
use crate::{
    Consumer, ConsumerConfig, Log, LogError, Offset, Position, Producer, Record, TopicName, TopicPartition, TopicSpec,
};

/// A log in memory. Clones share it.
#[derive(Clone)]
pub struct SimLog {
    state: Arc<Mutex<State>>,
}

pub(super) struct State {
    pub(super) topics: BTreeMap<TopicName, Vec<Vec<Record>>>,
    /// How many partitions each topic has: every poll asks.
    counts: Arc<BTreeMap<TopicName, u32>>,
    /// How topics shall be kept; nothing is ever deleted here.
    specs: BTreeMap<TopicName, TopicSpec>,
    pub(super) groups: BTreeMap<String, Group>,
    /// The newest producer of each transactional id.
    pub(super) epochs: BTreeMap<String, u64>,
    /// Partitions whose last commit markers have not arrived yet.
    pub(super) late: BTreeMap<TopicPartition, LateMarker>,
    pub(super) faults: FaultPlan,
    pub(super) rng: Rng,
    pub(super) events: LogEvents,
    next_session: u64,
}

/// Committed records that readers do not see yet: a broker answers a commit before every partition
/// has its marker.
pub(super) struct LateMarker {
    /// Where readers stop: the last stable offset.
    stable_end: usize,
    /// How many more looks find it so.
    looks: u32,
}

impl State {
    pub(super) fn partition(&self, partition: &TopicPartition) -> Result<&Vec<Record>, LogError> {
        let topic = self.topics.get(&partition.topic).ok_or_else(|| LogError::UnknownTopic(partition.topic.clone()))?;
        topic.get(partition.partition as usize).ok_or_else(|| LogError::UnknownPartition(partition.clone()))
    }

    /// Lets a partition's readers stop at `stable_end` for a while, unless they stop before it already.
    pub(super) fn delay_marker(&mut self, partition: &TopicPartition, stable_end: usize) {
        let looks = 1 + self.rng.below(MARKER_LOOKS) as u32;
        self.late.entry(partition.clone()).or_insert(LateMarker { stable_end, looks });
    }

    /// How much of a partition readers see; each look brings a late marker nearer.
    pub(super) fn look(&mut self, partition: &TopicPartition) -> Result<usize, LogError> {
        let end = self.partition(partition)?.len();
        let Some(late) = self.late.get_mut(partition) else { return Ok(end) };
        if late.looks == 0 {
            self.late.remove(partition);
            return Ok(end);
        }
        late.looks -= 1;
        Ok(late.stable_end)
    }

    /// Fails by this chance per thousand, and counts that.
    pub(super) fn maybe_fail(&mut self, per_mille: u32, count: fn(&mut LogEvents) -> &mut u64) -> Result<(), LogError> {
        if self.rng.chance(per_mille) {
            *count(&mut self.events) += 1;
            return Err(LogError::Retriable("the simulated broker does not answer".into()));
        }
        Ok(())
    }

    /// About how many bytes a read brings that may bring `max_bytes`.
    pub(super) fn served_bytes(&mut self, max_bytes: usize) -> usize {
        let per_mille = self.faults.short_read;
        if self.rng.chance(per_mille) {
            self.events.short_reads += 1;
            return max_bytes.min(1);
        }
        max_bytes
    }

    /// The group, and the partition counts it may need.
    pub(super) fn group(&mut self, name: &str) -> (&mut Group, Arc<BTreeMap<TopicName, u32>>) {
        (self.groups.entry(name.to_owned()).or_default(), self.counts.clone())
    }
}

/// A late marker is there after at most this many looks.
const MARKER_LOOKS: usize = 4;

impl Default for SimLog {
    fn default() -> Self {
        Self::new()
    }
}

impl SimLog {
    /// An empty log without faults.
    pub fn new() -> Self {
        Self::with_faults(0, FaultPlan::default())
    }

    /// An empty log with faults from a seed.
    pub fn with_faults(seed: u64, faults: FaultPlan) -> Self {
        let state = State {
            topics: BTreeMap::new(),
            counts: Arc::default(),
            specs: BTreeMap::new(),
            groups: BTreeMap::new(),
            epochs: BTreeMap::new(),
            late: BTreeMap::new(),
            faults,
            rng: Rng::new(seed),
            events: LogEvents::default(),
            next_session: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Each change below leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Other faults from now on; [`FaultPlan::default`] for none.
    pub fn set_faults(&self, faults: FaultPlan) {
        self.lock().faults = faults;
    }

    /// Throws a member out of its group without telling it, as after a missed heartbeat: others
    /// get its partitions, and it goes on for a few polls before it hears [`Poll::Lost`](crate::Poll::Lost).
    pub fn kick(&self, group: &str, member: u32) {
        let mut state = self.lock();
        let (group, counts) = state.group(group);
        group.kick(member, &counts);
    }

    /// How often it failed, commits apart.
    pub fn events(&self) -> LogEvents {
        self.lock().events
    }

    fn asked(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let mut state = self.lock();
        let per_mille = state.faults.read;
        state.maybe_fail(per_mille, |events| &mut events.reads)?;
        Ok(state)
    }

    fn begun(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let mut state = self.lock();
        let per_mille = state.faults.begin;
        state.maybe_fail(per_mille, |events| &mut events.begins)?;
        Ok(state)
    }

    /// All committed records of a topic, partition by partition; none for an unknown topic.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        self.lock().topics.get(topic).map(|partitions| partitions.concat()).unwrap_or_default()
    }
}

impl Log for SimLog {
    fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let mut state = self.lock();
        for spec in topics {
            let partitions =
                state.topics.entry(spec.name.clone()).or_insert_with(|| vec![Vec::new(); spec.partitions as usize]);
            if partitions.len() != spec.partitions as usize {
                let actual = partitions.len() as u32;
                return Err(LogError::PartitionCount { topic: spec.name.clone(), actual, wanted: spec.partitions });
            }
            state.specs.entry(spec.name.clone()).or_insert_with(|| spec.clone());
            Arc::make_mut(&mut state.counts).insert(spec.name.clone(), spec.partitions);
        }
        Ok(())
    }

    fn topic_specs(&self, names: &[TopicName]) -> Result<Vec<TopicSpec>, LogError> {
        let state = self.lock();
        let known = names.iter().filter_map(|name| Some((name, *state.counts.get(name)?)));
        let spec = |(name, partitions): (&TopicName, u32)| {
            state.specs.get(name).cloned().unwrap_or_else(|| TopicSpec::delete(name.clone(), partitions, None))
        };
        Ok(known.map(spec).collect())
    }

    fn change_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let mut state = self.lock();
        for spec in topics {
            let found = state.topics.get(&spec.name).ok_or_else(|| LogError::UnknownTopic(spec.name.clone()))?;
            let actual = found.len() as u32;
            if actual != spec.partitions {
                return Err(LogError::PartitionCount { topic: spec.name.clone(), actual, wanted: spec.partitions });
            }
        }
        state.specs.extend(topics.iter().map(|spec| (spec.name.clone(), spec.clone())));
        Ok(())
    }

    fn topics(&self) -> Result<Vec<(TopicName, u32)>, LogError> {
        Ok(self.lock().counts.iter().map(|(name, partitions)| (name.clone(), *partitions)).collect())
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(Offset, Offset), LogError> {
        Ok((Offset(0), Offset(self.asked()?.look(partition)? as i64)))
    }

    fn written_end(&self, partition: &TopicPartition) -> Result<Offset, LogError> {
        Ok(Offset(self.asked()?.partition(partition)?.len() as i64))
    }

    fn is_replayed(&self, _partition: &TopicPartition, next: Offset, end: Offset) -> Result<bool, LogError> {
        // Nothing is ever compacted away here.
        Ok(next >= end)
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Position>, LogError> {
        Ok(self.asked()?.groups.get(group).and_then(|group| group.committed.get(partition).cloned()))
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<Offset, LogError> {
        let mut state = self.asked()?;
        let max_bytes = state.served_bytes(max_bytes);
        let end = state.look(partition)?;
        let mut next = from.max(Offset(0));
        let mut bytes = 0;
        for record in state.partition(partition)?[..end].iter().skip(next.0 as usize) {
            if bytes >= max_bytes {
                break;
            }
            bytes += crate::task::record_bytes(record);
            next = record.offset.next();
            into.push(record.clone());
        }
        Ok(next)
    }

    fn consumer(&self, config: ConsumerConfig) -> Result<Box<dyn Consumer>, LogError> {
        let mut state = self.begun()?;
        if let Some(missing) = config.topics.iter().find(|topic| !state.topics.contains_key(*topic)) {
            return Err(LogError::UnknownTopic(missing.clone()));
        }
        state.next_session += 1;
        let session = state.next_session;
        let (group, counts) = state.group(&config.group);
        group.join(session, config.member, config.topics, &counts);
        Ok(Box::new(SimConsumer::new(self.clone(), config.group, session)))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, LogError> {
        let mut state = self.begun()?;
        let epoch = state.epochs.entry(transactional_id.to_owned()).or_default();
        *epoch += 1;
        Ok(Box::new(SimProducer::new(self.clone(), transactional_id.to_owned(), *epoch)))
    }
}
