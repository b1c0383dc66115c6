//! A process orchestrator behind TMF701: creates each flow once per idempotency key, and sometimes
//! stalls, is unavailable, or refuses.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::chance::{hash, roll};
use super::floworx_runner::{self, Started};
use super::poster::PosterSender;
use super::server::until_set;

const PATH: &str = "/tmf-api/processFlowManagement/v4/processFlow";
/// Flows that may wait for the runner; beyond, callers are told to come back.
const BACKLOG: usize = 10_000;

/// How Floworx behaves. Shares are of requests or flows, between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloworxSettings {
    /// Requests answered only after [`FloworxSettings::stall_for`], though the flow was created.
    pub stalling: f64,
    /// How long a stalled answer takes.
    pub stall_for: Duration,
    /// Requests answered with 503 and `Retry-After: 1`.
    pub unavailable: f64,
    /// Keys that are refused with 400, however often they come.
    pub refusing: f64,
    /// Tasks that are on hold for a while.
    pub holding: f64,
    /// Flows that end cancelled.
    pub cancelling: f64,
    /// The shortest time between two changes of a flow.
    pub pause_min: Duration,
    /// The longest.
    pub pause_max: Duration,
}

impl Default for FloworxSettings {
    fn default() -> Self {
        Self {
            stalling: 0.01,
            stall_for: Duration::from_secs(3),
            unavailable: 0.05,
            refusing: 0.002,
            holding: 0.05,
            cancelling: 0.02,
            pause_min: Duration::from_millis(50),
            pause_max: Duration::from_millis(400),
        }
    }
}

impl FloworxSettings {
    /// Never stalls, never errs.
    #[cfg(test)]
    pub fn perfect() -> Self {
        Self { stalling: 0.0, unavailable: 0.0, refusing: 0.0, ..Self::default() }
    }
}

/// What Floworx counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FloworxCounters {
    /// Requests of any kind.
    pub requests: u64,
    /// Flows created.
    pub created: u64,
    /// Requests for a flow that existed.
    pub repeated: u64,
    /// Requests answered late.
    pub stalled: u64,
    /// Requests told to come back later.
    pub unavailable: u64,
    /// Requests refused.
    pub refused: u64,
    /// Of those created, flows that do not fulfil an order: they are noted, and done at once.
    pub noted: u64,
    /// Flows that ended completed.
    pub completed: u64,
    /// Flows that ended cancelled.
    pub cancelled: u64,
    /// Status events that the hub accepted.
    pub events_posted: u64,
    /// Attempts to post that had to be repeated.
    pub events_retried: u64,
    /// Status events that the hub refused for good.
    pub events_refused: u64,
}

/// The specification of flows whose tasks fulfil an order.
const FULFILMENT: &str = "productOrderFulfilment";

#[derive(Debug, Default)]
struct Memory {
    /// Flow ids by idempotency key: in memory only, as the design of this toy wants it.
    flows: HashMap<String, String>,
    /// How often each key came before its flow was created.
    attempts: HashMap<String, u64>,
    counters: FloworxCounters,
}

#[derive(Debug)]
pub(super) struct Floworx {
    pub(super) settings: FloworxSettings,
    pub(super) seed: u64,
    memory: Mutex<Memory>,
    completed: AtomicU64,
    cancelled: AtomicU64,
    started: mpsc::Sender<Started>,
    stopped: watch::Receiver<bool>,
}

impl Floworx {
    /// Floworx itself and the task that runs its flows, which ends when Floworx is dropped or the
    /// flag is set.
    pub(super) fn start(
        settings: FloworxSettings,
        seed: u64,
        poster: PosterSender,
        stopped: &watch::Receiver<bool>,
    ) -> (Arc<Self>, JoinHandle<()>) {
        let (started, receiver) = mpsc::channel(BACKLOG);
        let floworx = Arc::new(Self {
            settings,
            seed,
            memory: Mutex::default(),
            completed: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            started,
            stopped: stopped.clone(),
        });
        let stopped = stopped.clone();
        let running = floworx_runner::run(Arc::clone(&floworx), receiver, poster);
        let runner = tokio::spawn(async move {
            tokio::select! {
                () = running => {}
                () = until_set(stopped) => {}
            }
        });
        (floworx, runner)
    }

    pub(super) fn counters(&self) -> FloworxCounters {
        FloworxCounters {
            completed: self.completed.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            ..self.memory().counters
        }
    }

    pub(super) fn finished(&self, completed: bool) {
        let counter = if completed { &self.completed } else { &self.cancelled };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How long a flow waits before its change number `change`.
    pub(super) fn pause(&self, flow_id: &str, change: u64) -> Duration {
        let span = self.settings.pause_max.saturating_sub(self.settings.pause_min);
        self.settings.pause_min + span.mul_f64(roll(self.seed ^ 0x9a5e, flow_id, change))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A holder that panicked left at worst a counter behind.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the flow of a key, or finds it; whether the answer stalls is the last word.
    fn create(&self, key: &str, flow: &Asked<'_>) -> Result<(StatusCode, String, bool), StatusCode> {
        let FloworxSettings { stalling, unavailable, refusing, .. } = self.settings;
        let mut memory = self.memory();
        if let Some(flow) = memory.flows.get(key).cloned() {
            memory.counters.repeated += 1;
            return Ok((StatusCode::OK, flow, false));
        }
        if roll(self.seed ^ 0x400, key, 0) < refusing {
            memory.counters.refused += 1;
            return Err(StatusCode::BAD_REQUEST);
        }
        let attempt = memory.attempts.get(key).copied().unwrap_or(0) + 1;
        let draw = roll(self.seed, key, attempt);
        // No long row of digits, which a guard against card numbers could take for one.
        let id = hash(self.seed, key);
        let flow_id = format!("PF-{:08x}z{:08x}", id >> 32, id & 0xffff_ffff);
        let started = || Started { flow_id: flow_id.clone(), order_id: flow.entity_id.to_owned() };
        // A full backlog is one more way to be unavailable.
        if draw < unavailable || flow.fulfils && self.started.try_send(started()).is_err() {
            memory.attempts.insert(key.to_owned(), attempt);
            memory.counters.unavailable += 1;
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        memory.attempts.remove(key);
        memory.flows.insert(key.to_owned(), flow_id.clone());
        memory.counters.created += 1;
        memory.counters.noted += u64::from(!flow.fulfils);
        let stalls = draw < unavailable + stalling;
        memory.counters.stalled += u64::from(stalls);
        Ok((StatusCode::CREATED, flow_id, stalls))
    }
}

pub(super) fn router(floworx: Arc<Floworx>) -> Router {
    Router::new().route(PATH, post(create_flow)).with_state(floworx)
}

async fn create_flow(State(floworx): State<Arc<Floworx>>, headers: HeaderMap, body: Bytes) -> Response {
    floworx.memory().counters.requests += 1;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    let flow = body.as_ref().and_then(asked);
    let (Some(key), Some(flow)) = (key.filter(|key| !key.is_empty()), flow) else {
        floworx.memory().counters.refused += 1;
        return refusal(StatusCode::BAD_REQUEST);
    };
    match floworx.create(key, &flow) {
        Err(status) => refusal(status),
        Ok((status, flow_id, stalls)) => {
            if stalls {
                tokio::select! {
                    () = tokio::time::sleep(floworx.settings.stall_for) => {}
                    () = until_set(floworx.stopped.clone()) => {}
                }
            }
            let flow = json!({
                "id": flow_id,
                "href": format!("{PATH}/{flow_id}"),
                "state": "active",
                "relatedEntity": [{ "id": flow.entity_id, "@referredType": flow.referred }],
                "@type": "ProcessFlow",
            });
            (status, Json(flow)).into_response()
        }
    }
}

fn refusal(status: StatusCode) -> Response {
    let body = Json(json!({ "code": status.as_str(), "reason": status.canonical_reason() }));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        (status, [(header::RETRY_AFTER, "1")], body).into_response()
    } else {
        (status, body).into_response()
    }
}

/// What a flow is asked for.
struct Asked<'b> {
    /// The type of its related entity, such as `ProductOrder`.
    referred: &'b str,
    entity_id: &'b str,
    /// Whether its tasks fulfil an order.
    fulfils: bool,
}

/// What is asked for, from the related entity (v4 or v5) of the body.
fn asked(body: &Value) -> Option<Asked<'_>> {
    let related = body.get("relatedEntity")?.as_array()?.first()?;
    let related = related.get("entity").unwrap_or(related);
    Some(Asked {
        referred: related.get("@referredType")?.as_str()?,
        entity_id: related.get("id")?.as_str()?,
        fulfils: body.get("processFlowSpecification")?.as_str()? == FULFILMENT,
    })
}
