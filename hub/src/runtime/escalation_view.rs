//! The live view of escalations: `hub.sla.escalation` read from its beginning, and its metric.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use metrics::{counter, describe_counter};
use schemas::SlaEscalation;

use super::failure::Failure;
use super::sla_news::{self, SlaNews};
use super::tail;
use crate::wiring::SharedLog;

const TOPIC: &str = "hub.sla.escalation";

/// How often each step of each objective's ladder was called, as far back as the topic goes, and called off.
#[derive(Default)]
pub(super) struct EscalationView {
    /// By objective, percent and whether called off.
    steps: BTreeMap<(String, i32, bool), u64>,
}

/// A view that a thread keeps up to date.
pub(super) type SharedEscalations = Arc<Mutex<EscalationView>>;

impl EscalationView {
    fn apply(&mut self, escalation: &SlaEscalation) {
        let step = (escalation.objective.clone(), escalation.percent, escalation.withdrawn);
        *self.steps.entry(step).or_default() += 1;
    }

    /// Sets the metric.
    pub(super) fn publish(&self) {
        for ((objective, percent, withdrawn), count) in &self.steps {
            let call = if *withdrawn { "withdrawn" } else { "called" };
            let labels =
                [("objective", objective.clone()), ("percent", percent.to_string()), ("call", call.to_owned())];
            counter!("hub_sla_escalations_total", &labels).absolute(*count);
        }
    }
}

/// Says what the metric means.
pub(super) fn describe() {
    describe_counter!(
        "hub_sla_escalations_total",
        "Steps of ladders that clocks passed, by objective, percent of the target, and whether called or withdrawn"
    );
}

/// Starts the thread that reads; it ends with `shutdown`.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedEscalations,
    news: SlaNews,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    tail::follow_values(log, (TOPIC, partitions), shutdown, failure, move |escalations, is_live| {
        let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
        for escalation in escalations {
            view.apply(&escalation);
            if is_live {
                news.tell(|| sla_news::escalation(&escalation));
            }
        }
    })
}
