//! What the listener answers while the hub waits for its log: alive, not ready, and why.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use connectors::delivery::http::wall_clock;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Seconds after which a client may ask again.
const RETRY_AFTER: &str = "2";

/// Why the hub is not ready. Clones share it.
#[derive(Clone)]
pub(super) struct Reason(Arc<Mutex<(String, String)>>);

impl Reason {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(("connecting to the log".to_owned(), wall_clock().to_string()))))
    }

    /// Gives another reason.
    pub(super) fn tell(&self, why: &str) {
        why.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0);
    }
}

/// A server for the time before the real one.
pub(super) struct Waiting {
    pub(super) reason: Reason,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Waiting {
    pub(super) fn start(listener: TcpListener) -> Self {
        let reason = Reason::new();
        let router = Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .fallback(refuse)
            .with_state(reason.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            // The sender's end is as good as its word.
            let stopped = async move { drop(stopped.await) };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::warn!(%error, "nobody can be told that the hub waits for its log");
            }
        });
        Self { reason, stop, server }
    }

    /// Ends it; requests that come from now on wait for the real server.
    pub(super) async fn end(self) {
        drop(self.stop);
        let abort = self.server.abort_handle();
        if tokio::time::timeout(std::time::Duration::from_millis(500), self.server).await.is_err() {
            abort.abort();
        }
    }
}

async fn readyz(State(reason): State<Reason>) -> Response {
    let (error, since) = reason.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let part = json!({ "label": "log", "connected": false, "error": error, "since": since });
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({ "ready": false, "parts": [part] }))).into_response()
}

async fn refuse() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, RETRY_AFTER)];
    let problem = json!({ "title": "The hub waits for its log.", "status": 503, "detail": "See /readyz." });
    (StatusCode::SERVICE_UNAVAILABLE, headers, problem.to_string()).into_response()
}
