//! `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;

use super::auth::Role;
use super::server::Shared;
use super::sla::SlaQuestion;

/// How one part of the hub is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartStatus {
    /// Its name, such as `log` or `sink.billing`.
    pub label: String,
    /// Whether it can work.
    pub connected: bool,
    /// Whether the hub is ready only when it can. The outside systems are not: what is meant for
    /// one that is away waits in the log.
    pub required: bool,
    /// Why not, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Since when, in RFC 3339.
    pub since: String,
}

/// Why something cannot be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTold {
    /// Who keeps it does not answer, with the reason.
    Silent(String),
    /// The hub at this address, `host:port`, keeps it.
    Elsewhere(String),
    /// Nobody is known to keep it at the moment, with the reason.
    Away(String),
}

/// What the server asks of whoever knows how the hub is.
pub trait Status: Send + Sync + 'static {
    /// The metrics as Prometheus text.
    fn metrics(&self) -> String;
    /// How each part is. The hub is ready when all that are required are connected.
    fn parts(&self) -> Vec<PartStatus>;
    /// The SLA clocks of an entity such as `order:7`, with the account of each; nothing only where the hub that
    /// keeps them has none. It may block.
    ///
    /// # Errors
    /// Why it cannot be told now, or by this process.
    fn sla_clocks(&self, entity: &str) -> Result<Option<serde_json::Value>, NotTold>;
    /// Answers a question about clocks and violations; nothing where this process sees none. It may block.
    ///
    /// # Errors
    /// Why it cannot be told now.
    fn sla(&self, question: &SlaQuestion) -> Result<Option<serde_json::Value>, String>;
    /// News of clocks from now on, a JSON object each; nothing where this process sees no clocks, or stops.
    fn sla_news(&self) -> Option<Receiver<Arc<str>>>;
}

pub(super) async fn livez() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut parts = shared.status.parts();
    // A probe has no credential; who the partners are is told as the metrics are.
    if shared.settings.protect_metrics && shared.authorise(&headers, Role::Viewer).is_err() {
        parts.retain(|part| part.required);
    }
    if let Some(ingest) = shared.ingest_trouble() {
        parts.push(PartStatus {
            label: "ingest".into(),
            connected: false,
            required: true,
            error: Some(ingest),
            since: shared.started.to_string(),
        });
    }
    let ready = parts.iter().all(|part| part.connected || !part.required);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "parts": parts }))).into_response()
}

pub(super) async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if shared.settings.protect_metrics
        && let Err(problem) = shared.authorise(&headers, Role::Viewer)
    {
        return problem.into_response();
    }
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, shared.status.metrics()).into_response()
}
