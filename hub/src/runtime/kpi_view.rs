//! The live view of KPIs: `hub.kpi` read from its beginning, the newest windows of each row, and the
//! metrics that are made of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use processors::kpi::{KPIS, Measure, Size};
use schemas::{KpiWindow, Timestamp};
use topology::Record;

use super::failure::Failure;
use super::tail;
use crate::wiring::SharedLog;

/// How many windows of a row are kept.
const KEPT: usize = 3;
/// The percentiles that are told.
const PERCENTILES: [&str; 4] = ["50", "90", "95", "99"];

/// A row: KPI, dimension, value, size of window.
type Row = (String, String, String, String);

/// The newest windows of every row.
#[derive(Default)]
pub(super) struct KpiView {
    rows: HashMap<Row, BTreeMap<i64, KpiWindow>>,
    /// The first and the last start seen of each size of window.
    starts: HashMap<String, (i64, i64)>,
    /// The rows whose metrics were set.
    set: HashSet<Row>,
}

/// A view that a thread keeps up to date.
pub(super) type SharedKpis = Arc<Mutex<KpiView>>;

impl KpiView {
    fn apply(&mut self, record: &Record) {
        let Some(value) = &record.value else {
            let Some(key) = record.key.as_ref().and_then(|key| std::str::from_utf8(key).ok()) else { return };
            if let Some((row, start)) = parse_key(key)
                && let Some(windows) = self.rows.get_mut(&row)
            {
                windows.retain(|at, _| Timestamp(*at).to_string() != start);
                if windows.is_empty() {
                    self.rows.remove(&row);
                }
            }
            return;
        };
        let Ok(found) = schemas::decode::<KpiWindow>(value) else { return };
        let start = found.start.0;
        let seen = self.starts.entry(found.window.clone()).or_insert((start, start));
        *seen = (seen.0.min(start), seen.1.max(start));
        let row = (found.kpi.clone(), found.by.clone(), found.value.clone(), found.window.clone());
        let windows = self.rows.entry(row).or_default();
        windows.insert(start, found);
        while windows.len() > KEPT {
            windows.pop_first();
        }
    }

    /// The start of the window that is told: the last but the newest, which is whole, or the newest
    /// while there is no other.
    fn told_start(&self, size: Size) -> i64 {
        let (first, last) = self.starts.get(size.name()).copied().unwrap_or_default();
        if first < last { last - size.millis() } else { last }
    }

    fn window(&self, row: &Row, size: Size) -> Option<&KpiWindow> {
        self.rows.get(row)?.get(&self.told_start(size))
    }

    /// Sets the metrics of all rows; those that no longer are, to nothing.
    pub(super) fn publish(&mut self, now: Timestamp) {
        let mut rows: HashSet<Row> = self.rows.keys().cloned().collect();
        for definition in &KPIS {
            // What nothing was measured of yet is told as 0, so that whoever asks finds it.
            let name = |size: Size| (definition.name.into(), "all".into(), "all".into(), size.name().into());
            rows.extend(Size::ALL.map(name));
        }
        for row in rows.union(&self.set) {
            self.publish_row(row, now);
        }
        self.set = rows;
    }

    fn publish_row(&self, row: &Row, now: Timestamp) {
        let (kpi, by, value, window) = row;
        let Some(definition) = KPIS.iter().find(|definition| definition.name == kpi) else { return };
        let Some(size) = Size::ALL.into_iter().find(|size| size.name() == window) else { return };
        let found = self.window(row, size);
        let metric = |suffix: &str| format!("hub_kpi_{kpi}_{suffix}");
        let labels = || [("by", by.clone()), ("value", value.clone())];
        let in_window = || [("by", by.clone()), ("value", value.clone()), ("window", window.clone())];
        let (events, hits) = found.map_or((0, 0), |found| (found.count, found.hits));
        match (definition.measure, size) {
            (Measure::Open { .. }, Size::Open) => {
                let age = |at: Option<Timestamp>| at.map_or(0.0, |at| seconds(now.millis_since(at).max(0)));
                gauge!(metric("open"), &labels()).set(events as f64);
                gauge!(metric("oldest_seconds"), &labels()).set(age(found.and_then(|found| found.oldest_at)));
                gauge!(metric("mean_age_seconds"), &labels()).set(age(found.and_then(|found| found.mean_at)));
            }
            (Measure::Open { .. }, _) | (_, Size::Open) => {}
            (measure, Size::Total) => {
                counter!(metric("events_total"), &labels()).absolute(events.max(0) as u64);
                if measure == Measure::Duration {
                    let sum = found.map_or(0, |found| found.sum_ms.max(0) / 1_000);
                    counter!(metric("seconds_total"), &labels()).absolute(sum as u64);
                } else {
                    counter!(metric("hits_total"), &labels()).absolute(hits.max(0) as u64);
                }
                if by == "all" {
                    let of_kpi = || [("kpi", kpi.clone())];
                    let (suspect, late) = found.map_or((0, 0), |found| (found.suspect, found.late));
                    counter!("hub_kpi_suspect_total", &of_kpi()).absolute(suspect.max(0) as u64);
                    counter!("hub_kpi_late_total", &of_kpi()).absolute(late.max(0) as u64);
                }
            }
            (Measure::Ratio { .. }, _) => {
                gauge!(metric("events"), &in_window()).set(events as f64);
                gauge!(metric("hits"), &in_window()).set(hits as f64);
            }
            (Measure::Duration, _) => {
                gauge!(metric("events"), &in_window()).set(events as f64);
                let told = found.map(|found| [found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms]);
                for (percentile, millis) in PERCENTILES.iter().zip(told.unwrap_or_default()) {
                    let mut labels = in_window().to_vec();
                    labels.push(("percentile", (*percentile).to_owned()));
                    gauge!(metric("seconds"), &labels).set(millis.map_or(f64::NAN, seconds));
                }
            }
        }
    }
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

/// The row and the start in a record's key; only the value may hold a bar.
fn parse_key(key: &str) -> Option<(Row, &str)> {
    let (kpi, rest) = key.split_once('|')?;
    let (by, rest) = rest.split_once('|')?;
    let (rest, start) = rest.rsplit_once('|')?;
    let (value, window) = rest.rsplit_once('|')?;
    Some(((kpi.into(), by.into(), value.into(), window.into()), start))
}

/// Says what each metric means.
pub(super) fn describe() {
    describe_counter!("hub_kpi_suspect_total", "Measurements whose times make no sense, by KPI; in no other figure");
    describe_counter!("hub_kpi_late_total", "Amendments after the grace, by KPI; in no other figure");
    for definition in &KPIS {
        let metric = |suffix: &str| format!("hub_kpi_{}_{suffix}", definition.name);
        let say = |what: &str| format!("{}: {what}", definition.help);
        let window = "of the last whole window, by event time";
        match definition.measure {
            Measure::Open { .. } => {
                describe_gauge!(metric("open"), say("how many"));
                describe_gauge!(metric("oldest_seconds"), say("age of the oldest"));
                describe_gauge!(metric("mean_age_seconds"), say("mean age"));
            }
            Measure::Ratio { .. } => {
                describe_gauge!(metric("events"), say(&format!("denominator {window}")));
                describe_gauge!(metric("hits"), say(&format!("numerator {window}")));
                describe_counter!(metric("events_total"), say("denominator ever since"));
                describe_counter!(metric("hits_total"), say("numerator ever since"));
            }
            Measure::Duration => {
                describe_gauge!(metric("events"), say(&format!("how many {window}")));
                describe_gauge!(metric("seconds"), say(&format!("percentiles {window}, within one percent")));
                describe_counter!(metric("events_total"), say("how many ever since"));
                describe_counter!(metric("seconds_total"), say("their sum ever since"));
            }
        }
    }
}

/// Starts the thread that reads; it ends with `shutdown`.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedKpis,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    tail::follow(log, (processors::kpi::TOPIC, partitions), shutdown, failure, move |records| {
        let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records.drain(..) {
            view.apply(&record);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: i64, count: i64) -> KpiWindow {
        KpiWindow {
            kpi: "order_on_time".into(),
            by: "circle".into(),
            value: "a|b".into(),
            window: "5m".into(),
            start: Timestamp(start),
            end: Timestamp(start + 300_000),
            count,
            hits: 1,
            sum_ms: 0,
            suspect: 0,
            late: 0,
            p50_ms: None,
            p90_ms: None,
            p95_ms: None,
            p99_ms: None,
            oldest_at: None,
            mean_at: None,
        }
    }

    fn record(start: i64, value: Option<KpiWindow>) -> Record {
        Record {
            topic: processors::kpi::TOPIC.into(),
            partition: 0,
            offset: topology::Offset(0),
            timestamp: Timestamp(0),
            key: Some(format!("order_on_time|circle|a|b|5m|{}", Timestamp(start)).into_bytes().into()),
            value: value.map(|value| schemas::encode(&value).into()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_last_whole_window_is_told() {
        let mut view = KpiView::default();
        let row: Row = ("order_on_time".into(), "circle".into(), "a|b".into(), "5m".into());
        let told = |view: &KpiView| view.window(&row, Size::FiveMinutes).map(|found| (found.start.0, found.count));
        assert_eq!(told(&view), None);
        view.apply(&record(300_000, Some(window(300_000, 7))));
        assert_eq!(told(&view), Some((300_000, 7)), "while there is no other");
        view.apply(&record(600_000, Some(window(600_000, 1))));
        view.apply(&record(300_000, Some(window(300_000, 8))));
        assert_eq!(told(&view), Some((300_000, 8)), "amended");
        view.apply(&record(300_000, None));
        assert_eq!(told(&view), None, "taken back, and the newest is not whole");
        view.apply(&record(1_200_000, Some(window(1_200_000, 2))));
        assert_eq!(told(&view), None, "nothing happened in the window before the newest");
    }
}
