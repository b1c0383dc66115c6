//! The processor that measures entities by their lifecycle facts.

use std::sync::Arc;

use schemas::{LifecycleFact, Timestamp};
use topology::{
    Clock, Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreHandle, Timer, TopologyError,
    TypedStore, Verdict,
};

use super::send::send;
use super::settings::KpiSettings;
use super::story::{Story, time_of};
use super::{order, payment, related, ticket};
use crate::entity::undecodable;

/// The store of entities.
pub(super) const STORE: &str = "kpi-stories";
/// The sink of changes.
pub(super) const SINK: &str = "kpi-changes";
/// The sink of what tickets tell orders.
pub(super) const RELATED_SINK: &str = "kpi-related-tickets";

/// The key of the time that the partition has come to; no entity's key begins so.
const TIME_KEY: &[u8] = b"\0time";
/// For how long an entity is kept after something last happened to it: the longest horizon, and some.
const KEPT_MS: i64 = 40 * 86_400_000;
/// When an entity that is due is asked again whether it may be forgotten.
const ASK_AGAIN_MS: i64 = 3_600_000;

/// Measures entities.
pub(super) struct Entities {
    settings: Arc<KpiSettings>,
    store: StoreHandle,
    stories: TypedStore<Story>,
    times: TypedStore<i64>,
    sink: SinkHandle,
    related: SinkHandle,
}

impl Entities {
    pub(super) fn new(settings: Arc<KpiSettings>) -> Self {
        Self {
            settings,
            store: StoreHandle::default(),
            stories: TypedStore::default(),
            times: TypedStore::default(),
            sink: SinkHandle::default(),
            related: SinkHandle::default(),
        }
    }

    /// The time that the partition has come to: the highest of its facts, none of which is ahead of
    /// its own arrival.
    fn advance(&self, context: &mut Context<'_>, at: i64) -> Result<i64, Fault> {
        let before = self.times.get(context, TIME_KEY)?.unwrap_or(i64::MIN);
        if at > before {
            self.times.put(context, TIME_KEY, &at)?;
        }
        Ok(before.max(at))
    }

    /// A ticket says whether it is about an order.
    fn take_ticket(&self, order: &[u8], value: &[u8], context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let mut story = self.stories.get(context, order)?.unwrap_or_default();
        related::take(&mut story, value)?;
        // The partition's time is that of its own facts: the ticket's partition may be far ahead.
        let time = self.times.get(context, TIME_KEY)?.unwrap_or(i64::MIN);
        self.reckon("order", &mut story, time, context)?;
        self.keep(order, story, context)
    }

    /// Keeps an entity, until nothing has happened to it for long.
    fn keep(&self, key: &[u8], mut story: Story, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        if story.timer.is_none() {
            let due = story.latest_at + KEPT_MS;
            context.schedule(Clock::Stream, Timestamp(due), key);
            story.timer = Some(due);
        }
        self.stories.put(context, key, &story)?;
        Ok(Outcome::Applied.into())
    }

    fn reckon(&self, kind: &str, story: &mut Story, time: i64, context: &mut Context<'_>) -> Result<(), Fault> {
        let mut items = Vec::new();
        match kind {
            "order" => order::derive(story, &mut items),
            "ticket" => ticket::derive(story, &mut items),
            _ => payment::derive(story, &self.settings, &mut items),
        }
        let changes = story.told.reconcile(&items, &story.labels, time, &self.settings);
        send(context, self.sink, changes, time)
    }
}

impl Processor for Entities {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.store = init.store(STORE)?;
        self.stories = TypedStore::new(self.store);
        self.times = TypedStore::new(self.store);
        self.sink = init.sink(SINK)?;
        self.related = init.sink(RELATED_SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(value) = &record.value else { return Ok(Outcome::Filtered.into()) };
        if &*record.topic == related::TOPIC {
            return self.take_ticket(record.key.as_deref().unwrap_or_default(), value, context);
        }
        let fact: LifecycleFact = schemas::decode(value).map_err(|error| undecodable(&error))?;
        let kind = fact.entity_kind.as_str();
        if !["order", "ticket", "payment"].contains(&kind) {
            return Ok(Outcome::Filtered.into());
        }
        let time = self.advance(context, time_of(&fact))?;
        let key = [kind, ":", &fact.entity_id].concat();
        let mut story = self.stories.get(context, key.as_bytes())?.unwrap_or_default();
        story.take(&fact);
        if kind == "ticket" {
            related::tell(&mut story, &fact.entity_id, self.related, time, context)?;
        }
        self.reckon(kind, &mut story, time, context)?;
        self.keep(key.as_bytes(), story, context)
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(mut story) = self.stories.get(context, &timer.key)? else { return Ok(()) };
        let time = self.times.get(context, TIME_KEY)?.unwrap_or(i64::MIN);
        let due = story.latest_at + KEPT_MS;
        if due <= time && !story.told.holds_open() {
            context.delete(self.store, &timer.key);
            return Ok(());
        }
        // Something happened since, it is open still, or the stream's time is ahead of what was seen.
        if due > context.stream_time().0 {
            context.schedule(Clock::Stream, Timestamp(due), &timer.key);
            story.timer = Some(due);
        } else {
            let again = context.now().plus_millis(ASK_AGAIN_MS);
            context.schedule(Clock::Wall, again, &timer.key);
        }
        self.stories.put(context, &timer.key, &story)
    }
}
