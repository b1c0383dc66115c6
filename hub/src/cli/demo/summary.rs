//! What the demo came to: text for people, one JSON object for scripts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::feed::FeedCounts;
use crate::config::{Billing, Config};
use crate::runtime::Observation;
use crate::sandbox::SandboxCounters;

pub(super) struct Summary<'a> {
    pub(super) seen: &'a Observation,
    pub(super) systems: &'a SandboxCounters,
    pub(super) feed: FeedCounts,
    pub(super) billing_rows: Option<u64>,
    pub(super) run: u32,
}

/// Deliveries in the billing database.
pub(super) fn billing_rows(config: &Config) -> Option<u64> {
    let Billing::Sqlite(path) = &config.billing else { return None };
    let open = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
    let count = open.and_then(|connection| {
        connection.query_row("SELECT count(*) FROM billing_record", [], |row| row.get::<_, i64>(0))
    });
    count
        .inspect_err(|error| tracing::warn!(%error, "the billing database cannot be counted"))
        .ok()
        .map(|rows| rows as u64)
}

impl Summary<'_> {
    /// Why the run was not a success, if it was not.
    pub(super) fn fault(&self) -> Option<String> {
        let (imbalance, waiting, unread) = (self.seen.imbalance(), self.seen.waiting(), self.seen.unread());
        if imbalance != 0 {
            Some(format!("the books do not balance: {imbalance}"))
        } else if waiting != 0 || unread != 0 {
            Some(format!("{waiting} records still wait and {unread} are unread: they go on at the next start"))
        } else {
            None
        }
    }

    fn deliveries(&self) -> BTreeMap<String, Value> {
        let mut targets = BTreeMap::new();
        for (name, books) in &self.seen.sinks {
            for (target, counts) in &books.by_target {
                let entry = json!({
                    "delivered": counts.delivered, "duplicate": counts.duplicate,
                    "dead_lettered": counts.dead_lettered, "in_flight": 0,
                });
                targets.insert(target.clone(), entry);
            }
            if books.in_flight > 0 {
                let entry = targets
                    .entry((*name).to_owned())
                    .or_insert_with(|| json!({ "delivered": 0, "duplicate": 0, "dead_lettered": 0, "in_flight": 0 }));
                entry["in_flight"] = json!(books.in_flight);
            }
        }
        targets
    }

    pub(super) fn to_json(&self) -> String {
        json!({
            "schema_version": 1,
            "run": self.run,
            "events_sent": self.feed.sent,
            "ingest": self.seen.ingest,
            "taken_in": self.seen.taken_in(),
            "outcomes": self.seen.outcomes(),
            "topics": self.seen.topics,
            "waiting": self.seen.waiting(),
            "unread": self.seen.unread(),
            "imbalance": self.seen.imbalance(),
            "deliveries": self.deliveries(),
            "sla": self.seen.sla,
            "billing_rows": self.billing_rows,
            "sandbox": self.systems,
        })
        .to_string()
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::from("\n");
        let sum = |counts: &BTreeMap<&'static str, u64>| counts.values().sum::<u64>();
        let ingest = &self.seen.ingest;
        let _ = writeln!(
            out,
            "run {}: {} events sent, {} accepted, {} rejected at the door, {} dead-lettered at the door",
            self.run,
            self.feed.sent,
            sum(&ingest.accepted),
            sum(&ingest.rejected),
            sum(&ingest.dead_lettered)
        );
        let outcomes: Vec<String> =
            self.seen.outcomes().iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
        let _ = writeln!(out, "taken in by all parts: {}; ended: {}", self.seen.taken_in(), outcomes.join(", "));
        for (target, counts) in self.deliveries() {
            let _ = writeln!(
                out,
                "{target}: {} delivered, {} duplicate, {} dead-lettered",
                counts["delivered"], counts["duplicate"], counts["dead_lettered"]
            );
        }
        for (objective, sla) in &self.seen.sla {
            let ahead = sla.forewarned_ms.checked_div(sla.forewarned).unwrap_or_default() as f64 / 1_000.0;
            let _ = write!(
                out,
                "SLA {objective}: {} open, {} warned, {} met, {} breached",
                sla.open, sla.warned, sla.met, sla.breached
            );
            let _ = match sla.forewarned {
                0 => writeln!(out),
                forewarned => writeln!(out, ", {forewarned} of them warned of {ahead:.1} s before"),
            };
        }
        if let Some(rows) = self.billing_rows {
            let _ = writeln!(out, "billing database: {rows} deliveries");
        }
        let _ = write!(
            out,
            "waiting {}, unread {}, imbalance {}",
            self.seen.waiting(),
            self.seen.unread(),
            self.seen.imbalance()
        );
        out
    }
}
