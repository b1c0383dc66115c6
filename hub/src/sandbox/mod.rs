//! The outside systems as real servers on loopback ports: a Floworx that runs task flows and
//! sometimes stalls or errs, and two partners of which one is slow and one flaky.
//!
//! They know nothing of the hub's code, only its public contract: HTTP in both directions, the
//! idempotency key, the webhook signature. What they do to a request is a function of the seed, the
//! request's key and the attempt, so that a run can be repeated whatever the timing.

mod chance;
mod events;
mod floworx;
mod floworx_runner;
mod partner;
mod partner_ledger;
mod poster;
mod reset;
mod server;
mod signature;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

pub use floworx::{FloworxCounters, FloworxSettings};
pub use partner::{Behaviour, PartnerCounters};

use partner::Partner;
use poster::Poster;
use server::Server;

/// How the sandbox behaves.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// The hub's address, such as `http://127.0.0.1:8080`; status events go to its listener paths.
    pub hub_url: String,
    /// The bearer token for them.
    pub token: String,
    /// Decides who stalls and who errs.
    pub seed: u64,
    /// How Floworx behaves.
    pub floworx: FloworxSettings,
    /// How the slow partner behaves.
    pub slow_partner: Behaviour,
    /// How the flaky partner behaves.
    pub flaky_partner: Behaviour,
}

impl SandboxSettings {
    /// The behaviour of the demo for a hub at `hub_url`.
    pub fn new(hub_url: impl Into<String>, token: impl Into<String>, seed: u64) -> Self {
        Self {
            hub_url: hub_url.into(),
            token: token.into(),
            seed,
            floworx: FloworxSettings::default(),
            slow_partner: Behaviour::slow(),
            flaky_partner: Behaviour::flaky(),
        }
    }
}

/// What the sandbox's systems counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SandboxCounters {
    /// Floworx.
    pub floworx: FloworxCounters,
    /// The slow partner.
    pub slow_partner: PartnerCounters,
    /// The flaky partner.
    pub flaky_partner: PartnerCounters,
}

/// The running systems. Dropping it stops them at once, [`Sandbox::stop`] in good order.
#[derive(Debug)]
pub struct Sandbox {
    /// The base address of Floworx; process flows are created below it, on the path of TMF701.
    pub floworx_url: String,
    /// Where the slow partner takes webhooks.
    pub slow_partner_url: String,
    /// Where the flaky partner takes webhooks.
    pub flaky_partner_url: String,
    /// `whsec_…`, the slow partner's signing secret.
    pub slow_partner_secret: String,
    /// `whsec_…`, the flaky partner's signing secret.
    pub flaky_partner_secret: String,
    floworx: Arc<floworx::Floworx>,
    slow: Arc<Partner>,
    flaky: Arc<Partner>,
    servers: Vec<Server>,
    poster: Poster,
    runner: tokio::task::JoinHandle<()>,
    stopping: watch::Sender<bool>,
}

impl Sandbox {
    /// Starts every system on a port that the operating system picks, in the current runtime.
    ///
    /// # Errors
    ///
    /// No loopback port can be had, or the HTTP client for the status events cannot be made.
    pub async fn start(settings: SandboxSettings) -> io::Result<Self> {
        let (stopping, stopped) = watch::channel(false);
        let poster = Poster::start(&settings.hub_url, &settings.token, settings.seed, &stopped)?;
        let (floworx, runner) = floworx::Floworx::start(settings.floworx, settings.seed, poster.sender(), &stopped);
        let slow_partner_secret = signature::new_secret(settings.seed, "slow");
        let flaky_partner_secret = signature::new_secret(settings.seed, "flaky");
        let slow = Partner::new(settings.slow_partner, settings.seed, &slow_partner_secret);
        let flaky = Partner::new(settings.flaky_partner, settings.seed, &flaky_partner_secret);
        let slow = Arc::new(slow.map_err(io::Error::other)?);
        let flaky = Arc::new(flaky.map_err(io::Error::other)?);
        let servers = vec![
            Server::start(floworx::router(Arc::clone(&floworx)), &stopped).await?,
            Server::start(partner::router(Arc::clone(&slow)), &stopped).await?,
            Server::start(partner::router(Arc::clone(&flaky)), &stopped).await?,
        ];
        Ok(Self {
            floworx_url: servers[0].url(),
            slow_partner_url: format!("{}/webhooks", servers[1].url()),
            flaky_partner_url: format!("{}/webhooks", servers[2].url()),
            slow_partner_secret,
            flaky_partner_secret,
            floworx,
            slow,
            flaky,
            servers,
            poster,
            runner,
            stopping,
        })
    }

    /// What was counted so far.
    pub fn counters(&self) -> SandboxCounters {
        let mut floworx = self.floworx.counters();
        self.poster.add_to(&mut floworx);
        SandboxCounters { floworx, slow_partner: self.slow.counters(), flaky_partner: self.flaky.counters() }
    }

    /// Stops taking requests, gives those under way a moment, and ends every server.
    pub async fn stop(self) -> SandboxCounters {
        let counters = self.counters();
        // Nobody listens any more only when everything has ended already.
        let _ended = self.stopping.send(true);
        for server in self.servers {
            server.join(Duration::from_secs(2)).await;
        }
        self.runner.abort();
        self.poster.stop().await;
        counters
    }
}
