//! The processor of the sub-topology `sla`.

use std::sync::Arc;

use bytes::Bytes;
use schemas::{DegradationState, LifecycleFact, SlaState, SlaStatus, SlaViolation, Timestamp};
use topology::{
    Clock, Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreSpec, Timer, TopologyBuilder,
    TopologyError, TypedStore, Verdict as Ended,
};

use super::SlaSettings;
use super::entry::{ClockEntry, Entry, Taken, Told};
use super::escalation::{ESCALATION_TOPIC, next_step};
use super::objective::{Objective, Terms};
use super::report::{self, About, Reported};
use super::sweep::{self, Sweep};
use super::verdict::{Phase, Progress, Unknown, Verdict};
use crate::entity::undecodable;
use crate::fnv::{self, fnv};
use crate::route::{EntityView, Routed, Router, Subject, Target};

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
    state: SinkHandle,
    violation: SinkHandle,
    degradation: SinkHandle,
    pub(super) escalation: SinkHandle,
    billing: SinkHandle,
    floworx: SinkHandle,
    partner: SinkHandle,
    notification: SinkHandle,
}

/// The entity that a call is about.
#[derive(Clone, Copy)]
pub(super) struct Entity<'a> {
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
}

/// What is said of one clock.
#[derive(Clone, Copy)]
struct Said<'a> {
    entity: Entity<'a>,
    terms: Terms<'a>,
    progress: Progress,
    verdict: Verdict,
    at: i64,
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

    /// Publishes every clock whose state is another than the one published last, and violations;
    /// those that late facts changed, once more with what they replace, and those that late facts
    /// took back, once more as withdrawn.
    pub(super) fn publish_all(
        &mut self,
        entry: &mut Entry,
        objectives: &[Objective],
        entity: Entity<'_>,
        at: i64,
        context: &mut Context<'_>,
    ) {
        // A clock that is now that of another version of its objective leaves before that one comes:
        // both have one key.
        for leaving in [true, false] {
            for index in 0..entry.clocks.len() {
                let clock = &entry.clocks[index];
                let Some(place) = find(objectives, clock) else { continue };
                let terms = entry.terms(clock, &objectives[place]);
                let progress = entry.progress(clock, &terms);
                let verdict = entry.verdict(clock, &terms, &progress);
                if verdict.is_none() != leaving {
                    continue;
                }
                let Some(verdict) = verdict.or((clock.published != 0).then_some(Verdict::LEFT)) else { continue };
                let said = Said { entity, terms, progress, verdict, at };
                self.publish(entry, index, said, context);
                if leaving {
                    entry.clocks[index].published = 0;
                }
            }
        }
    }

    fn publish(&mut self, entry: &mut Entry, index: usize, said: Said<'_>, context: &mut Context<'_>) {
        let clock = &entry.clocks[index];
        let print = fingerprint(clock, &said);
        if print != clock.published {
            let key = state_key(said.terms.objective, said.entity);
            context.send(self.sinks.state, Some(key), Some(schemas::encode(&state(entry, clock, &said)).into()));
        }
        let is_breached = said.verdict.status == SlaStatus::Breached;
        entry.clocks[index].published = print;
        let clock = &entry.clocks[index];
        if is_breached || clock.violated {
            let told = told(clock, &said.terms, &said.progress, is_breached);
            let is_amended = is_breached && clock.told.is_some_and(|last| last.breached_at != told.breached_at);
            if is_breached != clock.violated || is_amended {
                let violation = violation(entry, clock, &said, told);
                self.violate(&violation, said.at, context);
                let clock = &mut entry.clocks[index];
                clock.violated = is_breached;
                clock.told = Some(told);
            }
        }
        self.report(entry, index, &said, context);
    }

    /// Tells what becomes of a clock's degradation report.
    fn report(&self, entry: &mut Entry, index: usize, said: &Said<'_>, context: &mut Context<'_>) {
        let clock = &entry.clocks[index];
        let Some(told) = clock.told else { return };
        let objective = said.terms.objective;
        let has_owner = objective.owner.is_some() || !entry.partner_ids.is_empty();
        let steps = report::steps(clock, has_owner, ended(entry, &said.verdict), self.settings.close_after_ms, said.at);
        let mut last = clock.report;
        for step in steps {
            let version = last.map_or(1, |last| last.version + 1);
            for report in about(entry, objective, said.entity, told).reports(version, step) {
                let key = report.report_id.clone().into_bytes().into();
                context.send(self.sinks.degradation, Some(key), Some(schemas::encode(&report).into()));
            }
            last = Some(Reported { version, state: step.0 });
        }
        entry.clocks[index].report = last;
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

    /// Sends a violation and what the routes make of it.
    fn violate(&mut self, violation: &SlaViolation, at: i64, context: &mut Context<'_>) {
        let key = match &violation.customer_id {
            Some(customer) => customer.clone(),
            None => [violation.entity_kind.as_str(), ":", &violation.entity_id].concat(),
        };
        context.send(self.sinks.violation, Some(key.into_bytes().into()), Some(schemas::encode(violation).into()));
        let fact = violation_fact(violation, at);
        let subject = Subject { fact: &fact, entity: EntityView::SlaViolation(violation) };
        self.router.route(&subject, &mut self.routed);
        // What is long past came out of a replay, or of a long absence: nobody is called for it.
        let is_news = context.now().0.saturating_sub(fact.occurred_at.0) <= self.settings.notify_within_ms;
        self.send_routed(is_news, context);
    }

    /// Sends what the routes made; notifications only of what is news.
    pub(super) fn send_routed(&mut self, is_news: bool, context: &mut Context<'_>) {
        for routed in self.routed.drain(..) {
            let sink = match routed.target() {
                Target::Billing => self.sinks.billing,
                Target::Partner => self.sinks.partner,
                Target::Floworx => self.sinks.floworx,
                Target::Notification if is_news => self.sinks.notification,
                Target::Notification => continue,
            };
            context.send(sink, Some(routed.key()), Some(routed.encode()));
        }
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
        let step = next_step(clock, terms.objective, progress.started)
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
            let Some(place) = find(objectives, clock) else { continue };
            let objective = &objectives[place];
            if clock.published != 0 {
                context.send(self.sinks.state, Some(state_key(objective, entity)), None);
            }
            if let Some((told, report)) = clock.told.zip(clock.report) {
                for report in about(entry, objective, entity, told).reports(report.version, (report.state, 0)) {
                    context.send(self.sinks.degradation, Some(report.report_id.into_bytes().into()), None);
                }
            }
        }
        self.entries.delete(context, key);
    }
}

fn state_key(objective: &Objective, entity: Entity<'_>) -> Bytes {
    [objective.name.as_str(), "|", entity.kind, ":", entity.id].concat().into_bytes().into()
}

/// A hash (FNV-1a) of what readers of the state would see change; never 0.
fn fingerprint(clock: &ClockEntry, said: &Said<'_>) -> u64 {
    let Said { terms, progress, verdict, .. } = said;
    let parts = [
        verdict.status as i64,
        i64::from(verdict.closed),
        i64::from(clock.warned),
        progress.started,
        terms.target_ms(progress.started).unwrap_or(-1),
        verdict.breach_at.unwrap_or(-1),
        verdict.stopped_at.unwrap_or(-1),
        if verdict.closed { progress.consumed } else { -1 },
        verdict.unknown.map_or(-1, |reason| reason as i64),
    ];
    fnv(fnv::OFFSET, parts.iter().flat_map(|part| part.to_le_bytes())).max(1)
}

fn state(entry: &Entry, clock: &ClockEntry, said: &Said<'_>) -> SlaState {
    let Said { entity, terms, progress, verdict, at } = *said;
    let at = verdict.stopped_at.unwrap_or(at);
    SlaState {
        objective: terms.objective.name.clone(),
        family: terms.objective.family,
        entity_kind: entity.kind.to_owned(),
        entity_id: entity.id.to_owned(),
        status: verdict.status,
        closed: verdict.closed,
        warned_percent: clock.warned.into(),
        started_at: Timestamp(progress.started),
        consumed_ms: progress.consumed_at(&terms, at),
        target_ms: terms.target_ms(progress.started).unwrap_or(0),
        breach_at: verdict.breach_at.filter(|at| *at < i64::MAX).map(Timestamp),
        stopped_at: verdict.stopped_at.map(Timestamp),
        customer_id: entry.customer_id.clone(),
        partner_ids: entry.partner_ids.clone(),
        updated_at: Timestamp(at),
        reason: verdict.unknown.map(|reason| Unknown::name(reason).to_owned()),
    }
}

/// What is said of a clock's violation next.
fn told(clock: &ClockEntry, terms: &Terms<'_>, progress: &Progress, is_breached: bool) -> Told {
    let limit = terms.limit_ms(progress.started).unwrap_or(0);
    let breached_at = || progress.breached_at.unwrap_or_else(|| progress.reaches(terms, limit));
    // Where it was told before that was noted, it was told once.
    let noted = || Told { version: 1, started: progress.started, breached_at: breached_at() };
    match clock.told.or_else(|| clock.violated.then(noted)) {
        None => noted(),
        Some(last) => Told {
            version: last.version + 1,
            started: last.started,
            breached_at: if is_breached { breached_at() } else { last.breached_at },
        },
    }
}

fn violation(entry: &Entry, clock: &ClockEntry, said: &Said<'_>, told: Told) -> SlaViolation {
    let Said { entity, terms, progress, verdict, at } = *said;
    let objective = terms.objective;
    let id = violation_id(objective, entity, told);
    SlaViolation {
        objective: objective.name.clone(),
        family: objective.family,
        entity_kind: entity.kind.to_owned(),
        entity_id: entity.id.to_owned(),
        breached_at: Timestamp(told.breached_at),
        ingested_at: Timestamp(entry.ingested_at),
        actual_ms: progress.consumed_at(&terms, at),
        reference_ms: terms.target_ms(progress.started).unwrap_or(0),
        operator: "le".to_owned(),
        consequence: objective.consequence.clone(),
        customer_id: entry.customer_id.clone(),
        account_id: entry.account_id.clone(),
        partner_ids: entry.partner_ids.clone(),
        withdrawn: verdict.status != SlaStatus::Breached,
        version: told.version,
        replaces: clock.violated.then(|| violation_version(&id, told.version - 1)),
        violation_id: id,
        tolerance_ms: objective.tolerance_ms,
        unit: "ms".to_owned(),
    }
}

fn violation_id(objective: &Objective, entity: Entity<'_>, told: Told) -> String {
    format!("{}|{}|{}", objective.name, entity.key(), told.started)
}

/// When a clock ended, if it has.
fn ended(entry: &Entry, verdict: &Verdict) -> Option<i64> {
    verdict.closed.then(|| verdict.stopped_at.unwrap_or(entry.latest_at))
}

fn about<'a>(entry: &'a Entry, objective: &'a Objective, entity: Entity<'a>, told: Told) -> About<'a> {
    About {
        objective,
        kind: entity.kind,
        id: entity.id,
        violation_id: violation_id(objective, entity, told),
        breached_at: told.breached_at,
        customer_id: &entry.customer_id,
        account_id: &entry.account_id,
        partner_ids: &entry.partner_ids,
    }
}

/// What one version of a violation is called: the first by the violation's id alone.
fn violation_version(id: &str, version: i64) -> String {
    if version == 1 { id.to_owned() } else { format!("{id}#{version}") }
}

/// A violation as the fact that routes look at; its id takes the place of the fact's, so that the
/// same violation is always the same delivery. What is said of it later is a delivery of its own.
fn violation_fact(violation: &SlaViolation, at: i64) -> LifecycleFact {
    let withdrawn = violation.withdrawn;
    let change = match (withdrawn, &violation.replaces) {
        (true, _) => "withdrawn",
        (false, Some(_)) => "amended",
        (false, None) => "breached",
    };
    LifecycleFact {
        fact_id: violation_version(&violation.violation_id, violation.version),
        family: violation.family,
        entity_kind: violation.entity_kind.clone(),
        entity_id: violation.entity_id.clone(),
        version: violation.version,
        event_type: "SlaViolationEvent".to_owned(),
        change: change.to_owned(),
        from_state: None,
        to_state: withdrawn.then(|| "withdrawn".to_owned()),
        occurred_at: if withdrawn { Timestamp(at) } else { violation.breached_at },
        ingested_at: violation.ingested_at,
        created_at: None,
        due_at: None,
        customer_id: violation.customer_id.clone(),
        customer_class: None,
        account_id: violation.account_id.clone(),
        partner_ids: violation.partner_ids.clone(),
        class: None,
        category: None,
        priority: None,
        circle: None,
        channel: None,
        flags: Vec::new(),
    }
}
