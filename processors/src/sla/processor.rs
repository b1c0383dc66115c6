//! The processor of the sub-topology `sla`.

use std::sync::Arc;

use schemas::{DegradationState, LifecycleFact, SlaStatus, Timestamp};
use topology::{
    Clock, Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreSpec, Timer, TopologyBuilder,
    TopologyError, TypedStore, Verdict as Ended,
};

use super::SlaSettings;
use super::entry::{ClockEntry, Entry, Taken};
use super::escalation::{ESCALATION_TOPIC, next_step};
use super::objective::Objective;
use super::publish::ended;
use super::sweep::{self, Sweep};
use super::verdict::Phase;
use crate::entity::undecodable;
use crate::route::{Routed, Router, Target};

/// The store of entities with their clocks.
pub const STORE: &str = "sla-clocks";

/// The topic of degradation reports.
pub(crate) const DEGRADATION_TOPIC: &str = "hub.degradation";

const STATE_SINK: &str = "sla-state";
const VIOLATION_SINK: &str = "sla-violation";
const DEGRADATION_SINK: &str = "sla-degradation";
const ESCALATION_SINK: &str = "sla-escalation";

/// Adds the sub-topology `sla`: lifecycle facts in; states, violations and what the routes make of
/// violations out.
pub fn add_to(builder: &mut TopologyBuilder, settings: Arc<SlaSettings>, router: Arc<Router>) {
    let processor = "sla-clock";
    builder
        .sub_topology("sla")
        .source("sla-lifecycle", "hub.lifecycle")
        .store(StoreSpec::key_value(STORE))
        .store(StoreSpec::key_value(sweep::STORE))
        .processor(processor, &["sla-lifecycle"], &[STORE, sweep::STORE], &[], move || {
            Box::new(SlaProcessor::new(settings.clone(), router.clone()))
        })
        .sink(STATE_SINK, "hub.sla.state", &[processor])
        .sink(VIOLATION_SINK, "hub.sla.violation", &[processor])
        .sink(DEGRADATION_SINK, DEGRADATION_TOPIC, &[processor])
        .sink(ESCALATION_SINK, ESCALATION_TOPIC, &[processor])
        .sink("sla-billing", Target::Billing.topic(), &[processor])
        .sink("sla-floworx", Target::Floworx.topic(), &[processor])
        .sink("sla-partner", Target::Partner.topic(), &[processor])
        .sink("sla-notification", Target::Notification.topic(), &[processor]);
}

pub(super) struct SlaProcessor {
    pub(super) settings: Arc<SlaSettings>,
    pub(super) entries: TypedStore<Entry>,
    pub(super) sweep: Sweep,
    pub(super) sinks: Sinks,
    pub(super) router: Arc<Router>,
    /// Kept from call to call for its room.
    pub(super) routed: Vec<Routed>,
}

#[derive(Default)]
pub(super) struct Sinks {
    pub(super) state: SinkHandle,
    pub(super) violation: SinkHandle,
    pub(super) degradation: SinkHandle,
    pub(super) escalation: SinkHandle,
    pub(super) billing: SinkHandle,
    pub(super) floworx: SinkHandle,
    pub(super) partner: SinkHandle,
    pub(super) notification: SinkHandle,
}

/// The entity that a call is about.
#[derive(Clone, Copy)]
pub(super) struct Entity<'a> {
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
}

impl<'a> Entity<'a> {
    /// The entity of a key of the store.
    pub(super) fn of(key: &'a [u8]) -> Option<Self> {
        let (kind, id) = std::str::from_utf8(key).ok()?.split_once(':')?;
        Some(Self { kind, id })
    }

    pub(super) fn key(self) -> String {
        [self.kind, ":", self.id].concat()
    }
}

impl Processor for SlaProcessor {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.entries = TypedStore::new(init.store(STORE)?);
        self.sweep = Sweep::init(init)?;
        self.sinks = Sinks {
            state: init.sink(STATE_SINK)?,
            violation: init.sink(VIOLATION_SINK)?,
            degradation: init.sink(DEGRADATION_SINK)?,
            escalation: init.sink(ESCALATION_SINK)?,
            billing: init.sink("sla-billing")?,
            floworx: init.sink("sla-floworx")?,
            partner: init.sink("sla-partner")?,
            notification: init.sink("sla-notification")?,
        };
        Ok(())
    }

    fn open(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        self.begin_sweep(context)
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Ended, Fault> {
        let Some(value) = &record.value else { return Ok(Outcome::Filtered.into()) };
        let fact: LifecycleFact = schemas::decode(value).map_err(|error| undecodable(&error))?;
        let settings = self.settings.clone();
        let objectives = settings.objectives(&fact.entity_kind);
        if objectives.is_empty() {
            return Ok(Outcome::Applied.into());
        }
        let entity = Entity { kind: &fact.entity_kind, id: &fact.entity_id };
        let key = entity.key();
        let mut entry = self.entries.get(context, key.as_bytes())?.unwrap_or_default();
        let taken = entry.take(&fact, objectives);
        if taken == Taken::Repeated {
            return Ok(Outcome::Duplicate.into());
        }
        // What the entity looked like when something last happened to it.
        let at = entry.latest_at;
        self.retire(&mut entry, objectives, entity, context)?;
        self.publish_all(&mut entry, objectives, entity, at, context);
        self.escalate(&mut entry, objectives, entity, false, context);
        self.reschedule(&mut entry, objectives, key.as_bytes(), context);
        self.entries.put(context, key.as_bytes(), &entry)?;
        Ok(if taken == Taken::TooLate { Outcome::Stale } else { Outcome::Applied }.into())
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        if timer.key == sweep::TIMER {
            return self.go_on_sweeping(context);
        }
        let Some(mut entry) = self.entries.get(context, &timer.key)? else { return Ok(()) };
        let Some(entity) = Entity::of(&timer.key) else { return Ok(()) };
        if entry.timer != Some(timer.deadline.0) {
            return Ok(());
        }
        entry.timer = None;
        let settings = self.settings.clone();
        let objectives = settings.objectives(entity.kind);
        let now = context.now().0;
        if self.retire(&mut entry, objectives, entity, context)? {
            // The timer may have been for a clock that is let go: what is left is looked at anew.
            self.reschedule(&mut entry, objectives, &timer.key, context);
            return self.entries.put(context, &timer.key, &entry);
        }
        if is_over(&entry, objectives) && self.closing(&entry, objectives).is_none() {
            self.forget(&entry, objectives, entity, &timer.key, context);
            return Ok(());
        }
        // A timer that fires long after it was due says that the hub was away: what happened
        // meanwhile may still wait in the log, and shall be read first.
        if now - timer.deadline.0 > settings.grace_ms && settings.grace_ms > 0 && !entry.postponed {
            entry.postponed = true;
            schedule(&mut entry, now + settings.grace_ms, &timer.key, context);
        } else {
            entry.postponed = false;
            entry.noticed = Some(now);
            warn(&mut entry, objectives, now);
            self.publish_all(&mut entry, objectives, entity, now, context);
            self.escalate(&mut entry, objectives, entity, true, context);
            self.reschedule(&mut entry, objectives, &timer.key, context);
        }
        self.entries.put(context, &timer.key, &entry)
    }
}

pub(super) fn find(objectives: &[Objective], clock: &ClockEntry) -> Option<usize> {
    objectives.iter().position(|objective| objective.id == clock.objective)
}

/// Whether no clock runs or rests. One that has not started holds nothing back: should a fact start
/// it after all, it starts as that of an entity that was never seen.
pub(super) fn is_over(entry: &Entry, objectives: &[Objective]) -> bool {
    !entry.clocks.iter().any(|clock| {
        find(objectives, clock).is_some_and(|place| {
            let terms = entry.terms(clock, &objectives[place]);
            let progress = entry.progress(clock, &terms);
            entry.verdict(clock, &terms, &progress).is_some_and(|verdict| !verdict.closed)
        })
    })
}

/// Notes the highest warning level that each running clock has passed.
fn warn(entry: &mut Entry, objectives: &[Objective], now: i64) {
    for index in 0..entry.clocks.len() {
        let clock = &entry.clocks[index];
        let Some(place) = find(objectives, clock) else { continue };
        let terms = entry.terms(clock, &objectives[place]);
        let progress = entry.progress(clock, &terms);
        let open = entry.verdict(clock, &terms, &progress).is_some_and(|verdict| verdict.breach_at.is_some());
        if let Some(target) = terms.target_ms(progress.started).filter(|_| open) {
            let used = progress.consumed_at(&terms, now);
            let levels = &terms.objective.warn_percent;
            let passed = levels.iter().rev().find(|percent| used >= share(target, **percent));
            let clock = &mut entry.clocks[index];
            clock.warned = clock.warned.max(passed.copied().unwrap_or(0));
        }
    }
}

/// This percentage of a target.
pub(super) fn share(target_ms: i64, percent: u8) -> i64 {
    (i128::from(target_ms) * i128::from(percent) / 100) as i64
}

fn schedule(entry: &mut Entry, deadline: i64, key: &[u8], context: &mut Context<'_>) {
    context.schedule(Clock::Wall, Timestamp(deadline), key);
    entry.timer = Some(deadline);
}

impl SlaProcessor {
    fn new(settings: Arc<SlaSettings>, router: Arc<Router>) -> Self {
        Self {
            settings,
            router,
            entries: TypedStore::default(),
            sweep: Sweep::default(),
            sinks: Sinks::default(),
            routed: Vec::new(),
        }
    }

    /// When the next report of a clock that has ended is to be closed.
    fn closing(&self, entry: &Entry, objectives: &[Objective]) -> Option<i64> {
        let cleared = entry.clocks.iter().filter(|clock| {
            clock.violated && clock.report.is_some_and(|report| report.state == DegradationState::Cleared)
        });
        let ends = cleared.filter_map(|clock| {
            let terms = entry.terms(clock, &objectives[find(objectives, clock)?]);
            let progress = entry.progress(clock, &terms);
            ended(entry, &entry.verdict(clock, &terms, &progress)?)
        });
        Some(ends.min()?.saturating_add(self.settings.close_after_ms))
    }

    /// Lets the entity's one timer wait for what comes next.
    pub(super) fn reschedule(
        &self,
        entry: &mut Entry,
        objectives: &[Objective],
        key: &[u8],
        context: &mut Context<'_>,
    ) {
        let now = context.now().0;
        let closing = self.closing(entry, objectives);
        let closing = closing.map(|at| if at <= now { now + self.settings.grace_ms } else { at });
        let keep = now.saturating_add(self.settings.retention_ms);
        let next = if is_over(entry, objectives) {
            closing.or(Some(keep))
        } else {
            let next = entry.clocks.iter().filter_map(|clock| self.next(entry, clock, objectives, now));
            // One that waits for nothing but a fact keeps a timer all the same: a sweep goes by timers.
            next.chain(closing).min().or(entry.timer.filter(|at| *at > now)).or(Some(keep))
        };
        // Facts that change nothing move nothing.
        if next == entry.timer {
            return;
        }
        if let Some(old) = entry.timer.take() {
            context.cancel(Clock::Wall, Timestamp(old), key);
        }
        if let Some(next) = next {
            schedule(entry, next, key, context);
        }
    }

    /// When a clock is next to be looked at.
    fn next(&self, entry: &Entry, clock: &ClockEntry, objectives: &[Objective], now: i64) -> Option<i64> {
        let terms = entry.terms(clock, &objectives[find(objectives, clock)?]);
        let progress = entry.progress(clock, &terms);
        let verdict = entry.verdict(clock, &terms, &progress)?;
        let target = terms.target_ms(progress.started)?;
        let due = |at: i64| if at <= now { now + self.settings.grace_ms } else { at };
        // Who is called goes on past the target.
        let step = next_step(clock, terms.objective)
            .filter(|_| progress.phase == Phase::Running && verdict.breach_at.is_some())
            .map(|step| progress.reaches(&terms, share(target, step.percent)))
            .filter(|at| *at < i64::MAX);
        if verdict.status != SlaStatus::Open {
            return step.map(due);
        }
        // A limit that is just met is met: only working time beyond it breaches it, and that may
        // come a weekend later. It is waited for even where a violation was told before and taken
        // back by a late fact since: it may come true again.
        let limit = terms.limit_ms(progress.started)?;
        let breach = Some(progress.reaches(&terms, limit + 1)).filter(|at| *at < i64::MAX);
        let breach = breach.map(|at| at + self.settings.grace_ms);
        let warning = terms
            .objective
            .warn_percent
            .iter()
            .find(|percent| **percent > clock.warned)
            .map(|percent| progress.reaches(&terms, share(target, *percent)))
            .filter(|at| *at < i64::MAX);
        let next = breach.into_iter().chain(warning).chain(step).min()?;
        // What is due already was due before this fact was read; others may follow it.
        Some(due(next))
    }

    /// Forgets an entity whose clocks have ended long ago, here and on the compacted topics.
    fn forget(
        &self,
        entry: &Entry,
        objectives: &[Objective],
        entity: Entity<'_>,
        key: &[u8],
        context: &mut Context<'_>,
    ) {
        for clock in &entry.clocks {
            if let Some(place) = find(objectives, clock) {
                self.unpublish(entry, clock, &objectives[place], entity, context);
            }
        }
        self.entries.delete(context, key);
    }
}
