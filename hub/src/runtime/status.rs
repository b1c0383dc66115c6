//! How each part is, for `/readyz`, and the metrics for `/metrics`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::delivery::http::wall_clock;
use connectors::http::{NotTold, PartStatus, SlaQuestion, Status};
use schemas::Timestamp;
use topology::{TaskState, WorkerSnapshot, partition_for_key};

use super::exporter::{self, recorder};
use super::hub::Parts;
use super::log::OpenLog;

/// The status of a running hub.
pub(super) struct HubStatus {
    parts: Arc<Parts>,
    /// Since when each part is as it is.
    since: Mutex<HashMap<String, (bool, Timestamp)>>,
}

impl HubStatus {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        Self { parts, since: Mutex::default() }
    }

    fn part(&self, label: &str, required: bool, error: Option<String>) -> PartStatus {
        let connected = error.is_none();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = since.entry(label.to_owned()).or_insert_with(|| (connected, wall_clock()));
        if entry.0 != connected {
            *entry = (connected, wall_clock());
        }
        PartStatus { label: label.to_owned(), connected, required, error, since: entry.1.to_string() }
    }

    /// Those of the hub itself; not what it delivers to.
    fn own_parts(&self) -> Vec<PartStatus> {
        let mut parts = vec![self.part("log", true, self.parts.opened.trouble())];
        let waiting = self.parts.workers_wait_for();
        for (number, (snapshot, waits_for)) in self.parts.worker_snapshots().iter().zip(waiting).enumerate() {
            parts.push(self.part(
                &format!("worker-{number}"),
                true,
                waits_for.or_else(|| not_ready(snapshot.as_ref())),
            ));
        }
        for (name, ledger) in &self.parts.sink_ledgers {
            parts.push(self.part(&format!("sink.{name}"), true, ledger.waits_for()));
        }
        if matches!(self.parts.opened, OpenLog::Kafka { .. }) {
            // What is not held up goes on, and the door is open.
            parts.push(self.part("transactions", false, self.parts.hanging.trouble()));
        }
        if let Some(why) = self.parts.failure.get() {
            parts.push(self.part("hub", true, Some(why.to_string())));
        }
        parts
    }
}

impl Status for HubStatus {
    fn metrics(&self) -> String {
        // A log with brokers is asked for its ends.
        tokio::task::block_in_place(|| self.parts.publish());
        let is_ready = self.own_parts().iter().all(|part| part.connected || !part.required);
        metrics::gauge!("hub_ready").set(f64::from(u8::from(is_ready)));
        exporter::page()
    }

    fn parts(&self) -> Vec<PartStatus> {
        let mut parts = self.own_parts();
        for (target, state) in targets(&recorder().render()) {
            let error = (state >= OPEN).then(|| "left alone after failures: its breaker is open".to_owned());
            parts.push(self.part(&format!("target.{target}"), false, error));
        }
        parts
    }

    fn sla_clocks(&self, entity: &str) -> Result<Option<serde_json::Value>, NotTold> {
        let partition = partition_for_key(entity.as_bytes(), self.parts.partitions);
        let found = self.parts.asking.look(processors::sla::STORE, partition, entity.as_bytes());
        let value = match found.map_err(NotTold::Silent)? {
            Some(Some(value)) => value,
            Some(None) => return Ok(None),
            None => return Err(self.parts.elsewhere("sla", partition)),
        };
        let ledger = processors::sla::explain(&self.parts.objectives, entity, &value, wall_clock());
        let ledger = ledger.map_err(|_| NotTold::Silent("The stored clocks cannot be read.".to_owned()))?;
        let mut ledger = serde_json::to_value(ledger).map_err(|error| NotTold::Silent(error.to_string()))?;
        if let Some(instances) = &self.parts.instances {
            ledger["answered_by"] = instances.name().into();
        }
        Ok(Some(ledger))
    }

    fn sla(&self, question: &SlaQuestion) -> Result<Option<serde_json::Value>, String> {
        self.parts.sla(question).map_err(|error| format!("The log cannot be read now: {error}."))
    }

    fn sla_news(&self) -> Option<tokio::sync::broadcast::Receiver<Arc<str>>> {
        self.parts.sla_news()
    }
}

/// The gauge of a breaker that lets nothing pass.
const OPEN: f64 = 2.0;

/// Each target of deliveries and the gauge of its breaker, from the page of metrics.
fn targets(page: &str) -> Vec<(String, f64)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("hub_breaker_state{target=\""));
    let target = |rest: &str| {
        let (name, state) = rest.split_once("\"} ")?;
        Some((name.to_owned(), state.parse().ok()?))
    };
    let mut found: Vec<(String, f64)> =
        lines.filter_map(target).filter(|(name, _)| name != connectors::sink::UNKNOWN_TARGET).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// Why a worker cannot take anything in yet.
pub(super) fn not_ready(snapshot: Option<&WorkerSnapshot>) -> Option<String> {
    let Some(snapshot) = snapshot else { return Some("starting".into()) };
    if snapshot.tasks.is_empty() && !snapshot.joined {
        return Some("no partition assigned yet".into());
    }
    let restoring =
        snapshot.tasks.iter().filter(|task| matches!(task.state, TaskState::Created | TaskState::Restoring));
    let (mut tasks, mut done, mut all) = (0, 0, 0);
    for task in restoring {
        tasks += 1;
        done += task.restored;
        all += task.to_restore;
    }
    (tasks > 0).then(|| format!("restoring {tasks} tasks, {} %", (done * 100).checked_div(all).unwrap_or(0).min(99)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn targets_are_read_from_their_breakers() {
        let page = "# TYPE hub_breaker_state gauge\nhub_breaker_state{target=\"partner:a\"} 2\n\
                    hub_breaker_state{target=\"billing\"} 0\nhub_breaker_state{target=\"(unknown)\"} 0\nhub_lag_records{group=\"g\",topic=\"t\"} 2\n";
        assert_eq!(super::targets(page), [("billing".to_owned(), 0.0), ("partner:a".to_owned(), super::OPEN)]);
    }
}
