//! Partners (TMF632 organisations, TMF669 party roles): merged and published as a table for all
//! workers, keyed by partner id.

use std::sync::Arc;

use bytes::Bytes;
use schemas::{Family as EventFamily, Partner, PartnerEvent, ReferenceChange, Timestamp};
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
pub const KIND: &str = "partner";
/// The global table's name.
pub const TABLE: &str = "partner";
/// The compacted topic behind the table.
pub const TABLE_TOPIC: &str = "hub.partner.table";

/// Whether the partner is known.
pub fn is_known(context: &mut Context<'_>, table: TableHandle, partner: &str) -> bool {
    context.table_get(table, partner.as_bytes()).is_some()
}

/// What is kept of a partner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartnerRecord {
    /// The common beginning.
    pub head: Head,
    /// The partner, merged.
    pub partner: Partner,
    /// When its attributes were last set.
    pub since: Timestamp,
}

impl Default for PartnerRecord {
    fn default() -> Self {
        Self { head: Head::default(), partner: Partner::default(), since: Timestamp(i64::MIN) }
    }
}

/// The family of partners.
pub struct Partners {
    publisher: Publisher,
    table: SinkHandle,
}

impl Family for Partners {
    type State = PartnerRecord;
    type Event = PartnerEvent;

    const PART: &'static str = "entity.partner";

    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.table = init.sink(super::TABLE_SINK)?;
        self.publisher.init(init)
    }

    fn head(state: &mut PartnerRecord) -> &mut Head {
        &mut state.head
    }

    fn decode(&self, _topic: &str, value: &[u8]) -> Result<PartnerEvent, Fault> {
        schemas::decode(value).map_err(|error| undecodable(&error))
    }

    fn label(&self, event: &PartnerEvent) -> Label {
        Label {
            entity: Bytes::copy_from_slice(event.partner.id.as_bytes()),
            identity: Identity::of(&event.envelope),
            occurred_at: event.envelope.occurred_at,
        }
    }

    fn apply(
        &mut self,
        context: &mut Context<'_>,
        state: &mut PartnerRecord,
        event: PartnerEvent,
        _chance: Chance,
    ) -> Result<Decision, Fault> {
        let PartnerEvent { envelope, change, partner: patch } = event;
        let at = envelope.occurred_at;
        if state.head.is_deleted_after(at, state.since, change == ReferenceChange::Created) {
            return Ok(Outcome::Stale.into());
        }
        let from = state.partner.status.clone();
        let mut merged = Merged::default();
        let (partner, since) = (&mut state.partner, &mut state.since);
        merge_group!(merged, *since, at, patch => partner: name, status, role);
        if merged.late && !merged.any {
            return Ok(Outcome::Stale.into());
        }
        partner.id = patch.id;
        partner.extra = patch.extra;
        state.head.known = true;
        state.head.deleted = change == ReferenceChange::Deleted;
        if state.head.deleted {
            state.since = state.since.max(at);
        }

        let mut fact = bare_fact(EventFamily::Partner, KIND, &state.partner.id, &state.head);
        fact.to_state.clone_from(&state.partner.status);
        fact.partner_ids.push(state.partner.id.clone());
        fact.category.clone_from(&state.partner.role);
        let news = Change::new(change_name(change), from.as_deref(), from != state.partner.status, &envelope);
        self.publisher.publish(context, &mut state.head.version, news, fact, EntityView::Partner(&state.partner));
        state.partner.extra.clear();

        let key = Bytes::copy_from_slice(state.partner.id.as_bytes());
        let value = (change != ReferenceChange::Deleted)
            .then(|| schemas::encode(&PartnerEvent { envelope, change, partner: state.partner.clone() }).into());
        context.send_at(self.table, Some(key), value, at);
        Ok(Outcome::Applied.into())
    }
}

/// The processor of `entity.partner`.
pub struct PartnerProcessor {
    engine: Engine<Partners>,
}

impl PartnerProcessor {
    /// One for a task.
    pub fn new(settings: EntitySettings, routes: Arc<Router>) -> Self {
        let family = Partners { publisher: Publisher::new(routes), table: SinkHandle::default() };
        Self { engine: Engine::new(family, settings) }
    }
}

impl Processor for PartnerProcessor {
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
