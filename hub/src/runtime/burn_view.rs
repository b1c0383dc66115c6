//! The live view of burn rates: `hub.sla.burn` read from its beginning, and its metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use connectors::sink::Shutdown;
use metrics::{describe_gauge, gauge};
use schemas::BurnRate;

use super::failure::Failure;
use super::tail;
use crate::config::duration;
use crate::wiring::SharedLog;

/// The newest burn rate of every SLO and value.
pub(super) type SharedBurns = Arc<Mutex<BTreeMap<(String, String), BurnRate>>>;

/// Sets the metrics.
pub(super) fn publish(burns: &SharedBurns) {
    for ((slo, value), rate) in burns.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let labels = || [("slo", slo.clone()), ("value", value.clone())];
        gauge!("hub_slo_objective_ratio", &labels()).set(rate.objective_ppm as f64 / 1e6);
        gauge!("hub_slo_budget_left_ratio", &labels()).set(rate.budget_left_ppm as f64 / 1e6);
        for severity in ["page", "ticket"] {
            let mut labels = labels().to_vec();
            labels.push(("severity", severity.to_owned()));
            gauge!("hub_slo_alert", &labels).set(if rate.severity == severity { 1.0 } else { 0.0 });
        }
        for window in &rate.windows {
            let mut labels = labels().to_vec();
            labels.push(("window", duration::display(Duration::from_millis(window.window_ms as u64))));
            gauge!("hub_slo_burn_ratio", &labels).set(window.burn_milli as f64 / 1e3);
            gauge!("hub_slo_window_events", &labels).set(window.events as f64);
        }
    }
}

/// Says what each metric means.
pub(super) fn describe() {
    describe_gauge!("hub_slo_objective_ratio", "The share that shall be good, by SLO");
    describe_gauge!("hub_slo_budget_left_ratio", "Share of the period's error budget that is left, by SLO and value");
    describe_gauge!("hub_slo_burn_ratio", "How many times faster than evenly the budget goes, by event time");
    describe_gauge!("hub_slo_window_events", "What was measured in the window that a burn rate is of");
    describe_gauge!("hub_slo_alert", "1 while an alert of this severity fires");
}

/// Starts the thread that reads; it ends with `shutdown`.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    burns: SharedBurns,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    tail::follow(log, (processors::burn::TOPIC, partitions), shutdown, failure, move |records| {
        let mut burns = burns.lock().unwrap_or_else(PoisonError::into_inner);
        for value in records.drain(..).filter_map(|record| record.value) {
            if let Ok(rate) = schemas::decode::<BurnRate>(&value) {
                burns.insert((rate.slo.clone(), rate.value.clone()), rate);
            }
        }
    })
}
