//! Posts Floworx's events to the hub until each is accepted, in order within a flow.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::chance::{hash, roll};
use super::floworx::FloworxCounters;
use super::server::until_set;

/// Events of one flow go through one lane; lanes wait for the hub side by side.
const LANES: usize = 32;
/// Events that may wait in a lane; then flows stand still.
const LANE_DEPTH: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// An event on its way to the hub.
#[derive(Debug)]
pub(super) struct Posting {
    /// The listener's path below `/listener/`.
    pub(super) path: &'static str,
    pub(super) body: String,
}

#[derive(Debug, Default)]
struct Counters {
    posted: AtomicU64,
    retried: AtomicU64,
    refused: AtomicU64,
}

/// Where flows leave their events.
#[derive(Clone, Debug)]
pub(super) struct PosterSender(Vec<mpsc::Sender<Posting>>);

impl PosterSender {
    /// Waits for room in the flow's lane; the posting is lost only when the sandbox stops.
    pub(super) async fn send(&self, flow_id: &str, posting: Posting) {
        let lane = (hash(0, flow_id) % self.0.len() as u64) as usize;
        let _stopped = self.0[lane].send(posting).await;
    }
}

#[derive(Debug)]
pub(super) struct Poster {
    sender: PosterSender,
    lanes: Vec<JoinHandle<()>>,
    counters: Arc<Counters>,
}

struct Lane {
    client: reqwest::Client,
    hub_url: String,
    token: String,
    seed: u64,
    counters: Arc<Counters>,
}

impl Poster {
    pub(super) fn start(hub_url: &str, token: &str, seed: u64, stopped: &watch::Receiver<bool>) -> io::Result<Self> {
        // The hub is on this machine: a proxy from the environment would be in the way.
        let client = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build();
        let client = client.map_err(io::Error::other)?;
        let counters = Arc::new(Counters::default());
        let mut senders = Vec::with_capacity(LANES);
        let mut lanes = Vec::with_capacity(LANES);
        for number in 0..LANES as u64 {
            let (sender, receiver) = mpsc::channel(LANE_DEPTH);
            let lane = Lane {
                client: client.clone(),
                hub_url: hub_url.trim_end_matches('/').to_owned(),
                token: token.to_owned(),
                seed: seed ^ number,
                counters: Arc::clone(&counters),
            };
            senders.push(sender);
            let stopped = stopped.clone();
            lanes.push(tokio::spawn(async move {
                tokio::select! {
                    () = lane.run(receiver) => {}
                    () = until_set(stopped) => {}
                }
            }));
        }
        Ok(Self { sender: PosterSender(senders), lanes, counters })
    }

    pub(super) fn sender(&self) -> PosterSender {
        self.sender.clone()
    }

    pub(super) fn add_to(&self, counters: &mut FloworxCounters) {
        counters.events_posted = self.counters.posted.load(Ordering::Relaxed);
        counters.events_retried = self.counters.retried.load(Ordering::Relaxed);
        counters.events_refused = self.counters.refused.load(Ordering::Relaxed);
    }

    /// Waits for the lanes, which end once the flag that they watch is set.
    pub(super) async fn stop(mut self) {
        for lane in &mut self.lanes {
            // A lane that panicked has ended, too.
            let _ended = lane.await;
        }
    }
}

impl Drop for Poster {
    fn drop(&mut self) {
        for lane in &self.lanes {
            lane.abort();
        }
    }
}

impl Lane {
    async fn run(self, mut receiver: mpsc::Receiver<Posting>) {
        while let Some(posting) = receiver.recv().await {
            let mut attempt = 0;
            while let Some(asked) = self.post(&posting).await {
                self.counters.retried.fetch_add(1, Ordering::Relaxed);
                let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.min(6)).min(LONGEST_PAUSE);
                // Half the pause is chance, so that lanes do not come back together.
                let jitter = 0.5 + roll(self.seed, &posting.body, attempt) / 2.0;
                tokio::time::sleep(asked.unwrap_or_default().max(doubled.mul_f64(jitter))).await;
                attempt += 1;
            }
        }
    }

    /// Posts once. `None`: it is settled. Otherwise how long the hub asked to wait, if it did.
    async fn post(&self, posting: &Posting) -> Option<Option<Duration>> {
        let request = self
            .client
            .post(format!("{}/listener/{}", self.hub_url, posting.path))
            .bearer_auth(&self.token)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(posting.body.clone());
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "the hub cannot be reached");
                return Some(None);
            }
        };
        let status = response.status();
        if status.is_success() {
            self.counters.posted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let for_now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        if status.is_client_error() && !for_now.contains(&status) {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%status, path = posting.path, "the hub refuses a status event");
            return None;
        }
        let seconds = response.headers().get(reqwest::header::RETRY_AFTER);
        let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
        Some(seconds.map(|seconds: u64| Duration::from_secs(seconds.min(60))))
    }
}
