//! The ladder: who is called as a clock goes on.
//!
//! A step is climbed when a timer finds that so much of the target is used up and the clock has not ended: what only
//! comes out of a replay calls nobody. Facts never climb, they take back: a call whose share late facts, or a
//! changed calendar, show not to be used up is withdrawn, by the id that it was told by; so is one whose step is no
//! longer on the ladder, or whose clock turns out to be one that no verdict can be given of. A step that is reached
//! again after that is told by an id of its own. A clock that restarts stands at the foot again; what was told
//! before was right. A clock that comes to be one of another version of its objective stays where it is.

use schemas::{LifecycleFact, SlaEscalation, SlaStatus, Timestamp};
use topology::Context;

use super::entry::{ClockEntry, Entry};
use super::ladder::{Call, Climbed, Reached};
use super::objective::{Objective, Step};
use super::processor::{Entity, SlaProcessor, find, share};
use super::publish::Said;
use super::verdict::{Phase, Verdict};
use crate::entity::{Head, bare_fact};
use crate::route::{EntityView, Subject};

/// The topic of escalations.
pub(crate) const ESCALATION_TOPIC: &str = "hub.sla.escalation";

/// The first step that a clock has not reached.
pub(super) fn next_step<'a>(clock: &ClockEntry, objective: &'a Objective) -> Option<&'a Step> {
    match &clock.climbed {
        Some(climbed) => climbed.ahead(objective).next().map(|(_, step)| step),
        None => objective.ladder.first(),
    }
}

/// The clock, if there is one, of another version of an objective that the start is for and that has climbed
/// nothing: its place and its start.
fn heir(entry: &Entry, objectives: &[Objective], of: &Objective) -> Option<(usize, i64)> {
    entry.clocks.iter().enumerate().find_map(|(place, clock)| {
        let objective = &objectives[find(objectives, clock)?];
        if objective.name != of.name || objective.id == of.id || clock.climbed.is_some() {
            return None;
        }
        let terms = entry.terms(clock, objective);
        let progress = entry.progress(clock, &terms);
        entry.verdict(clock, &terms, &progress)?;
        Some((place, progress.started))
    })
}

impl SlaProcessor {
    /// Takes back the calls that do not hold; where `may_climb`, makes those that are due.
    pub(super) fn escalate(
        &mut self,
        entry: &mut Entry,
        objectives: &[Objective],
        entity: Entity<'_>,
        may_climb: bool,
        context: &mut Context<'_>,
    ) {
        let now = context.now().0;
        self.hand_over(entry, objectives, entity, context);
        for index in 0..entry.clocks.len() {
            let clock = &entry.clocks[index];
            let Some(objective) = find(objectives, clock).map(|place| &objectives[place]) else { continue };
            if objective.ladder.is_empty() && clock.climbed.is_none() {
                continue;
            }
            let terms = entry.terms(clock, objective);
            let progress = entry.progress(clock, &terms);
            let Some(verdict) = entry.verdict(clock, &terms, &progress) else { continue };
            let said = Said { entity, terms, progress, verdict, at: now };
            let mut climbed = Climbed::of(clock, progress.started);
            let mut taken_back = leave_past_run(entry, clock, &said, &mut climbed);
            let used = used(&said);
            taken_back.extend(climbed.leave(|step| holds(step, &said, used)));
            for call in &taken_back {
                self.call(&escalation(entry, &said, call, true), now, context);
            }
            if may_climb && !verdict.closed {
                let target = terms.target_ms(progress.started).unwrap_or(0);
                let due = climbed.ahead(objective).filter(|(_, step)| used >= Some(share(target, step.percent)));
                for step in due.collect::<Vec<_>>() {
                    let at = reached_at(&said, share(target, step.1.percent));
                    let is_news = now.saturating_sub(at) <= self.settings.notify_within_ms;
                    if let Some(call) = climbed.reach(step, at, is_news) {
                        self.call(&escalation(entry, &said, &call, false), now, context);
                    }
                }
            }
            entry.clocks[index].climbed = Some(climbed).filter(Climbed::is_trace);
        }
    }

    /// Lets the versions that clocks are of now go on where those stood that the clocks were of before.
    /// Without that one step would be told twice by one id, and could be taken back by none.
    fn hand_over(
        &mut self,
        entry: &mut Entry,
        objectives: &[Objective],
        entity: Entity<'_>,
        context: &mut Context<'_>,
    ) {
        for index in 0..entry.clocks.len() {
            let clock = &entry.clocks[index];
            let Some(mut climbed) = clock.climbed.clone() else { continue };
            let Some(objective) = find(objectives, clock).map(|place| &objectives[place]) else { continue };
            let terms = entry.terms(clock, objective);
            let progress = entry.progress(clock, &terms);
            if entry.verdict(clock, &terms, &progress).is_some() {
                continue;
            }
            if let Some((place, started)) = heir(entry, objectives, objective) {
                climbed.started = started;
                entry.clocks[place].climbed = Some(climbed);
                entry.clocks[index].climbed = None;
                continue;
            }
            let now = context.now().0;
            let left = Said { entity, terms, progress, verdict: Verdict::LEFT, at: now };
            for call in climbed.leave(|_| false) {
                self.call(&escalation(entry, &left, &call, true), now, context);
            }
            entry.clocks[index].climbed = Some(climbed);
        }
    }

    /// Sends an escalation and what the routes make of it.
    fn call(&mut self, escalation: &SlaEscalation, now: i64, context: &mut Context<'_>) {
        let key = [escalation.entity_kind.as_str(), ":", &escalation.entity_id].concat();
        let value = schemas::encode(escalation);
        context.send(self.sinks.escalation, Some(key.into_bytes().into()), Some(value.into()));
        let fact = fact(escalation, now);
        self.router.route(&Subject { fact: &fact, entity: EntityView::SlaEscalation(escalation) }, &mut self.routed);
        self.send_routed(true, context);
    }
}

/// Leaves the run that was climbed for, where the clock has begun another since. The calls that this run does not
/// bear out come back: a late fact may tell of its end and of the new beginning at once.
fn leave_past_run(entry: &Entry, clock: &ClockEntry, said: &Said<'_>, climbed: &mut Climbed) -> Vec<Call> {
    let Said { terms, progress, .. } = said;
    let mut taken_back = Vec::new();
    if progress.started != climbed.started
        && let Some(used) = entry.used_before_restart(clock, terms, climbed.started)
    {
        taken_back = climbed.leave(|step| holds(step, said, Some(used)));
        climbed.begin_anew();
    }
    climbed.started = progress.started;
    taken_back
}

/// How much of the target a clock has used; `None` where no verdict can be given, or the objective turned out not to be
/// for it: nothing that was told of it has a ground then.
fn used(said: &Said<'_>) -> Option<i64> {
    let Said { terms, progress, verdict, at, .. } = said;
    let is_for = verdict.status != SlaStatus::Cancelled || progress.phase == Phase::Cancelled;
    (is_for && verdict.unknown.is_none()).then(|| progress.consumed_at(terms, *at))
}

/// Whether a step that was reached has its share used up, and is on the ladder; the ladder of a clock that has ended is
/// what it was.
fn holds(step: &Reached, Said { terms, progress, verdict, .. }: &Said<'_>, used: Option<i64>) -> bool {
    let target = terms.target_ms(progress.started);
    let is_used = target.zip(used).is_some_and(|(target, used)| share(target, step.percent) <= used);
    is_used && (verdict.closed || step.is_on(&terms.objective.ladder))
}

/// When so much time was used up; if that was before the phase that the clock is in, when this phase began.
fn reached_at(Said { terms, progress, .. }: &Said<'_>, used: i64) -> i64 {
    if used >= progress.consumed { progress.reaches(terms, used) } else { progress.since }
}

/// What is told of a call, or of its being taken back.
fn escalation(entry: &Entry, said: &Said<'_>, call: &Call, withdrawn: bool) -> SlaEscalation {
    let Said { entity, terms, progress, verdict, .. } = said;
    let Call { step, first, times } = call;
    let objective = terms.objective;
    let again = if *times == 0 { String::new() } else { format!("#{times}") };
    SlaEscalation {
        escalation_id: format!("{}|{}|{first}|{}{again}", objective.name, entity.key(), step.percent),
        objective: objective.name.clone(),
        family: objective.family,
        entity_kind: entity.kind.to_owned(),
        entity_id: entity.id.to_owned(),
        percent: step.percent.into(),
        level: step.level.into(),
        role: step.role.clone(),
        reached_at: Timestamp(step.at),
        breach_at: verdict.breach_at.filter(|at| *at < i64::MAX).map(Timestamp),
        target_ms: terms.target_ms(progress.started).unwrap_or(0),
        customer_id: entry.customer_id.clone(),
        partner_ids: entry.partner_ids.clone(),
        ingested_at: Timestamp(entry.ingested_at),
        withdrawn,
    }
}

/// An escalation as the fact that routes look at: the same call is always the same delivery.
fn fact(escalation: &SlaEscalation, now: i64) -> LifecycleFact {
    let withdrawn = escalation.withdrawn;
    LifecycleFact {
        fact_id: [escalation.escalation_id.as_str(), if withdrawn { "|withdrawn" } else { "" }].concat(),
        version: 1 + i64::from(withdrawn),
        event_type: "SlaEscalationEvent".to_owned(),
        change: if withdrawn { "withdrawn" } else { "escalated" }.to_owned(),
        to_state: withdrawn.then(|| "withdrawn".to_owned()),
        occurred_at: if withdrawn { Timestamp(now) } else { escalation.reached_at },
        ingested_at: escalation.ingested_at,
        customer_id: escalation.customer_id.clone(),
        partner_ids: escalation.partner_ids.clone(),
        ..bare_fact(escalation.family, &escalation.entity_kind, &escalation.entity_id, &Head::default())
    }
}
