//! `hub demo`: the hub, a sandbox of outside systems, and a telecom day at speed.

mod broker;
mod config;
mod feed;
mod screen;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use connectors::delivery::http::wall_clock;
use schemas::Timestamp;

use super::exit::{self, Exit, fail};
use super::{Output, Terminal, logging, run, token};
use crate::config::duration;
use crate::runtime::{Hub, Observation};
use crate::sandbox::{Sandbox, SandboxSettings};

use feed::Feed;
use screen::Screen;

/// How many times faster than life the day goes: a day a minute.
const COMPRESSION: f64 = 1_440.0;
/// How long the end may take: everything that waits has a shorter limit than this.
const DRAIN: Duration = Duration::from_secs(90);
/// How often the screen is drawn anew.
const REFRESH: Duration = Duration::from_millis(500);

/// `hub demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// How long events are made; without it, until Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Where the hub keeps its data; a second demo goes on where the last one was.
    #[arg(long, value_name = "DIR", default_value = "hub-data/demo")]
    data: PathBuf,
    /// Where the hub listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Run on Apache Kafka instead of the embedded log: a broker is started on loopback, and stopped
    /// at the end. Needs Java, and Maven the first time.
    #[arg(long)]
    kafka: bool,
    /// Where Apache Kafka's jars are kept, fetched if missing [default: hub/kafka in the user's cache].
    #[arg(long, value_name = "DIR", requires = "kafka")]
    kafka_jars: Option<PathBuf>,
    /// Events per second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// The same seed makes the same world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The form of the summary.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Demo {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        logging::start(terminal, true);
        if !self.listen.ip().is_loopback() {
            return fail(
                Exit::BadConfig,
                format_args!("--listen {} could be reached by others; use 127.0.0.1", self.listen),
            );
        }
        match run::runtime() {
            Ok(runtime) => runtime.block_on(self.live(terminal)),
            Err(error) => fail(Exit::Failed, error),
        }
    }

    async fn live(self, terminal: Terminal) -> Exit {
        let listener = match Hub::bind(self.listen).await {
            Ok(listener) => listener,
            Err(error) => return run::explain_start(&error),
        };
        let started = async {
            let number = feed::next_run(&self.data)?;
            let token = token::load_or_create(&self.data)?;
            let url = format!("http://{}", listener.local_addr()?);
            let sandbox = Sandbox::start(SandboxSettings::new(&url, &token.text, self.seed ^ u64::from(number)))
                .await
                .context("cannot start the sandbox")?;
            let mut config = config::demo(&self.data, &sandbox, &token.text)?;
            let broker = if self.kafka {
                Some(broker::start(&self.data, self.kafka_jars.clone(), &mut config).await?)
            } else {
                None
            };
            anyhow::Ok((number, token, url, sandbox, config, broker))
        };
        let (number, token, url, sandbox, config, broker) = match started.await {
            Ok(started) => started,
            Err(error) => return fail(Exit::Failed, format_args!("{error:#}")),
        };
        let hub = match Hub::start(&config, listener).await {
            Ok(hub) => hub,
            Err(error) => {
                broker::stop(broker).await;
                return run::explain_start(&error);
            }
        };
        eprintln!("hub demo, run {number}: {url}, data in {}", self.data.display());
        let feed = Feed::start(feed::FeedSettings {
            url: url.clone(),
            token: token.text,
            seed: self.seed,
            run: number,
            rate: self.rate,
            compression: COMPRESSION,
        });
        let mut screen = Screen::new(terminal, self.output, url);
        let failed = self.watch(&hub, &sandbox, &feed, &mut screen).await;
        feed.stop().await;
        let drained = match failed {
            Some(why) => Drained::Failed(why),
            None => drain(&hub, &sandbox, &mut screen, &feed).await,
        };
        let (mut seen, stopped) = hub.stop(Duration::from_secs(10)).await;
        if matches!(drained, Drained::Calm) {
            // Clocks run on: what they said while the hub stopped is for the next start to read.
            seen.lag.clear();
        }
        let failed = match drained {
            Drained::Failed(why) => Some(why),
            Drained::Calm | Drained::Cut => None,
        };
        broker::stop(broker).await;
        let systems = sandbox.stop().await;
        let rows = summary::billing_rows(&config);
        let summary =
            summary::Summary { seen: &seen, systems: &systems, feed: feed.counts(), billing_rows: rows, run: number };
        exit::print(&match self.output {
            Output::Json => summary.to_json(),
            Output::Text => summary.to_text(),
        });
        match failed.or(stopped.map(|why| why.to_string())).or_else(|| summary.fault()) {
            None => Exit::Done,
            Some(why) => fail(Exit::Failed, why),
        }
    }

    /// Shows what happens until the time is over; says what failed, if anything did.
    async fn watch(&self, hub: &Hub, sandbox: &Sandbox, feed: &Feed, screen: &mut Screen) -> Option<String> {
        let until = self.duration.map(|duration| Instant::now() + duration);
        let mut refresh = tokio::time::interval(REFRESH);
        let stop = run::told_to_stop();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                _ = refresh.tick() => {
                    screen.draw(&hub.observe(), &sandbox.counters(), &feed.counts(), "live");
                    if until.is_some_and(|until| Instant::now() >= until) {
                        return None;
                    }
                }
                why = hub.failed() => return Some(why.to_string()),
                _ = &mut stop => return None,
            }
        }
    }
}

/// Whether nothing is left to read, to decide or to deliver of what was there `since` then.
fn is_settled(seen: &Observation, since: Timestamp) -> bool {
    seen.restored && seen.lag_at >= Some(since) && seen.unread() == 0 && seen.waiting() == 0
}

/// Waits until everything that was taken in has ended.
async fn drain(hub: &Hub, sandbox: &Sandbox, screen: &mut Screen, feed: &Feed) -> Drained {
    let (until, since) = (Instant::now() + DRAIN, wall_clock());
    let mut refresh = tokio::time::interval(REFRESH);
    let stop = run::told_to_stop();
    tokio::pin!(stop);
    let mut settled = 0;
    while Instant::now() < until && settled < 3 {
        tokio::select! {
            _ = refresh.tick() => {
                let seen = hub.observe();
                screen.draw(&seen, &sandbox.counters(), &feed.counts(), "finishing");
                // Snapshots are a moment old: only a lasting calm is one.
                settled = if is_settled(&seen, since) { settled + 1 } else { 0 };
            }
            why = hub.failed() => return Drained::Failed(why.to_string()),
            // Told twice: what still waits goes on at the next start.
            _ = &mut stop => return Drained::Cut,
        }
    }
    if settled < 3 { Drained::Cut } else { Drained::Calm }
}

/// How waiting for the end of everything ended.
enum Drained {
    /// Nothing was unread, and nothing waited.
    Calm,
    /// Time was over, or it was told to stop.
    Cut,
    /// The hub failed.
    Failed(String),
}
