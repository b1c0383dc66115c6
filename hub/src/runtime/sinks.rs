//! The sink connectors: billing on a thread of its own, HTTP targets as spawned futures.

use std::thread;

use connectors::billing::BillingDatabase;
use connectors::sink::{Ledger, Shutdown, SinkError, SinkSettings, SinkSnapshot, Target, run_http, run_sql};
use tokio::task::JoinHandle;

use super::failure::Failure;
use crate::config::Config;
use crate::parts::Parts;
use crate::wiring::{self, SharedLog};

/// All sinks of the process.
pub(super) struct Sinks {
    shutdown: Shutdown,
    ledgers: Vec<(&'static str, Ledger)>,
    billing: Option<thread::JoinHandle<()>>,
    http: Vec<JoinHandle<()>>,
}

impl Sinks {
    /// Starts the sinks that the configuration asks for. Call it within a runtime.
    pub(super) fn start(config: &Config, parts: &Parts, log: &SharedLog, failure: &Failure) -> anyhow::Result<Self> {
        let client = wiring::client()?;
        let mut sinks = Self { shutdown: Shutdown::new(), ledgers: Vec::new(), billing: None, http: Vec::new() };
        // Everything that can fail comes before anything runs.
        let database = parts.has_sink("billing").then(|| wiring::billing(config)).transpose()?;
        let floworx = wiring::floworx(config, &client)?;
        let partners = wiring::partners(config, &client)?;
        let notification = wiring::notification(config, &client)?;

        if let Some(database) = database {
            sinks.start_billing(database, log, failure)?;
        }
        if let Some(floworx) = floworx.filter(|_| parts.has_sink("floworx")) {
            sinks.spawn("floworx", "out.floworx", floworx, log, failure);
        }
        if parts.has_sink("partner") {
            sinks.spawn("partner", "out.partner", partners, log, failure);
        }
        if let Some(notification) = notification.filter(|_| parts.has_sink("notification")) {
            sinks.spawn("notification", "out.notification", notification, log, failure);
        }
        Ok(sinks)
    }

    fn start_billing(
        &mut self,
        database: Box<dyn BillingDatabase>,
        log: &SharedLog,
        failure: &Failure,
    ) -> std::io::Result<()> {
        let (ledger, shutdown) = (self.ledger("billing", "out.billing"), self.shutdown.clone());
        let (log, failure) = (log.clone(), failure.clone());
        let run = move || {
            let settings = SinkSettings::default();
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run_sql(&log, "out.billing".into(), database, settings, ledger, shutdown)
            }));
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => report(&failure, "billing", &error),
                Err(_) => failure.report("sink.billing", &"panicked"),
            }
        };
        self.billing = Some(thread::Builder::new().name("sink-billing".into()).spawn(run)?);
        Ok(())
    }

    fn ledger(&mut self, name: &'static str, topic: &str) -> Ledger {
        let ledger = Ledger::new(topic);
        self.ledgers.push((name, ledger.clone()));
        ledger
    }

    fn spawn<T: Target>(&mut self, name: &'static str, topic: &str, target: T, log: &SharedLog, failure: &Failure) {
        let ledger = self.ledger(name, topic);
        let (log, topic, shutdown, failure) = (log.clone(), topic.into(), self.shutdown.clone(), failure.clone());
        self.http.push(tokio::spawn(async move {
            let runner = tokio::spawn(run_http(log, topic, target, SinkSettings::default(), ledger, shutdown));
            match runner.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => report(&failure, name, &error),
                Err(_) => failure.report(&format!("sink.{name}"), &"panicked"),
            }
        }));
    }

    /// The views of each sink's books.
    pub(super) fn ledgers(&self) -> Vec<(&'static str, Ledger)> {
        self.ledgers.clone()
    }

    /// The books of each sink.
    pub(super) fn snapshots(&self) -> Vec<(&'static str, SinkSnapshot)> {
        self.ledgers.iter().map(|(name, ledger)| (*name, ledger.snapshot())).collect()
    }

    /// Asks the sinks to end what is under way, and waits until they have.
    pub(super) async fn stop(&mut self) {
        self.shutdown.trigger();
        for sink in self.http.drain(..) {
            // What went wrong in it was reported when it did.
            let _ = sink.await;
        }
        if let Some(thread) = self.billing.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn report(failure: &Failure, name: &str, error: &SinkError) {
    let log = if let SinkError::Log { source, .. } = error { Some(source) } else { None };
    failure.report_log(&format!("sink.{name}"), &chain(error), log);
}

/// An error with its causes.
fn chain(error: &SinkError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        cause = error.source();
    }
    text
}
