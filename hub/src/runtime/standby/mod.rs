//! Standbys: this hub follows, into its own checkpoints, tasks that another hub has, so that it takes them over fast.
//!
//! Which ones is decided by what the hubs tell of themselves ([`Instances`]). A task's checkpoint has one holder: a
//! worker that takes the task up takes it from the standby at once, whatever that reads meanwhile ([`Places`]).

mod places;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connectors::delivery::http::wall_clock;
use connectors::sink::Shutdown;
use metrics::{describe_gauge, gauge};
pub(super) use places::Places;
use topology::{CheckpointSettings, Log, Standby, StandbyError, TaskId, Topology};

use self::places::Loan;
use super::instances::Instances;
use crate::config::{Config, Standbys};
use crate::wiring::{APPLICATION, SharedLog};

/// How often it is looked whether something came: each time is a sync of the disk for what did.
const EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whom to follow.
const CHOOSE_EVERY: Duration = Duration::from_secs(1);
/// How many bytes of changelogs one step takes over.
const STEP_BYTES: usize = 4 << 20;

/// What is followed, and by what means.
struct Following {
    settings: Standbys,
    topology: Arc<Topology>,
    instances: Arc<Instances>,
    partitions: u32,
    places: Places,
    followed: HashMap<TaskId, Followed>,
}

/// A task that is followed. The standby goes first: what it is lent is given back then.
struct Followed {
    standby: Standby,
    loan: Loan,
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
    let following = Following { settings, topology, instances, partitions, places, followed: HashMap::new() };
    run(following, log.clone(), shutdown.clone()).map(Some)
}

fn run(mut following: Following, log: SharedLog, shutdown: Shutdown) -> std::io::Result<JoinHandle<()>> {
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
    fn let_go(&mut self, which: impl Fn(&TaskId) -> bool) {
        for (task, followed) in self.followed.extract_if(|task, _| which(task)) {
            drop(followed);
            lag(&task, f64::NAN);
        }
    }

    /// Takes over what came since, as long as no worker of this process has the task.
    fn step(&mut self, task: &TaskId, log: &dyn Log) {
        match self.follow(task, log) {
            Ok(Some(behind)) => lag(task, behind as f64),
            Ok(None) => lag(task, f64::NAN),
            // It begins anew: a standby is a shortcut, and what it wrote is whole.
            Err(error) => {
                tracing::debug!(%error, %task, "a standby is given up for now");
                self.followed.remove(task);
                lag(task, f64::NAN);
            }
        }
    }

    /// How many records the standby is behind; nothing where a worker has the task.
    fn follow(&mut self, task: &TaskId, log: &dyn Log) -> Result<Option<u64>, StandbyError> {
        let now = wall_clock();
        if self.followed.get(task).is_some_and(|followed| !followed.loan.is_held()) {
            self.followed.remove(task);
        }
        if !self.followed.contains_key(task) {
            let Some(loan) = self.places.lend(task) else { return Ok(None) };
            let age_max = CheckpointSettings::default().age_max;
            let standby = Standby::open(&self.topology, APPLICATION, task, &loan, log, (now, age_max))?;
            tracing::info!(%task, "a standby follows it");
            self.followed.insert(task.clone(), Followed { standby, loan });
        }
        let Some(Followed { standby, .. }) = self.followed.get_mut(task) else { return Ok(None) };
        Ok(Some(standby.step(log, now, STEP_BYTES)?.behind))
    }
}

/// Sets the metric; NaN where the task is not followed.
fn lag(task: &TaskId, records: f64) {
    let labels = [("part", task.sub_topology.to_string()), ("partition", task.partition.to_string())];
    gauge!("hub_standby_lag_records", &labels).set(records);
}
