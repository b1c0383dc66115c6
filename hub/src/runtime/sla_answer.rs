//! Answers about clocks and violations, for `/v1/sla/...`.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use connectors::http::SlaQuestion;
use schemas::{SlaState, SlaViolation, Timestamp};
use serde_json::{Value, json};
use topology::{Log, LogError, Offset, Record, TopicPartition};

use super::sla_view::{Place, SharedView, TOPIC};
use super::violation_view::SharedViolations;

/// What a process sees of clocks.
pub(super) struct SlaSight {
    pub(super) clocks: SharedView,
    pub(super) violations: SharedViolations,
}

impl SlaSight {
    /// The answer at an instant.
    pub(super) fn answer(&self, log: &dyn Log, question: &SlaQuestion, now: Timestamp) -> Result<Value, LogError> {
        match question {
            SlaQuestion::Clocks { objective, status, limit } => {
                let view = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
                let (places, all) = view.first(objective.as_deref(), *status, *limit);
                // The view goes on while the log is read.
                drop(view);
                let states = read(log, &places)?;
                let clocks: Vec<Value> = states.iter().map(|state| clock(state, now)).collect();
                Ok(json!({ "at": now.to_string(), "clocks": clocks, "all": all }))
            }
            SlaQuestion::Violations { from, limit } => {
                let view = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
                let (newest, all) = view.newest(*from, *limit);
                drop(view);
                let violations: Vec<Value> = newest.iter().map(violation).collect();
                Ok(json!({ "at": now.to_string(), "violations": violations, "all": all }))
            }
        }
    }
}

/// The states at these places, in their order. One that another has replaced meanwhile, and that the
/// log has dropped, is left out: it is no clock's newest any more.
fn read(log: &dyn Log, places: &[Place]) -> Result<Vec<SlaState>, LogError> {
    let mut wanted: BTreeMap<u32, BTreeMap<Offset, usize>> = BTreeMap::new();
    for (order, (partition, offset)) in places.iter().enumerate() {
        wanted.entry(*partition).or_default().insert(*offset, order);
    }
    let mut found: Vec<Option<SlaState>> = vec![None; places.len()];
    for (partition, mut offsets) in wanted {
        let partition = TopicPartition::new(TOPIC, partition);
        while let Some((from, _)) = offsets.first_key_value() {
            let from = *from;
            let mut records: Vec<Record> = Vec::new();
            let next = log.read(&partition, from, READ_BYTES, &mut records)?;
            for record in &records {
                if let (Some(order), Some(value)) = (offsets.remove(&record.offset), &record.value) {
                    found[order] = schemas::decode(value).ok();
                }
            }
            offsets.retain(|offset, _| *offset >= next && *offset > from);
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// A read takes in the states that lie near one another.
const READ_BYTES: usize = 16 << 10;

fn clock(state: &SlaState, now: Timestamp) -> Value {
    json!({
        "objective": state.objective,
        "entity": format!("{}:{}", state.entity_kind, state.entity_id),
        "status": state.status,
        "breach_at": state.breach_at.map(|at| at.to_string()),
        "until_breach_ms": state.breach_at.map(|at| at.millis_since(now)),
        "target_ms": state.target_ms,
        "warned_percent": state.warned_percent,
        "started_at": state.started_at.to_string(),
        "partners": state.partner_ids,
    })
}

fn violation(violation: &SlaViolation) -> Value {
    json!({
        "id": violation.violation_id,
        "objective": violation.objective,
        "entity": format!("{}:{}", violation.entity_kind, violation.entity_id),
        "breached_at": violation.breached_at.to_string(),
        "actual_ms": violation.actual_ms,
        "target_ms": violation.reference_ms,
        "consequence": violation.consequence,
        "partners": violation.partner_ids,
        "version": violation.version,
        "withdrawn": violation.withdrawn,
    })
}
