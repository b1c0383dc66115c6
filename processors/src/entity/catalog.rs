//! Product offerings (TMF620): versions merged from events, published as a table for all workers.
//!
//! The table `catalog` is keyed by offering id, a zero byte and the version's name; its values are
//! whole `CatalogEvent`s. Orders are enriched with the version that was valid when they were
//! created.

use std::sync::Arc;

use bytes::Bytes;
use schemas::{CatalogEvent, Family as EventFamily, Offering, ReferenceChange, Timestamp};
use serde::{Deserialize, Serialize};
use topology::{
    Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, TableHandle, Timer, TopologyError, Verdict,
};

use crate::route::{EntityView, Router};

use super::dedupe::Identity;
use super::fault::undecodable;
use super::merge::{Merged, merge_group};
use super::reference::{bare_fact, change_name};
use super::{Chance, Change, Decision, Engine, EntitySettings, Family, Head, Label, Publisher};

/// The kind in facts.
pub const KIND: &str = "offering";
/// The global table's name.
pub const TABLE: &str = "catalog";
/// The compacted topic behind the table.
pub const TABLE_TOPIC: &str = "hub.catalog.table";
/// An offering has no more versions than this; further ones replace the oldest.
const VERSIONS_MAX: usize = 32;

/// What the catalog says of an offering at a time.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// The version that was valid then.
    Valid(Offering),
    /// No version was valid then; this one is the nearest.
    OtherTime(Offering),
    /// The offering is not known.
    Nothing,
}

/// The version of an offering that was valid at `at`.
pub fn find(context: &mut Context<'_>, table: TableHandle, offering: &str, at: Timestamp) -> Found {
    let versions = context.table_prefix(table, &table_prefix(offering), VERSIONS_MAX);
    let versions = versions.iter().filter_map(|(_, value)| schemas::decode::<CatalogEvent>(value).ok());
    pick(versions.map(|event| event.offering), at)
}

/// Whether the catalog knows the offering.
pub fn is_known(context: &mut Context<'_>, table: TableHandle, offering: &str) -> bool {
    !context.table_prefix(table, &table_prefix(offering), 1).is_empty()
}

/// Among valid versions the one that began last; else the last that began before `at`; else the
/// first to begin.
fn pick(versions: impl Iterator<Item = Offering>, at: Timestamp) -> Found {
    let begins = |offering: &Offering| offering.valid_from.unwrap_or(Timestamp(i64::MIN));
    let mut best: Option<(bool, Offering)> = None;
    for offering in versions {
        let valid = begins(&offering) <= at && offering.valid_to.is_none_or(|end| at < end);
        let better = best.as_ref().is_none_or(|(best_valid, best)| {
            let (new, old) = (begins(&offering), begins(best));
            match (valid, *best_valid) {
                (true, false) => true,
                (false, true) => false,
                (true, true) => new > old,
                (false, false) => {
                    if old > at {
                        new < old
                    } else {
                        new <= at && new > old
                    }
                }
            }
        });
        if better {
            best = Some((valid, offering));
        }
    }
    match best {
        Some((true, offering)) => Found::Valid(offering),
        Some((false, offering)) => Found::OtherTime(offering),
        None => Found::Nothing,
    }
}

fn table_prefix(offering: &str) -> Vec<u8> {
    [offering.as_bytes(), &[0]].concat()
}

fn table_key(offering: &str, version: &str) -> Bytes {
    [offering.as_bytes(), &[0], version.as_bytes()].concat().into()
}

/// What is kept of an offering: its versions, the newest word last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfferingRecord {
    /// The common beginning.
    pub head: Head,
    /// Its versions with when each was last changed.
    pub versions: Vec<(Offering, Timestamp)>,
    /// When it was deleted, if it was.
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
}

/// The family of offerings.
pub struct Offerings {
    publisher: Publisher,
    table: SinkHandle,
}

impl Family for Offerings {
    type State = OfferingRecord;
    type Event = CatalogEvent;

    const PART: &'static str = "entity.catalog";

    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.table = init.sink(super::TABLE_SINK)?;
        self.publisher.init(init)
    }

    fn head(state: &mut OfferingRecord) -> &mut Head {
        &mut state.head
    }

    fn decode(&self, _topic: &str, value: &[u8]) -> Result<CatalogEvent, Fault> {
        schemas::decode(value).map_err(|error| undecodable(&error))
    }

    fn label(&self, event: &CatalogEvent) -> Label {
        Label {
            entity: Bytes::copy_from_slice(event.offering.id.as_bytes()),
            identity: Identity::of(&event.envelope),
            occurred_at: event.envelope.occurred_at,
        }
    }

    fn apply(
        &mut self,
        context: &mut Context<'_>,
        state: &mut OfferingRecord,
        event: CatalogEvent,
        _chance: Chance,
    ) -> Result<Decision, Fault> {
        let CatalogEvent { envelope, change, offering: mut patch } = event;
        let at = envelope.occurred_at;
        let deleted_at = state.deleted_at.unwrap_or(Timestamp(i64::MIN));
        if state.head.is_deleted_after(at, deleted_at, change == ReferenceChange::Created) {
            return Ok(Outcome::Stale.into());
        }
        // A patch without a version's name means the version that was named last.
        if patch.version.is_empty()
            && change != ReferenceChange::Created
            && let Some((last, _)) = state.versions.last()
        {
            patch.version.clone_from(&last.version);
        }
        if change == ReferenceChange::Deleted {
            for (version, _) in state.versions.drain(..) {
                context.send_at(self.table, Some(table_key(&patch.id, &version.version)), None, at);
            }
        }
        let index = state.versions.iter().position(|(known, _)| known.version == patch.version);
        let (mut offering, mut since) = match index {
            Some(index) => state.versions.remove(index),
            None => (
                Offering { id: patch.id.clone(), version: patch.version.clone(), ..Offering::default() },
                Timestamp(i64::MIN),
            ),
        };
        let from = offering.status.clone();
        let mut merged = Merged::default();
        merge_group!(merged, since, at, patch => offering: name, status, valid_from, valid_to, sla_class, partner_id, billing_code);
        if merged.late && !merged.any {
            state.versions.insert(index.unwrap_or(state.versions.len()), (offering, since));
            return Ok(Outcome::Stale.into());
        }
        offering.extra = patch.extra;
        state.head.known = true;
        state.head.deleted = change == ReferenceChange::Deleted;
        state.deleted_at = state.head.deleted.then_some(at);

        let mut fact = bare_fact(EventFamily::Catalog, KIND, &offering.id, &state.head);
        fact.class.clone_from(&offering.sla_class);
        fact.partner_ids.extend(offering.partner_id.clone());
        fact.to_state.clone_from(&offering.status);
        let news = Change::new(change_name(change), from.as_deref(), from != offering.status, &envelope);
        self.publisher.publish(context, &mut state.head.version, news, fact, EntityView::Offering(&offering));
        offering.extra.clear();
        if change != ReferenceChange::Deleted {
            let whole = CatalogEvent { envelope, change, offering };
            let key = table_key(&whole.offering.id, &whole.offering.version);
            context.send_at(self.table, Some(key), Some(schemas::encode(&whole).into()), at);
            if state.versions.len() >= VERSIONS_MAX {
                let (oldest, _) = state.versions.remove(0);
                context.send_at(self.table, Some(table_key(&oldest.id, &oldest.version)), None, at);
            }
            state.versions.push((whole.offering, since));
        }
        Ok(Outcome::Applied.into())
    }
}

/// The processor of `entity.catalog`.
pub struct CatalogProcessor {
    engine: Engine<Offerings>,
}

impl CatalogProcessor {
    /// One for a task.
    pub fn new(settings: EntitySettings, routes: Arc<Router>) -> Self {
        let family = Offerings { publisher: Publisher::new(routes), table: SinkHandle::default() };
        Self { engine: Engine::new(family, settings) }
    }
}

impl Processor for CatalogProcessor {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.engine.init(init)
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        self.engine.take(record, context)
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        self.engine.on_timer(timer, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, from: Option<i64>, to: Option<i64>) -> Offering {
        Offering {
            id: "fibre".into(),
            version: name.into(),
            valid_from: from.map(Timestamp),
            valid_to: to.map(Timestamp),
            ..Offering::default()
        }
    }

    #[test]
    fn the_version_valid_at_a_time_is_found() {
        let versions =
            [version("1", None, Some(100)), version("2", Some(100), Some(200)), version("3", Some(150), Some(300))];
        let at = |at: i64| match pick(versions.iter().cloned(), Timestamp(at)) {
            Found::Valid(offering) => (true, offering.version),
            Found::OtherTime(offering) => (false, offering.version),
            Found::Nothing => (false, String::new()),
        };
        assert_eq!(at(99), (true, "1".into()));
        assert_eq!(at(100), (true, "2".into()), "windows are half-open");
        assert_eq!(at(160), (true, "3".into()), "the later of two that overlap");
        assert_eq!(at(300), (false, "3".into()), "the last one, when none is valid");
    }

    #[test]
    fn before_all_versions_the_first_is_nearest() {
        let versions = [version("b", Some(20), None), version("a", Some(10), Some(15)), version("c", Some(30), None)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let found = pick(order.iter().map(|index| versions[*index].clone()), Timestamp(5));
            assert_eq!(found, Found::OtherTime(versions[1].clone()));
        }
        assert_eq!(pick(std::iter::empty(), Timestamp(5)), Found::Nothing);
    }
}
