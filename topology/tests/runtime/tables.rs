//! Global tables, and waiting records that are given up later.

use std::sync::Arc;

use schemas::{DeadLetter, Timestamp};
use topology::{
    Clock, Context, Fate, Fault, InitContext, Origin, Outcome, Processor, Record, StoreSpec, TableHandle, TestDriver,
    Timer, TopologyBuilder, TopologyError, TypedStore, Verdict, Waiting, WorkerSettings,
};

const NOW: Timestamp = Timestamp(1_000);

/// Applies records of known partners; others wait 10 ms of stream time and are given up then.
#[derive(Default)]
struct Known {
    partners: TableHandle,
    held: TypedStore<Origin>,
}

impl Processor for Known {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.partners = init.table("partners")?;
        self.held = TypedStore::new(init.store("held")?);
        assert!(matches!(init.store("other"), Err(TopologyError::NotConnected { kind: "store", .. })));
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let key = record.key.clone().unwrap_or_default();
        if context.table_get(self.partners, &key).is_some() {
            assert!(!context.table_prefix(self.partners, &key[..1], 9).is_empty());
            return Ok(Outcome::Applied.into());
        }
        self.held.put(context, &key, &context.origin())?;
        context.schedule(Clock::Stream, record.timestamp.plus_millis(10), &key);
        Ok(Waiting::Parked.into())
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(origin) = self.held.get(context, &timer.key)? else { return Ok(()) };
        let fault = Fault::new(Fate::Quarantine, "HUB-0009", "unknown_partner", "no such partner came");
        context.give_up(&fault, &origin, Some(timer.key.clone()), Some("payload".into()));
        context.settle(&origin.topic, Waiting::Parked, Outcome::Quarantined);
        self.held.delete(context, &timer.key);
        Ok(())
    }
}

fn driver() -> TestDriver {
    let mut builder = TopologyBuilder::new();
    builder
        .global_table("partners", "hub.partner")
        .sub_topology("known")
        .source("in", "events")
        .store(StoreSpec::key_value("held"))
        .processor("known", &["in"], &["held"], &["partners"], || Box::<Known>::default());
    let mut settings = WorkerSettings::new("test");
    settings.letters.payload =
        Some(Arc::new(|record| record.value.as_ref().map(|value| format!("{} bytes", value.len()))));
    TestDriver::with_settings(builder.build().unwrap(), NOW, 1, settings)
}

#[test]
fn a_global_table_is_whole_before_a_record_needs_it_and_after_a_restart() {
    let mut driver = driver();
    driver.global_put("hub.partner", "p1", "profile");
    driver.pipe("events", "p1", "", NOW);
    driver.restart();
    driver.pipe("events", "p1", "", NOW);
    assert_eq!(driver.outcomes().ended("events", Outcome::Applied), 2);
    driver.try_pipe("hub.partner", "p1", None, NOW).unwrap();
    driver.pipe("events", "p1", "", NOW);
    assert_eq!(driver.waiting(), 1, "a tombstone takes the row out");
}

#[test]
fn a_record_given_up_later_keeps_its_origin_and_shows_only_what_the_guard_lets_through() {
    let mut driver = driver();
    driver.global_put("hub.partner", "p1", "profile");
    driver.pipe("events", "p1", "", NOW);
    driver.pipe("events", "p2", "", NOW);
    driver.pipe("events", "p1", "", NOW.plus_millis(9));
    assert!(driver.read("hub.quarantine").is_empty());
    driver.pipe("events", "p1", "", NOW.plus_millis(10));
    let letters = driver.read("hub.quarantine");
    let letter: DeadLetter = schemas::decode(letters[0].value.as_deref().unwrap()).unwrap();
    assert_eq!((letter.origin_topic.as_str(), letter.origin_partition, letter.origin_offset), ("events", 0, 1));
    assert_eq!((letter.code.as_str(), letter.payload.as_deref()), ("HUB-0009", Some("7 bytes")));
    assert_eq!(letters[0].key.as_deref(), Some(&b"p2"[..]));
    let ledger = driver.outcomes();
    assert_eq!((ledger.ended("events", Outcome::Quarantined), ledger.waiting(), ledger.imbalance()), (1, 0, 0));
}
