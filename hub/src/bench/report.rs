//! The figures, as a table or as JSON.

use std::fmt;

use serde::Serialize;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Events posted at full speed.
    pub events: u64,
    /// Their size.
    pub bytes: u64,
    /// Entities they create.
    pub entities: u64,
    /// Until the last was accepted.
    pub accepted_seconds: f64,
    /// Until nothing was behind: every event through entity, routes, billing and SLA.
    pub settled_seconds: f64,
    /// Processor time of the hub.
    pub cpu_seconds: f64,
    /// The hub's peak memory.
    pub peak_memory_bytes: u64,
    /// Rows in the billing database then.
    pub billing_rows: u64,
    /// Events per second of the steady part.
    pub steady_rate: u64,
    /// Billing rows it made.
    pub steady_rows: u64,
    /// From acceptance to the billing row.
    pub latency_p50_ms: i64,
    /// From acceptance to the billing row.
    pub latency_p99_ms: i64,
    /// From acceptance to the billing row.
    pub latency_max_ms: i64,
    /// Taken in, less ended, less waiting.
    pub imbalance: i64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events as f64;
        let rate = |seconds: f64| events / seconds.max(f64::EPSILON);
        writeln!(f, "full speed")?;
        writeln!(
            f,
            "  events                     {:>12}  ({:.0} MB, {} entities)",
            self.events,
            self.bytes as f64 / 1e6,
            self.entities
        )?;
        writeln!(f, "  events/s, whole pipeline   {:>12.0}", rate(self.settled_seconds))?;
        writeln!(f, "  events/s, accepted         {:>12.0}", rate(self.accepted_seconds))?;
        writeln!(f, "  CPU s per million events   {:>12.1}", self.cpu_seconds / events * 1e6)?;
        writeln!(f, "  peak memory MB             {:>12.0}", self.peak_memory_bytes as f64 / 1e6)?;
        writeln!(f, "  billing rows               {:>12}", self.billing_rows)?;
        writeln!(f, "steady, {} events/s", self.steady_rate)?;
        writeln!(f, "  billing rows               {:>12}", self.steady_rows)?;
        writeln!(f, "  accepted to row, p50 ms    {:>12}", self.latency_p50_ms)?;
        writeln!(f, "  accepted to row, p99 ms    {:>12}", self.latency_p99_ms)?;
        writeln!(f, "  accepted to row, max ms    {:>12}", self.latency_max_ms)?;
        write!(f, "imbalance                    {:>12}", self.imbalance)
    }
}
