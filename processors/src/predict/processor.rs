//! The processor that learns and predicts.

use std::sync::Arc;

use schemas::{LifecycleFact, SlaPrediction, SlaStatus, Timestamp};
use serde::{Deserialize, Serialize};
use topology::{
    Clock, Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreHandle, StoreSpec, Timer,
    TopologyBuilder, TopologyError, TypedStore, Verdict,
};

use super::TOPIC;
use super::estimate::{Course, Estimate, band, estimate};
use super::times::Times;
use crate::entity::undecodable;
use crate::sla::{self, Sight, SlaSettings};

/// The store of entities whose clocks are open, and of what was learnt; keys of the latter begin with 0.
const STORE: &str = "sla-predict";
const SINK: &str = "sla-prediction";
const LEARNT: u8 = 0;
/// The least share of a target between two looks at a clock.
const FINEST: i64 = 32;
/// How many stages of one clock are kept: who goes to and fro for ever teaches no more.
const STAGES_MAX: usize = 16;

/// Adds the processor to the sub-topology `sla`, after the clocks that it looks at.
///
/// # Panics
/// When `sla` has not been begun.
pub fn add_to(builder: &mut TopologyBuilder, settings: Arc<SlaSettings>) {
    builder
        .extend("sla")
        .expect("the clocks read the lifecycle")
        .store(StoreSpec::key_value(STORE))
        .processor("sla-predict", &["sla-lifecycle"], &[sla::STORE, STORE], &[], move || {
            Box::new(Predict::new(settings.clone()))
        })
        .sink(SINK, TOPIC, &["sla-predict"]);
}

/// An entity with open clocks. New fields go to the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Watched {
    class: String,
    tracks: Vec<Track>,
    /// The one timer that waits.
    timer: Option<i64>,
}

/// What is kept of an open clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Track {
    objective: u32,
    /// Each stage that was entered, and the working time that was used up then.
    stages: Vec<(String, i64)>,
    /// The band that was told last.
    band: Option<String>,
}

struct Predict {
    settings: Arc<SlaSettings>,
    clocks: StoreHandle,
    watched: TypedStore<Watched>,
    times: TypedStore<Times>,
    sink: SinkHandle,
}

/// The entity that a call is about.
#[derive(Clone, Copy)]
struct Entity<'a> {
    kind: &'a str,
    id: &'a str,
    key: &'a str,
}

impl<'a> Entity<'a> {
    fn of(key: &'a str) -> Option<Self> {
        let (kind, id) = key.split_once(':')?;
        Some(Self { kind, id, key })
    }
}

impl Processor for Predict {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.clocks = init.store(sla::STORE)?;
        self.watched = TypedStore::new(init.store(STORE)?);
        self.times = TypedStore::new(init.store(STORE)?);
        self.sink = init.sink(SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(value) = &record.value else { return Ok(Outcome::Filtered.into()) };
        let fact: LifecycleFact = schemas::decode(value).map_err(|error| undecodable(&error))?;
        if !sla::has_clocks(&self.settings, &fact.entity_kind) {
            return Ok(Outcome::Filtered.into());
        }
        let key = [&fact.entity_kind, ":", &fact.entity_id].concat();
        let mut watched = self.watched.get(context, key.as_bytes())?.unwrap_or_default();
        if let Some(class) = fact.class.or(fact.priority) {
            watched.class = class;
        }
        let entity = Entity { kind: &fact.entity_kind, id: &fact.entity_id, key: &key };
        self.look(entity, watched, context)?;
        Ok(Outcome::Applied.into())
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(mut watched) = self.watched.get(context, &timer.key)? else { return Ok(()) };
        if watched.timer != Some(timer.deadline.0) {
            return Ok(());
        }
        watched.timer = None;
        match std::str::from_utf8(&timer.key).ok().and_then(Entity::of) {
            Some(entity) => self.look(entity, watched, context),
            None => Ok(()),
        }
    }
}

impl Predict {
    fn new(settings: Arc<SlaSettings>) -> Self {
        Self {
            settings,
            clocks: StoreHandle::default(),
            watched: TypedStore::default(),
            times: TypedStore::default(),
            sink: SinkHandle::default(),
        }
    }

    /// Looks at every clock of an entity: learns from those that have ended, tells what is expected of
    /// the others where that has changed, and waits for the next time to look.
    fn look(&self, entity: Entity<'_>, mut watched: Watched, context: &mut Context<'_>) -> Result<(), Fault> {
        let settings = self.settings.clone();
        let sights = match context.get(self.clocks, entity.key.as_bytes()) {
            Some(value) => sla::sights(&settings, entity.kind, &value)?,
            None => Vec::new(),
        };
        let now = context.now().0;
        let (timer, mut next) = (watched.timer, None);
        let mut tracks = Vec::with_capacity(sights.len());
        for sight in &sights {
            let known = watched.tracks.iter().position(|track| track.objective == sight.id());
            let mut track = known.map(|place| watched.tracks.swap_remove(place)).unwrap_or_default();
            track.objective = sight.id();
            if sight.closed {
                if matches!(sight.status, SlaStatus::Met | SlaStatus::Breached) {
                    self.learn(sight, &watched.class, &track, context)?;
                }
                self.withdraw(sight.name(), entity, track.band.take().as_deref(), context);
                continue;
            }
            if track.stages.last().is_none_or(|(stage, _)| stage != sight.stage) && track.stages.len() < STAGES_MAX {
                track.stages.push((sight.stage.to_owned(), sight.entered_ms));
            }
            // The clocks' own timer for the breach may come after this one.
            let is_open = matches!(sight.status, SlaStatus::Open | SlaStatus::Paused);
            if is_open && sight.consumed_at(now) <= sight.target_ms {
                self.predict(sight, entity, &watched.class, &mut track, context)?;
                next = next.into_iter().chain(next_look(sight, now)).min();
            } else {
                // It has breached, and teaches how long when it ends.
                self.withdraw(sight.name(), entity, track.band.take().as_deref(), context);
            }
            tracks.push(track);
        }
        watched.tracks = tracks;
        if next != timer {
            if let Some(old) = timer {
                context.cancel(Clock::Wall, Timestamp(old), entity.key.as_bytes());
            }
            if let Some(next) = next {
                context.schedule(Clock::Wall, Timestamp(next), entity.key.as_bytes());
            }
            watched.timer = next;
        }
        if watched.tracks.is_empty() {
            self.watched.delete(context, entity.key.as_bytes());
            return Ok(());
        }
        self.watched.put(context, entity.key.as_bytes(), &watched)
    }

    fn predict(
        &self,
        sight: &Sight<'_>,
        entity: Entity<'_>,
        class: &str,
        track: &mut Track,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let now = context.now();
        let Some((stage, entered_ms)) = track.stages.last() else { return Ok(()) };
        let course = Course {
            entered_ms: *entered_ms,
            consumed_ms: sight.consumed_at(now.0).max(*entered_ms),
            target_ms: sight.target_ms,
        };
        let mut times = Vec::with_capacity(3);
        for key in keys(sight.id(), class, stage) {
            times.push(self.times.get(context, &key)?.unwrap_or_default());
        }
        let Estimate { probability, observations, left_ms } = estimate(course, [&times[0], &times[1], &times[2]]);
        let band = band(probability);
        if track.band.as_deref() == Some(band) {
            return Ok(());
        }
        let prediction = SlaPrediction {
            objective: sight.name().to_owned(),
            entity_kind: entity.kind.to_owned(),
            entity_id: entity.id.to_owned(),
            class: if class.is_empty() { "-" } else { class }.to_owned(),
            stage: stage.clone(),
            probability_ppm: (probability * 1e6).round() as i64,
            band: band.to_owned(),
            observations: observations as i64,
            consumed_ms: course.consumed_ms,
            target_ms: sight.target_ms,
            left_ms,
            breach_at: sight.reaches(sight.target_ms).map(Timestamp),
            at: now,
        };
        track.band = Some(band.to_owned());
        let value = schemas::encode(&prediction);
        context.send(self.sink, Some(prediction_key(sight.name(), entity).into()), Some(value.into()));
        Ok(())
    }

    /// Takes back what was said of a clock, if anything was.
    fn withdraw(&self, objective: &str, entity: Entity<'_>, band: Option<&str>, context: &mut Context<'_>) {
        if band.is_some() {
            context.send(self.sink, Some(prediction_key(objective, entity).into()), None);
        }
    }

    /// Notes how long a clock went on from each of its stages.
    fn learn(&self, sight: &Sight<'_>, class: &str, track: &Track, context: &mut Context<'_>) -> Result<(), Fault> {
        let total = sight.consumed_at(context.now().0);
        for (stage, entered_ms) in &track.stages {
            for key in keys(sight.id(), class, stage) {
                let mut times = self.times.get(context, &key)?.unwrap_or_default();
                times.add(total - entered_ms);
                self.times.put(context, &key, &times)?;
            }
        }
        Ok(())
    }
}

/// When a clock that runs is to be looked at again: a quarter of its remaining time later.
fn next_look(sight: &Sight<'_>, now: i64) -> Option<i64> {
    let consumed = sight.consumed_at(now);
    let left = sight.target_ms - consumed;
    if left <= 0 {
        return None;
    }
    let step = (left / 4).max(sight.target_ms / FINEST).max(1);
    sight.reaches((consumed + step).min(sight.target_ms + 1)).filter(|at| *at > now)
}

fn prediction_key(objective: &str, entity: Entity<'_>) -> Vec<u8> {
    [objective, "|", entity.key].concat().into_bytes()
}

/// The keys of what was learnt of an objective, of its stage, and of its class and stage.
fn keys(objective: u32, class: &str, stage: &str) -> [Vec<u8>; 3] {
    let key = |parts: &[&str]| {
        let mut key = vec![LEARNT];
        key.extend(objective.to_be_bytes());
        for part in parts {
            key.extend([part.as_bytes(), &[0]].concat());
        }
        key
    };
    [key(&[]), key(&[stage]), key(&[stage, class])]
}
