//! The ladder: who is called as a clock goes on.
//!
//! A step is climbed when a timer finds that so much of the target is used up and the clock has not ended: what only
//! comes out of a replay calls nobody. Facts never climb, they take back: a step whose share late facts, or a
//! changed calendar, show not to be used up is withdrawn, by the id that it was told by. A step that is reached
//! again after that is told by an id of its own. A clock that restarts stands at the foot again; what was told
//! before was right. A clock that comes to be one of another version of its objective stays where it is
//! on the same ladder; on another one it begins at the foot, and what was told is withdrawn.

use schemas::{LifecycleFact, SlaEscalation, SlaStatus, Timestamp};
use serde::{Deserialize, Serialize};
use topology::Context;

use super::entry::{ClockEntry, Entry};
use super::objective::{Objective, OnReopen, Step};
use super::processor::{Entity, SlaProcessor, find, share};
use super::publish::Said;
use super::verdict::{Phase, Verdict};
use crate::entity::{Head, bare_fact};
use crate::route::{EntityView, Subject};

/// The topic of escalations.
pub(crate) const ESCALATION_TOPIC: &str = "hub.sla.escalation";

/// How far up its ladder a clock is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Climbed {
    /// The start of the run that is climbed for.
    started: i64,
    /// The share of the highest step; 0 at the foot.
    percent: u8,
    /// Up to this share the steps were long past when they were seen: nobody was called.
    quiet: u8,
    /// How often the clock fell below steps that had been climbed; none for those that it never fell below.
    fallen: Vec<(u8, u32)>,
}

impl Climbed {
    /// Where a clock stands that runs since `started`.
    fn at(clock: &ClockEntry, objective: &Objective, started: i64) -> Self {
        let mut climbed = clock.climbed.clone().unwrap_or_default();
        if objective.on_reopen == OnReopen::Restart && started > climbed.started {
            climbed.fall(objective, 0);
        }
        Self { started, ..climbed }
    }

    /// The share of the highest step that was climbed; 0 at the foot.
    pub(super) const fn percent(&self) -> u8 {
        self.percent
    }

    /// Falls to this share.
    fn fall(&mut self, objective: &Objective, to: u8) {
        for step in objective.ladder.iter().filter(|step| (to + 1..=self.percent).contains(&step.percent)) {
            match self.fallen.iter_mut().find(|(percent, _)| *percent == step.percent) {
                Some((_, times)) => *times += 1,
                None => self.fallen.push((step.percent, 1)),
            }
        }
        self.percent = self.percent.min(to);
        self.quiet = self.quiet.min(to);
    }

    /// The steps that somebody was called for.
    fn told<'a>(&self, objective: &'a Objective) -> impl Iterator<Item = &'a Step> + use<'a> {
        let told = self.quiet + 1..=self.percent;
        objective.ladder.iter().filter(move |step| told.contains(&step.percent))
    }

    /// How often the clock fell below a step.
    fn times(&self, step: &Step) -> u32 {
        self.fallen.iter().find(|(percent, _)| *percent == step.percent).map_or(0, |(_, times)| *times)
    }
}

/// The first step that a clock has not climbed.
pub(super) fn next_step<'a>(clock: &ClockEntry, objective: &'a Objective, started: i64) -> Option<&'a Step> {
    let climbed = Climbed::at(clock, objective, started);
    objective.ladder.iter().find(|step| step.percent > climbed.percent)
}

/// The clock, if there is one, of another version of an objective that the start is for and that has climbed
/// nothing: its place, its version and its start.
fn heir<'a>(entry: &Entry, objectives: &'a [Objective], of: &Objective) -> Option<(usize, &'a Objective, i64)> {
    entry.clocks.iter().enumerate().find_map(|(place, clock)| {
        let objective = &objectives[find(objectives, clock)?];
        if objective.name != of.name || objective.id == of.id || clock.climbed.is_some() {
            return None;
        }
        let terms = entry.terms(clock, objective);
        let progress = entry.progress(clock, &terms);
        entry.verdict(clock, &terms, &progress)?;
        Some((place, objective, progress.started))
    })
}

impl SlaProcessor {
    /// Takes back the steps that do not hold; where `may_climb`, climbs those that are reached.
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
            if objective.ladder.is_empty() {
                continue;
            }
            let terms = entry.terms(clock, objective);
            let progress = entry.progress(clock, &terms);
            let Some(verdict) = entry.verdict(clock, &terms, &progress) else { continue };
            let Some(target) = terms.target_ms(progress.started).filter(|_| verdict.unknown.is_none()) else {
                continue;
            };
            let used = progress.consumed_at(&terms, now);
            let mut climbed = Climbed::at(clock, objective, progress.started);
            let said = Said { entity, terms, progress, verdict, at: now };
            let fallen: Vec<&Step> =
                climbed.told(objective).filter(|step| share(target, step.percent) > used).collect();
            for step in fallen.iter().rev() {
                self.call(&escalation(entry, &said, step, climbed.times(step), true), now, context);
            }
            let reached = objective.ladder.iter().rev().find(|step| share(target, step.percent) <= used);
            let reached = reached.map_or(0, |step| step.percent);
            if reached < climbed.percent {
                climbed.fall(objective, reached);
            }
            let is_live = !verdict.closed && !matches!(verdict.status, SlaStatus::Cancelled | SlaStatus::Unknown);
            if may_climb && is_live {
                for step in &objective.ladder {
                    if step.percent <= climbed.percent || share(target, step.percent) > used {
                        continue;
                    }
                    climbed.percent = step.percent;
                    let escalation = escalation(entry, &said, step, climbed.times(step), false);
                    if now.saturating_sub(escalation.reached_at.0) <= self.settings.notify_within_ms {
                        self.call(&escalation, now, context);
                    } else {
                        climbed.quiet = step.percent;
                    }
                }
            }
            let clock = &mut entry.clocks[index];
            if clock.climbed.is_some() || climbed.percent > 0 {
                clock.climbed = Some(climbed);
            }
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
        let now = context.now().0;
        for index in 0..entry.clocks.len() {
            let clock = &entry.clocks[index];
            let Some(mut climbed) = clock.climbed.clone() else { continue };
            let Some(objective) = find(objectives, clock).map(|place| &objectives[place]) else { continue };
            let terms = entry.terms(clock, objective);
            let progress = entry.progress(clock, &terms);
            if entry.verdict(clock, &terms, &progress).is_some() {
                continue;
            }
            let heir = heir(entry, objectives, objective);
            if heir.is_none_or(|(_, heir, _)| heir.ladder != objective.ladder) {
                let left = Said { entity, terms, progress, verdict: Verdict::LEFT, at: now };
                let told: Vec<&Step> = climbed.told(objective).collect();
                for step in told.iter().rev() {
                    self.call(&escalation(entry, &left, step, climbed.times(step), true), now, context);
                }
                climbed.fall(objective, 0);
            }
            match heir {
                Some((place, _, started)) => {
                    entry.clocks[place].climbed = Some(Climbed { started, ..climbed });
                    entry.clocks[index].climbed = None;
                }
                None => entry.clocks[index].climbed = Some(climbed),
            }
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

/// The call for a step that the clock fell below so often before.
fn escalation(entry: &Entry, said: &Said<'_>, step: &Step, times: u32, withdrawn: bool) -> SlaEscalation {
    let Said { entity, terms, progress, verdict, .. } = said;
    let objective = terms.objective;
    let target = terms.target_ms(progress.started).unwrap_or(0);
    let level = objective.ladder.iter().position(|other| other.percent == step.percent).map_or(1, |at| at + 1);
    let used = share(target, step.percent);
    // It was reached in a run before this one, or in one that has ended.
    let is_now = progress.phase == Phase::Running && used >= progress.consumed;
    let reached_at = if is_now { progress.reaches(terms, used) } else { progress.since };
    let again = if times == 0 { String::new() } else { format!("#{times}") };
    SlaEscalation {
        escalation_id: format!("{}|{}|{}{again}", objective.name, entity.key(), step.percent),
        objective: objective.name.clone(),
        family: objective.family,
        entity_kind: entity.kind.to_owned(),
        entity_id: entity.id.to_owned(),
        percent: step.percent.into(),
        level: level as i32,
        role: step.role.clone(),
        reached_at: Timestamp(reached_at.min(i64::MAX - 1)),
        breach_at: verdict.breach_at.filter(|at| *at < i64::MAX).map(Timestamp),
        target_ms: target,
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
