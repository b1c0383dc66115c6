//! What many open clocks cost: memory, time while none of them is due, time for each that is, and a restart.
//!
//! ```text
//! 1. a hub without clocks, left alone          -> what it uses anyway
//! 2. an order for each clock, all far from due -> memory, and what it uses while they are open
//! 3. a few orders that breach within seconds   -> what one due clock costs among so many
//! 4. kill -9 and a new start                   -> time until ready, and whether every clock is there
//! ```

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use connectors::delivery::http::wall_clock;
use schemas::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::child::HubProcess;
use super::load;

/// The objective of the defaults that an order of no class runs under, and its target.
const OBJECTIVE: &str = "order-completion";
const TARGET_MS: i64 = 4 * 60 * 60 * 1_000;
/// Orders that fall due, and over which time.
const DUE: u64 = 5_000;
const DUE_WITHIN: Duration = Duration::from_secs(10);
/// How far ahead the first of them is, so that all are open before it.
const DUE_AHEAD: Duration = Duration::from_secs(10);
/// How long a hub that nobody uses is watched.
const WATCH: Duration = Duration::from_secs(15);
/// The threads that advance clocks.
const WORKERS: &str = "worker-";
/// Orders of one batch.
const BATCH: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(900);

/// What open clocks cost.
#[derive(Clone, Debug, Serialize)]
pub struct ClocksReport {
    /// How many are open.
    pub clocks: u64,
    /// Until all were open.
    pub opened_seconds: f64,
    /// The process's memory without any, and with all of them: clocks, their timers, and the orders that they are of.
    pub memory_empty_bytes: u64,
    /// The process's memory with all of them.
    pub memory_bytes: u64,
    /// Processor seconds of the workers that a second costs without any.
    pub idle_empty: f64,
    /// The same with all of them open and none due.
    pub idle_open: f64,
    /// How many fell due.
    pub due: u64,
    /// Processor seconds of the workers that they cost beyond that: verdicts, violations, their routes.
    pub due_cpu_seconds: f64,
    /// From the start after kill -9 until the hub was ready.
    pub restart_seconds: f64,
    /// Processor seconds until then.
    pub restart_cpu_seconds: f64,
    /// How many clocks of step 2 were open after it.
    pub open_after: u64,
}

/// Measures with so many clocks, in a directory of its own.
///
/// # Errors
/// When the hub does not start, refuses an event, or forgets a clock.
pub(super) async fn measure(directory: &Path, clocks: u64) -> anyhow::Result<ClocksReport> {
    let data = directory.join("data");
    let hub = HubProcess::start(&data).await?;
    let idle_empty = watch(&hub).await?;
    let memory_empty_bytes = hub.memory()?;

    let began = Instant::now();
    post(&hub, "open", clocks, |_| wall_clock()).await?;
    hub.catch_up(PATIENCE).await?;
    wait_for(&hub, "hub_sla_open", clocks).await?;
    let opened_seconds = began.elapsed().as_secs_f64();
    hub.settle(PATIENCE).await?;
    let idle_open = watch(&hub).await?;
    let memory_bytes = hub.memory()?;

    let first = wall_clock().as_millis() - TARGET_MS + DUE_AHEAD.as_millis() as i64;
    let step = DUE_WITHIN.as_millis() as i64;
    post(&hub, "due", DUE, |number| Timestamp(first + number as i64 * step / DUE as i64)).await?;
    hub.settle(PATIENCE).await?;
    let (before, began) = (hub.threads(WORKERS)?, Instant::now());
    wait_for(&hub, "hub_sla_breached", DUE).await?;
    hub.settle(PATIENCE).await?;
    let used = hub.threads(WORKERS)? - before;
    let due_cpu_seconds = (used - idle_open * began.elapsed().as_secs_f64()).max(0.0);

    hub.kill()?;
    let began = Instant::now();
    let hub = HubProcess::start(&data).await?;
    let (restart_seconds, restart_cpu_seconds) = (began.elapsed().as_secs_f64(), hub.usage()?.cpu_seconds);
    // What the metric shows is read anew from the log.
    wait_for(&hub, "hub_sla_open", clocks).await?;
    let open_after = hub.metric("hub_sla_open").await?.unwrap_or_default() as u64;
    anyhow::ensure!(open_after == clocks, "{open_after} of {clocks} clocks are open after the restart");
    hub.stop()?;
    Ok(ClocksReport {
        clocks,
        opened_seconds,
        memory_empty_bytes,
        memory_bytes,
        idle_empty,
        idle_open,
        due: DUE,
        due_cpu_seconds,
        restart_seconds,
        restart_cpu_seconds,
        open_after,
    })
}

/// Processor seconds of the workers that a second costs while nobody asks for anything. Of the others, those that tidy
/// the log up after step 2 would be most of the figure.
async fn watch(hub: &HubProcess) -> anyhow::Result<f64> {
    let (before, began) = (hub.threads(WORKERS)?, Instant::now());
    tokio::time::sleep(WATCH).await;
    Ok((hub.threads(WORKERS)? - before) / began.elapsed().as_secs_f64())
}

/// Waits until a metric has come to so much.
async fn wait_for(hub: &HubProcess, metric: &str, count: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let value = hub.metric(metric).await?.unwrap_or_default();
        if value >= count as f64 {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{metric} came to {value} of {count}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Posts orders that wait for nobody: they name neither a customer nor an offering.
async fn post(hub: &HubProcess, name: &str, count: u64, created: impl Fn(u64) -> Timestamp) -> anyhow::Result<()> {
    for batch in 0..count.div_ceil(BATCH) {
        let mut body = Vec::new();
        for number in batch * BATCH..count.min((batch + 1) * BATCH) {
            let at = created(number).to_string();
            let order = json!({
                "id": format!("{name}-{number}"), "state": "acknowledged", "category": "mobile", "creationDate": at,
                "externalId": format!("PO-{name}-{number}"), "productOrderItem": [{"id": "1", "action": "add"}],
            });
            let event = json!({
                "eventId": format!("bench-{name}-{number}"), "eventType": "ProductOrderCreateEvent", "eventTime": at,
                "reportingSystem": {"id": "bench"}, "event": {"productOrder": order},
            });
            serde_json::to_writer(&mut body, &event)?;
            body.push(b'\n');
        }
        load::post(hub, body).await?;
    }
    Ok(())
}

impl fmt::Display for ClocksReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clocks = self.clocks.max(1) as f64;
        let grown = self.memory_bytes.saturating_sub(self.memory_empty_bytes) as f64;
        writeln!(f, "open clocks ({OBJECTIVE})       {:>12}", self.clocks)?;
        writeln!(f, "  until all were open, s         {:>12.1}", self.opened_seconds)?;
        writeln!(
            f,
            "  memory MB                      {:>12.0}  ({:.0} without them)",
            self.memory_bytes as f64 / 1e6,
            self.memory_empty_bytes as f64 / 1e6
        )?;
        writeln!(f, "  bytes each, with its order     {:>12.0}", grown / clocks)?;
        writeln!(
            f,
            "  workers' CPU ms/s, none due     {:>12.1}  ({:.1} without them)",
            self.idle_open * 1e3,
            self.idle_empty * 1e3
        )?;
        let each = self.due_cpu_seconds / self.due.max(1) as f64;
        writeln!(f, "  workers' CPU us for each due    {:>12.0}  ({} within 10 s)", each * 1e6, self.due)?;
        writeln!(f, "restart after kill -9")?;
        writeln!(f, "  until ready, s                 {:>12.2}", self.restart_seconds)?;
        writeln!(f, "  CPU s                          {:>12.2}", self.restart_cpu_seconds)?;
        write!(f, "  clocks that were open again    {:>12}", self.open_after)
    }
}
