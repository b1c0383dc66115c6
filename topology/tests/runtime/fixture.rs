//! A topology that uses all of the runtime: stores, windows, timers, waiting, faults, two stages.

use std::time::Duration;

use bytes::Bytes;
use schemas::Timestamp;
use topology::{
    Clock, Context, Fate, Fault, InitContext, Origin, Outcome, Processor, Record, SinkHandle, StoreHandle, StoreSpec,
    Timer, Topology, TopologyBuilder, TopologyError, TypedStore, Verdict, Waiting,
};

use crate::alarm::Alarm;

/// How long a window is kept: just so long that no record of a simulation comes too late for its own.
pub const WINDOWS_KEPT: Duration = Duration::from_millis(300);

/// How long a parked record waits on the wall clock.
pub const PARK_MILLIS: i64 = 50;

/// Counts records by key and by window; the value says what else shall happen.
#[derive(Default)]
struct Count {
    counts: TypedStore<u64>,
    windows: StoreHandle,
    windowed: SinkHandle,
    parked: TypedStore<(Origin, Bytes)>,
    /// Keys that are on: `flip` puts one or deletes it.
    flips: StoreHandle,
    flipped: SinkHandle,
    out: SinkHandle,
    released: SinkHandle,
}

impl Processor for Count {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.counts = TypedStore::new(init.store("counts")?);
        self.windows = init.store("windows")?;
        self.windowed = init.sink("windowed")?;
        self.parked = TypedStore::new(init.store("parked")?);
        self.flips = init.store("flips")?;
        self.flipped = init.sink("flipped")?;
        self.out = init.sink("counts")?;
        self.released = init.sink("released")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let key = record.key.clone().unwrap_or_default();
        let count = self.counts.get(context, &key)?.unwrap_or(0) + 1;
        self.counts.put(context, &key, &count)?;
        let window = Timestamp(record.timestamp.0 / 100 * 100);
        let seen = context.window_get(self.windows, &key, window).map_or(0, |bytes| bytes[0]).wrapping_add(1);
        context.window_put(self.windows, &key, window, vec![seen].into());
        let name = [key.as_ref(), format!("@{}", window.0).as_bytes()].concat();
        context.send(self.windowed, Some(name.into()), Some(seen.to_string().into()));
        context.send(self.out, Some(key.clone()), Some(count.to_string().into()));
        match record.value.as_deref() {
            // What was done above must be undone for these.
            Some(b"poison") => Err(Fault::new(Fate::DeadLetter, "HUB-0001", "poison", "it is poison")),
            Some(b"doubt") => Err(Fault::new(Fate::Quarantine, "HUB-0002", "doubt", "it is in doubt")),
            Some(b"stop") => Err(Fault::new(Fate::Stop, "HUB-0003", "stop", "it says stop")),
            // The outside recovers at certain times.
            Some(b"retry") if context.now().0 / 1000 % 2 == 0 => {
                Err(Fault::new(Fate::Retry, "HUB-0004", "busy", "the outside is busy"))
            }
            Some(b"huge") => {
                context.send(self.out, Some(key), Some(vec![0; 2 << 20].into()));
                Ok(Outcome::Applied.into())
            }
            Some(b"flip") => {
                let is_on = context.peek(self.flips, &key).is_some();
                if is_on {
                    context.delete(self.flips, &key);
                } else {
                    context.put(self.flips, &key, Bytes::new());
                }
                context.send(self.flipped, Some(key), Some(if is_on { "off" } else { "on" }.into()));
                Ok(Outcome::Applied.into())
            }
            Some(b"park") => {
                let origin = context.origin();
                let id = format!("{}@{}", origin.partition, origin.offset);
                self.parked.put(context, id.as_bytes(), &(origin, key))?;
                context.schedule(Clock::Wall, context.now().plus_millis(PARK_MILLIS), id.as_bytes());
                Ok(Waiting::Parked.into())
            }
            _ => Ok(Outcome::Applied.into()),
        }
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        if let Some((origin, key)) = self.parked.get(context, &timer.key)? {
            context.send(self.released, Some(key), Some(timer.key.clone()));
            context.settle(&origin.topic, Waiting::Parked, Outcome::Applied);
            self.parked.delete(context, &timer.key);
        }
        Ok(())
    }
}

/// Passes what it gets to its child.
struct Pass(topology::ChildHandle);

impl Processor for Pass {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = init.child("sum")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        context.forward(self.0, record.clone());
        Ok(Verdict::Forwarded)
    }
}

/// Adds all counts of a key up; a repeated count is a duplicate, which exactly-once forbids. It counts
/// its own lives too.
#[derive(Default)]
struct Sum {
    sums: TypedStore<(u64, u64)>,
    lives: SinkHandle,
    is_open: bool,
}

/// The key that lives are counted by; no record has it.
const LIVES: &[u8] = b"\0lives";

impl Processor for Sum {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.sums = TypedStore::new(init.store("sums")?);
        self.lives = init.sink("lives")?;
        Ok(())
    }

    fn open(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        self.is_open = true;
        let lives = self.sums.get(context, LIVES)?.unwrap_or_default().0 + 1;
        self.sums.put(context, LIVES, &(lives, 0))?;
        let of = context.task().to_string();
        context.send(self.lives, Some(of.into()), Some(lives.to_string().into()));
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        if !self.is_open && self.sums.get(context, LIVES)?.is_none() {
            return Err(Fault::new(Fate::Stop, "HUB-0005", "unopened", "a record came before the opening"));
        }
        let key = record.key.clone().unwrap_or_default();
        let count: u64 = std::str::from_utf8(record.value.as_deref().unwrap_or_default()).unwrap().parse().unwrap();
        let (last, sum) = self.sums.get(context, &key)?.unwrap_or_default();
        if count != last + 1 {
            return Ok(Outcome::Duplicate.into());
        }
        self.sums.put(context, &key, &(count, sum + count))?;
        Ok(Outcome::Applied.into())
    }
}

/// `words` -> counter -> `counts` -> pass -> sum.
pub fn counting() -> Topology {
    let mut builder = TopologyBuilder::new();
    builder
        .sub_topology("count")
        .source("in", "words")
        .store(StoreSpec::key_value("counts"))
        .store(StoreSpec::segmented("windows", WINDOWS_KEPT, Duration::from_millis(100)))
        .store(StoreSpec::ordered("parked"))
        .store(StoreSpec::key_value("flips"))
        .store(StoreSpec::ordered("alarms"))
        .processor("counter", &["in"], &["counts", "windows", "parked", "flips"], &[], || Box::<Count>::default())
        .processor("alarm", &["in"], &["alarms"], &[], || Box::<Alarm>::default())
        .sink("alarms", "alarms", &["alarm"])
        .sink("flipped", "flipped", &["counter"])
        .sink("windowed", "windowed", &["counter"])
        .sink("counts", "counts", &["counter"])
        .sink("released", "released", &["counter"]);
    builder
        .sub_topology("sum")
        .source("counted", "counts")
        .store(StoreSpec::key_value("sums"))
        .processor("pass", &["counted"], &[], &[], || Box::new(Pass(topology::ChildHandle::default())))
        .processor("sum", &["pass"], &["sums"], &[], || Box::<Sum>::default())
        .sink("lives", "lives", &["sum"]);
    builder.build().unwrap()
}
