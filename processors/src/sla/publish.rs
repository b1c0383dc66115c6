//! What is told of clocks: states, violations, degradation reports, and what the routes make of them.

use bytes::Bytes;
use schemas::{DegradationState, LifecycleFact, SlaState, SlaStatus, SlaViolation, Timestamp};
use topology::Context;

use super::entry::{ClockEntry, Entry, Told};
use super::objective::{Objective, Terms};
use super::processor::{Entity, SlaProcessor, find};
use super::report::{self, About, Reported, Step};
use super::verdict::{Progress, Unknown, Verdict};
use crate::entity::{Head, bare_fact};
use crate::fnv::{self, fnv};
use crate::route::{EntityView, Subject, Target};

/// What is said of one clock.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) entity: Entity<'a>,
    pub(super) terms: Terms<'a>,
    pub(super) progress: Progress,
    pub(super) verdict: Verdict,
    pub(super) at: i64,
}

impl SlaProcessor {
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
            self.tell(&about(entry, objective, said.entity, told), version, step, context);
            last = Some(Reported { version, state: step.0 });
        }
        entry.clocks[index].report = last;
    }

    /// Closes the report of a clock that is let go, as if the clock had ended.
    pub(super) fn close_report(
        &self,
        entry: &Entry,
        clock: &ClockEntry,
        objective: &Objective,
        entity: Entity<'_>,
        context: &mut Context<'_>,
    ) {
        let Some((told, last)) = clock.told.zip(clock.report) else { return };
        if matches!(last.state, DegradationState::Closed | DegradationState::Cancelled) {
            return;
        }
        let step = (DegradationState::Closed, context.now().0);
        self.tell(&about(entry, objective, entity, told), last.version + 1, step, context);
    }

    /// Sends the reports of a clock as they come to a state.
    fn tell(&self, about: &About<'_>, version: i64, step: Step, context: &mut Context<'_>) {
        for report in about.reports(version, step) {
            let key = report.report_id.clone().into_bytes().into();
            context.send(self.sinks.degradation, Some(key), Some(schemas::encode(&report).into()));
        }
    }

    /// Lets a clock's state and reports leave the compacted topics.
    pub(super) fn unpublish(
        &self,
        entry: &Entry,
        clock: &ClockEntry,
        objective: &Objective,
        entity: Entity<'_>,
        context: &mut Context<'_>,
    ) {
        if clock.published != 0 {
            context.send(self.sinks.state, Some(state_key(objective, entity)), None);
        }
        if let Some((told, report)) = clock.told.zip(clock.report) {
            for report in about(entry, objective, entity, told).reports(report.version, (report.state, 0)) {
                context.send(self.sinks.degradation, Some(report.report_id.into_bytes().into()), None);
            }
        }
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
}

pub(super) fn state_key(objective: &Objective, entity: Entity<'_>) -> Bytes {
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
pub(super) fn ended(entry: &Entry, verdict: &Verdict) -> Option<i64> {
    verdict.closed.then(|| verdict.stopped_at.unwrap_or(entry.latest_at))
}

pub(super) fn about<'a>(entry: &'a Entry, objective: &'a Objective, entity: Entity<'a>, told: Told) -> About<'a> {
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
        version: violation.version,
        event_type: "SlaViolationEvent".to_owned(),
        change: change.to_owned(),
        to_state: withdrawn.then(|| "withdrawn".to_owned()),
        occurred_at: if withdrawn { Timestamp(at) } else { violation.breached_at },
        ingested_at: violation.ingested_at,
        customer_id: violation.customer_id.clone(),
        account_id: violation.account_id.clone(),
        partner_ids: violation.partner_ids.clone(),
        ..bare_fact(violation.family, &violation.entity_kind, &violation.entity_id, &Head::default())
    }
}
