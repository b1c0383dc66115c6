//! The processors: one sends changes on by partner, one adds them up.

use std::sync::Arc;

use bytes::Bytes;
use schemas::Timestamp;
use topology::{
    Clock, Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, Timer, TopologyError, TypedStore,
    Verdict, decode_value, encode_value,
};

use super::card::{Card, is_scored};
use super::eras::Eras;
use super::settings::ScoreSettings;
use crate::kpi::{Kpi, Value, receive};

/// The sink of what is sent on.
pub(super) const SPLIT_SINK: &str = "score-changes";
/// The sink of cards.
pub(super) const SINK: &str = "score-card";
/// The store of cards.
pub(super) const STORE: &str = "score-cards";

/// The store of which periods count since when.
pub(super) const ERA_STORE: &str = "score-eras";
/// The key of its one value.
const ERA_KEY: &[u8] = b"eras";

/// What is sent on of a change: the KPI, how often, the instant whose period it belongs to, and the value. Only the
/// hub writes and reads it.
type Sent = (Kpi, i64, i64, Value);

/// Sends changes on to the partners that they are about.
#[derive(Default)]
pub(super) struct Split {
    sink: SinkHandle,
}

impl Processor for Split {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.sink = init.sink(SPLIT_SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let kpi = record.key.as_ref().and_then(|key| Kpi::find(std::str::from_utf8(key).ok()?));
        let (Some(kpi), Some(value)) = (kpi.filter(|kpi| is_scored(*kpi)), &record.value) else {
            return Ok(Outcome::Filtered.into());
        };
        for change in receive(value)? {
            let sent: Sent = (kpi, change.times, change.at, change.value);
            for partner in &change.labels.partners {
                context.send(self.sink, Some(partner.clone().into_bytes().into()), Some(encode_value(&sent)?));
            }
        }
        Ok(Outcome::Applied.into())
    }
}

/// Adds up each partner's periods.
pub(super) struct Cards {
    settings: Arc<ScoreSettings>,
    cards: TypedStore<Card>,
    eras: TypedStore<Eras>,
    sink: SinkHandle,
}

impl Cards {
    pub(super) fn new(settings: Arc<ScoreSettings>) -> Self {
        Self { settings, cards: TypedStore::default(), eras: TypedStore::default(), sink: SinkHandle::default() }
    }

    /// Lets the card's one timer wait until then.
    fn wait(card: &mut Card, until: i64, key: &[u8], context: &mut Context<'_>) {
        if let Some(old) = card.timer.replace(until) {
            context.cancel(Clock::Wall, Timestamp(old), key);
        }
        context.schedule(Clock::Wall, Timestamp(until), key);
    }
}

impl Processor for Cards {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.cards = TypedStore::new(init.store(STORE)?);
        self.eras = TypedStore::new(init.store(ERA_STORE)?);
        self.sink = init.sink(SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let (Some(partner), Some(value)) = (&record.key, &record.value) else { return Ok(Outcome::Filtered.into()) };
        let (kpi, times, at, value): Sent = decode_value(value)?;
        let now = context.now().0;
        let mut eras = self.eras.get(context, ERA_KEY)?.unwrap_or_default();
        if eras.begin(&self.settings, now) {
            self.eras.put(context, ERA_KEY, &eras)?;
        }
        let Some((kind, period)) = eras.period(&self.settings, at) else { return Ok(Outcome::Filtered.into()) };
        let key = [partner.as_ref(), b"|", period.name.as_bytes()].concat();
        if period.end.saturating_add(self.settings.kept_ms) <= now {
            return Ok(Outcome::Stale.into());
        }
        let mut card = self.cards.get(context, &key)?.unwrap_or_else(|| Card::new(period, kind.name()));
        card.add(kpi, value, times);
        let soon = now.saturating_add(self.settings.publish_ms);
        if card.timer.is_none_or(|timer| timer > soon) {
            Self::wait(&mut card, soon, &key, context);
        }
        self.cards.put(context, &key, &card)?;
        Ok(Outcome::Applied.into())
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(mut card) = self.cards.get(context, &timer.key)? else { return Ok(()) };
        if card.timer != Some(timer.deadline.0) {
            return Ok(());
        }
        card.timer = None;
        let now = context.now();
        let final_at = card.end.saturating_add(self.settings.grace_ms);
        let forget_at = card.end.saturating_add(self.settings.kept_ms.max(self.settings.grace_ms + 1));
        if forget_at <= now.0 && !card.is_changed {
            context.send(self.sink, Some(timer.key.clone()), None);
            self.cards.delete(context, &timer.key);
            return Ok(());
        }
        let is_over = final_at <= now.0;
        if card.is_changed || (is_over && card.revision == 0) {
            card.revision += i64::from(is_over);
            card.is_changed = false;
            let partner = timer.key.iter().rposition(|byte| *byte == b'|').map_or(&[][..], |end| &timer.key[..end]);
            let told = card.told(&String::from_utf8_lossy(partner), &self.settings, now);
            context.send(self.sink, Some(timer.key.clone()), Some(Bytes::from(schemas::encode(&told))));
        }
        let next = if is_over { forget_at.max(now.0 + 1) } else { final_at };
        Self::wait(&mut card, next, &timer.key, context);
        self.cards.put(context, &timer.key, &card)
    }
}
