//! Standbys: this hub follows, into its own checkpoints, tasks that another hub has, so that it takes them over fast.
//!
//! Which ones is decided by what the hubs tell of themselves ([`Instances`]). A task's checkpoint has one holder: a
//! worker that takes the task up gets it from the standby, which lets go first ([`Places`]).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connectors::delivery::http::wall_clock;
use connectors::sink::Shutdown;
use metrics::{describe_gauge, gauge};
use schemas::Timestamp;
use topology::{
    Checkpoint, CheckpointBatch, CheckpointError, CheckpointReader, CheckpointSettings, Checkpoints, Log, Offset,
    Standby, StandbyError, TaskId, Topology,
};

use super::instances::Instances;
use crate::config::{Config, Standbys};
use crate::wiring::{APPLICATION, SharedLog};

/// How often it is looked whether something came: each time is a sync of the disk for what did.
const EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whom to follow.
const CHOOSE_EVERY: Duration = Duration::from_secs(1);
/// How many bytes of changelogs one step takes over.
const STEP_BYTES: usize = 4 << 20;

/// The checkpoints of this process, each with whoever holds it.
#[derive(Clone)]
pub(super) struct Places {
    inner: Arc<dyn Checkpoints>,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    /// How many holders the checkpoint of a task has among the workers.
    by_workers: HashMap<TaskId, usize>,
    followed: HashMap<TaskId, Slot>,
}

/// The standby of one task, in the hands of whoever has locked it.
type Slot = Arc<Mutex<Option<Standby>>>;

/// Takes the standby out of its slot, once its step has ended, and lets it end in good order.
fn end(slot: &Slot, task: &TaskId) {
    let standby = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Err(error)) = standby.map(Standby::close) {
        // What it wrote before is whole all the same.
        tracing::debug!(%error, %task, "a standby's last batch was not written");
    }
}

impl Places {
    pub(super) fn new(inner: Arc<dyn Checkpoints>) -> Self {
        Self { inner, held: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpoints for Places {
    fn open(&self, task: &TaskId, stores: &[String]) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let followed = {
            let mut held = self.held();
            *held.by_workers.entry(task.clone()).or_default() += 1;
            held.followed.remove(task)
        };
        // From here on it counts as held: who drops this gives it back, whatever comes.
        let mut opened = OfWorker { inner: None, task: task.clone(), places: self.clone() };
        if let Some(slot) = followed {
            end(&slot, task);
        }
        opened.inner = Some(self.inner.open(task, stores)?);
        Ok(Box::new(opened))
    }
}

/// A checkpoint that a worker holds.
struct OfWorker {
    /// There until it is dropped.
    inner: Option<Box<dyn Checkpoint>>,
    task: TaskId,
    places: Places,
}

impl OfWorker {
    fn inner(&self) -> &dyn Checkpoint {
        self.inner.as_deref().expect("it is taken out by the drop only")
    }

    fn inner_mut(&mut self) -> &mut dyn Checkpoint {
        self.inner.as_deref_mut().expect("it is taken out by the drop only")
    }
}

impl Drop for OfWorker {
    fn drop(&mut self) {
        let mut held = self.places.held();
        self.inner = None;
        if let Some(holders) = held.by_workers.get_mut(&self.task) {
            *holders -= 1;
            if *holders == 0 {
                held.by_workers.remove(&self.task);
            }
        }
    }
}

impl Checkpoint for OfWorker {
    fn position(&self, store: usize) -> Option<Offset> {
        self.inner().position(store)
    }

    fn committed_at(&self) -> Option<Timestamp> {
        self.inner().committed_at()
    }

    fn reader(&self) -> Result<Box<dyn CheckpointReader>, CheckpointError> {
        self.inner().reader()
    }

    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        self.inner_mut().write(batch)
    }

    fn is_busy(&mut self) -> Result<bool, CheckpointError> {
        self.inner_mut().is_busy()
    }

    fn finish(&mut self) -> Result<(), CheckpointError> {
        self.inner_mut().finish()
    }

    fn clear(&mut self) -> Result<(), CheckpointError> {
        self.inner_mut().clear()
    }
}

/// What is followed, and by what means.
struct Following {
    settings: Standbys,
    topology: Arc<Topology>,
    instances: Arc<Instances>,
    partitions: u32,
    places: Places,
}

/// Starts the thread that follows what the configuration names of the parts that this process runs, if anything;
/// with `shutdown` it lets go of everything.
pub(super) fn start(
    config: &Config,
    instances: Option<&Arc<Instances>>,
    topology: &Arc<Topology>,
    places: Places,
    log: &SharedLog,
    shutdown: &Shutdown,
) -> std::io::Result<Option<JoinHandle<()>>> {
    let Some(instances) = instances.cloned() else { return Ok(None) };
    let mut settings = config.standbys.clone();
    settings.parts.retain(|name| topology.sub_topologies.iter().any(|part| part.name == *name));
    if settings.parts.is_empty() {
        return Ok(None);
    }
    let (topology, partitions) = (topology.clone(), config.log.partitions);
    let following = Following { settings, topology, instances, partitions, places };
    run(following, log.clone(), shutdown.clone()).map(Some)
}

fn run(following: Following, log: SharedLog, shutdown: Shutdown) -> std::io::Result<JoinHandle<()>> {
    describe_gauge!(
        "hub_standby_lag_records",
        "Changelog records that a standby has not taken over, by part and partition"
    );
    thread::Builder::new().name("standby".into()).spawn(move || {
        let mut wanted = HashSet::new();
        let mut chosen_at = None::<std::time::Instant>;
        loop {
            if chosen_at.is_none_or(|at| at.elapsed() >= CHOOSE_EVERY) {
                wanted = following.choose();
                chosen_at = Some(std::time::Instant::now());
                following.let_go(|task| !wanted.contains(task));
            }
            for task in &wanted {
                following.step(task, log.as_ref());
                if shutdown.is_triggered() {
                    break;
                }
            }
            if shutdown.wait(EVERY) {
                return following.let_go(|_| true);
            }
        }
    })
}

impl Following {
    /// The tasks that this hub shall follow. Whether one of its own workers has a task is seen when it is opened.
    fn choose(&self) -> HashSet<TaskId> {
        let mut tasks = HashSet::new();
        for part in &self.settings.parts {
            for partition in 0..self.partitions {
                if self.instances.shall_follow(part, (partition, self.partitions), self.settings.copies) {
                    tasks.insert(TaskId { sub_topology: part.as_str().into(), partition });
                }
            }
        }
        tasks
    }

    /// Stops following some tasks; their checkpoints stay, and grow old.
    fn let_go(&self, which: impl Fn(&TaskId) -> bool) {
        let gone: Vec<(TaskId, Slot)> = self.places.held().followed.extract_if(|task, _| which(task)).collect();
        for (task, slot) in gone {
            end(&slot, &task);
            lag(&task, f64::NAN);
        }
    }

    /// The slot of a task, unless a worker of this process has the task.
    fn slot(&self, task: &TaskId) -> Option<Slot> {
        let mut held = self.places.held();
        let is_free = !held.by_workers.contains_key(task);
        is_free.then(|| held.followed.entry(task.clone()).or_default().clone())
    }

    /// Takes over what came since, as long as no worker of this process has the task. A worker that takes it up
    /// meanwhile waits for this step, and for no other task's.
    fn step(&self, task: &TaskId, log: &dyn Log) {
        let Some(slot) = self.slot(task) else { return lag(task, f64::NAN) };
        let mut standby = slot.lock().unwrap_or_else(PoisonError::into_inner);
        // A worker may have come in between: its checkpoint is not to be opened beside it.
        let is_still_ours = self.places.held().followed.get(task).is_some_and(|known| Arc::ptr_eq(known, &slot));
        if !is_still_ours && standby.is_none() {
            return lag(task, f64::NAN);
        }
        match self.follow(task, &mut standby, log) {
            Ok(behind) => lag(task, behind as f64),
            // It begins anew: a standby is a shortcut, and what it wrote is whole.
            Err(error) => {
                tracing::debug!(%error, %task, "a standby is given up for now");
                *standby = None;
                lag(task, f64::NAN);
            }
        }
    }

    fn follow(&self, task: &TaskId, standby: &mut Option<Standby>, log: &dyn Log) -> Result<u64, StandbyError> {
        let now = wall_clock();
        let standby = match standby {
            Some(standby) => standby,
            none => {
                let (age_max, inner) = (CheckpointSettings::default().age_max, self.places.inner.as_ref());
                let opened = Standby::open(&self.topology, APPLICATION, task, inner, log, (now, age_max))?;
                tracing::info!(%task, "a standby follows it");
                none.insert(opened)
            }
        };
        Ok(standby.step(log, now, STEP_BYTES)?.behind)
    }
}

/// Sets the metric; NaN where the task is not followed.
fn lag(task: &TaskId, records: f64) {
    let labels = [("part", task.sub_topology.to_string()), ("partition", task.partition.to_string())];
    gauge!("hub_standby_lag_records", &labels).set(records);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use topology::sim::{MemoryCheckpoints, SimLog};
    use topology::{OutgoingRecord, TopicSpec};

    use super::*;
    use crate::wiring;

    #[test]
    fn a_worker_gets_the_checkpoint_from_the_standby_that_followed() {
        let topology = Arc::new(wiring::topology(&Config::defaults()).unwrap());
        let log = SimLog::new();
        let part = topology.sub_topologies.iter().find(|part| part.name == "sla").unwrap();
        let mut stores: Vec<String> = part.stores.iter().map(|store| store.name.clone()).collect();
        stores.extend(["sla.timers".to_owned(), "sla.ledger".to_owned()]);
        let changelog = |store: &str| format!("{APPLICATION}.{store}.changelog");
        let topics: Vec<_> = stores.iter().map(|store| TopicSpec::compact(changelog(store), 1)).collect();
        log.ensure_topics(&topics).unwrap();
        let write = |keys: std::ops::Range<u32>| {
            let mut producer = log.producer("owner").unwrap();
            for key in keys {
                let record = OutgoingRecord {
                    topic: changelog(&stores[0]).into(),
                    partition: Some(0),
                    key: Some(key.to_string().into()),
                    value: Some(Bytes::from_static(b"value")),
                    timestamp: wall_clock(),
                    headers: Vec::new(),
                };
                producer.send(record).unwrap();
            }
            producer.commit("owner", &[]).unwrap();
        };
        write(0..100);
        let places = Places::new(Arc::new(MemoryCheckpoints::default()));
        let following = Following {
            settings: Standbys { parts: vec!["sla".into()], copies: 1 },
            topology: topology.clone(),
            instances: Arc::new(Instances::new("me", None)),
            partitions: 1,
            places: places.clone(),
        };
        let task = TaskId { sub_topology: "sla".into(), partition: 0 };
        for _ in 0..9 {
            following.step(&task, &log);
        }
        write(100..120);
        assert_eq!(places.held().followed.len(), 1);

        let checkpoint = places.open(&task, &stores).unwrap();
        assert!(places.held().followed.is_empty(), "it was let go");
        assert_eq!(checkpoint.position(0), Some(Offset(100)), "only the tail is left to replay");
        let mut entries = 0;
        checkpoint.reader().unwrap().load(0, None, 1 << 20, &mut |_, _| entries += 1).unwrap();
        assert_eq!(entries, 100);
        // While a worker has it nobody follows.
        following.step(&task, &log);
        assert!(places.held().followed.is_empty());
        drop(checkpoint);
        following.step(&task, &log);
        assert_eq!(places.held().followed.len(), 1);
        following.let_go(|_| true);
        assert_eq!(places.open(&task, &stores).unwrap().position(0), Some(Offset(120)));
    }
}
