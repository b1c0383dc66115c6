//! `[entity]`: how long and how many events may wait, and what follows when the wait was in vain.

use std::time::Duration;

use processors::entity::{EntitySettings, MissingParent, UnknownEntity};

use super::reader::Section;

pub(super) fn read(section: &Section<'_, '_>) -> EntitySettings {
    let mut settings = EntitySettings::default();
    let wait = Duration::from_millis(10)..=Duration::from_secs(7 * 86_400);
    let millis = |key| section.duration(key, wait.clone()).map(|found| found.value.as_millis() as i64);
    settings.buffered_wait_ms = millis("buffered_wait").unwrap_or(settings.buffered_wait_ms);
    settings.parked_wait_ms = millis("parked_wait").unwrap_or(settings.parked_wait_ms);
    settings.recheck_ms = millis("recheck").unwrap_or(settings.recheck_ms);
    settings.lookup_wait_ms = millis("lookup_wait").unwrap_or(settings.lookup_wait_ms);
    settings.customer_memory_ms = millis("customer_memory").unwrap_or(settings.customer_memory_ms);
    settings.notice_ms = millis("debit_notice").unwrap_or(settings.notice_ms);
    let count = |key, high| section.integer(key, 1..=high).map(|found| found.value);
    settings.seen_events_max = count("seen_events_max", 4_096).map_or(settings.seen_events_max, |found| found as usize);
    settings.buffered_events_max =
        count("buffered_events_max", 4_096).map_or(settings.buffered_events_max, |found| found as u16);
    settings.parked_events_max =
        count("parked_events_max", 4_096).map_or(settings.parked_events_max, |found| found as u16);
    settings.unknown_entity = match section.choice("unknown_entity", &["adopt", "quarantine"]) {
        Some((1, _)) => UnknownEntity::Quarantine,
        _ => UnknownEntity::Adopt,
    };
    settings.missing_parent = match section.choice("missing_parent", &["continue", "dead_letter"]) {
        Some((1, _)) => MissingParent::DeadLetter,
        _ => MissingParent::Continue,
    };
    section.finish();
    settings
}
