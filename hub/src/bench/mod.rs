//! `hub bench`: the whole embedded pipeline as a user runs it, measured from outside.
//!
//! ```text
//! 1. a file of generated events
//! 2. a `hub run` of its own, on a fresh directory
//! 3. as fast as it takes them: events per second, processor time and memory of that process
//! 4. at a steady rate: the time from acceptance to the billing row
//! ```

mod child;
mod clocks;
mod load;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use connectors::delivery::http::wall_clock;

pub use clocks::ClocksReport;
pub use report::Report;

use crate::generate::{self, Settings};
use child::HubProcess;

/// What is measured.
#[derive(Clone, Debug)]
pub struct BenchSettings {
    /// Events of the first measurement.
    pub events: u64,
    /// Events per second of the second one.
    pub rate: u64,
    /// How long the second one lasts.
    pub steady: Duration,
    /// The generator's seed.
    pub seed: u64,
    /// Where the files go; removed afterwards.
    pub directory: PathBuf,
}

/// Measures.
///
/// # Errors
/// When the hub does not start, refuses an event, or loses one.
pub async fn run(settings: &BenchSettings) -> anyhow::Result<Report> {
    within(&settings.directory, measure(settings)).await
}

/// Measures so many open clocks instead.
///
/// # Errors
/// As [`run`].
pub async fn run_clocks(directory: &Path, clocks: u64) -> anyhow::Result<ClocksReport> {
    within(directory, clocks::measure(directory, clocks)).await
}

async fn within<T>(directory: &Path, measurement: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    std::fs::create_dir_all(directory).context("no directory for the measurement")?;
    let result = measurement.await;
    // The figures do not depend on it, and the next run makes its own.
    drop(std::fs::remove_dir_all(directory));
    result
}

async fn measure(settings: &BenchSettings) -> anyhow::Result<Report> {
    let flood = settings.directory.join("flood.jsonl");
    let written = generate_file(&flood, settings.events, settings.seed, 0).await?;
    let entities = load::count_created(&flood)?;
    let data = settings.directory.join("data");
    let hub = HubProcess::start(&data).await?;

    let before = hub.usage()?;
    let began = std::time::Instant::now();
    load::post_file(&hub, &flood, None).await?;
    let accepted = began.elapsed();
    let settled = hub.catch_up(Duration::from_secs(600)).await?.duration_since(began);
    let after = hub.usage()?;
    hub.settle(Duration::from_secs(600)).await?;
    let at_flood = load::billing_rows(&data)?;

    let steady = settings.directory.join("steady.jsonl");
    let events = settings.rate * settings.steady.as_secs().max(1);
    generate_file(&steady, events, settings.seed + 1, 1).await?;
    let since = wall_clock();
    load::post_file(&hub, &steady, Some(settings.rate)).await?;
    hub.settle(Duration::from_secs(120)).await?;
    let latency = load::latency(&data, since)?;
    let imbalance = hub.metric("hub_conservation_imbalance").await?.unwrap_or(f64::NAN);
    hub.stop()?;

    Ok(Report {
        events: written.events,
        bytes: written.bytes,
        entities,
        accepted_seconds: accepted.as_secs_f64(),
        settled_seconds: settled.as_secs_f64(),
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        peak_memory_bytes: after.peak_memory_bytes,
        billing_rows: at_flood,
        steady_rate: settings.rate,
        steady_rows: latency.rows,
        latency_p50_ms: latency.p50_ms,
        latency_p99_ms: latency.p99_ms,
        latency_max_ms: latency.max_ms,
        imbalance: imbalance as i64,
    })
}

async fn generate_file(path: &Path, events: u64, seed: u64, run: u32) -> anyhow::Result<generate::Written> {
    // Times near now, so that clocks run as they would: a day in the past would breach at once.
    let settings = Settings { start: wall_clock(), run, ..Settings::benchmark(events, seed) };
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || generate::write_path(settings, events, &path)).await?;
    written.context("the events cannot be written")
}
