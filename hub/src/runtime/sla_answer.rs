//! Answers about clocks and violations, for `/v1/sla/...`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use connectors::http::SlaQuestion;
use connectors::sink::Shutdown;
use schemas::{Schema, Scorecard, SlaPrediction, SlaState, SlaViolation, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use topology::{Log, LogError, Offset, Record, TopicPartition};

use super::escalation_view::{self, SharedEscalations};
use super::failure::Failure;
use super::prediction_view::{self, SharedPredictions};
use super::scorecard_view::SharedScorecards;
use super::sla_news::SlaNews;
use super::sla_view::{self, Place, SharedView, SlaView, TOPIC};
use super::violation_view::{self, SharedViolations};
use crate::report;
use crate::wiring::SharedLog;

/// What a process sees of clocks.
pub(super) struct SlaSight {
    pub(super) clocks: SharedView,
    violations: SharedViolations,
    pub(super) predictions: SharedPredictions,
    pub(super) escalations: SharedEscalations,
    pub(super) scorecards: SharedScorecards,
    pub(super) news: SlaNews,
}

impl SlaSight {
    /// Nothing seen yet.
    pub(super) fn new() -> Self {
        Self {
            clocks: Arc::new(Mutex::new(SlaView::new())),
            violations: SharedViolations::default(),
            predictions: SharedPredictions::default(),
            escalations: SharedEscalations::default(),
            scorecards: SharedScorecards::default(),
            news: SlaNews::new(),
        }
    }

    /// Starts the threads that read; they end with `shutdown`.
    pub(super) fn follow(
        &self,
        log: &SharedLog,
        partitions: u32,
        shutdown: &Shutdown,
        failure: &Failure,
        predict: bool,
    ) -> std::io::Result<Vec<JoinHandle<()>>> {
        let (log, news) = (|| log.clone(), || self.news.clone());
        let (stop, fail) = (|| shutdown.clone(), || failure.clone());
        let mut threads = vec![
            sla_view::start(log(), partitions, self.clocks.clone(), news(), stop(), fail())?,
            violation_view::start(log(), partitions, self.violations.clone(), news(), stop(), fail())?,
            escalation_view::start(log(), partitions, self.escalations.clone(), news(), stop(), fail())?,
        ];
        if predict {
            threads.push(prediction_view::start(log(), partitions, self.predictions.clone(), news(), stop(), fail())?);
        }
        Ok(threads)
    }

    /// The answer at an instant.
    pub(super) fn answer(&self, log: &dyn Log, question: &SlaQuestion, now: Timestamp) -> Result<Value, LogError> {
        match question {
            SlaQuestion::Clocks { objective, status, limit } => {
                let view = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
                let (places, all) = view.first(objective.as_deref(), *status, *limit);
                // The view goes on while the log is read.
                drop(view);
                let states: Vec<SlaState> = read(log, TOPIC, &places)?;
                let clocks: Vec<Value> = states.iter().map(|state| clock(state, now)).collect();
                Ok(json!({ "at": now.to_string(), "clocks": clocks, "all": all }))
            }
            SlaQuestion::Predictions { objective, limit } => {
                let view = self.predictions.lock().unwrap_or_else(PoisonError::into_inner);
                let (places, all) = view.likeliest(objective.as_deref(), *limit);
                drop(view);
                let told: Vec<SlaPrediction> = read(log, processors::predict::TOPIC, &places)?;
                let predictions: Vec<Value> = told.iter().map(|told| prediction(told, now)).collect();
                Ok(json!({ "at": now.to_string(), "predictions": predictions, "all": all }))
            }
            SlaQuestion::Partners { partner: None, period } => {
                let view = self.scorecards.lock().unwrap_or_else(PoisonError::into_inner);
                let cards: Vec<Value> = view.all(period.as_deref()).iter().map(report::json).collect();
                Ok(json!({ "at": now.to_string(), "all": cards.len(), "partners": cards }))
            }
            SlaQuestion::Partners { partner: Some(partner), period } => {
                let view = self.scorecards.lock().unwrap_or_else(PoisonError::into_inner);
                let cards = view.of(partner, period.as_deref());
                drop(view);
                let evidence = cards.first().map(|newest| self.evidence(newest));
                let cards: Vec<Value> = cards.iter().take(PERIODS_MAX).map(report::json).collect();
                Ok(json!({ "at": now.to_string(), "all": cards.len(), "partners": cards, "evidence": evidence }))
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

impl SlaSight {
    /// The newest violations on what a card's partner had a part in, in its period.
    fn evidence(&self, card: &Scorecard) -> Value {
        let view = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        let of_card = view.all().filter(|violation| {
            let is_within = (card.start_at..card.end_at).contains(&violation.breached_at);
            is_within && !violation.withdrawn && violation.partner_ids.contains(&card.partner_id)
        });
        let found: Vec<Value> = of_card.map(violation).collect();
        json!({ "all": found.len(), "violations": found.into_iter().take(EVIDENCE_MAX).collect::<Vec<_>>() })
    }
}

/// How many periods of a partner are told at once.
const PERIODS_MAX: usize = 24;
/// How many violations of a period are told.
const EVIDENCE_MAX: usize = 10;

/// The records at these places, in their order. One that another has replaced meanwhile, and that the
/// log has dropped, is left out: it is no clock's newest any more.
fn read<R: Schema + DeserializeOwned>(log: &dyn Log, topic: &str, places: &[Place]) -> Result<Vec<R>, LogError> {
    let mut wanted: BTreeMap<u32, BTreeMap<Offset, usize>> = BTreeMap::new();
    for (order, (partition, offset)) in places.iter().enumerate() {
        wanted.entry(*partition).or_default().insert(*offset, order);
    }
    let mut found: Vec<Option<R>> = std::iter::repeat_with(|| None).take(places.len()).collect();
    for (partition, mut offsets) in wanted {
        let partition = TopicPartition::new(topic, partition);
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

fn prediction(told: &SlaPrediction, now: Timestamp) -> Value {
    json!({
        "objective": told.objective,
        "entity": format!("{}:{}", told.entity_kind, told.entity_id),
        "probability": told.probability_ppm as f64 / 1e6,
        "band": told.band,
        "class": told.class,
        "stage": told.stage,
        "observations": told.observations,
        "consumed_ms": told.consumed_ms,
        "target_ms": told.target_ms,
        "left_ms": told.left_ms,
        "breach_at": told.breach_at.map(|at| at.to_string()),
        "until_breach_ms": told.breach_at.map(|at| at.millis_since(now)),
        "told_at": told.at.to_string(),
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
