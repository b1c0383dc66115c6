//! A partner that takes webhooks: checks the signature, then does what its behaviour says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;

use super::chance::roll;
use super::partner_ledger::{Entry, Ledger};
use super::reset::ResetSwitch;
use super::signature::Key;

/// Attempts remembered by id; only ids that failed at least once are, until they succeed.
const ATTEMPTS_KEPT: usize = 100_000;

/// How a partner treats its callers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// The shortest time to think.
    pub delay_min: Duration,
    /// The longest.
    pub delay_max: Duration,
    /// Share of requests that fail: a third each with 500, 503 and a cut connection.
    pub failing: f64,
    /// Share of requests answered with 429 and `Retry-After: 1`.
    pub throttled: f64,
}

impl Behaviour {
    /// Always right, after 200 to 800 ms.
    pub const fn slow() -> Self {
        Self {
            delay_min: Duration::from_millis(200),
            delay_max: Duration::from_millis(800),
            failing: 0.0,
            throttled: 0.0,
        }
    }

    /// Fast, and wrong in a quarter of its answers.
    pub const fn flaky() -> Self {
        Self {
            delay_min: Duration::from_millis(1),
            delay_max: Duration::from_millis(20),
            failing: 0.20,
            throttled: 0.05,
        }
    }

    /// Fast and right.
    #[cfg(test)]
    pub const fn perfect() -> Self {
        Self { delay_min: Duration::ZERO, delay_max: Duration::ZERO, failing: 0.0, throttled: 0.0 }
    }
}

/// What a partner counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartnerCounters {
    /// Requests of any kind.
    pub requests: u64,
    /// Deliveries accepted, each id once.
    pub unique: u64,
    /// Deliveries accepted that had been accepted before.
    pub duplicates: u64,
    /// Requests refused because their signature, or what it covers, is wrong.
    pub bad_signatures: u64,
    /// Requests that were made to fail.
    pub failed: u64,
    /// Requests told to come back later.
    pub throttled: u64,
    /// Deliveries that were older than what their entity had already.
    pub order_violations: u64,
}

#[derive(Debug, Default)]
struct Books {
    ledger: Ledger,
    attempts: HashMap<String, u64>,
    counters: PartnerCounters,
}

#[derive(Debug)]
pub(super) struct Partner {
    behaviour: Behaviour,
    seed: u64,
    key: Key,
    books: Mutex<Books>,
}

enum Fate {
    Accept,
    Answer(StatusCode),
    Throttle,
    Cut,
}

impl Partner {
    pub(super) fn new(behaviour: Behaviour, seed: u64, secret: &str) -> Result<Self, base64::DecodeError> {
        let key = Key::from_secret(secret)?;
        Ok(Self { behaviour, seed, key, books: Mutex::default() })
    }

    pub(super) fn counters(&self) -> PartnerCounters {
        self.books().counters
    }

    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        // Counters stay true even when a holder panicked between two of them.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides, from the id and how often it came, what is done to a request.
    fn decide(&self, id: &str) -> (Fate, Duration) {
        let mut books = self.books();
        let attempt = books.attempts.get(id).copied().unwrap_or(0) + 1;
        let pause = self.behaviour.delay_max.saturating_sub(self.behaviour.delay_min);
        let pause = pause.mul_f64(roll(self.seed ^ 0xde1a, id, attempt));
        let draw = roll(self.seed, id, attempt);
        let Behaviour { failing, throttled, .. } = self.behaviour;
        let fate = if draw < failing / 3.0 {
            Fate::Answer(StatusCode::INTERNAL_SERVER_ERROR)
        } else if draw < failing * 2.0 / 3.0 {
            Fate::Answer(StatusCode::SERVICE_UNAVAILABLE)
        } else if draw < failing {
            Fate::Cut
        } else if draw < failing + throttled {
            Fate::Throttle
        } else {
            Fate::Accept
        };
        if matches!(fate, Fate::Accept) {
            books.attempts.remove(id);
        } else if books.attempts.len() < ATTEMPTS_KEPT || attempt > 1 {
            books.attempts.insert(id.to_owned(), attempt);
        }
        (fate, self.behaviour.delay_min + pause)
    }

    fn accept(&self, id: &str, body: &[u8]) {
        let mut books = self.books();
        match books.ledger.take(id, body) {
            Entry::New => books.counters.unique += 1,
            Entry::OutOfOrder => {
                books.counters.unique += 1;
                books.counters.order_violations += 1;
            }
            Entry::Duplicate => books.counters.duplicates += 1,
        }
    }
}

pub(super) fn router(partner: Arc<Partner>) -> Router {
    Router::new().route("/webhooks", post(receive)).with_state(partner)
}

async fn receive(
    State(partner): State<Arc<Partner>>,
    ConnectInfo(connection): ConnectInfo<ResetSwitch>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    partner.books().counters.requests += 1;
    let now = jiff::Timestamp::now().as_second();
    let Ok(id) = partner.key.verify(&headers, &body, now) else {
        partner.books().counters.bad_signatures += 1;
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let (fate, pause) = partner.decide(id);
    tokio::time::sleep(pause).await;
    match fate {
        Fate::Accept => {
            partner.accept(id, &body);
            StatusCode::NO_CONTENT.into_response()
        }
        Fate::Answer(status) => {
            partner.books().counters.failed += 1;
            status.into_response()
        }
        Fate::Cut => {
            partner.books().counters.failed += 1;
            connection.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Fate::Throttle => {
            partner.books().counters.throttled += 1;
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response()
        }
    }
}
