//! Posts the generator's day to the hub as upstream systems would: over HTTP, until accepted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use connectors::delivery::http::wall_clock;
use connectors::sink::Shutdown;
use serde::Serialize;
use tokio::task::JoinHandle;

use crate::generate::{Generated, Generator, Settings};
use crate::runtime::private_directory;

/// Events are gathered for so long before they are sent together.
const TICK: Duration = Duration::from_millis(50);
/// Below so many, each is posted on its own.
const SINGLES: usize = 4;
/// How long to wait before the same events are sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

pub(super) struct FeedSettings {
    pub(super) url: String,
    pub(super) token: String,
    pub(super) seed: u64,
    pub(super) run: u32,
    pub(super) rate: u32,
    pub(super) compression: f64,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct FeedCounts {
    /// Events that the hub has answered.
    pub(super) sent: u64,
    /// Requests that were made again because the hub did not answer, or asked to wait.
    pub(super) retried: u64,
}

#[derive(Default)]
struct Shared {
    sent: AtomicU64,
    retried: AtomicU64,
}

/// The sending future.
pub(super) struct Feed {
    shared: Arc<Shared>,
    stop: Shutdown,
    task: std::sync::Mutex<Option<JoinHandle<()>>>,
}

/// The number of this run in `data`: part of every id, so that runs tell of other entities.
pub(super) fn next_run(data: &Path) -> anyhow::Result<u32> {
    private_directory(data).with_context(|| format!("cannot create {}", data.display()))?;
    let path = data.join("demo-run");
    let last: u32 = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().with_context(|| format!("{} holds no number", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let new = data.join("demo-run.new");
    std::fs::write(&new, format!("{}\n", last + 1))
        .and_then(|()| std::fs::File::open(&new)?.sync_all())
        .and_then(|()| std::fs::rename(&new, &path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(last + 1)
}

/// A client that asks no proxy of the environment: the hub is on this machine.
fn loopback_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("the hub's own client was made the same way")
}

impl Feed {
    pub(super) fn start(settings: FeedSettings) -> Self {
        let shared = Arc::new(Shared::default());
        let stop = Shutdown::new();
        let sender = Sender { client: loopback_client(), settings, shared: shared.clone(), stop: stop.clone() };
        let task = tokio::spawn(sender.run());
        Self { shared, stop, task: std::sync::Mutex::new(Some(task)) }
    }

    pub(super) fn counts(&self) -> FeedCounts {
        FeedCounts {
            sent: self.shared.sent.load(Ordering::Relaxed),
            retried: self.shared.retried.load(Ordering::Relaxed),
        }
    }

    /// Lets the request under way end, then sends no more.
    pub(super) async fn stop(&self) {
        self.stop.trigger();
        let task = self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the demo's generator had panicked");
        }
    }
}

struct Sender {
    client: reqwest::Client,
    settings: FeedSettings,
    shared: Arc<Shared>,
    stop: Shutdown,
}

impl Sender {
    async fn run(self) {
        let mut generator = Generator::new(Settings {
            seed: self.settings.seed,
            start: wall_clock(),
            compression: self.settings.compression,
            rate: f64::from(self.settings.rate),
            run: self.settings.run,
            ..Settings::default()
        })
        .peekable();
        let mut tick = tokio::time::interval(TICK);
        while !self.stop.is_triggered() {
            tick.tick().await;
            let now = wall_clock();
            let mut due = Vec::new();
            while let Some(event) = generator.next_if(|event| event.due_at <= now) {
                due.push(event);
            }
            self.send(due).await;
        }
    }

    async fn send(&self, due: Vec<Generated>) {
        if due.len() <= SINGLES {
            for event in due {
                self.post("/v1/events", "application/json", event.json, 1).await;
            }
            return;
        }
        let count = due.len() as u64;
        let mut lines = String::new();
        for event in due {
            lines.push_str(&event.json);
            lines.push('\n');
        }
        self.post("/v1/events?source=demo", "application/x-ndjson", lines, count).await;
    }

    /// Sends until there is an answer that is final: a refused event is one.
    async fn post(&self, path: &str, content_type: &str, body: String, events: u64) {
        let body = bytes::Bytes::from(body);
        loop {
            let request = self
                .client
                .post(format!("{}{path}", self.settings.url))
                .bearer_auth(&self.settings.token)
                .header("content-type", content_type)
                .body(body.clone());
            let answer = request.send().await;
            if answer.is_ok_and(|answer| !matches!(answer.status().as_u16(), 429 | 500..)) {
                self.shared.sent.fetch_add(events, Ordering::Relaxed);
                return;
            }
            self.shared.retried.fetch_add(1, Ordering::Relaxed);
            if self.stop.is_triggered() {
                return;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_run_has_its_own_number() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("demo");
        assert_eq!([super::next_run(&data).unwrap(), super::next_run(&data).unwrap()], [1, 2]);
    }
}
