//! The server: its paths, and what every request passes first.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use schemas::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::auth::{Credentials, Role};
use super::committer::Committer;
use super::health::Status;
use super::intake::Intake;
use super::ledger::{self, IngestLedger};
use super::problem::{Problem, ProblemCode};
use super::rate::RateLimit;
use super::{event, health, news, serve, sla};
use crate::delivery::http::wall_clock;

/// One connection in so many may follow the news of clocks: events and probes have the others.
const FOLLOWERS: usize = 8;

/// Why nothing is taken in while the log gives no producer; the reason is for `/readyz`.
const WAITING: &str = "The log cannot be written to yet.";

/// What the listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest event, in bytes.
    pub event_bytes: usize,
    /// The largest batch, in bytes.
    pub batch_bytes: usize,
    /// Requests per second and credential; 0 for no limit.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub burst: u32,
    /// How long a single event, or each part of a batch, may take to arrive.
    pub body_timeout: Duration,
    /// Connections at a time; more wait until one ends.
    pub connections: usize,
    /// How long a request's head may take to arrive; also how long a connection may rest.
    pub header_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 1 << 20,
            batch_bytes: 64 << 20,
            requests_per_second: 0,
            burst: 1,
            body_timeout: Duration::from_secs(30),
            connections: 512,
            header_timeout: Duration::from_secs(30),
        }
    }
}

/// The settings of the server.
pub struct ServerSettings {
    /// Who may.
    pub credentials: Credentials,
    /// Whether `/metrics` needs the role [`Role::Viewer`].
    pub protect_metrics: bool,
    /// What it takes.
    pub limits: Limits,
}

/// What all requests share.
#[derive(Clone)]
pub(super) struct Shared(Arc<Inner>);

pub(super) struct Inner {
    pub(super) settings: ServerSettings,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) status: Arc<dyn Status>,
    /// None where another process takes events in.
    pub(super) committer: Option<Committer>,
    pub(super) ledger: IngestLedger,
    pub(super) started: Timestamp,
    rate: RateLimit,
    /// Places for who follows the news: each keeps a connection.
    pub(super) followers: Arc<Semaphore>,
    closed: Arc<AtomicBool>,
}

impl Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Shared {
    /// Whether the credential that the request shows has the role.
    pub(super) fn authorise(&self, headers: &HeaderMap, role: Role) -> Result<super::auth::Principal, Problem> {
        let credentials = &self.settings.credentials;
        let principal = credentials.authenticate(headers).ok_or_else(|| Problem::new(ProblemCode::Unauthenticated))?;
        if credentials.may(principal, role) { Ok(principal) } else { Err(Problem::new(ProblemCode::Forbidden)) }
    }

    /// Everything that is checked before a body is read.
    pub(super) fn admit_request(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let principal = self.authorise(headers, Role::Publisher)?;
        self.committer()?;
        if let Some(why) = self.not_accepting() {
            return Err(Problem::new(ProblemCode::NotAccepting).detail(why));
        }
        self.rate.take(principal, Instant::now()).map_err(|wait| {
            Problem::new(ProblemCode::RateLimited).retry_after(wait.as_secs_f64().ceil().max(1.0) as u64)
        })
    }

    /// The way into the log, where this process takes events in.
    pub(super) fn committer(&self) -> Result<&Committer, Problem> {
        self.committer.as_ref().ok_or_else(|| Problem::new(ProblemCode::IngestElsewhere))
    }

    /// Why nothing is taken in, if nothing is.
    pub(super) fn not_accepting(&self) -> Option<&'static str> {
        if self.closed.load(Ordering::Acquire) {
            Some("The hub is stopping.")
        } else if self.committer.as_ref().is_some_and(Committer::has_failed) {
            Some("The log refuses writes.")
        } else if self.committer.as_ref().is_some_and(Committer::refuses) {
            Some(WAITING)
        } else {
            None
        }
    }

    /// As [`not_accepting`](Self::not_accepting), for who looks after the hub: what the log says comes with it.
    pub(super) fn ingest_trouble(&self) -> Option<String> {
        let told = self.not_accepting().filter(|why| *why != WAITING);
        told.map(str::to_owned).or_else(|| self.committer.as_ref()?.waits_for())
    }
}

/// A server that is not serving yet.
pub struct Server {
    pub(super) shared: Shared,
}

impl Server {
    /// A server for this intake and log. Without a committer it takes no events: their paths refuse with 503 and name
    /// the reason.
    pub fn new(
        settings: ServerSettings,
        intake: Arc<dyn Intake>,
        status: Arc<dyn Status>,
        committer: Option<Committer>,
        ledger: IngestLedger,
    ) -> Self {
        ledger::describe();
        let rate = RateLimit::new(settings.limits.requests_per_second, settings.limits.burst);
        let closed = Arc::new(AtomicBool::new(false));
        let followers = Arc::new(Semaphore::new((settings.limits.connections / FOLLOWERS).max(1)));
        let started = wall_clock();
        Self {
            shared: Shared(Arc::new(Inner {
                settings,
                intake,
                status,
                committer,
                ledger,
                started,
                rate,
                followers,
                closed,
            })),
        }
    }

    /// A switch: once it is set, every event is answered with 503.
    pub fn closed(&self) -> Arc<AtomicBool> {
        self.shared.closed.clone()
    }

    /// Serves until `stop` ends, then answers the requests that are under way.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let limits = self.shared.settings.limits;
        serve::serve(listener, router(self.shared), &limits, stop).await
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/events", post(event::events))
        .route("/listener/{event_type}", post(event::listener))
        .route("/v1/sla/clocks", get(sla::list))
        .route("/v1/sla/clocks/{entity}", get(sla::clocks))
        .route("/v1/sla/events", get(news::events))
        .route("/v1/sla/partners", get(sla::partners))
        .route("/v1/sla/partners/{partner}", get(sla::partner))
        .route("/v1/sla/predictions", get(sla::predictions))
        .route("/v1/sla/violations", get(sla::violations))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(async || Problem::new(ProblemCode::NotFound))
        .method_not_allowed_fallback(async || Problem::new(ProblemCode::MethodNotAllowed))
        // The handlers count bytes themselves, event by event.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}
