//! The sweep: what the clocks of all entities come to once objectives or calendars are others.
//!
//! A clock is derived anew with every fact and at every timer, so a holiday that is declared late would be
//! felt by each entity only when something happens to it. A task that begins to work finds by a
//! fingerprint that its settings changed, and comes by every entity that it remembers, some at a time:
//! verdicts that no longer hold are amended or taken back. Each entity has one timer, so the timers
//! are the list of entities. Which target an entity was given is not asked again before its next fact. Clocks of objectives
//! that are configured no more are let go.

use serde::{Deserialize, Serialize};
use topology::{Clock, Context, Fault, InitContext, TopologyError, TypedStore};

use schemas::{Family, Timestamp};

use super::SlaSettings;
use super::entry::{ClockEntry, Entry};
use super::objective::Objective;
use super::processor::{Entity, SlaProcessor, find, is_over};

/// The store of how far the sweep has come.
pub(super) const STORE: &str = "sla-sweep";
/// The key of its one value.
const KEY: &[u8] = b"sweep";
/// The key of its timer; no entity has it.
pub(super) const TIMER: &[u8] = b"\0sweep";
/// How many entities are looked at in one go.
const TURN: usize = 256;

/// How far the sweep has come. New fields go to the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Swept {
    /// The fingerprint of the settings by which clocks are derived.
    settings: u64,
    /// While it is under way, the timer that was looked at last.
    after: Option<(i64, Vec<u8>)>,
    under_way: bool,
    /// Every objective that was ever configured: stored clocks have but its number.
    #[serde(default)]
    known: Vec<Known>,
}

/// What is remembered of an objective.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Known {
    id: u32,
    name: String,
    family: Family,
}

impl Swept {
    fn learn(&mut self, settings: &SlaSettings) {
        let ids = |known: &Known| settings.all().any(|objective| objective.id == known.id);
        self.known.retain(|known| !ids(known));
        let all = settings.all().map(|found| Known { id: found.id, name: found.name.clone(), family: found.family });
        self.known.extend(all);
        self.known.sort_unstable();
    }
}

/// Where the sweep is kept.
#[derive(Default)]
pub(super) struct Sweep(TypedStore<Swept>);

impl Sweep {
    pub(super) fn init(init: &mut InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self(TypedStore::new(init.store(STORE)?)))
    }
}

impl SlaProcessor {
    /// Begins a sweep if the settings are not those of the task's last life.
    pub(super) fn begin_sweep(&self, context: &mut Context<'_>) -> Result<(), Fault> {
        let before = self.sweep.0.get(context, KEY)?.unwrap_or_default();
        let settings = self.settings.fingerprint();
        let mut swept = before.clone();
        swept.learn(&self.settings);
        if before.settings == settings {
            // What was begun before objectives were remembered learns of them here.
            return if swept == before { Ok(()) } else { self.sweep.0.put(context, KEY, &swept) };
        }
        let under_way = !context.timers(Clock::Wall, None, 1).is_empty();
        self.sweep.0.put(context, KEY, &Swept { settings, after: None, under_way, ..swept })?;
        if under_way {
            context.schedule(Clock::Wall, context.now(), TIMER);
        }
        Ok(())
    }

    /// Looks at the next entities.
    pub(super) fn go_on_sweeping(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(mut swept) = self.sweep.0.get(context, KEY)?.filter(|swept| swept.under_way) else { return Ok(()) };
        let after = swept.after.as_ref().map(|(deadline, key)| (Timestamp(*deadline), key.as_slice()));
        let turn = context.timers(Clock::Wall, after, TURN);
        for (_, key) in &turn {
            self.derive_anew(key, context)?;
        }
        swept.under_way = turn.len() == TURN;
        swept.after = turn.last().filter(|_| swept.under_way).map(|(deadline, key)| (deadline.0, key.to_vec()));
        if swept.under_way {
            context.schedule(Clock::Wall, context.now().plus_millis(1), TIMER);
        }
        self.sweep.0.put(context, KEY, &swept)
    }

    /// Lets the clocks go that are of objectives which are configured no more. Violations and calls were right when they
    /// were told, and stand; reports that wait for more are closed, and states and reports leave their topics. True when
    /// there were such clocks.
    pub(super) fn retire(
        &mut self,
        entry: &mut Entry,
        objectives: &[Objective],
        entity: Entity<'_>,
        context: &mut Context<'_>,
    ) -> Result<bool, Fault> {
        if entry.clocks.iter().all(|clock| find(objectives, clock).is_some()) {
            return Ok(false);
        }
        let known = self.sweep.0.get(context, KEY)?.unwrap_or_default().known;
        let of = |clock: &ClockEntry| known.iter().find(|known| known.id == clock.objective);
        let is_gone = |clock: &mut ClockEntry| find(objectives, clock).is_none() && of(clock).is_some();
        let gone: Vec<_> = entry.clocks.extract_if(.., is_gone).collect();
        for clock in &gone {
            let Some(found) = of(clock) else { continue };
            let objective = Objective::gone(found.id, &found.name, found.family, entity.kind);
            self.close_report(entry, clock, &objective, entity, context);
            self.unpublish(entry, clock, &objective, entity, context);
        }
        Ok(!gone.is_empty())
    }

    /// Derives an entity's clocks by the settings as they are, and tells what is new.
    fn derive_anew(&mut self, key: &[u8], context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(entity) = Entity::of(key) else { return Ok(()) };
        let Some(before) = self.entries.get(context, key)? else { return Ok(()) };
        let mut entry = before.clone();
        let settings = self.settings.clone();
        let objectives = settings.objectives(entity.kind);
        let now = context.now().0;
        self.retire(&mut entry, objectives, entity, context)?;
        self.publish_all(&mut entry, objectives, entity, now, context);
        self.escalate(&mut entry, objectives, entity, false, context);
        // One that is over and stays as it was told waits to be forgotten, no longer than before.
        if entry != before || !is_over(&entry, objectives) {
            self.reschedule(&mut entry, objectives, key, context);
        }
        if entry != before {
            self.entries.put(context, key, &entry)?;
        }
        Ok(())
    }
}
