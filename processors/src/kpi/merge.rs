//! The processor that adds up what was measured, and publishes the windows that changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use schemas::{BurnRate, KpiWindow, Timestamp};
use topology::{
    Clock, Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreHandle, Timer, TopologyError,
    TypedStore, Verdict,
};

use super::catalog::{Kpi, Measure};
use super::labels::By;
use super::send::receive;
use super::settings::{KpiSettings, Size};
use super::tally::Tally;
use super::windows::{HIGHEST, Window};
use crate::burn::{Counts, Slo, rate};

/// What came since the last publication; the windows; what of each was published; which values are
/// told apart.
pub(super) const STORES: [&str; 4] = ["kpi-pending", "kpi-windows", "kpi-told", "kpi-values"];
/// The sink of results.
pub(super) const SINK: &str = "kpi-results";
/// The sink of burn rates.
pub(super) const BURN_SINK: &str = "kpi-burn";

/// The value that what is not among the k largest is told under.
pub(super) const OTHER: &str = "other";
/// The key of the timer of the next publication, and of the note that it waits.
const PUBLISH: &[u8] = b"publish";
/// The key of the event time that this task has come to.
const TIME: &[u8] = b"time";
/// How many entries are read from a store at once.
const CHUNK: usize = 4_096;

/// Adds up and publishes.
pub(super) struct Merge {
    settings: Arc<KpiSettings>,
    slos: Arc<Vec<Slo>>,
    pending: TypedStore<Tally>,
    windows: TypedStore<Tally>,
    told: TypedStore<Vec<String>>,
    /// Which values of a dimension are told apart and how many there are; the time; the timer.
    numbers: TypedStore<i64>,
    sink: SinkHandle,
    burn_sink: SinkHandle,
}

impl Merge {
    pub(super) fn new(settings: Arc<KpiSettings>, slos: Arc<Vec<Slo>>) -> Self {
        Self {
            settings,
            slos,
            pending: TypedStore::default(),
            windows: TypedStore::default(),
            told: TypedStore::default(),
            numbers: TypedStore::default(),
            sink: SinkHandle::default(),
            burn_sink: SinkHandle::default(),
        }
    }

    fn store(&self) -> StoreHandle {
        self.windows.handle()
    }

    /// Brings what came since into its windows; returns which they are.
    fn settle(&self, context: &mut Context<'_>, time: i64) -> Result<BTreeSet<Window>, Fault> {
        let mut touched = BTreeSet::new();
        loop {
            let chunk = context.prefix(self.pending.handle(), &[], CHUNK);
            for (key, value) in &chunk {
                self.pending.delete(context, key);
                let Some((pane, name)) = Window::parse(key) else { continue };
                let tally: Tally = topology::decode_value(value)?;
                let (kpi, by) = (pane.kpi, pane.by());
                let name = self.known(context, kpi, by, name)?;
                if pane.size() == Some(Size::Open) {
                    self.merge(context, pane, &name, &tally)?;
                    touched.insert(pane);
                    continue;
                }
                for size in [Size::FiveMinutes, Size::Hour, Size::Day, Size::Total] {
                    let window = Window::new(kpi, size, by, size.start_of(pane.start));
                    if self.expires_at(window, size) > time {
                        self.merge(context, window, &name, &tally)?;
                        touched.insert(window);
                    }
                }
            }
            if chunk.len() < CHUNK {
                return Ok(touched);
            }
        }
    }

    /// When a window is forgotten.
    fn expires_at(&self, window: Window, size: Size) -> i64 {
        window.start.saturating_add(size.millis()).saturating_add(size.kept_ms(&self.settings))
    }

    fn merge(&self, context: &mut Context<'_>, window: Window, name: &str, tally: &Tally) -> Result<(), Fault> {
        let key = window.key(name);
        let mut sum = self.windows.get(context, &key)?.unwrap_or_default();
        sum.merge(tally);
        if window.size() == Some(Size::Total) {
            // Ever since needs no percentiles.
            sum.buckets = super::sketch::Sketch::default();
        }
        self.windows.put(context, &key, &sum)
    }

    /// The name that a value is kept under: its own, or that of the rest once there are too many.
    /// A value that was told apart once always is, so that what is taken out is found again.
    fn known(&self, context: &mut Context<'_>, kpi: Kpi, by: By, name: &str) -> Result<String, Fault> {
        let count_key = [kpi as u8, by as u8];
        let name_key = [&count_key[..], name.as_bytes()].concat();
        if self.numbers.get(context, &name_key)?.is_some() {
            return Ok(name.to_owned());
        }
        let count = self.numbers.get(context, &count_key)?.unwrap_or(0);
        if count >= self.settings.values_max as i64 {
            return Ok(OTHER.to_owned());
        }
        self.numbers.put(context, &count_key, &(count + 1))?;
        self.numbers.put(context, &name_key, &1)?;
        Ok(name.to_owned())
    }

    /// The k largest values of a dimension, by all that was ever counted; equal ones by name.
    fn largest(&self, context: &Context<'_>, kpi: Kpi, by: By) -> Result<Vec<String>, Fault> {
        let size = if matches!(kpi.definition().measure, Measure::Open { .. }) { Size::Open } else { Size::Total };
        let mut all: Vec<(i64, String)> = Vec::new();
        for (name, tally) in self.values(context, Window::new(kpi, size, by, 0))? {
            all.push((-(tally.count + tally.suspect), name));
        }
        all.retain(|(_, name)| name != OTHER);
        all.sort_unstable();
        all.truncate(self.settings.top_k);
        Ok(all.into_iter().map(|(_, name)| name).collect())
    }

    /// The values of a window. There are at most so many as are told apart, and the rest.
    fn values(&self, context: &Context<'_>, window: Window) -> Result<Vec<(String, Tally)>, Fault> {
        let entries = context.prefix(self.store(), &window.prefix(), self.settings.values_max + 2);
        let read = |(key, value): &(Bytes, Bytes)| {
            let (_, name) = Window::parse(key)?;
            Some(topology::decode_value(value).map(|tally| (name.to_owned(), tally)))
        };
        entries.iter().filter_map(read).collect()
    }

    /// Publishes windows, and all others of a dimension whose largest values are others now.
    fn publish(&self, context: &mut Context<'_>, mut touched: BTreeSet<Window>) -> Result<(), Fault> {
        let dimensions: BTreeSet<(Kpi, By)> = touched.iter().map(|window| (window.kpi, window.by())).collect();
        let mut largest: BTreeMap<(Kpi, By), Vec<String>> = BTreeMap::new();
        for (kpi, by) in dimensions {
            let mut names = self.largest(context, kpi, by)?;
            names.sort_unstable();
            let key = [kpi as u8, by as u8, 0xff];
            let before = self.told.get(context, &key)?;
            if before.as_ref() != Some(&names) {
                self.told.put(context, &key, &names)?;
                // A name more changes other windows only where another has to make room for it.
                if before.is_some_and(|before| before.iter().any(|name| !names.contains(name))) {
                    self.all_windows(context, kpi, by, &mut touched);
                }
            }
            largest.insert((kpi, by), names);
        }
        for window in touched {
            self.publish_window(context, window, &largest[&(window.kpi, window.by())])?;
        }
        Ok(())
    }

    /// Forgets the windows of these dimensions whose time has passed. Their keys sort by start, so only
    /// those and one more are looked at.
    fn expire(&self, context: &mut Context<'_>, touched: &BTreeSet<Window>, time: i64) -> Result<(), Fault> {
        let dimensions: BTreeSet<Window> = touched.iter().map(|window| Window { start: 0, ..*window }).collect();
        for dimension in dimensions {
            let Some(size) = dimension.size().filter(|size| size.millis() > 0) else { continue };
            loop {
                let oldest = context.prefix(self.store(), &dimension.prefix()[..3], 1);
                let Some((window, _)) = oldest.first().and_then(|(key, _)| Window::parse(key)) else { break };
                if self.expires_at(window, size) > time {
                    break;
                }
                self.forget(context, window)?;
            }
        }
        Ok(())
    }

    fn all_windows(&self, context: &Context<'_>, kpi: Kpi, by: By, into: &mut BTreeSet<Window>) {
        for size in Size::ALL {
            let mut prefix = Window::new(kpi, size, by, 0).prefix();
            prefix.truncate(3);
            let entries = context.prefix(self.store(), &prefix, usize::MAX);
            into.extend(entries.iter().filter_map(|(key, _)| Window::parse(key)).map(|(window, _)| window));
        }
    }

    fn publish_window(&self, context: &mut Context<'_>, window: Window, largest: &[String]) -> Result<(), Fault> {
        let Some(size) = window.size() else { return Ok(()) };
        let mut rows: BTreeMap<String, Tally> = BTreeMap::new();
        for (name, tally) in self.values(context, window)? {
            if tally.is_empty() && size != Size::Total {
                context.delete(self.store(), &window.key(&name));
                continue;
            }
            let name = if largest.binary_search(&name).is_ok() { name } else { OTHER.to_owned() };
            rows.entry(name).or_default().merge(&tally);
        }
        let told_key = window.prefix();
        let before = self.told.get(context, &told_key)?;
        for gone in before.into_iter().flatten().filter(|name| !rows.contains_key(name)) {
            context.send(self.sink, Some(record_key(window, size, &gone)), None);
        }
        for (name, tally) in &mut rows {
            if size == Size::Total {
                self.raise(context, window, name, tally)?;
            }
            let record = schemas::encode(&result(window, size, name, tally));
            context.send(self.sink, Some(record_key(window, size, name)), Some(record.into()));
        }
        if rows.is_empty() {
            self.told.delete(context, &told_key);
            Ok(())
        } else {
            self.told.put(context, &told_key, &rows.into_keys().collect())
        }
    }

    /// Totals become counters, and a counter that falls looks like a restart: what was published once is
    /// never taken back there.
    fn raise(&self, context: &mut Context<'_>, window: Window, name: &str, tally: &mut Tally) -> Result<(), Fault> {
        let key = Window { table: HIGHEST, ..window }.key(name);
        let before = self.windows.get(context, &key)?.unwrap_or_default();
        tally.count = tally.count.max(before.count);
        tally.hits = tally.hits.max(before.hits);
        tally.sum_ms = tally.sum_ms.max(before.sum_ms);
        tally.suspect = tally.suspect.max(before.suspect);
        tally.late = tally.late.max(before.late);
        if *tally == before { Ok(()) } else { self.windows.put(context, &key, tally) }
    }

    /// Publishes the burn rates of the SLOs on this task's KPIs. Those of other KPIs of the task move as
    /// well: time has passed for all of them.
    fn burn(&self, context: &mut Context<'_>, time: i64) -> Result<(), Fault> {
        for slo in self.slos.iter() {
            let named = self.told.get(context, &[slo.kpi as u8, slo.by as u8, 0xff])?.unwrap_or_default();
            for value in named.iter().filter(|name| slo.value.as_ref().is_none_or(|value| value == *name)) {
                let mut fault = None;
                let burn = rate(slo, value, time, |size, start| {
                    let key = Window::new(slo.kpi, size, slo.by, start).key(value);
                    match self.windows.get(context, &key) {
                        Ok(tally) => {
                            tally.map_or_else(Counts::default, |tally| Counts::of(slo, tally.count, tally.hits))
                        }
                        Err(error) => {
                            fault = Some(error);
                            Counts::default()
                        }
                    }
                });
                if let Some(fault) = fault {
                    return Err(fault);
                }
                let key = [&slo.name, "|", value].concat().into_bytes();
                // What is as it was but for the time is not told again.
                let told_key = [b"burn|", &key[..]].concat();
                let timeless = schemas::encode(&BurnRate { at: Timestamp(0), ..burn.clone() });
                let print = i64::from(topology::murmur2(&timeless));
                if self.numbers.get(context, &told_key)? == Some(print) {
                    continue;
                }
                self.numbers.put(context, &told_key, &print)?;
                context.send(self.burn_sink, Some(key.into()), Some(schemas::encode(&burn).into()));
            }
        }
        Ok(())
    }

    fn forget(&self, context: &mut Context<'_>, window: Window) -> Result<(), Fault> {
        for (key, _) in context.prefix(self.store(), &window.prefix(), usize::MAX) {
            context.delete(self.store(), &key);
        }
        let told_key = window.prefix();
        if let (Some(size), Some(names)) = (window.size(), self.told.get(context, &told_key)?) {
            for name in names {
                context.send(self.sink, Some(record_key(window, size, &name)), None);
            }
        }
        self.told.delete(context, &told_key);
        Ok(())
    }
}

fn record_key(window: Window, size: Size, name: &str) -> Bytes {
    let start = Timestamp(window.start);
    format!("{}|{}|{name}|{}|{start}", window.kpi.name(), window.by().name(), size.name()).into_bytes().into()
}

fn result(window: Window, size: Size, name: &str, tally: &Tally) -> KpiWindow {
    let measure = window.kpi.definition().measure;
    let at = |quantile| {
        let is_told = measure == Measure::Duration && size != Size::Total;
        if is_told { tally.buckets.quantile_ms(quantile) } else { None }
    };
    let bucket_ms = match measure {
        Measure::Open { bucket_ms } => bucket_ms,
        _ => 0,
    };
    let is_open = size == Size::Open && tally.count > 0;
    KpiWindow {
        kpi: window.kpi.name().to_owned(),
        by: window.by().name().to_owned(),
        value: name.to_owned(),
        window: size.name().to_owned(),
        start: Timestamp(window.start),
        end: Timestamp(window.start + size.millis()),
        count: tally.count,
        hits: tally.hits,
        sum_ms: if size == Size::Open { 0 } else { tally.sum_ms },
        suspect: tally.suspect,
        late: tally.late,
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        oldest_at: tally.buckets.first().filter(|_| is_open).map(|first| Timestamp(i64::from(first) * bucket_ms)),
        mean_at: is_open.then(|| Timestamp(tally.sum_ms / tally.count)),
    }
}

impl Processor for Merge {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.pending = TypedStore::new(init.store(STORES[0])?);
        self.windows = TypedStore::new(init.store(STORES[1])?);
        self.told = TypedStore::new(init.store(STORES[2])?);
        self.numbers = TypedStore::new(init.store(STORES[3])?);
        self.sink = init.sink(SINK)?;
        self.burn_sink = init.sink(BURN_SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let (Some(key), Some(value)) = (&record.key, &record.value) else { return Ok(Outcome::Filtered.into()) };
        let Some(kpi) = std::str::from_utf8(key).ok().and_then(Kpi::find) else {
            // Of a version of the hub that knows more.
            return Ok(Outcome::Filtered.into());
        };
        let is_open = matches!(kpi.definition().measure, Measure::Open { .. });
        for change in receive(value)? {
            for (by, name) in change.labels.rows() {
                let pane = if is_open {
                    Window::new(kpi, Size::Open, by, 0)
                } else {
                    Window::new(kpi, Size::FiveMinutes, by, Size::FiveMinutes.start_of(change.at))
                };
                let key = pane.key(name);
                let mut tally = self.pending.get(context, &key)?.unwrap_or_default();
                tally.add(kpi, change.value, change.times);
                self.pending.put(context, &key, &tally)?;
            }
        }
        // The senders' own time: none of them is ahead of what it was told when.
        if self.numbers.get(context, TIME)?.is_none_or(|time| record.timestamp.0 > time) {
            self.numbers.put(context, TIME, &record.timestamp.0)?;
        }
        if self.numbers.get(context, PUBLISH)?.is_none() {
            self.numbers.put(context, PUBLISH, &1)?;
            context.schedule(Clock::Wall, context.now().plus_millis(self.settings.publish_ms), PUBLISH);
        }
        Ok(Outcome::Applied.into())
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        if timer.key.as_ref() != PUBLISH {
            return Ok(());
        }
        self.numbers.delete(context, PUBLISH);
        let time = self.numbers.get(context, TIME)?.unwrap_or(i64::MIN);
        let touched = self.settle(context, time)?;
        self.expire(context, &touched, time)?;
        self.publish(context, touched)?;
        self.burn(context, time)
    }
}
