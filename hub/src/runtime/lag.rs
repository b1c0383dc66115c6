//! How far each group is behind: of the whole group, whoever works for it, so that partitions which nobody has at
//! the moment count as well.
//!
//! Brokers are asked now and then by a thread of its own, the embedded log whenever someone wants to know. All
//! positions are read before the first end: what is found to be behind nothing was so at one instant, and as every
//! step commits its outputs with its position, nothing at all was left then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ::schemas::Timestamp;
use connectors::delivery::http::wall_clock;
use connectors::sink::Shutdown;
use topology::{LogError, Offset, Record, TopicName, TopicPartition, Topology};

use super::log::OpenLog;
use crate::config::Config;
use crate::parts::Parts;
use crate::wiring::{self, SharedLog};

/// How often brokers are asked.
const EVERY: Duration = Duration::from_secs(1);

/// How far a group is behind in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Behind {
    /// Records that it has not taken in.
    pub(super) records: u64,
    /// When the first of them happened, in the partition that is furthest behind.
    pub(super) oldest: Option<Timestamp>,
}

/// What was found, and when it was begun to be looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    /// `None` when it was never found out.
    pub(super) at: Option<Timestamp>,
    /// By group and topic.
    pub(super) behind: BTreeMap<(String, String), Behind>,
}

/// The groups that are watched.
pub(super) struct Lag {
    log: SharedLog,
    groups: BTreeMap<String, Vec<TopicPartition>>,
    /// Whether each look costs questions over the network.
    is_remote: bool,
    latest: Mutex<Arc<Observed>>,
}

impl Lag {
    /// Of the parts that this process runs. On the embedded log of the others too: nobody else can look after them.
    pub(super) fn new(
        opened: &OpenLog,
        partitions: &BTreeMap<TopicName, u32>,
        chosen: &Parts,
        topology: &Topology,
        config: &Config,
    ) -> Self {
        let is_remote = matches!(opened, OpenLog::Kafka { .. });
        let parts = topology.sub_topologies.iter().filter(|part| !is_remote || chosen.has(&part.name));
        let sources = parts
            .flat_map(|part| &part.sources)
            .map(|source| (wiring::APPLICATION.to_owned(), source.topic.to_string()));
        let sinks = wiring::sinks(config).into_iter().filter(|name| !is_remote || chosen.has_sink(name));
        let sinks = sinks.map(|name| (format!("sink.{name}"), format!("out.{name}")));
        let log = opened.shared();
        let mut groups: BTreeMap<String, Vec<TopicPartition>> = BTreeMap::new();
        for (group, topic) in sources.chain(sinks) {
            let count = partitions.get(topic.as_str()).copied().unwrap_or_default();
            let partitions = (0..count).map(|number| TopicPartition::new(topic.as_str(), number));
            groups.entry(group).or_default().extend(partitions);
        }
        Self { log, groups, is_remote, latest: Mutex::default() }
    }

    /// Asks brokers again and again, until `shutdown`.
    pub(super) fn start(self: &Arc<Self>, shutdown: Shutdown) -> std::io::Result<Option<thread::JoinHandle<()>>> {
        if !self.is_remote {
            return Ok(None);
        }
        let lag = self.clone();
        let thread = thread::Builder::new().name("lag".into()).spawn(move || {
            loop {
                // What cannot be asked for is told as it was, with its age.
                lag.look();
                if shutdown.wait(EVERY) {
                    return;
                }
            }
        });
        thread.map(Some)
    }

    /// What was found last.
    pub(super) fn latest(&self) -> Arc<Observed> {
        if !self.is_remote {
            self.look();
        }
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look(&self) {
        let at = wall_clock();
        match observe(&self.log, &self.groups) {
            Ok(behind) => {
                *self.latest.lock().unwrap_or_else(PoisonError::into_inner) =
                    Arc::new(Observed { at: Some(at), behind });
            }
            Err(error) => tracing::debug!(%error, "how far groups are behind cannot be told now"),
        }
    }
}

fn observe(
    log: &SharedLog,
    groups: &BTreeMap<String, Vec<TopicPartition>>,
) -> Result<BTreeMap<(String, String), Behind>, LogError> {
    let mut of_group = Vec::new();
    let mut positions = Vec::new();
    for (group, partitions) in groups {
        // Where a group has no position it is behind from the first record on.
        let next = log.positions(group, partitions)?.into_iter();
        let next = next.map(|position| position.map_or(Offset(0), |position| position.next_offset));
        positions.extend(partitions.iter().cloned().zip(next));
        of_group.resize(positions.len(), group);
    }
    let counts = log.behind_of(&positions)?;
    let mut by_topic: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (index, (partition, _)) in positions.iter().enumerate() {
        by_topic.entry((of_group[index].clone(), partition.topic.to_string())).or_default().push(index);
    }
    // Of each topic the partition that is furthest behind, if one is; they are read at once, not one after the other.
    let furthest = |indices: &Vec<usize>| indices.iter().copied().max_by_key(|index| counts[*index]);
    let late = by_topic.values().filter_map(furthest).filter(|index| counts[*index] > 0);
    log.prefetch(&late.map(|index| positions[index].clone()).collect::<Vec<_>>());
    let mut records: Vec<Record> = Vec::new();
    let told = by_topic.into_iter().map(|(place, indices)| {
        let mut behind = Behind { records: indices.iter().map(|index| counts[*index]).sum(), oldest: None };
        if behind.records > 0
            && let Some(furthest) = furthest(&indices)
        {
            let (partition, next) = &positions[furthest];
            records.clear();
            log.read(partition, *next, 1, &mut records)?;
            behind.oldest = records.first().map(|record| record.timestamp);
        }
        Ok((place, behind))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use topology::sim::SimLog;
    use topology::{Commit, Log as _, OutgoingRecord, Position, TopicSpec};

    use super::*;

    #[test]
    fn what_nobody_has_taken_is_behind_and_the_furthest_tells_the_age() {
        let log = Arc::new(SimLog::new());
        log.ensure_topics(&[TopicSpec::delete("in", 2, None), TopicSpec::delete("quiet", 1, None)]).unwrap();
        let mut producer = log.producer("w").unwrap();
        for (partition, time) in [(0, 5), (0, 6), (0, 7), (1, 3)] {
            let record = OutgoingRecord {
                topic: "in".into(),
                partition: Some(partition),
                key: None,
                value: None,
                timestamp: Timestamp(time),
                headers: Vec::new(),
            };
            producer.send(record).unwrap();
        }
        let taken = [(TopicPartition::new("in", 0), Position::from(Offset(1)))];
        assert_eq!(producer.commit("g", &taken).unwrap(), Commit::Committed);
        let partitions = |topic: &str, count| (0..count).map(|number| TopicPartition::new(topic, number)).collect();
        let mut both: Vec<TopicPartition> = partitions("in", 2);
        both.extend::<Vec<_>>(partitions("quiet", 1));
        let groups = [("g".to_owned(), both), ("other".to_owned(), partitions("in", 2))].into();
        let shared: SharedLog = log.clone();
        let seen = observe(&shared, &groups).unwrap();
        let told = |group: &str, topic: &str| seen[&(group.to_owned(), topic.to_owned())];
        assert_eq!(told("g", "in"), Behind { records: 3, oldest: Some(Timestamp(6)) });
        assert_eq!(told("other", "in"), Behind { records: 4, oldest: Some(Timestamp(5)) });
        assert_eq!(told("g", "quiet"), Behind::default());
    }
}
