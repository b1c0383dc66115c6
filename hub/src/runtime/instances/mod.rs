//! Hubs that share the work tell each other where they are and which partitions they work on: each keeps one record
//! on a compacted topic, and reads those of the others.

mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::delivery::http::wall_clock;
use connectors::sink::Shutdown;
use topology::{Commit, LogError, Offset, OutgoingRecord, Producer, TaskState, TopicPartition};

use super::hub::Parts;
use crate::wiring::{INSTANCES_TOPIC, SharedLog};
use table::{Table, Told};

/// How often a hub says that it lives, if nothing else.
const BEAT: Duration = Duration::from_secs(10);
/// How often it is looked whether there is something to tell or to hear.
const EVERY: Duration = Duration::from_millis(250);
const READ_BYTES: usize = 1 << 20;
/// The transactional id, within the process's own ones.
const WRITER: &str = "instances";

/// The hubs that share this log.
pub(super) struct Instances {
    /// This one's name.
    name: String,
    /// Where others reach it, if they do.
    address: Option<String>,
    table: Mutex<Table>,
}

impl Instances {
    /// This hub, of which nothing is told yet.
    pub(super) fn new(name: &str, address: Option<String>) -> Self {
        Self { name: name.to_owned(), address, table: Mutex::default() }
    }

    /// This hub's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the other hub is reached that works on the partition, as far as it has told.
    pub(super) fn address_of(&self, part: &str, partition: u32) -> Option<String> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.address_of(part, partition, &self.name, wall_clock().as_millis()).map(str::to_owned)
    }

    /// Whether this hub is one of those that shall follow a partition that another one has.
    pub(super) fn shall_follow(&self, part: &str, (partition, partitions): (u32, u32), copies: usize) -> bool {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let now = wall_clock().as_millis();
        table.standbys(part, (partition, partitions), copies, now).contains(&self.name.as_str())
    }
}

/// Starts the thread that tells and hears; with `shutdown` it takes back what it told.
pub(super) fn start(
    instances: Arc<Instances>,
    parts: Arc<Parts>,
    log: SharedLog,
    shutdown: Shutdown,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("instances".into()).spawn(move || {
        let mut ear = Ear { place: TopicPartition::new(INSTANCES_TOPIC, 0), next: Offset(0) };
        let began = Instant::now();
        let mut voice = Voice { name: instances.name.clone(), producer: None, told: None };
        loop {
            // Either is tried again: what others know meanwhile is older, and said to be of no use when they ask.
            let now = Told {
                address: instances.address.clone().unwrap_or_default(),
                partitions: running(&parts),
                parts: parts.sub_topologies.clone(),
                workers: parts.worker_snapshots().len() as u32,
                beat: began.elapsed().as_secs() / BEAT.as_secs(),
            };
            if let Err(error) = voice.tell(&log, Some(now)) {
                tracing::debug!(%error, "the other hubs cannot be told what this one works on");
            }
            if let Err(error) = ear.hear(&log, &instances.table) {
                tracing::debug!(%error, "what the other hubs work on cannot be read");
            }
            if shutdown.wait(EVERY) {
                break;
            }
        }
        if let Err(error) = voice.tell(&log, None) {
            tracing::debug!(%error, "the other hubs cannot be told that this one goes");
        }
    })
}

/// The partitions of this hub's tasks that answer.
fn running(parts: &Parts) -> BTreeMap<String, Vec<u32>> {
    let mut partitions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for worker in parts.worker_snapshots().into_iter().flatten() {
        for task in worker.tasks.into_iter().filter(|task| task.state == TaskState::Running) {
            partitions.entry(task.id.sub_topology.to_string()).or_default().push(task.id.partition);
        }
    }
    for numbers in partitions.values_mut() {
        numbers.sort_unstable();
    }
    partitions
}

struct Ear {
    place: TopicPartition,
    next: Offset,
}

impl Ear {
    fn hear(&mut self, log: &SharedLog, table: &Mutex<Table>) -> Result<(), LogError> {
        let mut records = Vec::new();
        loop {
            let before = self.next;
            self.next = log.read(&self.place, before, READ_BYTES, &mut records)?;
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            for record in records.drain(..) {
                if let Some(hub) = &record.key {
                    table.take(hub, record.value.as_deref(), wall_clock().as_millis());
                }
            }
            if self.next == before {
                return Ok(());
            }
        }
    }
}

struct Voice {
    name: String,
    producer: Option<Box<dyn Producer>>,
    /// What the others know.
    told: Option<Told>,
}

impl Voice {
    /// Tells what has changed; nothing is the hub's end.
    fn tell(&mut self, log: &SharedLog, now: Option<Told>) -> Result<(), LogError> {
        if self.told == now {
            return Ok(());
        }
        let producer = match &mut self.producer {
            Some(producer) => producer,
            none => none.insert(log.producer(WRITER)?),
        };
        let value = now.as_ref().map(|told| Bytes::from(serde_json::to_vec(told).expect("names and numbers are JSON")));
        let sent = producer.send(OutgoingRecord {
            topic: INSTANCES_TOPIC.into(),
            partition: Some(0),
            key: Some(Bytes::copy_from_slice(self.name.as_bytes())),
            value,
            timestamp: wall_clock(),
            headers: Vec::new(),
        });
        let ended = sent.and_then(|()| producer.commit(WRITER, &[]));
        match ended {
            Ok(Commit::Committed) => self.told = now,
            // Another producer may be what it takes.
            Ok(Commit::Aborted | Commit::Fenced) | Err(_) => self.producer = None,
        }
        ended.map(drop)
    }
}
